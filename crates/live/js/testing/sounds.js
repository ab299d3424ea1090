// Sound files for tests, and what stands in for the parent process, which decodes them.

import fs from 'node:fs';
import path from 'node:path';
import { readWav } from '../../../../sdk/js/testing/daemon.js';

/** Writes interleaved samples as a WAV of 32-bit floats. */
export function writeWav(file, samples, { channels = 1, rateHz = 48000 } = {}) {
  const bytes = Buffer.alloc(44 + 4 * samples.length);
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(3, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(rateHz, 24);
  bytes.writeUInt32LE(4 * channels * rateHz, 28);
  bytes.writeUInt16LE(4 * channels, 32);
  bytes.writeUInt16LE(32, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(4 * samples.length, 40);
  for (const [i, sample] of samples.entries()) bytes.writeFloatLE(sample, 44 + 4 * i);
  fs.writeFileSync(file, bytes);
}

/** What an evaluator gets for `{ path, stamp }`. */
export function decoded({ path: file, stamp }) {
  const { channels, samples } = readWav(file);
  const buffer = new SharedArrayBuffer(4 * samples.length);
  new Float32Array(buffer).set(samples);
  return { path: file, stamp, channels, frames: samples.length / channels, buffer };
}

/** The answer to an event `decode`, as the parent process gives it, with the raw samples in a file beside the sound. */
export function answer({ request, path: file }) {
  const reply = { op: 'decoded', request, path: file };
  try {
    const { channels, samples } = readWav(file);
    const raw = path.join(path.dirname(file), `.raw-${request}`);
    fs.writeFileSync(raw, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    return { ...reply, channels, frames: samples.length / channels, raw };
  } catch (error) {
    return { ...reply, error: error.message };
  }
}
