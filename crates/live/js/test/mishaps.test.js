// The live host as a process, while user code does its worst: what plays plays on, and the next save is heard.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startDaemon, startImpostor } from '../../../../sdk/js/testing/daemon.js';
import { SINE, played, residual, skip, sleep } from '../testing/played.js';
import { LiveProcess } from '../testing/process.js';

const options = { skip, timeout: 60000 };
/** Long enough for a watchdog to lose patience (2 s at most) and a successor to begin, on a machine that is busy otherwise. */
const lead = 5000;
const FULL = 4900;

/** A voice that hangs in its cover and not before: the shadow run is at the head, the cover lies before it. */
const TRAP = `let last = 0;
play('trap', s => {
  while (s.n < last - 5000);
  last = s.n;
  return 0;
});
`;

// A hang in the cover is the fault of the voice that hangs, and ends with it: the old version plays on, with all that the
// edit would have stopped, and the save that mends it is heard.
test('a hang in the cover is refused by name', options, async () => {
  const sound = await played(`${SINE}play('other', s => 0);`, async (live, save) => {
    await live.next('edited');
    await live.filled(FULL);
    save(`// it stops everything else\n${TRAP}`);
    const refused = await live.next('refused');
    assert.deepEqual([refused.what, refused.voice, refused.line, refused.revision], ['hang', 'trap', 3, 2]);
    await live.filled(FULL);
    assert.ok(!live.events.some(({ event, what }) => event === 'fault' && what === 'hang'), 'nobody else is blamed');
    save(`${SINE}${TRAP.replace('while (s.n < last - 5000);', '')}`);
    assert.deepEqual((await live.next('edited')).joined, ['trap']);
    await sleep(600);
  }, { lead });
  assert.ok(residual(sound) < 1e-6);
});

// So it is with the very first save: nothing plays yet, and the save that mends it begins the piece.
test('a hang in the first cover is refused by name', options, async () => {
  const hangs = `let zeros = 0;\nplay('trap', s => { if (s.n === 0 && ++zeros === 3) for (;;); return 0; });\n`;
  const sound = await played(hangs, async (live, save) => {
    const refused = await live.next('refused');
    assert.deepEqual([refused.what, refused.voice, refused.line], ['hang', 'trap', 2]);
    save(SINE);
    assert.deepEqual((await live.next('edited')).joined, ['sine']);
    await sleep(600);
  }, { lead });
  assert.ok(residual(sound) < 1e-6);
});

// Of two saves in a row the one that hangs is refused, and the other one is heard without being tried twice.
test('a save behind one that hangs is heard', options, async () => {
  const sound = await played(SINE, async (live, save) => {
    await live.next('edited');
    await live.filled(FULL);
    live.send({ op: 'send', code: `play('trap', s => { for (;;); });`, name: 'sent' });
    live.send({ op: 'send', code: `play('fine', s => 0);`, name: 'sent' });
    const refused = await live.next('refused');
    assert.deepEqual([refused.what, refused.voice, refused.revision], ['hang', 'trap', 2]);
    assert.deepEqual((await live.next('edited')).voices, ['sine', 'fine']);
    await sleep(600);
  }, { lead });
  assert.ok(residual(sound) < 1e-6);
});

// What is thrown when nobody called is told with its line, and nothing ends.
test('late errors are told and nothing ends', options, async () => {
  const late = [
    `async function load() { await fetch('x'); }\nload();`,
    `\nPromise.reject(new Error('nobody awaits'));`,
    `\nqueueMicrotask(() => { throw new Error('a microtask'); });`,
    `\nPromise.resolve().then(() => { throw new Error('a promise'); });`,
  ];
  const sound = await played(SINE, async (live, save) => {
    await live.next('edited');
    for (const [n, code] of late.entries()) {
      save(`${SINE}// ${n}\n${code}\n`);
      await live.next('edited');
      const fault = await live.next('fault');
      assert.deepEqual([fault.what, fault.line >= 6 && fault.line <= 7], ['throw', true], JSON.stringify(fault));
    }
    save(`${SINE}import('./nothing-of-this-name.js');`);
    const imports = await live.next('refused');
    assert.deepEqual([imports.what, imports.line, imports.column], ['syntax', 5, 1]);
    assert.match(imports.message, /import at the top/);
    save(`${SINE}play('x', async s => { throw new Error('in a voice'); });`);
    const refused = await live.next('refused');
    assert.equal(refused.what, 'return', refused.message);
    save(`${SINE}// fine`);
    await live.next('edited');
    await sleep(600);
    assert.ok(!live.events.some(({ event }) => event === 'fatal'));
  }, { lead });
  assert.ok(residual(sound) < 1e-6);
});

// What sound is made with can't be changed by code, refused or not: that is told at its line, and the next save is heard.
test('what JavaScript gives can not be changed', options, async () => {
  const changes = [
    'Math.sin = () => 0; throw 1', 'Math.twice = 1', 'Math.random = () => 0', 'Math = {}', 'delete Math.PI', 'JSON.stringify = 1', 'Float32Array = Array',
    'Array.prototype.map = 1', 'Float64Array.prototype.set = 1', 'Map.prototype.get = () => 1', 'Object.assign = 1', 'performance.now = () => 0',
    'Function.prototype.call = 1', 'Array.prototype[Symbol.iterator] = 1', "Object.defineProperty(Number, 'isFinite', { value: 1 })",
    'Object.getPrototypeOf([].values()).next = 1', 'globalThis.setTimeout = 1',
  ];
  const sound = await played(SINE, async (live, save) => {
    await live.next('edited');
    await live.filled(FULL);
    for (const change of changes) {
      live.send({ op: 'send', code: `\n${change};`, name: 'sent' });
      const { what, line, message } = await live.next('refused');
      assert.deepEqual([what, line, message.startsWith('TypeError: ')], ['throw', 2, true], `${change}: ${message}`);
    }
    save(`${SINE}const own = { toString: undefined }; own.toString = () => 'own'; own.constructor = 5;
class Words extends Error { constructor() { super('some'); this.name = 'Words'; } }
class Notes extends Array { sum() { return this.reduce((a, b) => a + b, 0); } }
const length = new Words().name.length * Notes.of(1, 2).sum() * String(own).length;
play('own', s => 0 * Math.random() * length);`);
    assert.deepEqual((await live.next('edited')).joined, ['own'], 'what inherits from it can');
    await sleep(600);
  }, { lead });
  assert.ok(residual(sound) < 1e-6);
});

// A promise or a microtask that never ends is noticed when nobody's code runs by name: the save is refused, or was already
// where a voice began it, and what played plays on to the save that mends it.
test('an endless promise is refused', options, async () => {
  const endless = [
    `Promise.resolve().then(() => { for (;;); });`,
    `async function load() { await null; for (;;); }\nload();`,
  ];
  const sound = await played(SINE, async (live, save) => {
    await live.next('edited');
    for (const code of endless) {
      await live.filled(FULL);
      save(`${SINE}${code}`);
      const refused = await live.next('refused');
      assert.deepEqual([refused.what, refused.voice], ['hang', undefined], refused.message);
    }
    for (const name of ['a', 'b', 'c']) {
      await live.filled(FULL);
      save(`${SINE}play('${name}', async s => { await null; for (;;); });`);
      assert.equal((await live.next('refused')).what, 'return');
      assert.equal((await live.next('fault')).what, 'hang');
    }
    save(`${SINE}play('fine', s => 0);`);
    assert.deepEqual((await live.next('edited')).voices, ['sine', 'fine']);
    await sleep(600);
  }, { lead });
  assert.ok(residual(sound) < 1e-6);
});

// Code that ends its own thread is left out by name, as if it had hung.
test('code that ends its thread is left out', options, async () => {
  const sound = await played(SINE, async (live, save) => {
    await live.next('edited');
    await live.filled(FULL);
    save(`${SINE}process.exit(3);`);
    const refused = await live.next('refused');
    assert.deepEqual([refused.what, refused.revision], ['end', 2]);
    save(`${SINE}play('x', s => { if (s.state[0]++ > 250000) process.exit(); return 0; });`);
    await live.next('edited');
    const fault = await live.next('fault');
    assert.deepEqual([fault.what, fault.voice], ['end', 'x']);
    save(`${SINE}queueMicrotask(() => process.exit());play('y', s => 0);`);
    assert.equal((await live.next('refused')).what, 'end');
    save(`${SINE}play('z', s => 0);`);
    assert.deepEqual((await live.next('edited')).voices, ['sine', 'z']);
    await sleep(600);
  }, { lead });
  assert.ok(residual(sound) < 1e-6);
});

// A voice that threw earlier does not keep the session from surviving a hang.
test('a hang after a voice has thrown', options, async () => {
  const piece = `${SINE}play('thrown', s => { if (s.t > 0.3) throw new Error('once'); return 0; });
play('hangs', s => { if (s.n > 280000) for (;;); return 0; });`;
  const sound = await played(piece, async (live, save) => {
    await live.next('edited');
    assert.equal((await live.next('fault')).voice, 'thrown');
    const fault = await live.next('fault');
    assert.deepEqual([fault.what, fault.voice], ['hang', 'hangs']);
    await live.filled(FULL);
    // What the successor rendered is heard, too.
    await sleep(lead + 500);
    assert.ok(!live.events.some(({ event }) => event === 'fatal'));
  }, { lead });
  assert.ok(residual(sound) < 1e-6);
});

// The engine's guard silences a voice for good; code that mends it is heard.
test('a voice that the guard silenced is heard again when it is mended', options, async () => {
  const sound = await played(`play('sine', s => 0.5);`, async (live, save) => {
    await live.next('edited');
    const muted = await live.next('muted');
    assert.deepEqual([muted.name, muted.reason], ['sine', 'direct_current']);
    save(SINE);
    await live.next('edited');
    await live.next('unmuted');
    await sleep(600);
  });
  assert.ok(Math.max(...sound.slice(-24000)) > 0.19, 'it is heard');
});

// So it is when the daemon's word of it comes after the save that mends it, from an engine that has counted past 2^32.
test('a voice that was silenced before it was mended is heard again', options, async () => {
  let seen;
  const held = new Promise((resolve) => (seen = resolve));
  let muted;
  let mended = false;
  const late = (line) => {
    if (line.trim() === '') return line;
    const message = JSON.parse(line);
    if (message.method === 'muted') {
      message.params.frame += 2 ** 32;
      muted = JSON.stringify(message);
      seen();
      return '';
    }
    if (!mended || muted === undefined) return line;
    const behind = `${line}\n${muted}`;
    muted = undefined;
    return behind;
  };
  const dir = fs.mkdtempSync('/tmp/forebay-live-test-');
  const file = path.join(dir, 'piece.js');
  fs.writeFileSync(file, `play('sine', s => 0.5);play('other', s => 0);`);
  const daemon = await startDaemon();
  const impostor = await startImpostor(daemon, late);
  const live = new LiveProcess({ file, socket: impostor.socket });
  try {
    await live.next('edited');
    await held;
    fs.writeFileSync(file, SINE);
    await live.next('edited');
    // The next that the daemon says answers the end of the other voice's ring.
    mended = true;
    assert.equal((await live.next('muted')).name, 'sine');
    assert.equal((await live.next('unmuted')).name, 'sine');
    await live.stop();
  } finally {
    live.child.kill('SIGKILL');
    impostor.stop();
    await daemon.stop();
  }
  fs.rmSync(dir, { recursive: true });
});

// A stop that comes while an edit waits for its rings is the end: nothing begins any more.
test('nothing begins after a stop', options, async () => {
  await played(SINE, async (live) => {
    await live.next('edited');
    live.send({ op: 'send', code: `play('late', s => 0.3);` });
    assert.equal(await live.stop(), 0);
    assert.ok(!live.events.some(({ event, joined }) => event === 'edited' && joined.includes('late')));
  });
});
