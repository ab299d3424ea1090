// One voice plays on, to the bit, whatever happens beside it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { SourceError } from '../places.js';
import { FILE, SINE, assertSame, dice, largestStep, residual, onset, staged } from '../testing/stage.js';

const STEPS = 150;

/** Something that a person may save or send beside the sine, most of it right. */
function code(roll, n) {
  const name = `voice ${roll(6)}`;
  const kinds = [
    () => `play('${name}', s => 0.1 * Math.sin(s.t * ${100 + n}), ${roll(3) / 10});`,
    () => `play('${name}', s => s.state[${roll(100)}] += 1e-6, { slots: ${100 + roll(5000)} });`,
    () => `kanon('${name}', (mem, idx) => { mem[idx] = ${n}; return { update: () => [0.05, (mem[idx + 1] += 1e-6)] }; }, { slots: ${64 + roll(3)} });`,
    () => `let calls = 0; play('${name}', s => (calls++ % 50) / 1000);`,
    () => `play('${name}', s => { if (s.n > ${n * 400 + 9000}) throw new Error('later'); return 0.01; });`,
    () => `play('${name}', s => { if (s.n % 5000 === 0) mute('voice 1'); if (s.n % 7000 === 0) unmute('voice 1'); return 0; });`,
    () => `stop('${name}', ${roll(20) / 10});`,
    () => `play('${name}', s => 0);mute('${name}');solo('sine');unsolo('sine');`,
    () => `let last = 0; play('${name}', s => { if (s.n < last - 5000) throw new Error('in the cover'); last = s.n; return 0; });`,
    () => `play('${name}', s => NaN);`,
    () => `play('${name}', s => {`,
  ];
  return kinds[roll(kinds.length)]();
}

test('a voice plays on, to the bit', { timeout: 120000 }, () =>
  staged((stage) =>
    staged((control) => {
      const roll = dice(20);
      const outcomes = { heard: 0, refused: 0, taken: 0 };
      const play = (frames) => [stage, control].forEach((each) => each.play(frames));
      for (const each of [stage, control]) each.save(SINE);
      play(4800);
      for (let n = 0; n < STEPS; n++) {
        if (roll(12) === 0) {
          stage.respawn(`voice ${roll(6)}`);
          outcomes.taken += 1;
        } else {
          const add = roll(3) === 0;
          const source = Array.from({ length: 1 + roll(3) }, () => code(roll, n)).join('\n');
          // It waits for its rings for a while, or not at all.
          const wait = roll(3) === 0 ? 64 * roll(150) : 0;
          try {
            const trial = stage.evaluator.try(add ? source : SINE + source, add ? 'sent' : FILE, { add });
            play(wait);
            for (const name of stage.evaluator.missingRings(trial)) stage.openRing(name);
            while (!stage.evaluator.roomFor(trial)) play(64);
            stage.enter(trial, { add });
            outcomes.heard += 1;
          } catch (error) {
            assert.ok(error instanceof SourceError, String(error?.stack));
            outcomes.refused += 1;
          }
        }
        if (roll(10) === 0) for (const { name } of stage.evaluator.closeParked(Infinity)) stage.opened.delete(name);
        play(64 * (1 + roll(40)));
      }
      assert.ok(Math.min(...Object.values(outcomes)) > 5, JSON.stringify(outcomes));
      assertSame(stage, control, 'sine');
      const sine = stage.left('sine');
      assert.ok(residual(sine.slice(onset(sine) + 2400)) < 1e-6);
      assert.ok(largestStep(sine) < 0.02);
    }),
  ));
