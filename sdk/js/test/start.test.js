// A daemon that is started because none listens: the programs here are shell scripts, so that each of them ends, or never
// listens, when the test says so.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { reach } from '../connection.js';

/** Runs `body(socket, dir)` where the program `forebay` is a shell script. */
async function withForebay(script, env, body) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-start-'));
  const program = path.join(dir, 'forebay');
  fs.writeFileSync(program, `#!/bin/sh\ncd ${dir}\n${script}\n`, { mode: 0o755 });
  const set = { FOREBAY_BIN: program, ...env };
  const before = Object.keys(set).map((name) => [name, process.env[name]]);
  Object.assign(process.env, set);
  try {
    await body(path.join(dir, 'daemon.sock'), dir);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    fs.rmSync(dir, { recursive: true });
  }
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Whether the process that wrote its number into `file` has ended and was buried. */
function isOver(file) {
  try {
    process.kill(Number(fs.readFileSync(file, 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

// Two programs start a daemon at once: the second daemon ends, and its program is served by the first, which listens a
// little later.
test('a daemon that ends leaves room for another', { timeout: 30000 }, () =>
  withForebay('echo $$ > number; mv number pid; exit 6', { FOREBAY_START_TIMEOUT: '20000' }, async (socket, dir) => {
    const reached = reach(socket, { graceMs: 20000 });
    await until(() => isOver(path.join(dir, 'pid')));
    // Longer than between two attempts: the end of the first is known when the second begins to listen.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const other = net.createServer();
    await new Promise((resolve) => other.listen(socket, resolve));
    (await reached).close();
    await new Promise((resolve) => other.close(resolve));
  }));

// How a daemon failed is told, and how long it was waited for is what FOREBAY_START_TIMEOUT says.
test('a daemon that does not listen is given up', { timeout: 30000 }, async () => {
  await withForebay('exit 3', {}, (socket) => assert.rejects(reach(socket), /ended with code 3/));
  await withForebay('echo $$ > pid; exec sleep 60', { FOREBAY_START_TIMEOUT: '50' }, async (socket, dir) => {
    await assert.rejects(reach(socket), /no answer in 50 ms/);
    const file = path.join(dir, 'pid');
    await until(() => fs.existsSync(file) && fs.readFileSync(file, 'utf8').endsWith('\n'));
    process.kill(Number(fs.readFileSync(file, 'utf8')));
  });
});

// The options of the one who asks reach the daemon that is started.
test('options reach the daemon', { timeout: 30000 }, () =>
  withForebay('echo "$@" > args', { FOREBAY_START_TIMEOUT: '20000' }, async (socket, dir) => {
    await assert.rejects(reach(socket, { daemonArgs: ['--backend=null'] }), /ended with code 0/);
    assert.equal(fs.readFileSync(path.join(dir, 'args'), 'utf8'), 'run --backend=null\n');
  }));
