// What rendering costs, beside the same sines in a loop of one's own: `node bench/main.js` or `bun bench/main.js`.
//
// CPU time of this process, the best of several rounds: other work on the machine makes it larger, never smaller.

import { collections } from './garbage.js';
import { protect, protectMath } from '../intrinsics.js';
import { Stage } from '../testing/stage.js';
import { tuneV8 } from '../v8.js';

const RATE = 48000;
/** A session has 64 voices at most; what 100 would cost follows from what one does. */
const VOICES = 60;
const AS_IF = 100;
const CHUNK = 256;
const ROUNDS = 10;
const ROUND_US = 100000;
const WARM_US = 500000;

const KINDS = {
  'plain sine, per frame': (hz) => `s => { s.state[0] = (s.state[0] + ${hz} * s.dt) % 1; return 0.01 * Math.sin(2 * Math.PI * s.state[0]); }`,
  'library: sin(hz)': (hz) => `sin(${hz})`,
  'library: gain(lpf(saw(hz), 800), 0.1)': (hz) => `gain(lpf(saw(${hz}), 800), 0.1)`,
  'kanon, an array per frame': (hz) => `(mem, idx, sr) => ({ update: () => [0.01 * Math.sin(2 * Math.PI * (mem[idx] = (mem[idx] + ${hz} / sr) % 1))] })`,
  'block sine': (hz) => `{ process([l, r], s) {
    let phase = s.state[0];
    const step = ${hz} * s.dt;
    for (let i = 0; i < l.length; i++) {
      phase += step;
      if (phase >= 1) phase -= 1;
      l[i] = r[i] = 0.01 * Math.sin(2 * Math.PI * phase);
    }
    s.state[0] = phase;
  } }`,
  'silence, per frame': () => 's => 0',
};

/** ns per voice and frame of `work(frames)`, which renders `voices` of them. */
function cost(voices, work) {
  const round = (us) => {
    const began = process.cpuUsage().user;
    let frames = 0;
    while (process.cpuUsage().user - began < us) {
      work(CHUNK);
      frames += CHUNK;
    }
    return ((process.cpuUsage().user - began) * 1000) / frames / voices;
  };
  round(WARM_US);
  return Math.min(...Array.from({ length: ROUNDS }, () => round(ROUND_US)));
}

/** The limit: one sine after the other into frames of its own, nothing else. */
function loopOfOnesOwn() {
  const phases = new Float64Array(VOICES);
  const outs = Array.from({ length: VOICES }, () => new Float32Array(2 * CHUNK));
  return cost(VOICES, (frames) => {
    for (let voice = 0; voice < VOICES; voice++) {
      const out = outs[voice];
      const step = (100 + voice) / RATE;
      let phase = phases[voice];
      for (let f = 0; f < frames; f++) {
        phase += step;
        if (phase >= 1) phase -= 1;
        out[2 * f] = out[2 * f + 1] = 0.01 * Math.sin(2 * Math.PI * phase);
      }
      phases[voice] = phase;
    }
  });
}

/** [in the general loop, in code made for the voices]. */
function costsOf(kind, make) {
  const stage = new Stage();
  const call = kind.startsWith('kanon') ? 'kanon' : 'play';
  stage.save(Array.from({ length: VOICES }, (_, i) => `${call}('v${i}', ${make(100 + i)});`).join('\n'));
  const { timeline } = stage.evaluator;
  let at = timeline.head;
  const render = (frames) => {
    timeline.render(timeline.players, at, frames, 0);
    at += frames;
  };
  const general = cost(VOICES, render);
  timeline.loop.specialise(timeline.players);
  const special = cost(VOICES, render);
  stage.close();
  return [general, special];
}

await tuneV8();
protect();
protectMath(Math.random);
const times = (ns) => `${(1e9 / RATE / AS_IF / ns).toFixed(1)}x`.padStart(7);
const { bun, node } = process.versions;
console.log(`${bun ? `bun ${bun}` : `node ${node}`}: ns per voice and frame, and real time for ${AS_IF} voices on one core`);
const limit = loopOfOnesOwn();
console.log(`${'a loop of one\'s own: sines'.padEnd(40)} ${limit.toFixed(1).padStart(6)} ${times(limit)}`);
for (const [kind, make] of Object.entries(KINDS)) {
  const [general, special] = costsOf(kind, make);
  const ratio = `${(special / limit).toFixed(2)} of the loop`;
  console.log(`${kind.padEnd(40)} ${special.toFixed(1).padStart(6)} ${times(special)}  ${ratio}; right after an edit ${general.toFixed(1)} ${times(general).trim()}`);
}
await collections();
