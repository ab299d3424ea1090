// Where the state of a helper lies: by the voice that calls it, and by which one of its kind it is there.
//
// A helper is built once and may be called from several voices; each gives it a window of its own. The first call in a voice
// asks for it; from then on it is found by a comparison.

import { UsageError } from './library/toolbox.js';

/** What a voice's helpers have taken. `place(key, shape, slots, remembers)` gives a window. */
export class Cells {
  #place;
  #counts = new Map();
  /** All windows that were taken, in order of their first use. */
  windows = [];

  constructor(place) {
    this.#place = place;
  }

  /** The next window of `kind`, the first of it being `kind:0`. */
  take(kind, slots, remembers) {
    const n = this.#counts.get(kind) ?? 0;
    this.#counts.set(kind, n + 1);
    const window = this.#place(`${kind}:${n}`, kind, slots, remembers);
    this.windows.push(window);
    return window;
  }
}

/** The place of one helper's state, in whatever voice it is called. */
export class Cell {
  #kind;
  #slots;
  #remembers;
  /** By the `s` of each voice that has called, where its window begins and the frames of its line. */
  #places;

  /** `slots` of the arena; with `remembers`, a line of so many frames beside it, which needs `LINE.slots` of them. */
  constructor(kind, slots, remembers = 0) {
    this.#kind = kind;
    this.#slots = slots;
    this.#remembers = remembers;
    /** The `s` of the voice that called last (at first nobody's), and where its window begins in the arena. */
    this.owner = this;
    this.offset = 0;
    /** Frames of its line. */
    this.length = 0;
  }

  /** Where the state begins in the arena for the voice of `s`. */
  at(s) {
    return s === this.owner ? this.offset : this.#find(s);
  }

  #find(s) {
    const { offset, length } = this.#places?.get(s) ?? this.#take(s);
    this.owner = s;
    this.offset = offset;
    this.length = length;
    return offset;
  }

  #take(s) {
    if (s?.cells === undefined) throw new UsageError('a signal is called with what the voice gets: (s) => signal(s). An update of kanon gets none: helpers belong in a play');
    const { state, line } = s.cells.take(this.#kind, this.#slots, this.#remembers);
    const place = { offset: state.byteOffset / 8, length: line?.slots ?? 0 };
    this.#places ??= new Map();
    this.#places.set(s, place);
    return place;
  }
}
