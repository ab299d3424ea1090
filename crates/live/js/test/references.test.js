// The scope analysis: what a text declares and what it uses of others, in all that strict code may be made of; and that a
// text whose uses are rewritten does what it did.

import assert from 'node:assert/strict';
import test from 'node:test';
import { compile } from '../compile.js';
import { parse } from '../modules.js';
import { placeIn } from '../places.js';
import { analyse } from '../references.js';
import { SharedNames, Sharing } from '../shared.js';

const free = (source) => [...new Set(analyse(parse(source)).free.map(({ name }) => name))].sort().join(' ');
const declared = (source) => [...analyse(parse(source)).declared].map(([name, kind]) => `${kind} ${name}`).join(', ');

// Every kind of declaration at the top level is found, also `var` in blocks, but not what belongs to a function or block.
test('what a text declares', () => {
  const cases = [
    ['let a = 1, b; const c = 2; var d', 'var d, let a, let b, const c'],
    ['function f(p) { var v; let l } class C { static { var s } }', 'function f, class C'],
    ['if (1) { var a; let b; function g() {} } for (var i of []) { } try { var t } catch (e) { var u }', 'var a, var i, var t, var u'],
    ['const { a, b: { c = 1, ...d }, [1 + 1]: e, ...f } = {}; let [g, , h = 2, ...[i]] = []', 'const a, const c, const d, const e, const f, let g, let h, let i'],
    ['label: for (var x in {}) continue label', 'var x'],
    ['export const a = 1; export default function f() {} export class C {}', 'const a, function f, class C'],
    [`import d, { a as b } from './x.js'; import * as n from './y.js'`, 'import d, import b, import n'],
    ['(function named() {}); (class Named {}); () => { var no }', ''],
    ['switch (1) { case 1: var a; let b }', 'var a'],
  ];
  for (const [source, expected] of cases) assert.equal(declared(source), expected, source);
});

// A use is free exactly where nothing around it declares its name, whatever the form.
test('what a text uses of others', () => {
  const cases = [
    ['a + b.c + d[e] + ({ f: g, h, [i]: 1, j() {}, get k() { return l } })', 'a b d e g h i l'],
    ['let a = 1; a; { let b; b; } b', 'b'],
    ['const f = (p, { q, r: [s] = t, ...u }, v = p + w, ...x) => p + q + s + u + v + x + y', 't w y'],
    // A default sees the parameters, not what the body declares.
    ['function f(a = x) { var x; return x + a }', 'x'],
    ['function f() { return g(); function g() { return h } }', 'h'],
    ['(function fact(n) { return n ? fact(n - 1) : arguments }); fact', 'fact'],
    ['(() => arguments)', 'arguments'],
    ['class A extends B { static x = A; #p = y; [z] = 1; m(q) { return q + this.#p + super.m() } static { let s; s + t } }', 'B t y z'],
    ['(class Inner extends Inner2 { }); Inner', 'Inner Inner2'],
    ['try { a } catch ({ message, code = b }) { message + code + c } finally { d }', 'a b c d'],
    ['try { } catch { e }', 'e'],
    ['for (let i = 0, n = a; i < n; i++) i; i', 'a i'],
    ['for (const k in o) k; for (const [x, y = z] of list) x + y; for (t of u); for (v.w in m);', 'list m o t u v z'],
    ['switch (a) { case b: let c; c; break; default: d } c', 'a b c d'],
    ['x: for (;;) { y: for (;;) { break x; continue y } }', ''],
    ['typeof a; void b; delete c.d; new E(f); `${g}${h}`; tag`x${i}`; j?.k?.[l]?.(m); !n', 'E a b c f g h i j l m n tag'],
    ['[a, b.c, [d = e], ...f] = g; ({ h, i: j, k = l, m: { n }, ...o } = p)', 'a b d e f g h j k l n o p'],
    ['a = b; c += d; e ??= f; g++; --h; ({ i } = {})', 'a b c d e f g h i'],
    ['async function f() { for await (const x of a) await x } function* g() { yield* b }', 'a b'],
    ['if (1) { function inBlock() {} inBlock } inBlock', 'inBlock'],
    ['{ use; let use2; var hoisted = 1 } hoisted; use2', 'use use2'],
    ['new.target; x', 'x'],
    ['var a = a; let b = () => b; const { c = c } = d', 'd'],
    ['(a, b) => { a; b; c }; async x => x + y; async () => z', 'c y z'],
    ['#x in o', undefined],
    ['class Q { #x; has(o) { return #x in o } }', ''],
    ["'a' + /b/.test(c) + 1n", 'c'],
    ['({ __proto__: p, "str": q, 1: r, async s() {}, *t() {}, async *u() {}, set v(w) { w; x } })', 'p q r x'],
    ['export { a }; const a = b; export * from "./c.js"', 'b'],
    ['\\u0061 + ä + $ + _', '$ _ a ä'],
  ];
  for (const [source, expected] of cases) {
    if (expected === undefined) assert.throws(() => free(source), SyntaxError, source);
    else assert.equal(free(source.replace('new.target; ', 'function nt() { new.target } ')), expected, source);
  }
});

/** The values of `log(...)` when `source` runs as a block behind `before`, which declares what it uses. */
function blockSays(before, source) {
  const names = new SharedNames();
  const said = [];
  const log = (...values) => said.push(...values);
  for (const [number, text] of [before, source].entries()) {
    const main = compile(text, '<test>', ['log'], { block: { number, from: '/', isShared: (name) => names.has(name) } });
    const sharing = new Sharing(names, text, main);
    sharing.begin();
    main.run([log], sharing);
    sharing.end();
    sharing.keep();
  }
  return said;
}

/** The same in one text, where nothing is rewritten. */
function textSays(before, source) {
  const said = [];
  new Function('log', `"use strict"; ${before};\n{ ${source} }`)((...values) => said.push(...values));
  return said;
}

// A block does what its text does, in every form in which it may use what is another's.
test('a rewritten text does what it did', () => {
  const before = `let f = 220, g = [1, 2, 3], o = { p: 1, m() { return this === o }, f: 7 }, u; const k = 9;
    function add(a, b) { return a + (b ?? f) } function self() { return this } function tag(s, ...v) { return s.raw.join('|') + v }
    class Base { constructor(x) { this.x = x } static s = 5 } let count = 0; const tick = () => ++count; const later = () => f;`;
  const cases = [
    'log(f, k, add(1), add(1, 2))',
    'f = 330; log(f, later())',
    'f += 1; log(f, later()); f **= 2; f &&= 5; f ||= 6; u ??= 7; log(f, u, later())',
    'log(f++, ++f, f--, -f, later())',
    'log(self() === undefined, o.m(), (self)() === undefined, (0, self)() === undefined)',
    'log(self?.() === undefined, u?.x, u?.(), o?.p, o?.m())',
    'log(tag`a${f}b`, `${f}`)',
    'log(new Base(f).x, new Base(3) instanceof Base, class extends Base {}.s)',
    'class D extends Base { constructor() { super(f) } y = f } log(new D().x + new D().y)',
    'log({ f, k: k, [f]: f, g }.f, JSON.stringify({ f, o: { k } }))',
    '[f, o.p] = [1, 2]; log(f, o.p, later())',
    '({ f, p: u, z: g[0] = 4, ...o } = { f: 5, p: 6, q: 7 }); log(f, u, g[0], o.q, later())',
    '({ f = 8 } = {}); log(f); [f = 9, ...g] = [undefined, 1]; log(f, g.length)',
    'for (f of [1, 2]) log(f); for (f in { x: 1 }) log(f); for (f = 0; f < 2; f++) log(f); log(later())',
    'log(typeof f, typeof nowhere, typeof self, typeof (f))',
    'try { log(nowhere) } catch (e) { log(e.name, e.message) }',
    'try { nowhere = 1 } catch (e) { log(e.name) } try { k = 1 } catch (e) { log(e.name) }',
    'const a = 1\nadd(2, 3)\nlog(a)\nadd(4)\n;[1].map(add)\nlog(add(1, 2))',
    'if (f) add(1)\nelse add(2)\ndo add(3)\nwhile (0)\nx: add(4)\nlog(f)',
    'let n = 0\ntick()\ntick()\nlog(count)\ntick\n()\nlog(count)',
    'switch (f) { case 220: tick(); log(count); default: tick()\nlog(count) }',
    'const h = () => { tick()\nreturn f }\nlog(h(), count)',
    'function over(f) { return f + k } log(over(1)); { let f = 2; log(f) } log(f)',
    'const inner = () => { const add = (x) => x * 2; return add(4) }; log(inner(), add(4, 1))',
    'log([...g, ...[f]].length, Math.max(...g), add(...g))',
    'var f2 = f, [q = f, { r = k } = {}] = []; log(f2, q, r)',
    'log((() => f)(), (function () { return f })(), (async () => f)() instanceof Promise)',
    'log(((a = f, b = a) => a + b)(), function f() { return typeof f }())',
    'lab: for (const f of g) { if (f === 2) break lab; log(f) }',
    'log(f ? add(1) : add(2), f && add(3), (f, add(4)), !f, -f, f == 220, f in { 220: 1 })',
    'try { throw f } catch (f) { log(f) } try { throw [f] } catch ([x = k]) { log(x + f) }',
    'log(eval("1 + 1"), [f].map((x) => x + f)[0])',
    'log(o.f, o["f"], o[`f`], { f: 1 }.f, class { static f = f }.f, class { static [`x${f}`] = 1 }.x220)',
    'for (const x of g) { const f = x; tick(); log(f) }\nlog(f, count)',
    'const { f: renamed, p = f } = o; log(renamed, p)',
    'log(add\n(1, 2)\n)',
    'add (1) ; add(2) , tick() , log(count)',
    'async function w() { await f; return add(f) } log(typeof w)',
    'function* gen() { yield f; yield* g; const r = yield add(1) } log([...gen()].join())',
    'log(((f) => f)(3), (({ f }) => f)({ f: 4 }), (([f] = [5]) => f)())',
    'g.push(f); g[0] = f; delete o.p; o.n = { f }; log(g.length, g[0], o.p, o.n.f)',
  ];
  for (const source of cases) {
    // A name that a text brings from outside is its own business: in one text `var` would be another's.
    assert.deepEqual(blockSays(before, source), textSays(before, source), source);
  }
});

// An error in a rewritten line is told at the user's column, whatever stands before it, as it is in a text of its own.
test('columns are those of the user', () => {
  const before = 'let f = 220, o = {}; const up = (x) => x; const bad = () => null;';
  const lines = [
    'up(f); up(f); o.x.y',
    'const a = up(f) + bad().x',
    '   up(up(f)); bad()()',
    '`${f}${up(f)}`; o.none()',
    '({ f, up }); ({ f }).f.x.y.z',
    'nowhere',
    'up(f), nowhere(f)',
    'f = up(f); k',
  ];
  for (const line of lines) {
    const place = (run) => {
      try {
        run();
      } catch (error) {
        return error.stack;
      }
      return assert.fail(`${line} throws`);
    };
    const source = `up(f);\n${line}\nup(f);`;
    const names = new SharedNames();
    const run = (text, number) => {
      const main = compile(text, 'test', [], { block: { number, from: '/', isShared: (name) => names.has(name) } });
      const sharing = new Sharing(names, text, main);
      sharing.begin();
      main.run([], sharing);
      sharing.end();
      sharing.keep();
      return main;
    };
    run(before, 1);
    const got = placeIn(place(() => run(source, 2)), new Map([['#2:test', source]]));
    const plain = `${before}\n${source}`;
    const want = placeIn(place(() => compile(plain, 'plain', []).run([])), new Map([['plain', plain]]));
    // Bun's engine points at the end of some expressions.
    const column = process.versions.bun ? undefined : want.column;
    assert.deepEqual([got.line, column && got.column], [want.line - 1, column], line);
  }
});

// What is declared may have a name of the language, and a block may use it before it is there.
test('names that come later, and that hide others', () => {
  assert.deepEqual(blockSays('const use = () => late + 1;', 'let late = 2; log(use())'), [3]);
  assert.deepEqual(blockSays('const log2 = 1, Math = { max: () => 7 };', 'log(Math.max(1), log2)'), [7, 1]);
  assert.deepEqual(blockSays('let $forebay_f = 3, f = 4;', 'log($forebay_f, f)'), [3, 4]);
});
