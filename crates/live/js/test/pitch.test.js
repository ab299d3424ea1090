import assert from 'node:assert/strict';
import test from 'node:test';
import { pitch } from '../library/pitch.js';
import { Toolbox } from '../library/toolbox.js';
import { RATE, heard, level, settled } from '../testing/heard.js';
import { staged } from '../testing/stage.js';

const { note, hz, scale, chord } = pitch(new Toolbox({ playing: () => undefined }));
const near = (got, want) => assert.ok(Math.abs(got - want) < 0.005, `${got}, not ${want}`);
const allNear = (got, want) => {
  assert.equal(got.length, want.length);
  got.forEach((x, i) => near(x, want[i]));
};

test('notes by name and by number', () => {
  const known = { a4: 440, A4: 440, a: 440, c4: 261.626, c: 261.626, 'c#4': 277.183, db4: 277.183, 'f##3': 195.998, cb4: 246.942, bb: 466.164, b: 493.883, 'a-1': 13.75, g9: 12543.854 };
  for (const [name, want] of Object.entries(known)) near(note(name), want);
  near(note(69), 440);
  near(note(60.5), 269.292);
  assert.equal(hz('e2'), note('e2'));
  allNear(note(['a3', 57, 'a5']), [220, 220, 880]);
  for (const wrong of ['h', 'c99', '', 'c#b', 'ab-', null, undefined, {}, true]) assert.throws(() => note(wrong), /note\(x\): a note is a name like 'c4'/);
});

test('degrees of scales count from 0, above and below in other octaves', () => {
  near(scale('a minor', 0), 440);
  near(scale('a minor', 2), 523.251);
  near(scale('a minor', 7), 880);
  near(scale('a3 minor', -1), 195.998);
  near(scale('c', 2), 329.628);
  near(scale('F#3 Dorian', 1.9), note('g#3'));
  allNear(scale('c minor pentatonic'), ['c4', 'eb4', 'f4', 'g4', 'bb4'].map(note));
  allNear(scale('e harmonic minor', [0, 6, 7]), ['e4', 'd#5', 'e5'].map(note));
  for (const wrong of ['x minor', 'c silly', '']) assert.throws(() => scale(wrong, 0), /a scale is a note and one of major, minor/);
  for (const wrong of ['0', null, NaN, Infinity, [0, 'x']]) assert.throws(() => scale('c', wrong), /a degree is a number, counted from 0/);
  assert.throws(() => scale(3), /the name is a string/);
});

test('chords', () => {
  allNear(chord('am'), ['a4', 'c5', 'e5'].map(note));
  allNear(chord('A minor'), chord('am'));
  allNear(chord('c7'), ['c4', 'e4', 'g4', 'bb4'].map(note));
  allNear(chord('c3 7'), ['c3', 'e3', 'g3', 'bb3'].map(note));
  allNear(chord('bbmaj7'), ['bb4', 'd5', 'f5', 'a5'].map(note));
  allNear(chord('bdim'), ['b4', 'd5', 'f5'].map(note));
  allNear(chord('f#2 m7b5'), ['f#2', 'a2', 'c3', 'e3'].map(note));
  for (const wrong of ['', 'h7', 'cfoo', 'c 4 m', 'c3', 7]) assert.throws(() => chord(wrong), /chord\(/);
});

test('a note or a degree may be a signal', () => {
  const rising = "s => 57 + 12 * Math.min(1, Math.floor(s.t / 0.5))";
  for (const source of [`note(${rising})`, "scale('a3 minor', s => 7 * Math.min(1, Math.floor(s.t / 0.5)))"]) {
    const tone = heard(`play('x', sin(${source}))`, 1);
    assert.ok(level(settled(tone).slice(0, RATE / 4), 220) > 0.99 && level(tone.slice(-RATE / 4), 440) > 0.99, source);
  }
  staged((stage) => {
    stage.save("play('x', s => 0.5 * sin(note(s => 69))(s) + 0 * scale('a', s => s.n % 20 - 10)(s))");
    stage.play(RATE / 2);
    assert.ok(level(stage.left('x').slice(-RATE / 4), 440) > 0.49);
    // One oscillator, whatever was built in every frame.
    assert.equal(stage.evaluator.timeline.players[0].cells.length, 1);
  });
});
