// A voice that becomes too slow while it plays.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Slowness } from '../slowness.js';
import { SINE, assertSame, largestStep, onset, residual, staged } from '../testing/stage.js';

const PIECE = `${SINE}const line = delay(saw(3), 0.5, 0.19);
let phase = 0;
play('own', s => { phase = (phase + 220 / s.sr) % 1; return 0.3 * Math.sin(2 * Math.PI * phase); });
play('slow', s => {
  if (s.n > 12000) for (let i = 0; i < 60000; i++) s.state[0] += Math.sqrt(i);
  return 0.3 * Math.sin(2 * Math.PI * 50 * s.t);
});
play('delayed', line);`;

// The clock goes on while it renders, as it does not in the embedded runtime's tests: it is stopped by name, and the others play on, bit by bit.
const clockGoesOn = process.versions.quickjs === undefined;
test('a voice that becomes too slow is stopped by name', { skip: !clockGoesOn, timeout: 60000 }, () =>
  staged((stage) =>
    staged((control) => {
      stage.save(PIECE);
      control.save(PIECE.replace('12000', 'Infinity'));
      for (const each of [stage, control]) each.play(2560);
      for (let i = 0; i < 100 && stage.said.every(({ kind }) => kind !== 'fault'); i++) {
        stage.evaluator.fill(1);
        for (let n = 0; n < 12; n++) stage.block();
      }
      for (const each of [stage, control]) each.play(24000);
      const faults = stage.said.filter(({ kind }) => kind === 'fault');
      assert.deepEqual(faults.map(({ what, voice, line }) => ({ what, voice, line })), [{ what: 'slow', voice: 'slow', line: 8 }]);
      assert.match(faults[0].message, /voice slow is too slow: all voices together render at 0\.\d\d x real time: it is left out/);
      assert.equal(stage.left('slow').at(-1), 0);
      assert.ok(largestStep(stage.left('slow')) < 0.01, `it falls silent without a step: ${largestStep(stage.left('slow'))}`);
      assertSame(stage, control, 'sine');
      assertSame(stage, control, 'delayed');
      const own = stage.left('own');
      assert.ok(residual(own.slice(onset(own) + 2400)) < 1e-6, 'a voice that can not be rewound is called once for each frame');
    }),
  ));

// What was fast for a while is judged by what it is now.
test('slow after fast', () => {
  const slowness = new Slowness();
  const low = { setup: { rateHz: 48000, leadFrames: 9600 }, lead: 100 };
  for (let i = 0; i < 200; i++) assert.equal(slowness.note(low, 256, 1), undefined);
  const speeds = Array.from({ length: 40 }, () => slowness.note(low, 256, 20)).filter((speed) => speed !== undefined);
  assert.ok(speeds.length > 1 && speeds.at(-1) > 0.26 && speeds.at(-1) < 0.27, `${speeds}`);
  for (let i = 0; i < 200; i++) assert.equal(slowness.note({ ...low, lead: 9000 }, 256, 20), undefined);
});

// Nobody is stopped where the machine was busy with something else for some chunks, or the lead is long enough.
test('who is fast is not stopped', () =>
  staged((stage) => {
    stage.save(PIECE.replace('12000', 'Infinity'));
    stage.play(9600);
    for (let i = 0; i < 20; i++) {
      stage.evaluator.fill(0);
      for (let n = 0; n < 4; n++) stage.block();
    }
    stage.play(9600);
    assert.deepEqual(stage.said.filter(({ kind }) => kind === 'fault'), []);
  }));
