import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { NAMES } from '../surface.js';
import { staged } from '../testing/stage.js';

const text = fs.readFileSync(new URL('../../../../docs/language.md', import.meta.url), 'utf8');
const types = fs.readFileSync(new URL('../forebay.d.ts', import.meta.url), 'utf8');
const pieces = [...text.matchAll(/^#+ (.*)\n(?:(?!^#)[^])*?```js\n([^]*?)```/gm)];
/** Where the sound files lie that the manual names. */
const folder = fileURLToPath(new URL('../../../../examples/js', import.meta.url));

// What the manual shows plays, and is heard, live and in a render.
for (const [[, title, source], render] of pieces.flatMap((piece) => [[piece, false], [piece, true]])) {
  test(`docs/language.md: ${title}${render ? ', rendered' : ''}`, () => {
    staged((stage) => {
      stage.save(source);
      stage.play(48000);
      assert.deepEqual(stage.said.filter(({ kind }) => kind === 'fault'), []);
      const peak = Math.max(...[...stage.heard.values()].map((samples) => samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0)));
      assert.ok(peak > 0.01 && peak < 1, `${peak}`);
    }, { folder, render });
  });
}

const refused = ['require', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'console'];
const names = NAMES.filter((name) => !refused.includes(name));

test('every name of the language is in the manual and in the types', () => {
  assert.ok(pieces.length >= 14 && names.length > 50);
  assert.equal(new Set(NAMES).size, NAMES.length, 'no name is there twice');
  for (const name of names) {
    assert.match(text, new RegExp(`\\b${name}\\b`), name);
    assert.match(types, new RegExp(`declare (?:function|const) ${name}\\b`), name);
    assert.match(types, new RegExp(`export (?:function|const) ${name}\\b`), name);
  }
});

test('the types and the headings of the manual name nothing else', () => {
  const declared = [...types.matchAll(/^declare (?:function|const) (\w+)/gm)].map(([, name]) => name);
  const exported = [...types.matchAll(/^  export (?:function|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual([...new Set(declared)].sort(), [...names].sort());
  assert.deepEqual([...new Set(exported)].sort(), [...names].sort());
  // A heading names functions behind a colon, or as they are called.
  const headings = [...text.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading.replace(/^.*: /, '').replace(/\([^)]*\)/g, ''));
  const named = headings.flatMap((heading) => heading.split(', '));
  assert.deepEqual(named.filter((name) => !names.includes(name)), []);
});
