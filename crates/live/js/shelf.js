// The sound files of a piece, decoded, as its evaluator has them. What a trial asks for and is not here yet it does without:
// it is tried again when that has come.

import fs from 'node:fs';
import path from 'node:path';
import { locate } from './places.js';
import { UsageError } from './library/toolbox.js';

const NOTHING = Object.freeze({ frames: new Float32Array(0), channels: 1, length: 0 });

export class Shelf {
  #folder;
  /** By path and stamp: what was decoded. */
  #sounds = new Map();
  /** By path: which of them came last. */
  #latest = new Map();
  /** Of the trial that runs: the stamps that it has by path, those that it is bound to, and what it lacks. */
  #trial;

  /** Paths are those of files in `folder`; `sounds` what the host has already. */
  constructor(folder = '/', sounds = []) {
    this.#folder = folder;
    for (const sound of sounds) this.add(sound);
  }

  /** A sound is there: `{ path, stamp, channels, frames, buffer }`. */
  add({ path: file, stamp, channels, frames, buffer }) {
    this.#sounds.set(keyOf(file, stamp), { frames: new Float32Array(buffer), channels, length: frames });
    this.#latest.set(file, stamp);
  }

  /** From here on a trial runs. It hears the files as they are, but those in `bound` with the stamp given there. Returns a
   *  map that fills with the stamps of what it asks for, by path. */
  begin(bound) {
    const has = new Map();
    this.#trial = { bound, has, lacks: new Map() };
    return has;
  }

  /** The trial is over. */
  end() {
    this.#trial = undefined;
  }

  /** What the trial lacks, as an error; undefined where that is nothing. */
  missing(sources) {
    const { bound, lacks } = this.#trial;
    return lacks.size > 0 ? new SoundsWanted(lacks, bound, sources) : undefined;
  }

  /** The sound of the file `name`, for the helper that `call` says. */
  find(name, call) {
    const file = path.resolve(this.#folder, name);
    const found = this.#trial ? this.#forTrial(file, call) : this.#sounds.get(keyOf(file, this.#latest.get(file)));
    if (found) return found;
    throw new UsageError(`${call}: a sound that is first asked for while it plays comes too late: name it at the top level`);
  }

  #forTrial(file, call) {
    const { bound, has, lacks } = this.#trial;
    const known = has.get(file) ?? bound.get(file);
    // Also what can't be read belongs to the piece: it is watched until it can.
    has.set(file, known);
    const stamp = known ?? stampOf(file, call);
    has.set(file, stamp);
    const found = this.#sounds.get(keyOf(file, stamp));
    if (!found && !lacks.has(file)) lacks.set(file, { path: file, stamp, site: new UsageError(call) });
    return found ?? NOTHING;
  }

  /** Lets go of everything but these: stamps by path, one map per source that plays. */
  keep(used) {
    const keys = new Set(used.flatMap((stamps) => [...stamps].map(([file, stamp]) => keyOf(file, stamp))));
    for (const key of this.#sounds.keys()) if (!keys.has(key)) this.#sounds.delete(key);
  }
}

/** A trial needs sounds that are not here: `wanted` are `{ path, stamp }`. */
export class SoundsWanted extends Error {
  #lacks;
  #sources;

  constructor(lacks, bound, sources) {
    super('sounds are wanted');
    this.#lacks = lacks;
    this.#sources = sources;
    this.wanted = [...lacks.values()].map(({ path: file, stamp }) => ({ path: file, stamp }));
    /** What the next trial of the same code is bound to. */
    this.bound = new Map([...bound, ...this.wanted.map(({ path: file, stamp }) => [file, stamp])]);
  }

  /** That the sound at `file` can't be had, with the place that asks for it. */
  refusal(file, message) {
    const { site } = this.#lacks.get(file);
    const main = this.#sources.keys().next().value;
    site.message = `${site.message}: ${message}`;
    const located = locate(site, { sources: this.#sources, file: main });
    return Object.assign(located, { files: [...this.#sources.keys()], sounds: [...this.bound.keys()] });
  }
}

/** What changes with a file: when it was written last, and its size. */
function stampOf(file, call) {
  try {
    const found = fs.statSync(file);
    return `${found.mtimeMs}:${found.size}`;
  } catch (error) {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw new UsageError(`${call}: ${file}: ${why}`);
  }
}

function keyOf(file, stamp) {
  return `${stamp} ${file}`;
}
