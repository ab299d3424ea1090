// Voices that code speaks of: those that there are, that come later in the file, that have played, and slips of the pen.

import assert from 'node:assert/strict';
import test from 'node:test';
import { HEAD } from '../state.js';
import { SINE, staged } from '../testing/stage.js';

const CALLS = ["stop('sne')", "mute('sne')", "unmute('sne')", "solo('sne')", "unsolo('sne')", "setPosition('sne', 1)", "strip('sne').gain(-3)", "strip('sne').pan(1)"];

const refusal = (work) => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail('it was not refused');
};

// A name that no voice has is told where it is used, in a file and in a block, with the one that was meant.
test('a name that no voice has', () =>
  staged((stage) => {
    for (const call of CALLS) {
      const error = refusal(() => stage.save(`${SINE}\n${call};`));
      assert.deepEqual([error.message, error.line], ['there is no voice sne; did you mean sine?', 6], call);
    }
    assert.match(refusal(() => stage.save("mute('bas');")).message, /no voice bas; there are none$/);
    stage.save(`${SINE}play('low', s => 0);`);
    stage.play(4800);
    for (const call of CALLS) assert.equal(refusal(() => stage.save(`\n${call}`, { add: true })).line, 2, call);
    assert.match(refusal(() => stage.save("mute('kick')", { add: true })).message, /no voice kick; there are sine, low$/);
  }));

// What a file says of a voice before it plays it counts as well; also when it stops it, which the play undoes.
test('what is said before its play', () =>
  staged((stage) => {
    stage.save(`mute('sine');strip('sine').gain(-6);setPosition('p', 0.5);solo('p');stop('p');${SINE}play('p', s => s.position % 1);`);
    const [sine, p] = stage.evaluator.timeline.players;
    assert.deepEqual([sine.head[HEAD.muted], sine.spec.strip.gain, p.head[HEAD.solo], p.spec.position], [1, -6, 1, 0.5]);
  }));

// Who has played may be spoken of, in the file that does not play it any more and in blocks, after a successor as well.
test('a voice that has played', () =>
  staged((stage) => {
    stage.save(`${SINE}play('low', s => 0.1);`);
    stage.play(4800);
    const without = `${SINE}stop('low', 0.1);mute('low');strip('low').gain(-3);`;
    const saveTwice = () => {
      for (let n = 0; n < 2; n++) {
        stage.save(`${without}// ${n}`);
        stage.play(9600);
      }
    };
    saveTwice();
    stage.respawn();
    saveTwice();
    stage.save("unmute('low');stop('low');clear();mute('sine')", { add: true });
    stage.play(9600);
    assert.deepEqual(stage.evaluator.timeline.players, []);
  }));

// Inside a voice a slip of the pen is told once, when its frame plays; the voice plays on.
test('a name that no voice has, inside a voice', () =>
  staged((stage) => {
    stage.save(`${SINE}play('low', s => 0);`);
    stage.play(4800);
    stage.save(`${SINE}play('hand', s => { if (s.n > 9600) { mute('sin'); stop('low'); setPosition('sin', 0); } return 0.1; });`);
    stage.play(19200);
    const told = stage.said.filter(({ kind }) => kind === 'log').map(({ level, text }) => [level, text]);
    assert.deepEqual(told, [['warn', 'voice hand: there is no voice sin; did you mean sine?']]);
    assert.ok(Math.abs(stage.left('hand').at(-1) - 0.1) < 1e-7);
  }));

// What play and kanon do not take is refused with what they do.
test('options that there are not', () =>
  staged((stage) => {
    const refused = (code, words) => {
      const error = refusal(() => stage.save(`\n${code}`));
      assert.match(error.message, words);
      assert.equal(error.line, 2);
    };
    refused("play('x', s => 0, 'long')", /^x: the options are a fade-in in seconds or \{ fade, slots \}, not "long"$/);
    refused("play('x', s => 0, true)", /not true/);
    refused("play('x', s => 0, () => 1)", /not function/);
    refused("play('x', s => 0, { slot: 5 })", /^x: there is no option slot; did you mean slots\?$/);
    refused("kanon('x', () => ({ update: () => 0 }), { channels: 2 })", /no option channels; there are fade, slots$/);
    stage.save("play('x', s => 0, { fade: 0.1, slots: 5 });play('y', s => 0, null);play('z', s => 0, undefined)");
  }));
