import assert from 'node:assert/strict';
import test from 'node:test';
import { SINE, assertSame, largestStep, onset, staged } from '../testing/stage.js';

const LEVEL = `${SINE}play('level', gain(s => 1, knob('level', 0, 2, 0.5)));`;
const turn = (stage, values) => stage.evaluator.turn(new Map(Object.entries(values)));

// A knob has its own value until it is turned, is heard at once, with no step, and keeps its value over edits; nobody else
// changes by a bit.
test('a knob is turned', () =>
  staged((stage) =>
    staged((control) => {
      for (const each of [stage, control]) each.save(LEVEL);
      for (const each of [stage, control]) each.play(9600);
      assert.ok(Math.abs(stage.left('level').at(-1) - 0.5) < 1e-6);
      const { engineFrame } = turn(stage, { 'knob:level': 1 });
      assert.ok(engineFrame - stage.session.engineFrame < 1500, 'long before the lead has played');
      for (const each of [stage, control]) each.play(9600);
      assert.ok(Math.abs(stage.left('level')[engineFrame - 5000 + 40] - 1) < 1e-6);
      assert.ok(largestStep(stage.left('level').slice(onset(stage.left('level')) + 2400)) < 0.02);
      for (const each of [stage, control]) each.save(`${LEVEL}play('more', s => 0);`);
      for (const each of [stage, control]) each.play(9600);
      assert.ok(Math.abs(stage.left('level').at(-1) - 1) < 1e-6, 'an edit keeps it');
      assertSame(stage, control, 'sine');
      turn(stage, { 'knob:level': 9 });
      stage.play(9600);
      assert.ok(Math.abs(stage.left('level').at(-1) - 2) < 1e-6, 'no further than its end');
    }),
  ));

// A turn is one change for all that listen; what nobody listens to is none.
test('turns of several values', () =>
  staged((stage) => {
    stage.save(`${SINE}play('a', s => osc('/a', 0.1)(s));play('b', midi(74, 0.2, 0.4));play('c', s => midi('note')(s) / 127);`);
    stage.play(4800);
    const last = (name) => Math.round(1000 * stage.left(name).at(-1)) / 1000;
    assert.deepEqual(['a', 'b', 'c'].map(last), [0.1, 0.2, 0.543]);
    assert.equal(turn(stage, { 'knob:other': 1, 'osc:/b': 3 }), undefined);
    turn(stage, { 'osc:/a': 0.3, 'midi:74': 0.5, 'midi:note': 60 });
    stage.play(4800);
    assert.deepEqual(['a', 'b', 'c'].map(last), [0.3, 0.3, 0.472]);
    const known = stage.evaluator.status().controls;
    assert.deepEqual(known.map(({ key, value }) => [key, value]).sort(), [['midi:74', 0.5], ['midi:note', 60], ['osc:/a', 0.3]]);
  }));

// A value that moves on every few frames is followed, and a successor knows where it was.
test('a knob that moves, and a successor', () =>
  staged((stage) => {
    stage.save(LEVEL);
    stage.play(9600);
    for (let i = 1; i <= 40; i++) {
      turn(stage, { 'knob:level': 0.5 + i / 40 });
      stage.play(640);
    }
    assert.ok(Math.abs(stage.left('level').at(-1) - 1.5) < 0.03);
    assert.ok(largestStep(stage.left('level').slice(onset(stage.left('level')) + 2400)) < 0.003);
    stage.respawn();
    stage.play(4800);
    assert.ok(Math.abs(stage.left('level').at(-1) - 1.5) < 1e-6);
    turn(stage, { 'knob:level': 0.25 });
    stage.play(4800);
    assert.ok(Math.abs(stage.left('level').at(-1) - 0.25) < 1e-6);
  }));

// A value that a voice asks for while it plays is there from then on, in a render as well; a rewind behind that has not heard
// of a turn that came later.
test('a knob that a voice asks for late', () => {
  const piece = "play('x', s => s.n < 12000 ? 0.1 : knob('late', 0, 1, 0.4)(s)); play('y', s => osc('/y', 0.2)(s));";
  for (const render of [false, true]) {
    staged((stage) => {
      stage.save(piece);
      stage.play(24000);
      assert.deepEqual(stage.said.filter(({ kind }) => kind === 'fault'), []);
      assert.deepEqual(['x', 'y'].map((name) => Number(stage.left(name).at(-1).toFixed(6))), [0.4, 0.2]);
    }, { render });
  }
  staged((stage) => {
    stage.save(piece);
    // The lead reaches beyond where it asks; what plays does not yet.
    stage.play(6400);
    turn(stage, { 'knob:late': 0.9, 'osc:/y': 0.3 });
    stage.save("play('z', s => 0.1)", { add: true });
    stage.play(24000);
    assert.deepEqual(stage.said.filter(({ kind }) => kind === 'fault'), []);
    assert.equal(Number(stage.left('x').at(-1).toFixed(6)), 0.9);
    assert.equal(Number(stage.left('y').at(-1).toFixed(6)), 0.3);
    turn(stage, { 'knob:late': 0.7 });
    stage.play(9600);
    assert.equal(Number(stage.left('x').at(-1).toFixed(6)), 0.7);
  });
});

// What is no knob is refused, with the words for it.
test('knobs that can not be', () =>
  staged((stage) => {
    const refused = (code, words) => assert.throws(() => stage.save(`play('x', ${code});`), words);
    refused('knob(3)', /the name is a string/);
    refused(`knob('a', 1, 0)`, /max \(0\) is above min \(1\)/);
    refused(`knob('a', 0, 1, 2)`, /lies between min \(0\) and max \(1\)/);
    refused(`knob('a', 0, NaN)`, /are numbers/);
    refused(`osc('fader')`, /address is a string like/);
    refused('midi(128)', /from 0 to 127, or one of note, gate/);
  }));
