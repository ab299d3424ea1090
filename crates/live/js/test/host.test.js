// The live host as a process, against the real daemon: what the file backend plays is looked at, sample by sample.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { reach } from '../../../../sdk/js/connection.js';
import { startDaemon, startImpostor } from '../../../../sdk/js/testing/daemon.js';
import { SINE, played, residual, skip, sleep } from '../testing/played.js';
import { LiveProcess } from '../testing/process.js';

// Saves of all kinds, good and bad, leave an untouched sine unbroken; the bad ones are refused by place.
test('edits, mistakes and half-written files leave the music alone', { skip, timeout: 60000 }, async () => {
  const sound = await played(SINE, async (live, save, { file }) => {
    assert.deepEqual((await live.next('edited')).joined, ['sine']);
    save(`${SINE}play('quiet', s => 0);`);
    assert.deepEqual((await live.next('edited')).joined, ['quiet']);
    save(`${SINE}play('broken', s => 1 +);`);
    const syntax = await live.next('refused');
    assert.deepEqual([syntax.what, syntax.file, syntax.line, syntax.column], ['syntax', file, 5, 24]);
    save(`${SINE}play('broken', s => s.no.where);`);
    assert.deepEqual([(await live.next('refused')).line], [5]);
    fs.rmSync(file);
    await live.next('problem');
    fs.writeFileSync(`${file}~`, `// back\n${SINE}`);
    fs.renameSync(`${file}~`, file);
    assert.deepEqual((await live.next('edited')).left, ['quiet']);
    const half = fs.openSync(file, 'w');
    fs.writeSync(half, '// half\nplay(');
    fs.writeSync(half, `'other', s => 0);\n${SINE}`);
    fs.closeSync(half);
    assert.deepEqual((await live.next('edited')).joined, ['other']);
    live.send({ op: 'send', code: `play('sent', s => 0);` });
    assert.deepEqual((await live.next('edited')).joined, ['sent']);
    await sleep(600);
  }, { lead: 5000 });
  assert.ok(residual(sound) < 1e-6);
});

// A voice that never returns, while it is tried or while it plays, is left out by name; the others play on unbroken.
test('an endless loop is left out and the others play on', { skip, timeout: 60000 }, async () => {
  const sound = await played(SINE, async (live, save) => {
    await live.next('edited');
    await live.filled(4900);
    save(`${SINE}play('trap', s => { for (;;); });`);
    const refused = await live.next('refused');
    assert.deepEqual([refused.what, refused.voice, refused.line], ['hang', 'trap', 5]);
    await live.filled(4900);
    save(`for (;;);`);
    assert.equal((await live.next('refused')).what, 'hang');
    await live.filled(4900);
    save(`${SINE}play('later', s => { if (s.state[0]++ > 260000) for (;;); return 0; });`);
    await live.next('edited');
    const fault = await live.next('fault');
    assert.deepEqual([fault.what, fault.voice], ['hang', 'later']);
    await live.filled(4900);
    save(`${SINE}play('fine', s => 0);`);
    await live.next('edited');
  }, { lead: 5000 });
  assert.ok(residual(sound) < 1e-6);
});

// A save of an imported file is a save of the piece; a mistake in it is told there, and one that is missing is awaited.
test('imported files are watched', { skip, timeout: 60000 }, async () => {
  const sound = await played(`import { level } from './part.js';\n${SINE}play('part', s => level);\n`, async (live, save, { dir }) => {
    const part = path.join(dir, 'part.js');
    const missing = await live.next('refused');
    assert.deepEqual([missing.what, missing.line], ['import', 1]);
    fs.writeFileSync(part, 'export const level = 0;\n');
    assert.deepEqual((await live.next('edited')).joined, ['sine', 'part']);
    fs.writeFileSync(part, 'export const level = ;\n');
    const refused = await live.next('refused');
    assert.deepEqual([refused.file, refused.line], [part, 1]);
    fs.writeFileSync(part, 'export const level = 0 * 1;\n');
    assert.deepEqual((await live.next('edited')).joined, []);
    await sleep(600);
  }, { lead: 5000 });
  assert.ok(residual(sound) < 1e-6);
});

// What is saved and sent while the host connects is what is heard: the text that was read first does not come after it.
test('a save and a send while the host connects', { skip, timeout: 60000 }, async () => {
  const dir = fs.mkdtempSync('/tmp/forebay-live-test-');
  const file = path.join(dir, 'piece.js');
  fs.writeFileSync(file, `play('older', s => 0);`);
  const daemon = await startDaemon();
  const door = await lockedDoor(daemon);
  const live = new LiveProcess({ file, socket: door.socket });
  try {
    await door.knocked;
    fs.writeFileSync(file, `play('newer', s => 0);`);
    live.send({ op: 'send', code: `play('sent', s => 0);` });
    live.send({ op: 'nothing of this name' });
    // The answer to what came behind it: the host has it, and still no session.
    await live.next('problem');
    door.open();
    const heard = (name) => live.next(({ event, voices }) => event === 'edited' && voices.includes(name));
    // The runtime may tell of the save later than of what was sent.
    if (!(await heard('sent')).voices.includes('newer')) await heard('newer');
    live.send({ op: 'send', code: `play('last', s => 0);` });
    assert.deepEqual((await heard('last')).voices.filter((name) => name !== 'sent'), ['newer', 'last']);
    assert.ok(!live.events.some(({ event }) => ['refused', 'fault', 'fatal'].includes(event)));
    assert.equal(await live.stop(), 0);
  } finally {
    live.child.kill('SIGKILL');
    door.stop();
    await daemon.stop();
  }
  fs.rmSync(dir, { recursive: true });
});

/** Somebody in front of the daemon who answers nobody before `open()`; `knocked` resolves when there is somebody. */
async function lockedDoor(daemon) {
  const socket = path.join(daemon.dir, 'door');
  const ends = new Set();
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  let knock;
  const knocked = new Promise((resolve) => (knock = resolve));
  const server = net.createServer((producer) => {
    knock();
    ends.add(producer.on('error', () => {}));
    opened.then(() => {
      const upstream = net.createConnection(daemon.socket).on('error', () => {});
      ends.add(upstream);
      producer.pipe(upstream).pipe(producer);
    });
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  return {
    socket,
    knocked,
    open,
    stop() {
      for (const end of ends) end.destroy();
      server.close();
    },
  };
}

// A piece that can't be read, and a daemon that can't be had, end the host with a word and code 1.
test('what can not begin says why', { skip, timeout: 60000 }, async () => {
  const missing = new LiveProcess({ file: '/nowhere/piece.js' });
  assert.equal((await missing.next('fatal')).what, 'file');
  assert.equal(await missing.ended, 1);
  await played(SINE, async (live, save, { file, dir }) => {
    await live.next('edited');
    const other = new LiveProcess({ file, socket: path.join(dir, 'x'.repeat(200)) });
    assert.equal((await other.next('fatal')).what, 'connect');
    assert.equal(await other.ended, 1);
    await sleep(600);
  });
});

// A lead that is left to the daemon follows what it measures: a host that was stopped until its voice ran dry is asked
// for a deeper one, and fills to that.
test('an automatic lead follows the stalls', { skip, timeout: 60000 }, async () => {
  await played(SINE, async (live, save, { daemon }) => {
    await live.next('edited');
    const full = (status) => status.event === 'status' && status.lead_ms > 0.9 * status.target_lead_ms;
    const first = await live.next(full);
    live.child.kill('SIGSTOP');
    const console = await reach(daemon.socket, { start: false });
    const voice = async () => (await console.call('status')).producers[0].voices[0];
    while ((await voice()).state !== 'starved') await sleep(10);
    live.child.kill('SIGCONT');
    const deeper = await live.next((status) => full(status) && status.target_lead_ms > first.target_lead_ms);
    assert.ok(deeper.target_lead_ms <= 1000);
    assert.equal(Math.round((await voice()).target_lead_ms), Math.round(deeper.target_lead_ms));
    console.close();
  }, { lead: 'auto' });
});

// A daemon that ends takes the host with it, told as such, so that the host's parent can start it again.
test('the end of the daemon is told', { skip, timeout: 60000 }, async () => {
  const dir = fs.mkdtempSync('/tmp/forebay-live-test-');
  const file = path.join(dir, 'piece.js');
  fs.writeFileSync(file, SINE);
  const daemon = await startDaemon();
  const live = new LiveProcess({ file, socket: daemon.socket });
  await live.next('edited');
  await daemon.stop();
  assert.equal((await live.next('fatal')).what, 'daemon');
  assert.equal(await live.ended, 1);
  fs.rmSync(dir, { recursive: true });
});

// A daemon that ends for good says so, and is not to be started again.
test('a daemon that was stopped is told as such', { skip, timeout: 60000 }, async () => {
  const dir = fs.mkdtempSync('/tmp/forebay-live-test-');
  const file = path.join(dir, 'piece.js');
  fs.writeFileSync(file, SINE);
  const daemon = await startDaemon();
  const impostor = await startImpostor(daemon, (line) => {
    if (line.trim() === '') return line;
    const message = JSON.parse(line);
    if (message.method === 'closing') message.params = { ...message.params, final: true };
    return JSON.stringify(message);
  });
  const live = new LiveProcess({ file, socket: impostor.socket });
  try {
    await live.next('edited');
    await daemon.stop();
    const fatal = await live.next('fatal');
    assert.deepEqual([fatal.what, fatal.message], ['stopped', 'the daemon was stopped']);
    assert.equal(await live.ended, 1);
  } finally {
    live.child.kill('SIGKILL');
    impostor.stop();
  }
  fs.rmSync(dir, { recursive: true });
});
