// The helpers of the clock, rhythms, pitches, envelopes and samples in the long run: nothing is left behind where they are built
// in every frame, and what has faded out is silence. And chance, which is state as all else is.

import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import vm from 'node:vm';
import { RATE } from '../testing/heard.js';
import { assertSame, staged } from '../testing/stage.js';

const folder = fileURLToPath(new URL('../../../../examples/js', import.meta.url));
const KICK = path.join(folder, 'sounds/wood.wav');

/** Every helper of the clock, the rhythms, the pitches, the envelopes and the samples, as expressions. */
const HELPERS = {
  adsr: "adsr(G, 0.01, 0.1, 0.5, 0.2)",
  'adsr of signals': "adsr(G, s => 0.01 + s.t / 1000, 0.1, s => 0.5, 0.2, 'linear')",
  env: 'env(POINTS, G)',
  hold: 'hold(NOISE, 100)',
  'hold of frames': 'gain(hold(PAIR, 100), 0.5)',
  seq: 'gain(seq(STEPS, OPTIONS), 1e-3)',
  'seq gate': 'seq(STEPS, OPTIONS).gate',
  'seq trigger': 'seq(STEPS, OPTIONS).trigger',
  trigger: "trigger('x..x..x.', 4)",
  'trigger of euclid': 'trigger(euclid(3, 8), 4)',
  gate: "gate('x[xx].x', OPTIONS)",
  note: 'gain(note(SEVENTY), 1e-3)',
  scale: "gain(scale('c minor', DEGREE), 1e-3)",
  'note by name': "s => note('c#4') * 1e-3",
  'scale by name': "s => scale('f# dorian', 3) * 1e-3",
  chord: "s => chord('am7')[1] * 1e-3",
  beat: 's => beat(s) % 1',
  bar: 's => bar(s) % 1',
  sample: `sample('${KICK}', PLAYER)`,
  'sample in a loop': `sample('${KICK}', { loop: true, speed: 0.7, start: 0.01, end: 0.05 })`,
};
const NAMED = `const G = s => (s.n % 9000 < 4000 ? 1 : 0); const POINTS = [0, 0.01, 1, 0.1, 0]; const NOISE = noise(); const PAIR = s => s.out(0.1, 0.2);
  const STEPS = ['c4', ['e4', 'g4'], null, '_']; const OPTIONS = { rate: 4, swing: 0.2 }; const SEVENTY = s => 70; const DEGREE = s => s.n % 12;
  const PLAYER = { trigger: G, speed: s => 1.3 };`;

/** Bytes that rendering `source` for some seconds leaves behind, once it is warm. */
function bytesLeft(source, collect) {
  const frames = RATE / 2;
  let grown;
  staged((stage) => {
    stage.save(`${NAMED}\n${source}`);
    const { loop, players, head } = stage.evaluator.timeline;
    for (const player of players) player.reserve(frames, 2);
    const run = (times) => {
      for (let n = 0; n < times; n++) loop.run(players, head + n * frames, frames, 0, (player, error) => assert.fail(error));
      collect();
      return process.memoryUsage().heapUsed;
    };
    // What leaks does so in every stretch; a runtime that makes new code of what it calls does so in one.
    const sizes = [run(2), run(6), run(6)];
    grown = Math.min(sizes[1] - sizes[0], sizes[2] - sizes[1]);
  }, { folder });
  return grown;
}

// A byte per frame would be more. Only Node tells its heap as it is at the moment.
test('no helper leaves anything behind, wherever it is built', { skip: process.versions.bun !== undefined, timeout: 60000 }, () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  const most = 100_000;
  const leaks = "globalThis.forebayLeak = []; play('x', s => { forebayLeak.push([s.t]); return 0; });";
  assert.ok(bytesLeft(leaks, collect) > most, 'what leaks is found out');
  delete globalThis.forebayLeak;
  for (const helper of Object.values(HELPERS)) {
    for (const source of [`play('x', ${helper});`, `play('x', s => (${helper})(s));`]) {
      const bytes = bytesLeft(source, collect);
      assert.ok(bytes < most, `${source}: ${bytes} bytes`);
    }
  }
});

test('built in every frame a helper takes its state once', { timeout: 60000 }, () => {
  for (const [name, helper] of Object.entries(HELPERS)) {
    staged((stage) => {
      stage.save(`${NAMED}\nplay('x', s => { const y = (${helper})(s); return typeof y === 'number' ? y : y[0]; });`);
      stage.play(4800);
      const { arena, players } = stage.evaluator.timeline;
      const [cells, used] = [players[0].cells.length, arena.used];
      stage.play(RATE / 2);
      assert.deepEqual([players[0].cells.length, arena.used], [cells, used], name);
      assert.deepEqual(stage.said.filter(({ kind }) => kind === 'fault'), [], name);
      assert.ok(stage.left('x').every(Number.isFinite), name);
    }, { folder });
  }
});

test('built in every frame and before the first one a helper sounds the same', { timeout: 60000 }, () => {
  for (const [name, helper] of Object.entries(HELPERS)) {
    const left = (source) => {
      let heard;
      staged((stage) => {
        stage.save(`${NAMED}\n${source}`);
        stage.play(RATE / 4);
        heard = stage.left('x');
      }, { folder, render: true });
      return heard;
    };
    const frame = "(y => (typeof y === 'number' ? y : y[0]))";
    assert.deepEqual(left(`play('x', s => ${frame}((${helper})(s)))`), left(`const h = ${helper}; play('x', s => ${frame}(h(s)))`), name);
  }
});

// Numbers that are too small to be told from nothing would make a tail cost many times what the sound did.
test('a minute after the last note there is silence in every memory', { timeout: 60000 }, () =>
  staged((stage) => {
    stage.save(`const g = s => (s.n > 4800 && s.n < 9600 ? 1 : 0);
      const tone = s => 0.3 * adsr(g, 0.01, 0.1, 0.5, 3)(s) * sin(220)(s) + 0.3 * env([0, 0.01, 1, 2, 0], g)(s) * sample('${KICK}', { trigger: g })(s);
      play('x', reverb(feedback(lpf(tone, 2000, 0.7), 0.5, 0.3, 0.7), 3, 0.5, 0.4));`);
    stage.play(60 * RATE);
    const { all, lines, used } = stage.evaluator.timeline.arena;
    const isDenormal = (x) => x !== 0 && Math.abs(x) < 1e-37;
    assert.ok(!all.subarray(0, used).some(isDenormal) && !lines.subarray(0, 2000000).some(isDenormal));
    const left = stage.left('x');
    assert.ok(left.some((x) => Math.abs(x) > 0.05));
    assert.equal(left.at(-1), 0);
  }, { folder }));

// Far into a piece the beat is as exact as at its beginning.
test('after ten hours a step still begins in its frame', () =>
  staged((stage) => {
    stage.save("bpm(97); play('x', trigger('x', { rate: 4, swing: 0.3 }))");
    const { loop, players, transport } = stage.evaluator.timeline;
    const from = 10 * 3600 * RATE;
    for (const player of players) player.reserve(2 * RATE, 2);
    loop.run(players, from, 2 * RATE, 0, () => {});
    const struck = Array.from({ length: 2 * RATE }, (_, i) => i).filter((i) => players[0].out[2 * i] > 0.5);
    assert.ok(struck.length >= 12 && struck.length <= 13, `${struck.length}`);
    for (const i of struck) {
      // A step begins on a pair of them, or 1.3 steps behind it.
      const pair = (4 * transport.beat(from + i, RATE)) % 2;
      const late = Math.min(pair, Math.abs(pair - 1.3));
      assert.ok(late < (4 * 97) / 60 / RATE + 1e-6, `${pair}`);
    }
  }));

/** A stage whose `Math.random` is the evaluator's, as in its thread. */
function withChance(t, body) {
  const own = Math.random;
  t.after(() => (Math.random = own));
  staged((stage) => {
    Math.random = () => stage.evaluator.hooks.random();
    body(stage);
  });
}

test('chance at the top level is the same in every run of a file', (t) =>
  withChance(t, (stage) => {
    const piece = (n) => `const all = Array.from({ length: 3 }, Math.random); const make = () => Math.random(); all.push(make());
      kanon('k', mem => { const level = Math.random(); return { update: () => level / 2 }; });
      all.forEach((x, i) => play('v' + i, s => x / 2 + 0 * ${n}));`;
    const now = () => ['v0', 'v1', 'v2', 'v3', 'k'].map((name) => stage.left(name).at(-1));
    stage.save(piece(0));
    stage.play(9600);
    const first = now();
    assert.equal(new Set(first).size, 5);
    stage.save(piece(1));
    stage.play(9600);
    assert.deepEqual(now(), first);
    stage.respawn();
    stage.save(piece(2));
    stage.play(9600);
    assert.deepEqual(now(), first);
  }));

test('chance inside a voice and its helpers goes on over edits, refusals and successors', (t) => {
  const piece = (n) => `const die = () => Math.random(); const mixed = s => 0.2 * (die() + s.random() + noise()(s) / 2);
    play('x', s => mixed(s) * (Math.random() < 0.5 ? 1 : 0.5)); play('other', s => ${n} + 0.1 * Math.random());`;
  withChance(t, (control) => {
    control.save(piece(0));
    control.play(RATE);
    withChance(t, (stage) => {
      stage.save(piece(0));
      for (let n = 1; n < 5; n++) {
        stage.play(RATE / 8);
        stage.save(piece(n / 100));
        assert.throws(() => stage.save(piece('NaN')), /NaN/);
      }
      stage.respawn('other');
      stage.play(RATE / 4);
      assertSame(stage, control, 'x');
    });
  });
});
