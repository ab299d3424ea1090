// Voices with state of their own that can't be restored: a `let` in the file, a closure.

import assert from 'node:assert/strict';
import test from 'node:test';
import { largestStep, onset, residual, staged } from '../testing/stage.js';

const OWN = `let phase = 0;
play('own', s => { phase = (phase + 220 / s.sr) % 1; return 0.3 * Math.sin(2 * Math.PI * phase); });
play('level', gain(s => 1, knob('level', 0, 2, 0.5)));
`;
const turn = (stage, value) => stage.evaluator.turn(new Map([['knob:level', value]]));

// Turns of knobs and code that is sent leave what is written of it alone: it is one unbroken sine.
test('what others change leaves it alone', () =>
  staged((stage) => {
    stage.save(OWN);
    stage.play(9600);
    for (let i = 0; i < 30; i++) {
      if (i % 10 === 9) stage.save(`play('sent', s => 0.01 * Math.sin(${i} * s.t));`, { add: true });
      else if (i % 10 === 4) assert.throws(() => stage.save(`play('sent', s => nothing);`, { add: true }));
      else turn(stage, i / 30);
      stage.play(64 * (5 + ((i * 7) % 40)));
    }
    stage.play(19200);
    const left = stage.left('own');
    assert.ok(residual(left.slice(onset(left) + 2400)) < 1e-6);
    assert.ok(Math.abs(stage.left('level').at(-1) - 28 / 30) < 1e-6);
  }));

// Also where code changes a name that others use, and all are tried with it.
test('a name that changes while it is held', () =>
  staged((stage) => {
    stage.save(`let level = 0.1; ${OWN}play('other', s => level);`);
    stage.play(9600);
    for (let i = 0; i < 5; i++) {
      stage.save(`level = ${0.1 + i / 100}`, { add: true });
      stage.play(2560);
    }
    stage.play(19200);
    const left = stage.left('own');
    assert.ok(residual(left.slice(onset(left) + 2400)) < 1e-6);
    assert.ok(Math.abs(stage.left('other').at(-1) - 0.14) < 1e-6);
  }));

// Muted, it falls silent at once, without a step; and comes back.
test('a mute is heard at once', () =>
  staged((stage) => {
    stage.save(OWN);
    stage.play(9600);
    const { engineFrame } = stage.save(`mute('own', 0.01);`, { add: true });
    stage.play(9600);
    const left = stage.left('own');
    assert.ok(left.slice(engineFrame - 5000 + 600).every((x) => x === 0));
    stage.save(`unmute('own', 0.01);`, { add: true });
    stage.play(9600);
    // It is anywhere in its turn then, and crosses over within the cross-fade.
    const { crossfadeFrames } = stage.setup;
    assert.ok(largestStep(stage.left('own')) < 0.3 * 2 * Math.PI * (220 / 48000) + 0.6 / crossfadeFrames);
    assert.ok(Math.max(...stage.left('own').slice(-960)) > 0.29);
  }));

// A successor, whose code is another, begins it anew where the sound was, and nothing steps; the others are not touched.
test('a successor while it is held', () =>
  staged((stage) => {
    stage.save(OWN);
    stage.play(9600);
    turn(stage, 1);
    assert.ok(stage.evaluator.timeline.players[0].heldUntil > stage.evaluator.timeline.head, 'written further than the rest');
    stage.respawn();
    stage.play(19200);
    const left = stage.left('own');
    assert.ok(largestStep(left.slice(onset(left))) < 0.1);
    assert.ok(Math.max(...left.slice(-960)) > 0.29);
    assert.ok(Math.abs(stage.left('level').at(-1) - 1) < 1e-6);
  }));

// A song that is lost while it is held begins anew for all voices at one frame.
test('a song that is lost while it is held', () =>
  staged((stage) => {
    stage.save(OWN);
    stage.play(9600);
    turn(stage, 1);
    for (let n = 0; n < 500; n++) stage.block();
    stage.play(9600);
    const { timeline } = stage.evaluator;
    assert.deepEqual(stage.said.filter(({ kind }) => kind === 'lost').length, 1);
    for (const [name, ring] of timeline.rings) assert.equal(ring.nextVoiceFrame, (timeline.head + timeline.origin) >>> 0, name);
    assert.ok(Math.max(...stage.left('own').slice(-960)) > 0.29);
  }));
