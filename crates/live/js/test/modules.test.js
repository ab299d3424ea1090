import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { compile } from '../compile.js';
import { SourceError, locate } from '../places.js';

/** Compiles `files['main.js']` in a folder of its own with one language name, `say`, and returns what it said. */
function say(files) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-modules-'));
  try {
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), text);
    const main = path.join(dir, 'main.js');
    const said = [];
    const { run, sources } = compile(fs.readFileSync(main, 'utf8'), main, ['say']);
    run([(value) => said.push(value)]);
    return { said, files: [...sources.keys()].map((file) => path.relative(dir, file)) };
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

const refusal = (files) => {
  try {
    say(files);
  } catch (error) {
    assert.ok(error instanceof SourceError, String(error.stack));
    return error;
  }
  return assert.fail('it was not refused');
};

// Every form of import and export means what it means in a module; each file runs once.
test('imports and exports', () => {
  const { said, files } = say({
    'main.js': `import { say } from 'forebay';
import { say as tell } from "forebay";
import * as language from 'forebay';
import first, { a, b as renamed, f, nested, more } from './one.js';
import * as all from './one.js';
import './two.js';
say(first); tell(a); language.say(renamed); say(f()); say(nested); say(more); say(Object.keys(all).sort().join());
`,
    'one.js': `say('one runs');
export const a = 1, { nested, deep: [, c] } = { nested: 5, deep: [0, 9] };
let b = 2;
export { b };
export function f() { return 3; }
export default a + 41;
export { two as more } from './two.js';
export * from './two.js';
`,
    'two.js': `say('two runs'); export const two = 6;\n`,
  });
  assert.deepEqual(said, ['one runs', 'two runs', 42, 1, 2, 3, 5, 6, 'a,b,c,default,f,more,nested,two']);
  assert.deepEqual(files, ['main.js', 'one.js', 'two.js']);
});

// What a file changes later, those who import it see as it is, by whatever way they have it; they can't change it themselves.
test('what is exported and changes later', () => {
  const { said } = say({
    'main.js': `import { n, bump, fixed as once } from './state.js';
import reset, { n as renamed } from './state.js';
import * as all from './state.js';
import { again, m } from './between.js';
const tell = () => say([n, renamed, all.n, again, m, { n }.n, typeof n].join());
tell(); bump(); tell();
{ const n = 'own'; say(n); }
n
tell(reset());
try { n = 5; } catch (error) { say(error.constructor.name); }
say(once);
`,
    'state.js': `export let n = 0;
export let fixed = 1;
fixed += 1;
export const bump = () => n++;
export default function reset() { [n] = [7]; }
`,
    'between.js': `export { n as again } from './state.js';
import { n } from './state.js';
export { n as m };
export * from './state.js';
`,
  });
  assert.deepEqual(said, ['0,0,0,0,0,0,number', '1,1,1,1,1,1,number', 'own', '7,7,7,7,7,7,number', 'TypeError', 2]);
});

// What is never assigned later costs what a name of one's own does: it is a copy.
// The embedded runtime has an evaluation of its own, which nobody can listen to.
test('what is exported and does not change is a copy', { skip: process.versions.quickjs !== undefined }, () => {
  const text = `import { f, n, set } from './parts.js';\nsay(f(n));`;
  const parts = 'export function f(x) { return x; }\nexport let n = 1, other = 2;\nexport const set = () => { let n; n = 2; other = n; };';
  const compiled = [];
  const own = globalThis.eval;
  globalThis.eval = (code) => (compiled.push(code), own(code));
  try {
    say({ 'main.js': text, 'parts.js': parts });
  } finally {
    globalThis.eval = own;
  }
  const main = compiled.find((code) => code.includes('const f = '));
  assert.match(main, /const f = .*say\(f\(/s);
});

// A file may use a name of the language for something of its own.
test('own names come first', () => {
  assert.deepEqual(say({ 'main.js': `const say2 = say; { const say = 5; say2(say); }` }).said, [5]);
  assert.deepEqual(say({ 'main.js': `const say = 5;` }).said, []);
});

// Mistakes are told in the file and at the line where they are.
test('mistakes in modules have their place', () => {
  const place = ({ kind, file, line, column }) => [kind, path.basename(file), line, column];
  assert.deepEqual(place(refusal({ 'main.js': `import './one.js';`, 'one.js': `\nexport const = 1;` })), ['syntax', 'one.js', 2, 14]);
  assert.deepEqual(place(refusal({ 'main.js': `\nimport x from 'lodash';` })), ['syntax', 'main.js', 2, 1]);
  assert.deepEqual(place(refusal({ 'main.js': `import { nothing } from 'forebay';` })), ['syntax', 'main.js', 1, 10]);
  const missing = refusal({ 'main.js': `\n\nimport x from './missing.js';` });
  assert.deepEqual(place(missing), ['import', 'main.js', 3, 15]);
  assert.match(missing.message, /missing\.js: it is not there/);
  assert.equal(missing.files.length, 2, 'the missing file is watched too');
  const second = refusal({ 'main.js': `\nimport './one.js';\nimport {\n  x,\n} from './missing.js';`, 'one.js': '' });
  assert.deepEqual([...place(second), second.sourceLine], ['import', 'main.js', 5, 8, "} from './missing.js';"]);
  const circle = refusal({ 'main.js': `import './one.js';`, 'one.js': `import './main.js';` });
  assert.match(circle.message, /circle/);
  assert.deepEqual(place(circle), ['import', 'one.js', 1, 8]);
});

// A name that a file does not export is told where it is asked for, with those that it does.
test('a missing export has its place', () => {
  const files = { 'ok.js': `export const a = 1, b = 2; export * from './more.js'; export default 3;`, 'more.js': 'export const c = 3; export default 4;' };
  const missing = (text) => {
    const { kind, line, column, message, sourceLine } = refusal({ ...files, 'main.js': `\n${text}` });
    assert.deepEqual([kind, line, sourceLine], ['syntax', 2, text]);
    return [column, message];
  };
  assert.deepEqual(missing(`import { a, zz } from './ok.js';`), [13, './ok.js exports no zz; it exports c, a, b, default']);
  assert.deepEqual(missing(`export { zz as a } from './ok.js';`)[0], 10);
  files['nothing.js'] = 'say(1);';
  assert.deepEqual(missing(`import x from './nothing.js';`), [8, './nothing.js exports no default; it exports nothing']);
});

// What a function body can't hold is told with its place, though it would be right in a module.
test('a piece waits for nothing', () => {
  for (const [source, line, column] of [
    ['\nconst x = await 5;', 2, 11],
    ['\n\n  for await (const x of []) say(x);', 3, 3],
    ['say(import.meta.url);', 1, 5],
    ["\nconst later = () => import('./ok.js');", 2, 21],
    ["import('node:fs');", 1, 1],
  ]) {
    const error = refusal({ 'main.js': source });
    assert.deepEqual([error.kind, error.line, error.column], ['syntax', line, column], error.message);
  }
  assert.deepEqual(say({ 'main.js': 'const later = async () => await 5; say(1);' }).said, [1]);
});

// Blanks and signs in a path do not hide the place of an error, nor does a path that ends like another.
test('places in files with odd names', () => {
  for (const dir of ['/My Music/', '/100% (live)/', '/ü/#1?/', '/x/My Music/']) {
    const files = new Map([['/My Music/a.js', ''], [`${dir}a.js`, '\n  nothing();']]);
    const { run } = compile(files.get(`${dir}a.js`), `${dir}a.js`, []);
    assert.throws(
      () => run([]),
      (error) => {
        const { file, line, column } = locate(error, { sources: files, file: 'x' });
        assert.deepEqual([file, line, column > 2], [`${dir}a.js`, 2, true]);
        return true;
      },
    );
  }
});
