// What keeps state where it can't be restored, by its text.

import assert from 'node:assert/strict';
import test from 'node:test';
import { closures } from '../closures.js';
import { staged } from '../testing/stage.js';

const kept = (source, text) => closures(source, [text]).get(text);

test('a variable that a function changes and looks at', () => {
  const cases = [
    ['s => { if (s.n % 24000 === 0) i++; return notes[i % 4] }', 'i'],
    ['s => i = (i + 1) % 4', 'i'],
    ['s => { i += 0.01; return 1 }', 'i'],
    ['s => { if (s.t > 1) i = 3; return i }', 'i'],
    ['s => { const next = () => { i = i + 1; return i }; return next() }', 'i'],
    ['s => { [i, j] = [j, i]; return 0.1 }', 'i'],
    ['function (s) { return i++ }', 'i'],
    ['s => { const was = i; for (i of notes) s.state[0] = i; return was }', 'i'],
    ['s => { [s.state[0] = i, notes[i]] = [1, 2]; return 0.1 }', undefined],
    // What is set before it is looked at, or never looked at, is no state.
    ['s => { i = s.t; return i * 0.1 }', undefined],
    ['s => { i = s.t; return 0.1 }', undefined],
    ['s => { let i = 0; i++; return i }', undefined],
    ['s => i * 0.1', undefined],
    ['s => { s.state[0] += i; notes[0] = 3; return s.state[0] }', undefined],
    ['s => ({ i: 1 }).i++', undefined],
  ];
  for (const [text, name] of cases) assert.equal(kept(`let i = 0, j = 1; const notes = [1];\nplay('x', ${text});`, text), name, text);
  // A piece is no module: it may declare a function twice, which the parser does not take.
  assert.equal(kept("let i = 0; function k(s) { return 1 } function k(s) { return 2 } play('x', s => i++)", 's => i++'), undefined);
  const method = 'update() { p += 0.1; return [p] }';
  assert.equal(kept(`kanon('x', (mem) => { let p = 0; return { ${method} } });`, method), 'p');
  assert.equal(kept("const i = { n: 0 }; play('x', s => i.n++);", 's => i.n++'), undefined);
});

// A voice that changes such a variable now and then is told so once, and what others change leaves it alone from then on.
test('a counter that moves on every half second', () => {
  const piece = `let i = 0; const notes = [0.1, 0.2, 0.3, 0.4];
play('arp', s => {
  if (s.n % 24000 === 23999) i++;
  return notes[i % 4];
});`;
  staged((stage) => {
    stage.save(piece);
    stage.play(4800);
    stage.evaluator.judgeClosures();
    const said = stage.said.filter(({ kind }) => kind === 'problem');
    assert.deepEqual(said.map(({ message }) => message), ["arp (line 2): keeps state that can't be restored (i), so each save begins it anew"]);
    for (let n = 0; n < 40; n++) {
      stage.save(`play('other', s => 0.01 * ${n % 3})`, { add: true });
      stage.play(2400);
    }
    stage.evaluator.judgeClosures();
    assert.equal(stage.said.filter(({ kind }) => kind === 'problem').length, 1);
    const levels = stage.left('arp').map((x) => Number(x.toFixed(4))).filter((x) => [0.1, 0.2, 0.3, 0.4].includes(x));
    assert.deepEqual(levels.filter((x, i) => x !== levels[i - 1]).slice(0, 5), [0.1, 0.2, 0.3, 0.4, 0.1]);
  });
});
