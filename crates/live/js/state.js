// Restorable state: one private window per voice in a single shared arena, and snapshots of the arena.
//
// The arena is one SharedArrayBuffer, so that a snapshot is one copy and the state outlives a terminated evaluator.
// A window belongs to a voice by name and shape; windows never overlap, whatever the names.

/** Slots in front of every window that belong to the evaluator: the voice's random seed and its fade. */
export const HEAD = Object.freeze({ random: 0, gain: 1, target: 2, step: 3, left: 4, slots: 8 });

/** Room for all windows together: 64 MiB of f64, committed by the system only where it is touched. */
const ARENA_SLOTS = 8 * 1024 * 1024;
/** Bound on all snapshots together. */
const SNAPSHOT_SLOTS = 8 * 1024 * 1024;
/** Most snapshots that are kept. */
const MOST_SNAPSHOTS = 2048;

/** The shared memory of one live session, made by the host and handed to every evaluator in turn. */
export function makeShared() {
  return {
    arena: new SharedArrayBuffer(ARENA_SLOTS * 8),
    snapshots: new SharedArrayBuffer(SNAPSHOT_SLOTS * 8),
    index: new SharedArrayBuffer((INDEX.times + MOST_SNAPSHOTS) * 8),
    clock: new SharedArrayBuffer(8 * 8),
    guard: new SharedArrayBuffer(16 * 4),
    rings: new SharedArrayBuffer(64 * 2 * 4),
  };
}

const INDEX = { stride: 0, capacity: 1, head: 2, count: 3, times: 4 };

/** All windows of all voices. */
export class Arena {
  #buffer;
  #windows = new Map();
  #holes = [];

  constructor(shared, windows = []) {
    this.#buffer = shared.arena;
    this.all = new Float64Array(shared.arena);
    /** Slots in use from the beginning on: what a snapshot copies. */
    this.used = 0;
    for (const window of windows) {
      this.#windows.set(window.name, this.#view(window.name, window.shape, window.offset, window.slots));
      this.used = Math.max(this.used, window.offset + HEAD.slots + window.slots);
    }
  }

  /** Plain objects from which another evaluator rebuilds the same windows. */
  describe() {
    return [...this.#windows.values()].map(({ name, shape, offset, slots }) => ({ name, shape, offset, slots }));
  }

  window(name) {
    return this.#windows.get(name);
  }

  /** The window that voice `name` shall have: its present one where shape and size agree, else a new one that is not
   *  yet the voice's own (`adopt` makes it so) and knows which one it replaces. */
  plan(name, shape, slots) {
    const present = this.#windows.get(name);
    if (present && present.shape === shape && present.slots === slots) return present;
    const planned = this.#view(name, shape, this.#place(HEAD.slots + slots), slots);
    planned.replaces = present;
    return planned;
  }

  /** Fills a planned window: the fade of the one it replaces, and its state, cut or padded with zeros, where the shape
   *  is the same. A new one is zeros and a seed. */
  prepare(window) {
    if (window === this.#windows.get(window.name)) return;
    window.head.fill(0);
    window.state.fill(0);
    window.head[HEAD.random] = seed(window.name);
    const before = window.replaces;
    if (before) {
      window.head.set(before.head);
      if (before.shape === window.shape) {
        window.state.set(before.state.subarray(0, Math.min(before.slots, window.slots)));
      }
    }
  }

  /** Makes a planned window the voice's own and frees the one before. */
  adopt(window) {
    const present = this.#windows.get(window.name);
    if (present === window) return;
    if (present) this.#free(present);
    window.replaces = undefined;
    this.#windows.set(window.name, window);
  }

  /** Gives back a window, planned or owned. */
  release(window) {
    if (this.#windows.get(window.name) === window) this.#windows.delete(window.name);
    this.#free(window);
  }

  #place(slots) {
    const hole = this.#holes.findIndex((entry) => entry.slots === slots);
    if (hole >= 0) return this.#holes.splice(hole, 1)[0].offset;
    const offset = this.used;
    if (offset + slots > this.all.length) {
      throw new Error(`the state of all voices together is at most ${this.all.length} slots`);
    }
    this.used = offset + slots;
    return offset;
  }

  #free(window) {
    this.#holes.push({ offset: window.offset, slots: HEAD.slots + window.slots });
  }

  #view(name, shape, offset, slots) {
    const head = new Float64Array(this.#buffer, offset * 8, HEAD.slots);
    const state = new Float64Array(this.#buffer, (offset + HEAD.slots) * 8, slots);
    return { name, shape, offset, slots, head, state, replaces: undefined };
  }
}

/** A ring of snapshots of the arena with the song frame of each, in shared memory. */
export class Snapshots {
  #index;
  #slots;

  constructor(shared) {
    this.#index = new Float64Array(shared.index);
    this.#slots = new Float64Array(shared.snapshots);
  }

  /** Forgets all; from now on each snapshot holds `slots` slots. Returns how many snapshots fit. */
  reset(slots) {
    const index = this.#index;
    const stride = Math.max(64, slots);
    index[INDEX.count] = 0;
    index[INDEX.head] = 0;
    index[INDEX.stride] = stride;
    index[INDEX.capacity] = Math.max(2, Math.min(MOST_SNAPSHOTS, Math.floor(this.#slots.length / stride)));
    return index[INDEX.capacity];
  }

  /** Keeps the state at song frame `frame`. A snapshot counts only when it is whole. */
  take(frame, arena) {
    const index = this.#index;
    const capacity = index[INDEX.capacity];
    const place = index[INDEX.head] % capacity;
    index[INDEX.times + place] = NaN;
    this.#slots.set(arena.all.subarray(0, Math.min(arena.used, index[INDEX.stride])), place * index[INDEX.stride]);
    index[INDEX.times + place] = frame;
    index[INDEX.head] += 1;
    index[INDEX.count] = Math.min(index[INDEX.count] + 1, capacity);
  }

  /** Restores the newest snapshot at or before `frame` and returns its song frame; undefined when there is none. */
  restore(frame, arena) {
    const found = this.#newest(frame);
    if (found === undefined) return undefined;
    const from = found.place * this.#index[INDEX.stride];
    arena.all.set(this.#slots.subarray(from, from + Math.min(arena.used, this.#index[INDEX.stride])));
    return found.frame;
  }

  #newest(frame) {
    const index = this.#index;
    const capacity = index[INDEX.capacity];
    for (let back = 1; back <= index[INDEX.count]; back++) {
      const place = (index[INDEX.head] - back) % capacity;
      const taken = index[INDEX.times + place];
      if (taken <= frame) return { place, frame: taken };
    }
    return undefined;
  }
}

/** A seed from a name: the same voice gets the same random numbers in every run. */
export function seed(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash >>> 0) || 1;
}

/** The next number in [0, 1) of the seed that is kept in slot 0 of `head` (xorshift32). */
export function random(head) {
  let x = head[HEAD.random] | 0;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  head[HEAD.random] = x >>> 0;
  return (x >>> 0) / 4294967296;
}
