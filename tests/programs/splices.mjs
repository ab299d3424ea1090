// A producer for the system tests: ten warm voices at a lead of 680 ms whose future changes again and again.
// node splices.mjs CHANGES STORM_SECONDS: prints one JSON line per change, then one about 50 changes a
// second for a while: how many, and how often a voice ran dry before (calm) and in it.
import process from 'node:process';

import { connect } from '../../sdk/js/index.js';

const [changes, stormSeconds] = process.argv.slice(2).map(Number);
const VOICES = 10;
const LAST = VOICES - 1;
const session = await connect({ name: 'splices', start: false, leadMs: 680 });
const turn = (2 * Math.PI) / session.rateHz;
let level = 0.1;

/** Nine voices on the left, whose sound depends on the frame alone; on the right the one whose level changes. */
function render(voice, at, frames) {
  const out = voice.samples;
  const number = voices.indexOf(voice);
  const right = number === LAST;
  const hz = right ? 3000 : 110 * (number + 1);
  const amplitude = right ? level : 0.02;
  for (let i = 0; i < frames; i++) {
    // The phase belongs to the frame: any moment can be rendered again, with the same bits.
    const sample = amplitude * Math.sin(turn * ((hz * ((at + i) % session.rateHz)) % session.rateHz));
    out[2 * i] = right ? 0 : sample;
    out[2 * i + 1] = right ? sample : 0;
  }
  return out.subarray(0, 2 * frames);
}

const voices = [];
for (let number = 0; number < VOICES; number++) {
  const voice = await session.openVoice({ name: `splice${number}`, channels: 2, capacityFrames: 65536 });
  voice.samples = new Float32Array(2 * 65536);
  voices.push(voice);
}

let timer;
function fill(leadFrames) {
  for (const voice of voices) {
    const frames = Math.min(leadFrames - voice.leadFrames, 8192);
    if (frames >= 256) voice.writeSome(render(voice, voice.nextFrame, frames));
  }
}
const keepFull = () => fill(voices[0].targetLeadFrames);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** All ten change over on one frame, though only one of them sounds different. */
function change() {
  const trigger = process.hrtime.bigint();
  level = level === 0.1 ? 0.2 : 0.1;
  const { engineFrame } = session.splice(voices, render, { guardMs: 2 });
  const done = process.hrtime.bigint();
  return { trigger_ns: Number(trigger), engine_frame: engineFrame, level, render_ms: Number(done - trigger) / 1e6 };
}

session.splice(voices, render, { guardMs: 50 });
timer = setInterval(keepFull, 5);
await sleep(1500);
for (let n = 0; n < changes; n++) {
  const late = voices[LAST].stats().lateFrames;
  const told = change();
  await sleep(60 + ((n * 37) % 50));
  console.log(JSON.stringify({ ...told, late_frames: voices[LAST].stats().lateFrames - late }));
}
const underruns = () => voices.reduce((all, voice) => all + voice.stats().underruns, 0);
const calm = underruns();
clearInterval(timer);
let made = 0;
let full = 0;
const stormEnd = performance.now() + stormSeconds * 1000;
for (let next = performance.now(); performance.now() < stormEnd; next += 20) {
  try {
    change();
    made++;
  } catch (error) {
    if (error.code !== 'no-room') throw error;
    full++;
  }
  // While it changes, each future stays short: 60 to 200 ms.
  fill(0.15 * session.rateHz);
  await sleep(Math.max(0, next + 20 - performance.now()));
}
timer = setInterval(keepFull, 5);
await sleep(300);
clearInterval(timer);
console.log(JSON.stringify({ storm: made, full, calm, underruns: underruns() - calm }));
await Promise.all(voices.map((voice) => voice.close('drain')));
await session.close();
