import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Watch } from '../watch.js';

/** Runs `body({ dir, next })` on a watched link to a link to `there/piece.js`; `next()` resolves with the next text. */
async function watched(body) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-watch-'));
  fs.mkdirSync(path.join(dir, 'here'));
  fs.mkdirSync(path.join(dir, 'there'));
  fs.writeFileSync(path.join(dir, 'there', 'piece.js'), '1');
  fs.symlinkSync('../there/piece.js', path.join(dir, 'here', 'second.js'));
  fs.symlinkSync('second.js', path.join(dir, 'here', 'piece.js'));
  const seen = [];
  let waiting;
  const changed = ({ source }) => {
    seen.push(source);
    waiting?.();
  };
  const watch = new Watch(path.join(dir, 'here', 'piece.js'), { changed, problem: (message) => assert.fail(message) });
  assert.equal(watch.begin(), '1');
  const next = async () => {
    while (seen.length === 0) await new Promise((resolve) => (waiting = resolve));
    return seen.shift();
  };
  try {
    await body({ dir, next });
  } finally {
    watch.end();
    fs.rmSync(dir, { recursive: true });
  }
}

// A save where a link leads to is a save, whether the file is written or replaced; so is leading the link elsewhere.
test('a link is watched where it leads to', { timeout: 20000 }, () =>
  watched(async ({ dir, next }) => {
    const target = path.join(dir, 'there', 'piece.js');
    fs.writeFileSync(target, '2');
    assert.equal(await next(), '2');
    fs.writeFileSync(`${target}~`, '3');
    fs.renameSync(`${target}~`, target);
    assert.equal(await next(), '3');
    fs.mkdirSync(path.join(dir, 'elsewhere'));
    fs.writeFileSync(path.join(dir, 'elsewhere', 'other.js'), '4');
    fs.symlinkSync('../elsewhere/other.js', path.join(dir, 'here', 'fresh'));
    fs.renameSync(path.join(dir, 'here', 'fresh'), path.join(dir, 'here', 'piece.js'));
    assert.equal(await next(), '4');
    fs.writeFileSync(path.join(dir, 'elsewhere', 'other.js'), '5');
    assert.equal(await next(), '5');
  }));

// A file that is emptied is one that is being written, unless it stays so: a writer may be kept off its core in between.
test('an emptied file is waited for', { timeout: 20000 }, async () => {
  const dir = fs.mkdtempSync('/tmp/forebay-watch-test-');
  const file = path.join(dir, 'piece.js');
  fs.writeFileSync(file, 'full');
  let emptiedMs;
  const changed = new Promise((resolve) => {
    const watch = new Watch(file, {
      changed: ({ source }) => {
        watch.end();
        resolve({ source, afterMs: performance.now() - emptiedMs });
      },
      problem: () => {},
    });
    watch.begin();
  });
  emptiedMs = performance.now();
  fs.writeFileSync(file, '');
  const { source, afterMs } = await changed;
  fs.rmSync(dir, { recursive: true });
  assert.equal(source, '');
  assert.ok(afterMs > 900, `taken after ${afterMs} ms`);
});
