import assert from 'node:assert/strict';
import test from 'node:test';
import { SINE, assertSame, largestStep, onset, residual, staged } from '../testing/stage.js';

/** The sine of the stage as a block voice. */
const BLOCK = `play('sine', { process([left, right], s) {
  for (let i = 0; i < left.length; i++) {
    s.state[0] = (s.state[0] + 220 / s.sr) % 1;
    left[i] = right[i] = 0.5 * Math.sin(2 * Math.PI * s.state[0]);
  }
} });`;

const other = (hz) => `play('other', s => 0.1 * Math.sin(2 * Math.PI * ${hz} * s.t));`;

// A block voice is the same sound as one per frame, and each takes over the other's state.
test('a block voice sounds as one per frame', () =>
  staged((blocks) =>
    staged((frames) => {
      blocks.save(BLOCK);
      frames.save(SINE);
      for (const stage of [blocks, frames]) stage.play(9600);
      assertSame(blocks, frames, 'sine');
      blocks.save(SINE);
      blocks.play(9600);
      frames.play(9600);
      assertSame(blocks, frames, 'sine');
    }),
  ));

// A block voice hears the clock of its block only, and edits of others, at whatever frame, move none of its borders.
test('the grid of blocks does not move', () =>
  staged((edited) =>
    staged((control) => {
      const steps = `play('steps', { process([l, r], s) { s.state[0] += 1; l.fill(0.001 * (s.state[0] % 500)); r.fill(s.t % 1); } });`;
      for (const stage of [edited, control]) stage.save(steps + other(200));
      for (let turn = 0; turn < 8; turn++) {
        edited.play(1984 + 64 * turn);
        control.play(1984 + 64 * turn);
        edited.save(steps + other(300 + turn));
      }
      for (const stage of [edited, control]) stage.play(9600);
      assertSame(edited, control, 'steps');
    }),
  ));

// A block voice that throws, gives NaN or blasts is told as any other, and the rest plays on.
test('faults of block voices', () =>
  staged((stage) => {
    assert.throws(() => stage.save(`play('bad', { process([l]) { l.fill(NaN); } });`), /gives NaN/);
    assert.throws(() => stage.save(`play('loud', { process([l]) { l.fill(100); } });`), /blasts/);
    assert.throws(() => stage.save(`play('none', { proces() {} });`), /process\(out, s\)/);
    stage.save(`${SINE}play('late', { process([l, r], s) { l.fill(0.2); r.fill(0.2); if (s.n > 20000) throw new Error('late'); } });`);
    stage.play(38400);
    const fault = stage.said.find(({ kind }) => kind === 'fault');
    assert.equal(fault.voice, 'late');
    assert.equal(stage.left('late').at(-1), 0);
    assert.ok(largestStep(stage.left('late')) < 0.02);
    assert.ok(residual(stage.left('sine').slice(onset(stage.left('sine')) + 2400)) < 1e-6);
  }));

// A voice knows its own position; `setPosition` moves it from the frame of the change on, or from the frame of the call.
test('position', () =>
  staged((stage) => {
    stage.save(`play('p', s => s.position % 1);`);
    stage.play(9600);
    const from = onset(stage.left('p'));
    const near = (x, y) => assert.ok(Math.abs(x - y) < 1e-6, `${x}, not ${y}`);
    near(stage.left('p')[from + 4800], 4801 / 48000);
    const { engineFrame } = stage.save(`play('p', s => s.position % 1);setPosition('p', 0.5);`);
    stage.play(9600);
    const at = engineFrame - 5000;
    near(stage.left('p')[at + 480], 0.51);
    stage.save(`play('p', s => s.position % 1);play('hand', s => { if (s.n === 40000) setPosition('p', 0.25); return 0; });`);
    stage.play(38400);
    const { origin } = stage.evaluator.timeline;
    near(stage.left('p')[origin - 5000 + 40480], 0.26);
    assert.throws(() => stage.save(`setPosition('p', NaN);`), /seconds/);
  }));
