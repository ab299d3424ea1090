// Turning what callers hand over into interleaved f32 bytes.

import { ForebayError } from './errors.js';

/** A reusable staging area: grows to the largest chunk seen, then allocates no more. */
export class Staging {
  #floats = new Float32Array(0);
  #bytes = new Uint8Array(0);

  /** Interleaved frames as bytes. `frames` is a Float32Array, Float64Array or array whose length is a multiple of
   *  `channels`. A Float32Array is used as it is; others are rounded to f32. Returns `{ bytes, from, frames }`. */
  bytesOf(samples, channels) {
    if (!Array.isArray(samples) && !(samples instanceof Float32Array) && !(samples instanceof Float64Array)) {
      throw new ForebayError('samples', 'samples are a Float32Array, a Float64Array or an array of numbers');
    }
    if (samples.length % channels !== 0) {
      throw new ForebayError('samples', `${samples.length} samples are no whole number of frames of ${channels} channels`);
    }
    const frames = samples.length / channels;
    if (samples instanceof Float32Array) {
      return { bytes: new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), from: 0, frames };
    }
    if (this.#floats.length < samples.length) {
      this.#floats = new Float32Array(samples.length);
      this.#bytes = new Uint8Array(this.#floats.buffer);
    }
    this.#floats.set(samples);
    return { bytes: this.#bytes, from: 0, frames };
  }
}

/** Decibels to linear amplitude; -Infinity is silence. */
export function amplitude(db) {
  return db === -Infinity ? 0 : 10 ** (db / 20);
}
