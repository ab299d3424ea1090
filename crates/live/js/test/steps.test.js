import assert from 'node:assert/strict';
import test from 'node:test';
import { SINE, assertSame, staged } from '../testing/stage.js';

const SECOND = 48000;

/** Voices of every kind, some of which hear each other within a frame. */
const PIECE = `${SINE}
let shared = 0;
play('writes', s => (shared = 0.1 * Math.sin(3 * s.t)));
play('reads', s => shared * 2);
kanon('window', (mem) => ({ gain: 0.1, update() { mem[0] = (mem[0] + 0.01) % 1; return [this.gain * mem[0], 0]; } }));
play('library', lpf(saw(55), (s) => 300 + 200 * Math.sin(s.t), 0.5));
play('block', { level: 0.1, process([l, r], s) { for (let i = 0; i < l.length; i++) l[i] = r[i] = this.level * Math.sin(0.01 * (s.n + i)); } });
play('random', s => 0.1 * s.random());
`;
const NAMES = ['sine', 'writes', 'reads', 'window', 'library', 'block', 'random'];

/** Runs `play(stage)` where code is made for the voices and where none is: both hear the same of `names`. Then `look` at the
 *  first of them. */
function onBoth(play, names, look) {
  staged((special) =>
    staged((plain) => {
      plain.evaluator.timeline.loop.specialise = () => {};
      for (const stage of [special, plain]) play(stage);
      for (const name of names) assertSame(special, plain, name);
      look(special);
    }),
  );
}

// Code that is made for the voices gives the bits of the general loop, and a change after it those of one before.
test('code made for the voices gives the same bits', () =>
  onBoth(
    (stage) => {
      stage.save(PIECE);
      stage.play(SECOND);
      stage.save(`${PIECE}play('more', s => 0.1);`);
      stage.play(SECOND);
    },
    NAMES,
    ({ evaluator: { timeline } }) => assert.ok(timeline.loop.isSpecialFor(timeline.players), 'there is such code'),
  ));

// A voice that throws in code made for it falls silent from its last frame, and the others go on from the same sample.
test('a voice that throws late', () =>
  onBoth(
    (stage) => {
      stage.save(`${PIECE}play('throws', s => { if (s.n > 60000) throw new Error('late'); return 0.3; });`);
      stage.play(2 * SECOND);
    },
    [...NAMES, 'throws'],
    (stage) => {
      const fault = stage.said.find(({ kind }) => kind === 'fault');
      assert.deepEqual([fault.voice, fault.frame, fault.line], ['throws', 60001, 13]);
      assert.equal(stage.left('throws').at(-1), 0);
    },
  ));

// A fade that a voice asks for while it plays begins at the same frame, whoever runs the loop.
test('a mute from inside a voice', () =>
  onBoth(
    (stage) => {
      stage.save(`${PIECE}play('hand', s => { if (s.n === 60000) mute('block', 0.01); if (s.n === 70000) unmute('block', 0.01); return 0; });`);
      stage.play(2 * SECOND);
    },
    NAMES,
    (stage) => assert.ok(stage.left('block').some((x, i, all) => x === 0 && all[i + 1] === 0), 'it was muted'),
  ));
