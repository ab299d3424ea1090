// A voice that becomes too slow while it plays.

import assert from 'node:assert/strict';
import test from 'node:test';
import { SINE, assertSame, staged } from '../testing/stage.js';

const PIECE = `${SINE}const line = delay(s => 0.1, 0.5, 0.01);
play('slow', s => {
  if (s.n > 12000) for (let i = 0; i < 60000; i++) s.state[0] += Math.sqrt(i);
  return 0.01;
});
play('delayed', line);`;

// The clock goes on while it renders: it is stopped by name, and the others play on, bit by bit.
test('a voice that becomes too slow is stopped by name', () =>
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
      assert.deepEqual(faults.map(({ what, voice, line }) => ({ what, voice, line })), [{ what: 'slow', voice: 'slow', line: 6 }]);
      assert.match(faults[0].message, /voice slow is too slow: all voices together render at 0\.\d\d x real time: it is left out/);
      assert.equal(stage.left('slow').at(-1), 0);
      assertSame(stage, control, 'sine');
      assertSame(stage, control, 'delayed');
    }),
  ));

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
