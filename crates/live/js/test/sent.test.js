// Blocks of code that are sent to what plays: the names that they share, what becomes of them when one is refused or a
// successor takes over, and that what is no longer needed is forgotten.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { compile } from '../compile.js';
import { SourceError } from '../places.js';
import { checkRoom, needed } from '../sent.js';
import { SINE, assertSame, residual, staged } from '../testing/stage.js';

const BLOCK = { add: true };
const level = (stage, name) => Number(stage.left(name).at(-1).toFixed(4));
const sources = (stage) => stage.said.filter(({ kind }) => kind === 'players').at(-1).sources;
const faults = (stage) => stage.said.filter(({ kind }) => kind === 'fault');

function send(stage, source, file = '<send>') {
  const trial = stage.evaluator.try(source, file, BLOCK);
  for (const name of stage.evaluator.missingRings(trial)) stage.openRing(name);
  return stage.enter(trial, BLOCK);
}

function refusal(run) {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof SourceError, error.stack);
    return error.toJSON();
  }
  return assert.fail('it is refused');
}

// Names that one block declares are there for the next; what one assigns, all hear.
test('blocks share their top-level names', () =>
  staged((stage) => {
    stage.save('');
    send(stage, 'let f = 0.2; const up = x => x * 2');
    send(stage, "play('a', s => up(f))");
    stage.play(9600);
    assert.equal(level(stage, 'a'), 0.4);
    send(stage, 'f = 0.3');
    stage.play(4800);
    assert.equal(level(stage, 'a'), 0.6);
    send(stage, 'const up = (x) => x * 3, list = [f]; f += 0.1');
    stage.play(4800);
    assert.equal(level(stage, 'a'), 1.2);
    send(stage, "const { a: [f] } = { a: [list.length * 0.1] }; play('b', () => typeof nowhere === 'undefined' ? f : 0)");
    stage.play(4800);
    assert.deepEqual([level(stage, 'a'), level(stage, 'b')], [0.3, 0.1]);
    assert.match(refusal(() => send(stage, 'f = 1')).message, /^TypeError: /);
    assert.match(refusal(() => send(stage, 'nobody = 1')).message, /nobody is not defined: let nobody/);
  }));

// The names of the piece's own top level are there too, and the piece hears what is assigned to them.
test('blocks see the names of the piece', () =>
  staged((stage) => {
    stage.save("let f = 0.2; const twice = (x) => 2 * x; function three() { return 3 }\nplay('p', s => f);");
    stage.play(9600);
    send(stage, "play('a', s => twice(f) + three() / 10)");
    send(stage, 'f = 0.1');
    stage.play(9600);
    assert.deepEqual([level(stage, 'p'), level(stage, 'a')], [0.1, 0.5]);
    send(stage, 'let f = 0.4');
    stage.play(4800);
    assert.deepEqual([level(stage, 'p'), level(stage, 'a')], [0.1, 1.1], 'a name of its own is declared');
    stage.save("let f = 0.3;\nplay('p', s => f);");
    stage.play(4800);
    assert.equal(level(stage, 'p'), 0.3);
    assert.match(refusal(() => send(stage, 'twice(1)')).message, /twice is not defined/);
  }));

// An assignment is heard from the frame of the change on: what was rendered ahead is rendered with the old value up to it.
test('an assignment is one change at one frame', () =>
  staged((stage) => {
    stage.save(`let level = 0.25;\nplay('p', s => level);\n${SINE}`);
    stage.play(9600);
    const before = stage.left('p').length;
    const { engineFrame } = send(stage, 'level = 0.5');
    stage.play(4800);
    const at = engineFrame - (5000 + before) + before;
    const left = stage.left('p');
    assert.ok(left.slice(at - 2000, at - 64).every((sample) => sample === 0.25));
    assert.ok(left.slice(at + 128).every((sample) => sample === 0.5));
    assert.ok(residual(stage.left('sine').slice(4800)) < 1e-6, 'others are unbroken');
  }));

// Code that is refused, whenever it is, leaves no name and no value behind; what plays keeps its bits.
test('a refused block changes nothing', () =>
  staged((stage) =>
    staged((control) => {
      const piece = `let f = 0.2, n = 0;\nplay('p', s => f.valueOf() + 0 * n);\n${SINE}`;
      for (const each of [stage, control]) {
        each.save(piece);
        each.play(6400);
      }
      const bad = [
        'f = 9; const g = 1; throw new Error("no")',
        "f = 0.3; let f2 = 1; play('nan', s => NaN)",
        "f = 0.3; const g = 2; play('later', s => { if (s.n % 512 === 300) throw new Error('soon'); return 0 })",
        'f = 0.3; let f = 5; play(',
        'f = 1e9',
        'f = null; const h = f',
        'f = { get() {} }; n = "x"',
      ];
      const what = bad.map((source) => refusal(() => send(stage, source)).kind);
      assert.deepEqual(what, ['throw', 'nan', 'throw', 'syntax', 'blast', 'throw', 'return']);
      assert.match(refusal(() => send(stage, 'g')).message, /g is not defined/);
      for (const each of [stage, control]) each.play(9600);
      assertSame(stage, control, 'p');
      assertSame(stage, control, 'sine');
      send(stage, "play('after', s => f)");
      stage.play(4800);
      assert.equal(level(stage, 'after'), 0.2);
    }),
  ));

// A mistake is told by the name that its sender gave, the line and the column; also a late one in an old block of the same
// name, whose text was another.
test('a mistake has its place in the block', () =>
  staged((stage) => {
    stage.save('let f = 1;');
    const { file, line, column, source_line: text, kind } = refusal(() => send(stage, 'f;\nconst a = f + (1;'));
    assert.deepEqual([file, line, column, text, kind], ['<send>', 2, 17, 'const a = f + (1;', 'syntax']);
    const thrown = refusal(() => send(stage, '\n f.x.y()', '/song/part one.js'));
    assert.deepEqual([thrown.file, thrown.line, thrown.source_line], ['/song/part one.js', 2, ' f.x.y()']);
    send(stage, "const z = null;\nplay('late', s => s.t > 0.4 ? f + z.x : 0)");
    send(stage, "play('other', s => 0)");
    stage.play(24000);
    const [fault] = faults(stage);
    assert.deepEqual([fault.voice, fault.file, fault.line, fault.source_line], ['late', '<send>', 2, "play('late', s => s.t > 0.4 ? f + z.x : 0)"]);
    // The embedded runtime points at the beginning of what can't be worked out.
    if (!process.versions.bun) assert.equal(fault.column, process.versions.quickjs ? 35 : 37);
  }));

// What a block imports lies where the block is; one without a path, where the piece is.
test('a block may import', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-'));
  fs.writeFileSync(path.join(folder, 'part.js'), 'export const quiet = 0.125; export let n = 0.25; export const set = (x) => { n = x; };');
  try {
    staged((stage) => {
      stage.save('');
      send(stage, "import { quiet } from './part.js'; play('a', s => quiet)", path.join(folder, 'bass.js'));
      send(stage, "play('b', s => quiet)");
      stage.play(9600);
      assert.deepEqual([level(stage, 'a'), level(stage, 'b')], [0.125, 0.125]);
      send(stage, "import { n, set } from './part.js'; play('c', s => n); play('d', s => s.n < 9600 ? n : (set(0.5), n))", path.join(folder, 'bass.js'));
      send(stage, "play('e', s => n)");
      stage.play(24000);
      assert.deepEqual(['c', 'd', 'e'].map((name) => level(stage, name)), [0.5, 0.5, 0.5], 'what changes there is seen by all');
    });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

// A successor runs the piece and the blocks again, in order, and has the same names.
test('a successor has the names', () =>
  staged((stage) =>
    staged((control) => {
      for (const each of [stage, control]) {
        each.save(`let f = 0.1;\nplay('p', s => f);\n${SINE}`);
        send(each, 'let g = f * 2; const up = (x) => x + g');
        send(each, "play('a', s => up(f))");
        send(each, 'f = 0.2');
        send(each, "play('hangs', s => 0)");
        each.play(9600);
      }
      stage.respawn('hangs');
      for (const each of [stage, control]) each.play(24000);
      for (const name of ['p', 'a', 'sine']) assertSame(stage, control, name);
      send(stage, 'g = 0.5');
      stage.play(4800);
      assert.deepEqual([level(stage, 'p'), level(stage, 'a')], [0.2, 0.7]);
      stage.respawn('nobody');
      stage.play(24000);
      assert.equal(level(stage, 'a'), 0.7);
    }),
  ));

// The tempo and a strip that a block has set are there after a successor has taken over, too.
test('what a block sets stays', () =>
  staged((stage) => {
    stage.save("play('p', s => bpm() / 1000);");
    for (const tempo of [90, 100, 110]) send(stage, `bpm(${tempo})`);
    send(stage, "strip('p').pan(-1)");
    send(stage, "strip('p').gain(-6)");
    assert.deepEqual(sources(stage).map(({ source }) => source).slice(1), ['bpm(110)', "strip('p').pan(-1)", "strip('p').gain(-6)"]);
    stage.play(9600);
    stage.respawn('nobody');
    stage.play(24000);
    assert.equal(level(stage, 'p'), 0.11);
  }));

// However much is sent, what is kept for a successor is what its voices and names depend on.
test('what nothing depends on is forgotten', () =>
  staged((stage) => {
    stage.save("let f = 0.1;\nplay('p', s => f);");
    const sendAndPlay = (source) => {
      send(stage, source);
      stage.play(256);
    };
    for (let i = 1; i <= 60; i++) {
      sendAndPlay(`let g = ${i} / 1000; const half = (x) => x / 2`);
      sendAndPlay(`play('a', s => half(g) + f)`);
      sendAndPlay(`f = ${i} / 100`);
      sendAndPlay(`play('b${i % 3}', gain(sin(${i}), f)); console.log(g, half(f))`);
      if (i % 4 === 0) sendAndPlay(`stop('b${i % 3}')`);
      sendAndPlay(`mute('a'); unmute('a'); f`);
    }
    // Three voices may each have been made with names of their own time.
    assert.ok(sources(stage).length <= 12, `${sources(stage).map(({ source }) => source).join('\n')}`);
    stage.play(4800);
    stage.respawn('nobody');
    stage.play(24000);
    assert.deepEqual([level(stage, 'p'), level(stage, 'a')], [0.6, 0.63]);
  }));

/** Entries as they are kept, of texts that play what they say in `play('name'` and stop what they say in `stop('name'`. */
function entriesOf(texts) {
  const shared = new Set();
  return texts.map((source, i) => {
    const names = ['play', 'stop', 'set', 'console'];
    const main = compile(source, '<send>', names, { block: { number: i, from: '/', isShared: (name) => shared.has(name) } });
    for (const name of main.declared.keys()) shared.add(name);
    const called = (what) => [...source.matchAll(new RegExp(`${what}\\('(\\w+)'`, 'g'))].map(([, name]) => name);
    const block = i === 0 ? undefined : i;
    return { source, block, ...main.effects, plays: called('play'), stops: called('stop'), clears: false, sets: called('set') };
  });
}

// What is kept is what it takes to come to the same end, case by case.
test('what is needed', () => {
  const cases = [
    [['', "play('a', 1)", "play('a', 2)"], [2]],
    [['', 'let f = 1', 'let g = f', 'let f = 2'], [1, 2, 3]],
    [['', 'let f = 1', 'let f = 2', 'let g = f'], [2, 3]],
    [['', 'let f = 1', 'f = 2', 'f = 3'], [1, 3]],
    [['', 'let f = 1', 'f = 2', 'f += 3', 'f = f + 1'], [1, 2, 3, 4]],
    [['', 'let f = 1', 'f += 3', 'f = 4'], [1, 3]],
    [['', 'let f = []', 'f.push(1)', 'f[0] = 2', 'console.log(f)', 'f', 'f.length + 1'], [1, 2, 3]],
    [['', 'let f = 1; function set(x) { f = x }', 'set(3)', 'set(4)'], [1, 2, 3]],
    [['', "play('a', 1)", "stop('a')", "stop('a')", "stop('b')"], []],
    [["play('a', 1)", "stop('a')", "stop('a')", "stop('b')"], [2]],
    [["play('a', 1)", "stop('a')", "play('a', 2)"], [2]],
    [['', 'const k = 1', "play('a', () => k)", 'const k = 2', "play('a', 3)"], [3, 4]],
    [['', 'let f', 'if (f) f = 1; else f = 2', 'for (f of [1]);', '({ f } = { f: 1 })', 'f = 0'], [1, 5]],
    [['', "set('tempo')", "set('x'); set('tempo')", "set('tempo')"], [2, 3]],
    [['', 'f', "play('a', () => late)", 'let late = 1', 'let late = 2'], [2, 4]],
  ];
  for (const [texts, expected] of cases) {
    const entries = entriesOf(texts);
    const voices = new Set();
    for (const { plays, stops } of entries) {
      for (const name of stops) voices.delete(name);
      for (const name of plays) voices.add(name);
    }
    const names = [...new Set(entries.flatMap(({ declares }) => declares))];
    const kept = needed(entries, { voices: [...voices], names });
    assert.deepEqual(kept.slice(1).map(({ block }) => block), expected, texts.join(' | '));
    assert.deepEqual(needed(kept, { voices: [...voices], names }), kept, 'that is so the next time, too');
  }
});

// Thousands of any kind leave a few hundred at most; where all are in use, the next is refused with what to do.
test('there is an end to blocks', () => {
  let entries = entriesOf(['']);
  const add = (more) => (entries = needed([...entries, more], { voices: [], names: ['list'] }));
  const [, list, push] = entriesOf(['', 'let list = []', 'list.push(1)']);
  add(list);
  for (let i = 0; i < 2000; i++) add({ ...push, block: i + 2 });
  assert.ok(entries.length <= 502 && entries.includes(list), `${entries.length}`);
  const all = entriesOf(['', ...Array.from({ length: 501 }, (_, i) => `let name${i} = 1`)]);
  const { kind, message } = refusal(() => checkRoom(all, 'let one = 1', '<send>'));
  assert.equal(kind, 'blocks');
  assert.match(message, /501 blocks are in use already: put what is to stay into the piece/);
});

// A block that is too long to be looked into is refused at once, in words.
test('a block that is too long', () =>
  staged((stage) => {
    stage.save(SINE);
    const { kind, message } = refusal(() => send(stage, `let f = 1;${' '.repeat(5 * 1024 * 1024)}`));
    assert.equal(kind, 'blocks');
    assert.match(message, /at most 1 MiB/);
  }));

// What is sent is tried beside what plays, whose lines remember only what they were given: also where it is refused, where it
// changes a name that others use and is refused, and where it is too much for all.
test('the lines of other voices are left alone', { timeout: 60000 }, () => {
  const inner = "tri(seq('c4 e4 g4 c5', { rate: 16 }))";
  const piece = `let f = 1; const of = { d: delay(${inner}, 1, 0.195), b: feedback(${inner}, 1, 0.19, 0.5), r: reverb(${inner}, 0.5, 0.3, 0.5) };
    play('ref', s => 0.1 * f * (of.d(s) + of.b(s) + of.r(s))); const low = sin(300); play('x', s => 0.1 * low(s));`;
  const blocks = {
    mute: "mute('x', 0.01)",
    'a voice that joins': "play('y', s => 0.1)",
    'a strip': "strip('x').gain(-6)",
    NaN: "play('y', s => s.n % 50 === 49 ? NaN : 0)",
    'a name that nobody hears': "low.seen = 1; play('y', s => 0.1)",
    'a name that others use, refused': "f = 3; play('y', s => s.n % 50 === 49 ? NaN : 0)",
    'a name that others use, thrown': 'f = 3; throw 1',
  };
  for (const [what, block] of Object.entries(blocks)) {
    staged((control) =>
      staged((stage) => {
        for (const each of [control, stage]) {
          each.save(piece);
          each.play(14400);
        }
        for (let n = 0; n < 3; n++) {
          try {
            send(stage, block);
          } catch (error) {
            assert.ok(error instanceof SourceError, error.stack);
          }
          for (const each of [control, stage]) each.play(4800);
        }
        const expected = control.left('ref');
        assert.equal(stage.left('ref').findIndex((x, i) => !Object.is(x, expected[i])), -1, what);
      }),
    );
  }
});

// The last statement of a block has a value, whatever it begins with.
test('the value of a block', () =>
  staged((stage) => {
    stage.save("let f = 220, up = (x) => x * 2; play('a', s => 0.1)");
    const value = (code) => {
      const trial = stage.evaluator.try(code, '<send>', BLOCK);
      stage.enter(trial, BLOCK);
      stage.play(2560);
      return trial.value;
    };
    assert.equal(value('1 + 1'), '2');
    assert.equal(value('1, 3'), '3');
    assert.equal(value('f'), '220');
    assert.equal(value('f = 330;'), '330');
    assert.equal(value('let g = 1\nup(f) + g // so'), '661');
    assert.equal(value('(up)(f)'), '660');
    assert.equal(value('list()'), '["a"]');
    assert.equal(value('bpm()'), '120');
    assert.equal(value('up'), 'a function');
    assert.match(value('new Float32Array(500000)'), /^\[(0,){100}"\.\.\."\]$/);
    assert.equal(value('const odd = Object.create(null); odd.odd = odd; odd'), 'an object');
    assert.equal(value("mute('a')"), undefined);
    assert.equal(value('const h = 1'), undefined);
    assert.equal(value("'a string'"), undefined);
    assert.equal(value('`a string`'), '"a string"');
    const { line, column } = refusal(() => value('let k = 1;\n  nothing.here'));
    assert.deepEqual([line, column], [2, 3]);
  }));
