// The live host against the real daemon: what the file backend plays is given back, sample by sample.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { binary, readWav, startDaemon } from '../../../../sdk/js/testing/daemon.js';
import { LiveProcess } from './process.js';

/** For tests that need the daemon. */
export const skip = binary() ? false : 'no forebay binary here: build it, or set FOREBAY_BIN';
const HZ = 220;

/** The reference: one sine whose phase is in its state. */
export const SINE = `play('sine', s => {
  s.state[0] = (s.state[0] + ${HZ} / s.sr) % 1;
  return 0.2 * Math.sin(2 * Math.PI * s.state[0]);
});
`;

/** Runs `body(live, save)` on a piece, then returns the left channel of what was played; `onEach` sees all channels. */
export async function played(source, body, { onEach, ...options } = {}) {
  const dir = fs.mkdtempSync('/tmp/forebay-live-test-');
  const wav = path.join(dir, 'played.wav');
  const file = path.join(dir, 'piece.js');
  const daemon = await startDaemon(['--backend', 'file', '--device', wav, '--period', '1024']);
  fs.writeFileSync(file, source);
  const live = new LiveProcess({ file, socket: daemon.socket, ...options });
  try {
    await body(live, (text) => fs.writeFileSync(file, text), { file, dir, daemon });
    if (live.code === undefined) live.stop();
    assert.equal(await live.ended, 0);
  } finally {
    live.child.kill('SIGKILL');
    await live.ended;
    await daemon.stop();
  }
  const { channels, samples } = readWav(wav);
  fs.rmSync(dir, { recursive: true });
  onEach?.(samples);
  return samples.filter((_, i) => i % channels === 0);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Largest deviation from one unbroken sine between the fades at both ends. */
export function residual(sound) {
  const from = sound.findIndex((sample) => sample !== 0) + 4800;
  const to = sound.findLastIndex((sample) => sample !== 0) - 4800;
  const k = 2 * Math.cos((2 * Math.PI * HZ) / 48000);
  assert.ok(to - from > 9600, `there is sound: ${from} to ${to} of ${sound.length}`);
  let most = 0;
  for (let i = from + 2; i < to; i++) most = Math.max(most, Math.abs(sound[i] - k * sound[i - 1] + sound[i - 2]));
  return most;
}
