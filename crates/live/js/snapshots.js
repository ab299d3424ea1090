// Snapshots of the arena, each with its song frame, in shared memory.
//
// There are two banks of them. A new future fills the other one, and becomes the one that counts when the future is
// published: until then the old future and the way back to it are whole, whoever dies.

import { BANK, BANK_SLOTS, BANK_WORDS, MOST_SNAPSHOTS } from './state.js';

/** Slots that a snapshot has room for beyond those that are asked for: helpers that are called for the first time. */
const SPARE_SLOTS = 4096;

export class Snapshots {
  /** Word 0: which bank counts. */
  #shared;
  #banks;
  /** The bank that is written and read now. */
  #bank;

  constructor(shared) {
    this.#shared = new Float64Array(shared.index);
    this.#banks = [0, 1].map((n) => ({
      index: new Float64Array(shared.index, (1 + n * BANK_WORDS) * 8, BANK_WORDS),
      slots: new Float64Array(shared.snapshots, n * BANK_SLOTS * 8, BANK_SLOTS),
    }));
    this.drop();
  }

  /** A new future begins: its snapshots hold `slots` slots and reach `reach` frames back, with one in `chunk` frames
   *  where so many fit. Those of the old future stay until `keep`. */
  begin(slots, reach, chunk) {
    this.#bank = this.#banks[1 - this.#shared[0]];
    const { index } = this.#bank;
    index[BANK.stride] = Math.min(slots + SPARE_SLOTS, BANK_SLOTS / 2);
    const fit = Math.min(MOST_SNAPSHOTS, Math.floor(BANK_SLOTS / index[BANK.stride]));
    // One more than there are intervals: the oldest lies at the far end of the reach.
    const every = Math.ceil(reach / chunk / (fit - 1));
    index[BANK.interval] = every * chunk;
    index[BANK.capacity] = Math.min(fit, Math.ceil(reach / index[BANK.interval]) + 1);
    index[BANK.count] = 0;
    index[BANK.head] = 0;
  }

  /** The new future is published: its snapshots count from now on. */
  keep() {
    this.#shared[0] = this.#banks.indexOf(this.#bank);
  }

  /** The new future comes to nothing: those of the old one go on. */
  drop() {
    this.#bank = this.#banks[this.#shared[0]];
  }

  /** Whether `slots` slots fit into a snapshot. */
  holds(slots) {
    return slots <= this.#bank.index[BANK.stride];
  }

  /** Frames between two of them: with much state there is not room for one in each chunk. */
  get interval() {
    return this.#bank.index[BANK.interval];
  }

  /** Whether `frame` is far enough from the last one. */
  due(frame) {
    const { index } = this.#bank;
    if (index[BANK.count] === 0) return true;
    const last = index[BANK.times + ((index[BANK.head] - 1) % index[BANK.capacity])];
    return frame - last >= index[BANK.interval];
  }

  /** Keeps the state at song frame `frame`. A snapshot counts only when it is whole. */
  take(frame, arena) {
    const { index, slots } = this.#bank;
    const stride = index[BANK.stride];
    const place = index[BANK.head] % index[BANK.capacity];
    index[BANK.times + place] = NaN;
    slots.set(arena.all.subarray(0, Math.min(arena.used, stride)), place * stride);
    index[BANK.times + place] = frame;
    index[BANK.head] += 1;
    index[BANK.count] = Math.min(index[BANK.count] + 1, index[BANK.capacity]);
  }

  /** Restores the newest snapshot at or before `frame` and returns its song frame; undefined when there is none. */
  restore(frame, arena) {
    const found = this.#newest(frame);
    if (found === undefined) return undefined;
    const { index, slots } = this.#bank;
    const from = found.place * index[BANK.stride];
    arena.all.set(slots.subarray(from, from + Math.min(arena.used, index[BANK.stride])));
    return found.frame;
  }

  #newest(frame) {
    const { index } = this.#bank;
    for (let back = 1; back <= index[BANK.count]; back++) {
      const place = (index[BANK.head] - back) % index[BANK.capacity];
      const taken = index[BANK.times + place];
      if (taken <= frame) return { place, frame: taken };
    }
    return undefined;
  }
}
