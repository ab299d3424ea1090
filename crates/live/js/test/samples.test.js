import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Sounds } from '../sounds.js';
import { played, skip } from '../testing/played.js';
import { RATE, level } from '../testing/heard.js';
import { answer, writeWav } from '../testing/sounds.js';
import { assertSame, largestStep, staged } from '../testing/stage.js';

const HZ = 441;

/** `body(folder)` with a folder in which `ramp.wav`, `wide.wav` and `tone.wav` lie. */
function inFolder(body) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-sounds-'));
  try {
    writeWav(path.join(folder, 'ramp.wav'), Array.from({ length: 4800 }, (_, i) => i / 9600));
    writeWav(path.join(folder, 'wide.wav'), Array.from({ length: 960 }, (_, i) => (i % 2 === 0 ? 0.5 : -0.25)), { channels: 2 });
    writeWav(path.join(folder, 'tone.wav'), Array.from({ length: RATE }, (_, i) => 0.5 * Math.sin((2 * Math.PI * HZ * i) / RATE)));
    return body(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Voice `x` from its frame 0 on, as a render gives it; `folder` has the sounds. */
function rendered(folder, source, seconds, channel = 0) {
  let heard;
  staged((stage) => {
    const from = stage.save(source).engineFrame - 5000;
    stage.play(seconds * RATE);
    heard = stage.heard.get('x').filter((_, i) => i % 2 === channel).slice(from);
  }, { render: true, folder });
  return heard;
}

const AT = 's => s.n === 9600 ? 1 : 0';
const near = (got, want, within = 1e-6) => assert.ok(Math.abs(got - want) < within, `${got}, not ${want}`);

test('a sound plays from its beginning at its trigger, frame by frame', () =>
  inFolder((folder) => {
    const heard = rendered(folder, `play('x', sample('ramp.wav', { trigger: ${AT} }))`, 0.5);
    assert.ok(heard.slice(0, 9601).every((x) => x === 0));
    for (const n of [1, 100, 4799]) assert.equal(heard[9600 + n], Math.fround(n / 9600));
    assert.ok(heard.slice(9600 + 4800).every((x) => x === 0));
    const wide = `play('x', sample('wide.wav', { loop: true }))`;
    assert.deepEqual([0, 1].map((c) => rendered(folder, wide, 0.3, c).at(-1)), [0.5, -0.25]);
  }));

test('speed moves the place, in between frames by a curve through them', () =>
  inFolder((folder) => {
    const heard = (speed) => rendered(folder, `play('x', sample('ramp.wav', { trigger: ${AT}, speed: ${speed} }))`, 0.5);
    near(heard('0.5')[9600 + 1001], 500.5 / 9600);
    near(heard('s => 2')[9600 + 1000], 2000 / 9600);
    assert.ok(heard('2').slice(9600 + 2400).every((x) => x === 0));
    const back = heard('-1');
    for (const n of [0, 1, 1000]) near(back[9600 + n], (4799 - n) / 9600);
    // Pitched up by a fifth it is still a sine.
    const fifth = rendered(folder, "play('x', sample('tone.wav', { speed: 1.5 }))", 0.6).slice(4800, 24000);
    near(level(fifth, HZ * 1.5), 0.5, 1e-3);
    const k = 2 * Math.cos((2 * Math.PI * HZ * 1.5) / RATE);
    for (let i = 2; i < fifth.length; i++) near(fifth[i], k * fifth[i - 1] - fifth[i - 2], 1e-4);
    for (const speed of ['s => NaN', 's => Infinity', '0', '1e9', '-1e9', 's => s.n % 2 ? -3 : 1e308']) {
      for (const loop of [true, false]) {
        const wild = rendered(folder, `play('x', sample('tone.wav', { loop: ${loop}, speed: ${speed}, start: 0.1, end: 0.2 }))`, 0.2);
        assert.ok(wild.every((x) => Math.abs(x) <= 0.6), `${speed}`);
      }
    }
  }));

test('a part of a sound, once or round and round', () =>
  inFolder((folder) => {
    const part = rendered(folder, `play('x', sample('ramp.wav', { trigger: ${AT}, start: 0.02, end: 0.06 }))`, 0.5);
    near(part[9600 + 500], (960 + 500) / 9600);
    assert.ok(part.slice(9600 + 1920).every((x) => x === 0));
    assert.ok(largestStep(part) < 0.01, 'what is cut begins and ends without a step');
    // Ten whole periods make an endless tone.
    const loop = rendered(folder, `play('x', sample('tone.wav', { loop: true, start: ${10 / HZ}, end: ${30 / HZ} }))`, 1);
    assert.ok(largestStep(loop) < 0.5 * 2 * Math.PI * (HZ / RATE) * 1.1);
    for (const bounds of ['start: 5', 'start: 0.5, end: 0.1', 'end: 0', 'end: 0.00001', 'start: s => NaN, end: s => NaN', 'start: -1, end: 99']) {
      for (const more of ['', ', loop: true', ', speed: -1']) {
        assert.ok(rendered(folder, `play('x', sample('tone.wav', { ${bounds}${more} }))`, 0.2).every((x) => Math.abs(x) <= 0.6), bounds + more);
      }
    }
  }));

test('a sound that is struck again fades out under its successor', () =>
  inFolder((folder) => {
    const often = rendered(folder, "play('x', sample('tone.wav', { trigger: s => s.n % 5000 === 0 ? 1 : 0 }))", 1);
    assert.ok(largestStep(often) < 0.5 * 2 * Math.PI * (HZ / RATE) * 2.2, `${largestStep(often)}`);
  }));

test('a player goes on over edits, refusals and successors, bit by bit', () =>
  inFolder((folder) => {
    const piece = (n) => `const t = trigger('x.x', 4);
      play('x', s => 0.5 * sample('tone.wav', { trigger: t, speed: 1.3, end: 0.3 })(s) + sample('wide.wav', { loop: true })(s)[1]); play('y', s => ${n} / 100)`;
    staged((control) => {
      control.save(piece(0));
      control.play(1.5 * RATE);
      staged((stage) => {
        stage.save(piece(0));
        for (let n = 1; n < 6; n++) {
          stage.play(RATE / 8);
          stage.save(piece(n));
          assert.throws(() => stage.save(piece('NaN')), /NaN/);
        }
        // What plays is what was decoded, whatever has become of the file.
        writeWav(path.join(folder, 'tone.wav'), [0, 0, 0]);
        stage.respawn('y');
        stage.play(RATE / 4);
        assertSame(stage, control, 'x');
      }, { folder });
    }, { folder });
  }));

test('an edit hears the file as it is now', () =>
  inFolder((folder) =>
    staged((stage) => {
      const piece = (n) => `play('x', sample('ramp.wav', { loop: true, speed: ${n} }))`;
      stage.save(piece(0));
      stage.play(9600);
      assert.equal(stage.left('x').at(-1), 0);
      writeWav(path.join(folder, 'ramp.wav'), [0.25, 0.25]);
      stage.save(piece(0));
      stage.play(9600);
      assert.equal(stage.left('x').at(-1), 0.25);
      assert.equal(stage.evaluator.sounds.length, 1);
    }, { folder }),
  ));

test('mistakes about sounds are told with their place', () =>
  inFolder((folder) => {
    const refused = (source, words) =>
      staged((stage) => assert.throws(() => stage.save(`\n${source}`), (error) => (assert.match(error.message, words), error.line === 2)), { folder });
    refused("play('x', sample())", /the path is a string like 'kick.wav', not undefined/);
    refused("play('x', sample(''))", /the path is a string.*not empty/);
    refused("play('x', sample('gone.wav'))", /sample\('gone.wav'\): .*gone.wav: there is no such file/);
    refused("play('x', sample('ramp.wav', 3))", /the options are \{ trigger, loop, speed, start, end \}, not 3/);
    refused("play('x', sample('ramp.wav', { lop: true }))", /the options are .*not lop/);
    refused("play('x', sample('ramp.wav', { loop: 1 }))", /loop is true or false, not 1/);
    refused("play('x', sample('ramp.wav', { speed: 'fast' }))", /speed is a number or a signal/);
    refused("play('x', input(1))", /input\(n\): live input is not there yet/);
    staged((stage) => {
      stage.save("play('x', s => s.n < 30000 ? 0.1 : sample('ramp.wav')(s))");
      stage.play(RATE);
      const [fault] = stage.said.filter(({ kind }) => kind === 'fault');
      assert.match(fault.message, /a sound that is first asked for while it plays comes too late/);
      assert.equal(fault.line, 1);
    }, { folder });
  }));

// The host's side: what was decoded is decoded once, and what plays is never let go of.
test('sounds are kept while there is room', async () => {
  const mebibyte = 1024 * 1024;
  const raw = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-raw-')), 'raw');
  fs.writeFileSync(raw, '');
  fs.truncateSync(raw, 200 * mebibyte);
  const asked = [];
  const sounds = new Sounds((event) => asked.push(event), RATE);
  const get = async (name, sizeMiB) => {
    const got = sounds.get([{ path: name, stamp: '1' }]);
    const event = asked.at(-1);
    if (event?.event === 'decode') sounds.decoded({ ...event, channels: 1, frames: (sizeMiB * mebibyte) / 4, raw });
    return got;
  };
  assert.equal((await get('a', 200)).sounds[0].buffer.byteLength, 200 * mebibyte);
  assert.deepEqual(asked.map(({ event }) => event), ['decode', 'fetched']);
  sounds.use([{ path: 'a', stamp: '1' }]);
  await get('b', 200);
  await get('a', 0);
  assert.equal(asked.length, 4, 'a is there');
  await get('c', 200);
  assert.deepEqual([...sounds.loaded.values()].map(({ path: name }) => name), ['a', 'c']);
  sounds.use(['a', 'c'].map((name) => ({ path: name, stamp: '1' })));
  const { errors } = await get('d', 200);
  assert.match(errors[0].message, /512 MiB at most/);
  // What answers another request, or says that it can't, is no sound.
  const refused = sounds.get([{ path: 'e', stamp: '1' }]);
  const { request } = asked.at(-1);
  sounds.decoded({ request, path: 'other', error: 'no' });
  sounds.decoded({ request: request + 1, path: 'e', error: 'no' });
  sounds.decoded({ request, path: 'e', error: 'e: broken' });
  assert.deepEqual((await refused).errors, [{ path: 'e', message: 'e: broken' }]);
  fs.rmSync(path.dirname(raw), { recursive: true });
});

/** The engine mutes what is direct current. */
const hum = (frames, loud) => Array.from({ length: frames }, (_, i) => (i % 2 === 0 ? loud : -loud));

test('a file that is no sound is refused with the place that asks for it, and tried again when it is one', { skip, timeout: 60000 }, async () => {
  const sound = await played("play('x', s => 0)", async (live, save, { dir }) => {
    await live.next('edited');
    fs.writeFileSync(path.join(dir, 'late.wav'), 'no sound at all, but long enough to have a header of forty-four bytes');
    save("\nconst late = sample('late.wav', { loop: true });\nplay('x', late);");
    const refusal = await live.next('refused');
    // Runtimes differ in what of a call they point at.
    assert.ok(refusal.line === 2 && [14, 20].includes(refusal.column), `${refusal.line}:${refusal.column}`);
    assert.match(refusal.message, /^sample\('late.wav'\): /);
    writeWav(path.join(dir, 'late.wav'), hum(4800, 0.25));
    const edited = await live.next('edited');
    assert.deepEqual(edited.sounds.map((each) => path.basename(each.path)), ['late.wav']);
    assert.equal(edited.bar_s, 2);
    await live.filled(100);
    writeWav(path.join(dir, 'late.wav'), hum(4801, 0.5));
    await live.next('edited');
    await live.filled(100);
    assert.equal(answer({ request: 1, path: path.join(dir, 'none.wav') }).error !== undefined, true);
  });
  assert.ok(sound.includes(0.25) && sound.includes(0.5));
});

// Long enough for a watchdog to lose patience and a successor to begin, on a machine that is busy otherwise.
test('who hangs does not take the sounds of others along', { skip, timeout: 60000 }, async () => {
  const sound = await played("play('x', s => 0)", async (live, save, { dir }) => {
    await live.next('edited');
    writeWav(path.join(dir, 'one.wav'), hum(4800, 0.25));
    save("play('x', sample('one.wav', { loop: true }));\nlet first;\nplay('y', s => { first ??= s.n; while (s.n > first + 30000); return 0; });");
    await live.next('edited');
    assert.equal((await live.next('fault')).voice, 'y');
    // The successor's sound is heard from the next change on.
    save("play('x', sample('one.wav', { loop: true }));");
    await live.next('edited');
    for (let n = 0; n < 3; n++) await live.filled(4900);
  }, { lead: 5000 });
  const [begin, end] = [sound.indexOf(0.25), sound.findLastIndex((x) => x !== 0)];
  const odd = sound.slice(begin, end - 4800).findIndex((x) => Math.abs(x) !== 0.25);
  assert.ok(begin > 0 && end - begin > 9600 && odd < 0, `${begin} to ${end}: ${odd}`);
});
