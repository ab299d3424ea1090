// What remembers: delay, feedback, reverb. Times may move; between two frames lies a straight line.

import { Cell } from '../cells.js';
import { LINE } from '../state.js';
import { SILENCE, UsageError, checkSeconds, checkSignal, clamped, kept, lineMemory, number, sound } from './toolbox.js';

const LONGEST_S = 60;
/** Feedback may come this near to going on for ever. */
const MOST_FEEDBACK = 0.9999;

/** Lengths of the reverb's lines in seconds: no two have a common rhythm. */
const ROOM_S = [0.02987, 0.03341, 0.03869, 0.04283, 0.04691, 0.05003, 0.05459, 0.05833];
/** The lines of a further channel are longer by this part, so that channels differ. */
const SPREAD = 0.011;
const LEAST_RT60_S = 0.01;
const USUAL_RT60_S = 1.5;
/** Slots of one of its lines, and the one behind them. */
const { offset: OFFSET, at: AT, written: WRITTEN, slots: DAMPED } = LINE;
/** Loudness of all lines together, about that of what went in. */
const WET = 0.5;

/** What has memory, by name, made with `toolbox`. */
export function delays(toolbox) {
  const { sr } = toolbox;
  const { read, write } = lineMemory(toolbox);

  /** A helper with a line of `node.b` seconds per channel; `make(node)` gives `step(cell, s, x)`, one channel's way. */
  const line = (name, make, check) =>
    toolbox.define(
      name,
      (node) => {
        const cells = [];
        const step = make(node);
        const add = (c) => (cells[c] = new Cell(name, LINE.slots, Math.ceil(node.b * sr) + 2));
        return (s) => {
          const x = sound(node.a, s);
          if (typeof x === 'number') return step(cells[0] ?? add(0), s, x);
          const { length } = x;
          const frame = node.frame(length);
          for (let c = 0; c < length; c++) frame[c] = step(cells[c] ?? add(c), s, x[c]);
          return frame;
        };
      },
      check,
    );

  const checkLine = (usage) => (sig, longest, seconds) => {
    checkSignal(`${usage}: the first argument`, sig);
    checkSeconds(`${usage}: the longest time`, longest, LONGEST_S);
    checkSignal(`${usage}: the time`, seconds);
  };

  const delay = line(
    'delay',
    (node) => (cell, s, x) => {
      const at = cell.at(s);
      write(at, cell.length, x);
      return read(at, cell.length, 1 + clamped(number(node.c, s), 0, node.b) * sr);
    },
    checkLine('delay(sig, maxSeconds, seconds)'),
  );

  const feedback = line(
    'feedback',
    (node) => (cell, s, x) => {
      const at = s === cell.owner ? cell.offset : cell.at(s);
      const frames = clamped(number(node.c, s) * sr, 1, node.b * sr);
      const amount = clamped(number(node.d ?? 0.5, s), -MOST_FEEDBACK, MOST_FEEDBACK);
      const y = kept(x) + amount * read(at, cell.length, frames);
      write(at, cell.length, y);
      return y;
    },
    checkLine('feedback(sig, maxSeconds, seconds, amount)'),
  );

  const reverb = toolbox.define(
    'reverb',
    (node) => {
      const rooms = [];
      const add = (c) => (rooms[c] = new Room(toolbox, c));
      return (s) => {
        const x = sound(node.a, s);
        const wet = clamped(number(node.d ?? 0.3, s), 0, 1);
        const rt60 = number(node.b ?? USUAL_RT60_S, s);
        const damping = clamped(number(node.c ?? 0.3, s), 0, 1);
        if (typeof x === 'number') return (1 - wet) * x + wet * (rooms[0] ?? add(0)).step(s, x, rt60, damping);
        const { length } = x;
        const frame = node.frame(length);
        for (let c = 0; c < length; c++) {
          frame[c] = (1 - wet) * x[c] + wet * (rooms[c] ?? add(c)).step(s, x[c], rt60, damping);
        }
        return frame;
      };
    },
    (sig, rt60 = USUAL_RT60_S) => {
      checkSignal('reverb(sig, rt60, damping, mix): the first argument', sig);
      checkSignal('reverb(sig, rt60, damping, mix): the time to fall by 60 dB', rt60);
      if (typeof rt60 === 'number' && !(rt60 > 0)) throw new UsageError(`reverb(): rt60 is a number of seconds above 0, not ${rt60}`);
    },
  );

  return { delay, feedback, reverb };
}

/** A feedback delay network (J. M. Jot, 1991): eight lines, each damped and fed back through a Householder matrix, so that
 *  all of them fall by 60 dB in the same time. One per channel. */
class Room {
  #toolbox;
  #lengths;
  #cells;
  /** Where each line's next frame goes. */
  #ends = ROOM_S.map(() => 0);
  #gains = new Float64Array(ROOM_S.length);
  #rt60 = NaN;
  /** The `s` of the voice that called last; for it where each line's state begins in the arena, and the line's frames. */
  #owner;
  #places = [];
  #slots = [];

  constructor(toolbox, channel) {
    this.#toolbox = toolbox;
    this.#lengths = ROOM_S.map((seconds) => Math.round(seconds * (1 + SPREAD * channel) * toolbox.sr));
    this.#cells = this.#lengths.map((frames) => new Cell('reverb', DAMPED + 1, frames + 1));
  }

  /** Eight times `read` and `write`, of whole frames only and without a call in between: an interpreter takes several times
   *  as long for calls as for the sums. What is declared in a loop it declares in every turn. */
  step(s, given, rt60, damping) {
    if (rt60 !== this.#rt60) this.#tune(rt60);
    if (s !== this.#owner) this.#find(s);
    const { state, lines } = this.#toolbox;
    const ends = this.#ends;
    const gains = this.#gains;
    const lengths = this.#lengths;
    const places = this.#places;
    const slots = this.#slots;
    const count = places.length;
    let sum = 0;
    let at, frames, place, z;
    for (let i = 0; i < count; i++) {
      at = places[i];
      frames = lengths[i];
      place = state[at + AT] | 0;
      ends[i] = (state[at + OFFSET] | 0) + place;
      z = 0;
      if (frames <= state[at + WRITTEN]) z = gains[i] * lines[ends[i] - frames + (place < frames ? slots[i] : 0)];
      // Also when there is enough to be heard: what is kept for another process goes by it.
      state[at + WRITTEN] += 1;
      z += damping * (state[at + DAMPED] - z);
      sum += state[at + DAMPED] = (z > SILENCE || z < -SILENCE) && z - z === 0 ? z : 0;
      if (place + 1 === slots[i]) state[at + AT] = 0;
      else state[at + AT] += 1;
    }
    const fed = kept(given) - (2 / count) * sum;
    for (let i = 0; i < count; i++) {
      z = fed + state[places[i] + DAMPED];
      lines[ends[i]] = (z > SILENCE || z < -SILENCE) && z - z === 0 ? z : 0;
    }
    return WET * sum;
  }

  #find(s) {
    this.#places = this.#cells.map((cell) => cell.at(s));
    this.#slots = this.#cells.map(({ length }) => length);
    this.#owner = s;
  }

  #tune(rt60) {
    this.#rt60 = rt60;
    const seconds = rt60 > 0 ? rt60 : LEAST_RT60_S;
    for (const [i, frames] of this.#lengths.entries()) {
      this.#gains[i] = 10 ** ((-3 * frames) / (seconds * this.#toolbox.sr));
    }
  }
}
