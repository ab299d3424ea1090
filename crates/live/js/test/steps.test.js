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

/** Keeps a stage from making code for its voices. */
function general(stage) {
  stage.evaluator.timeline.loop.specialise = () => {};
}

// Code that is made for the voices gives the bits of the general loop, and a change after it those of one before.
test('code made for the voices gives the same bits', () =>
  staged((special) =>
    staged((plain) => {
      general(plain);
      for (const stage of [special, plain]) {
        stage.save(PIECE);
        stage.play(SECOND);
        stage.save(`${PIECE}play('more', s => 0.1);`);
        stage.play(SECOND);
      }
      const { loop, players } = special.evaluator.timeline;
      assert.ok(loop.isSpecialFor(players), 'there is such code');
      for (const name of NAMES) assertSame(special, plain, name);
    }),
  ));

// A voice that throws in code made for it falls silent from its last frame, and the others go on from the same sample.
test('a voice that throws late', () => {
  const source = `${PIECE}play('throws', s => { if (s.n > 60000) throw new Error('late'); return 0.3; });`;
  staged((special) =>
    staged((plain) => {
      general(plain);
      for (const stage of [special, plain]) {
        stage.save(source);
        stage.play(2 * SECOND);
      }
      for (const name of [...NAMES, 'throws']) assertSame(special, plain, name);
      const fault = special.said.find(({ kind }) => kind === 'fault');
      assert.deepEqual([fault.voice, fault.frame, fault.line], ['throws', 60001, 13]);
      assert.equal(special.left('throws').at(-1), 0);
    }),
  );
});

// A fade that a voice asks for while it plays begins at the same frame, whoever runs the loop.
test('a mute from inside a voice', () => {
  const source = `${PIECE}play('hand', s => { if (s.n === 60000) mute('block', 0.01); if (s.n === 70000) unmute('block', 0.01); return 0; });`;
  staged((special) =>
    staged((plain) => {
      general(plain);
      for (const stage of [special, plain]) {
        stage.save(source);
        stage.play(2 * SECOND);
      }
      for (const name of NAMES) assertSame(special, plain, name);
      assert.ok(special.left('block').some((x, i, all) => x === 0 && all[i + 1] === 0), 'it was muted');
    }),
  );
});
