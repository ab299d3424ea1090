import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { NAMES } from '../surface.js';
import { staged } from '../testing/stage.js';

const text = fs.readFileSync(new URL('../../../../docs/language.md', import.meta.url), 'utf8');
const pieces = [...text.matchAll(/^#+ (.*)\n(?:(?!^#)[^])*?```js\n([^]*?)```/gm)];

// What the manual shows plays, and is heard.
for (const [, title, source] of pieces) {
  test(`docs/language.md: ${title}`, () => {
    staged((stage) => {
      stage.save(source);
      stage.play(48000);
      assert.deepEqual(stage.said.filter(({ kind }) => kind === 'fault'), []);
      const peak = Math.max(...[...stage.heard.values()].map((samples) => samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0)));
      assert.ok(peak > 0.01 && peak < 1, `${peak}`);
    });
  });
}

test('every name of the language is in the manual and in the types', () => {
  const types = fs.readFileSync(new URL('../forebay.d.ts', import.meta.url), 'utf8');
  const refused = ['require', 'setTimeout', 'setInterval', 'setImmediate', 'fetch', 'console'];
  const names = NAMES.filter((name) => !refused.includes(name));
  assert.ok(pieces.length >= 8 && names.length > 35);
  for (const name of names) {
    assert.match(text, new RegExp(`\\b${name}\\b`), name);
    assert.match(types, new RegExp(`declare (?:function|const) ${name}\\b`), name);
  }
});
