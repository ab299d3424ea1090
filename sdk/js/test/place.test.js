import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { connect } from '../index.js';
import { checkPlace, daemonEnvironment, placeOf, socketPath } from '../place.js';

/** Runs `body` with a runtime folder of its own, and the place in it. */
async function inRuntime(body) {
  const runtime = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-place-'));
  try {
    await body(placeOf({ XDG_RUNTIME_DIR: runtime }));
  } finally {
    fs.rmSync(runtime, { recursive: true });
  }
}

// The sources have their order; what can't be an address is refused with what to do.
test('order and limits', () => {
  assert.equal(socketPath({ FOREBAY_SOCKET: '/a/s', XDG_RUNTIME_DIR: '/run/x' }), '/a/s');
  assert.equal(socketPath({ FOREBAY_SOCKET: '', XDG_RUNTIME_DIR: '/run/x' }), '/run/x/forebay/daemon.sock');
  assert.equal(socketPath({}), `/tmp/forebay-${process.getuid()}/daemon.sock`);
  assert.deepEqual(placeOf({ FOREBAY_SOCKET: '/a/s' }, '/b/s'), { socket: '/b/s', folder: undefined });
  assert.throws(() => checkPlace(placeOf({ FOREBAY_SOCKET: 's' })), { code: 'place', message: /absolute/ });
  const long = `/${'x'.repeat(107)}`;
  assert.throws(() => checkPlace(placeOf({}, long)), { code: 'place', message: /108 bytes.*FOREBAY_SOCKET/ });
  checkPlace(placeOf({}, long.slice(0, 107)));
});

// A folder that is open to others, somebody else's, a file or a symlink is refused before anything is said to who sits
// there; one that is not there passes.
test('only a private folder will do', () => inRuntime(async (place) => {
  const refused = (message, uid) => assert.throws(() => checkPlace(place, uid), { code: 'place', message });
  checkPlace(place);
  fs.mkdirSync(place.folder);
  fs.chmodSync(place.folder, 0o700);
  checkPlace(place);
  refused(/belongs to user/, process.getuid() + 1);
  fs.chmodSync(place.folder, 0o755);
  refused(/mode 755.*chmod 700/);
  const before = process.env.XDG_RUNTIME_DIR;
  const given = process.env.FOREBAY_SOCKET;
  try {
    process.env.XDG_RUNTIME_DIR = path.dirname(place.folder);
    delete process.env.FOREBAY_SOCKET;
    await assert.rejects(connect({ start: false }), { code: 'place' });
  } finally {
    delete process.env.XDG_RUNTIME_DIR;
    if (before !== undefined) process.env.XDG_RUNTIME_DIR = before;
    if (given !== undefined) process.env.FOREBAY_SOCKET = given;
  }
  fs.rmdirSync(place.folder);
  fs.writeFileSync(place.folder, '');
  refused(/not a folder/);
  fs.unlinkSync(place.folder);
  fs.symlinkSync(os.tmpdir(), place.folder);
  refused(/symlink/);
}));

// The daemon is told of a socket only where one was given: else it would neither make nor guard the folder.
test('what a daemon is started with', () => {
  const env = { PATH: '/bin', FOREBAY_SESSION_FD: '7' };
  assert.deepEqual(daemonEnvironment(placeOf(env), env), { PATH: '/bin' });
  assert.deepEqual(daemonEnvironment(placeOf(env, '/a/s'), env), { PATH: '/bin', FOREBAY_SOCKET: '/a/s' });
});
