// The sound files of a piece as the host has them: the parent process decodes, what it has decoded is kept in shared memory.

import fs from 'node:fs';

/** The longest sound, and all that are kept. */
const MOST_S = 600;
const MOST_BYTES = 512 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

export class Sounds {
  #tell;
  #rateHz;
  #requests = 0;
  #waiting = new Map();
  /** Decoded sounds by path and stamp, in order of use. An evaluator begins with them. */
  loaded = new Map();
  /** Keys of what plays. */
  #inUse = new Set();

  /** `tell(event)` reaches the parent; sounds are at `rateHz`. */
  constructor(tell, rateHz) {
    this.#tell = tell;
    this.#rateHz = rateHz;
  }

  /** Resolves with `{ sounds, errors }` for `wanted`, a list of `{ path, stamp }`; errors are `{ path, message }`. */
  async get(wanted) {
    const [sounds, errors] = [[], []];
    const all = await Promise.allSettled(wanted.map((each) => this.#one(each)));
    for (const [i, result] of all.entries()) {
      if (result.status === 'fulfilled') sounds.push(result.value);
      else errors.push({ path: wanted[i].path, message: result.reason.message });
    }
    return { sounds, errors };
  }

  /** What plays, as `{ path, stamp }`: it stays. */
  use(sounds) {
    this.#inUse = new Set(sounds.map(keyOf));
  }

  /** The parent has answered. */
  decoded({ request, path, channels, frames, raw, error }) {
    const waiting = this.#waiting.get(request);
    // It may answer what a host before this one has asked.
    if (waiting?.path !== path) return;
    this.#waiting.delete(request);
    try {
      if (error !== undefined) throw new Error(error);
      waiting.resolve({ channels, frames, buffer: this.#read(raw, frames * channels * 4) });
    } catch (problem) {
      waiting.reject(problem);
    } finally {
      if (error === undefined) this.#tell({ event: 'fetched', request });
    }
  }

  async #one({ path, stamp }) {
    const key = keyOf({ path, stamp });
    let sound = this.loaded.get(key);
    if (sound === undefined) {
      sound = { path, stamp, ...(await this.#decode(path)) };
    }
    // Last in order: it was used last.
    this.loaded.delete(key);
    this.loaded.set(key, sound);
    return sound;
  }

  #decode(path) {
    const request = (this.#requests += 1);
    const answered = new Promise((resolve, reject) => this.#waiting.set(request, { path, resolve, reject }));
    this.#tell({ event: 'decode', request, path, rate_hz: this.#rateHz, most_s: MOST_S });
    return answered;
  }

  #read(raw, bytes) {
    this.#makeRoom(bytes);
    const buffer = new SharedArrayBuffer(bytes);
    const target = new Uint8Array(buffer);
    const piece = new Uint8Array(Math.min(bytes, READ_BYTES));
    const fd = fs.openSync(raw, 'r');
    try {
      for (let at = 0; at < bytes; ) {
        const got = fs.readSync(fd, piece, 0, Math.min(piece.length, bytes - at), at);
        if (got === 0) throw new Error(`what was decoded ends at byte ${at} of ${bytes}`);
        target.set(piece.subarray(0, got), at);
        at += got;
      }
    } finally {
      fs.closeSync(fd);
    }
    return buffer;
  }

  /** Lets go of what was used longest ago and does not play. */
  #makeRoom(bytes) {
    let sum = bytes;
    for (const { buffer } of this.loaded.values()) sum += buffer.byteLength;
    for (const [key, { buffer }] of this.loaded) {
      if (sum <= MOST_BYTES) return;
      if (this.#inUse.has(key)) continue;
      sum -= buffer.byteLength;
      this.loaded.delete(key);
    }
    if (sum > MOST_BYTES) throw new Error(`all sounds of a piece together have ${MOST_BYTES / 1048576} MiB at most, decoded`);
  }
}

function keyOf({ path, stamp }) {
  return `${stamp} ${path}`;
}
