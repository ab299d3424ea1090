// The SDK against the real daemon: what is written is what the file backend plays, bit for bit.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { ForebayError, connect } from '../index.js';
import { binary, readWav, startDaemon, startImpostor } from '../testing/daemon.js';

const skip = binary() ? false : 'no forebay binary here: build it, or set FOREBAY_BIN';

/** A lead that outlasts the stalls of a machine on which other tests run. */
const DEEP_LEAD_MS = 800;

/** Runs `body` with a daemon that writes what it plays into a WAV, and returns that file's left channel. */
async function played(body, { leadMs = 200 } = {}) {
  const wav = path.join(os.tmpdir(), `forebay-played-${process.pid}.wav`);
  const daemon = await startDaemon(['--backend', 'file', '--device', wav, '--period', '1024']);
  try {
    const session = await connect({ socket: daemon.socket, name: 'test', leadMs });
    await body(session, daemon);
    await session.close('fade');
    await daemon.stop();
    const { channels, samples } = readWav(wav);
    return samples.filter((_, i) => i % channels === 0);
  } finally {
    fs.rmSync(wav, { force: true });
  }
}

/** A tone with no zeros in it, exact in f32: which frame a sample is can be told from its value. */
const tone = (n) => Math.fround(0.25 * Math.sin(0.05 * n) + 0.3);
const frames = (from, count, of) => Float32Array.from({ length: count }, (_, i) => of(from + i));

/** Where `wanted` begins in `samples`; -1 if nowhere. */
function find(samples, wanted) {
  for (let at = 0; at + wanted.length <= samples.length; at++) {
    let i = 0;
    while (i < wanted.length && samples[at + i] === wanted[i]) i++;
    if (i === wanted.length) return at;
  }
  return -1;
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

// Writes that wait lose nothing: two seconds of sound through a lead of 800 ms arrive whole and in order, and drain.
// `hold` and a first write at the full lead: however late a busy machine lets the voice begin, its first frame is heard.
test('what is written is what is played', { skip, timeout: 60000 }, async () => {
  const total = 96000;
  const sound = await played(async (session) => {
    const voice = await session.openVoice({ name: 'tone', channels: 2, policy: 'hold' });
    for (let at = 0, count; at < total; at += count) {
      count = Math.min(at === 0 ? voice.targetLeadFrames : 1000, total - at);
      const mono = frames(at, count, tone);
      await voice.write(Float32Array.from({ length: 2 * count }, (_, i) => mono[i >> 1]));
    }
    assert.ok(voice.leadFrames <= voice.targetLeadFrames);
    await voice.close('drain');
    await until(() => session.engineFrame > 0 && (session.refresh(), true));
    const end = session.engineFrame + (DEEP_LEAD_MS / 1000 + 0.2) * session.rateHz;
    await until(() => (session.refreshClock(), session.engineFrame > end));
  }, { leadMs: DEEP_LEAD_MS });
  const from = find(sound, frames(400, 100, tone)) - 400;
  assert.ok(from > -400, 'the sound is there');
  const heard = sound.slice(from + 400, from + total);
  assert.deepEqual(heard, frames(400, total - 400, tone));
});

// A splice of one voice and of a group: the new future is heard from the chosen frame on, on all voices alike.
test('a splice changes voices on one frame', { skip, timeout: 60000 }, async () => {
  const events = [];
  await played(async (session) => {
    session.on('notification', (method) => events.push(method));
    const voices = [];
    for (const name of ['a', 'b']) voices.push(await session.openVoice({ name, channels: 1 }));
    await Promise.all(voices.map((voice) => voice.write(frames(0, voice.targetLeadFrames, () => 0.1))));
    const before = voices.map((voice) => voice.nextFrame);
    const asked = [];
    const change = session.splice(voices, (voice, at, count) => {
      asked.push(at);
      return frames(at, count, () => 0.2);
    });
    assert.equal(change.coverFrames, 2880);
    assert.deepEqual(asked, [change.engineFrame, change.engineFrame], 'skip voices live on engine time');
    voices.forEach((voice, i) => {
      assert.equal(voice.nextFrame, change.engineFrame + change.coverFrames);
      assert.ok(voice.nextFrame < before[i], 'the future was shortened');
    });
    await Promise.all(voices.map((voice) => voice.write(frames(0, 4000, () => 0.2))));
    await until(() => voices.every((voice) => voice.stats().supersededFrames > 0));
    for (const voice of voices) voice.flush();
    await until(() => voices.every((voice) => voice.stats().state === 'idle'));
    assert.ok(!events.includes('muted'));
    await voices[0].write(frames(0, 4800, () => 0.1));
    await until(() => voices[0].stats().state === 'playing');
  }, { leadMs: DEEP_LEAD_MS });
});

// Params and timed events reach the voice; what is timed happens at its frame and ramps.
test('gain by params and by events', { skip, timeout: 60000 }, async () => {
  const sound = await played(async (session) => {
    const voice = await session.openVoice({ name: 'level', channels: 1, pan: 0 });
    const hiss = (n) => (n & 1 ? 0.2 : -0.2);
    await voice.write(frames(0, 4800, hiss));
    voice.schedule({ at: session.engineFrame + 2400, gainDb: -6.0206, rampMs: 1 });
    await voice.write(frames(4800, 9600, hiss));
    voice.set({ mute: true });
    await voice.write(frames(14400, 9600, hiss));
  });
  const levels = new Set(Array.from(sound, (sample) => Math.abs(sample).toFixed(2)));
  assert.ok(levels.size > 2, [...levels].join(' '));
  const peak = sound.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const half = sound.filter((sample) => Math.abs(Math.abs(sample) - peak / 2) < 0.001 * peak).length;
  assert.ok(half > 1000, `${half} frames at half the level`);
});

// A voice that is not fed runs dry: the program sees it as an event with frames and cause, and the voice comes back.
test('an underrun is an event', { skip, timeout: 60000 }, async () => {
  await played(async (session) => {
    const voice = await session.openVoice({ name: 'late', channels: 1, policy: 'hold' });
    const underrun = new Promise((resolve) => voice.once('underrun', resolve));
    const resumed = new Promise((resolve) => voice.once('resumed', resolve));
    await voice.write(frames(0, 2400, tone));
    const told = await underrun;
    assert.deepEqual([told.name, told.slot, told.cause], ['late', voice.slot, 'producer_late']);
    await voice.write(frames(2400, 9600, tone));
    await resumed;
    assert.ok(voice.stats().underruns >= 1);
  });
});

// Refusals come back as errors with a code and the daemon's own words.
test('refusals', { skip, timeout: 60000 }, async () => {
  await played(async (session, daemon) => {
    await session.openVoice({ name: 'one' });
    await assert.rejects(session.openVoice({ name: 'one' }), (error) => error instanceof ForebayError && error.code === 'refused');
    await assert.rejects(session.openVoice({ name: 'wide', channels: 99 }), /channels/);
    const voice = await session.openVoice({ name: 'odd', channels: 2 });
    await assert.rejects(voice.write(new Float32Array(3)), /frames of 2 channels/);
    await assert.rejects(voice.write('loud'), /Float32Array/);
    await assert.rejects(connect({ socket: path.join(daemon.dir, 'nobody'), start: false }), /forebay run/);
  });
});

// Whoever sits behind the socket can't make a producer write into its own files, nor into those of other processes; a
// voice whose ring is refused is closed again.
test('only the daemon\'s own memory is taken', { skip, timeout: 60000 }, async () => {
  const daemon = await startDaemon();
  const file = path.join(daemon.dir, 'mine');
  fs.writeFileSync(file, Buffer.alloc(1 << 20, 7));
  const mine = fs.openSync(file, 'r+');
  let change = (line) => line;
  const impostor = await startImpostor(daemon, (line) => change(line));
  try {
    for (const path of [file, `/proc/self/fd/${mine}`, `/proc/${process.pid}/fd/${mine}`, `/proc/1/../..${file}`]) {
      const elsewhere = (line) => line.replace(/\/proc\/\d+\/fd\/\d+/, path);
      change = elsewhere;
      await assert.rejects(connect({ socket: impostor.socket, start: false }), { code: 'handoff' });
      change = (line) => line;
      const session = await connect({ socket: impostor.socket, start: false });
      change = elsewhere;
      await assert.rejects(session.openVoice({ name: 'one' }), { code: 'handoff' });
      change = (line) => line;
      await session.openVoice({ name: 'one' });
      await session.close('fade');
    }
    assert.ok(fs.readFileSync(file).every((byte) => byte === 7));
  } finally {
    fs.closeSync(mine);
    impostor.stop();
    await daemon.stop();
  }
});

// A producer that inherits a socket plays through it, though it could find no daemon by itself; one that inherits a number
// which names something else looks for the daemon.
const inherits = skip || (process.versions.bun ? 'Bun adopts no descriptor' : false);
test('an inherited socket', { skip: inherits, timeout: 60000 }, async () => {
  const daemon = await startDaemon();
  const index = new URL('../index.js', import.meta.url);
  const source = `import { connect } from '${index}';
    const session = await connect({ start: false }).catch((error) => ({ refused: error.code }));
    await session.openVoice?.({ name: 'one' });
    console.log(session.refused ?? session.hello.pid, process.env.FOREBAY_SESSION_FD);
    await session.close?.();`;
  const said = async (left) => {
    const env = { ...process.env, XDG_RUNTIME_DIR: '/nowhere', FOREBAY_SESSION_FD: '3' };
    delete env.FOREBAY_SOCKET;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { env, stdio: ['ignore', 'pipe', 'inherit', left] });
    let text = '';
    child.stdout.on('data', (part) => (text += part));
    await new Promise((resolve) => child.once('close', resolve));
    return text.trim();
  };
  try {
    const socket = net.createConnection(daemon.socket).pause();
    await new Promise((resolve) => socket.once('connect', resolve));
    assert.equal(await said(socket), `${daemon.pid} undefined`);
    socket.destroy();
    const file = fs.openSync(path.join(daemon.dir, 'no socket'), 'w');
    assert.equal(await said(file), 'no-daemon undefined');
    fs.closeSync(file);
  } finally {
    await daemon.stop();
  }
});
