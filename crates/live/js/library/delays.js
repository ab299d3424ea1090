// What remembers: delay, feedback, reverb. Times may move; between two frames lies a straight line.

import { Cell } from '../cells.js';
import { LINE } from '../state.js';
import { SILENCE, UsageError, checkSeconds, checkSignal, clamped, kept, number, read, sound, write } from './toolbox.js';

const LONGEST_S = 60;
/** Feedback may come this near to going on for ever. */
const MOST_FEEDBACK = 0.9999;

/** Lengths of the reverb's lines in seconds: no two have a common rhythm. */
const ROOM_S = [0.02987, 0.03341, 0.03869, 0.04283, 0.04691, 0.05003, 0.05459, 0.05833];
/** The lines of a further channel are longer by this part, so that channels differ. */
const SPREAD = 0.011;
const LEAST_RT60_S = 0.01;
/** Slots of one of its lines, and the one behind them. */
const { offset: OFFSET, at: AT, written: WRITTEN, slots: DAMPED } = LINE;
/** Loudness of all lines together, about that of what went in. */
const WET = 0.5;

/** What has memory, by name, made with `toolbox`. */
export function delays(toolbox) {
  const { sr } = toolbox;

  /** A helper with a line of `node.b` seconds per channel; `make(node)` gives `step(cell, s, x)`, one channel's way. */
  const line = (name, make, check) =>
    toolbox.define(
      name,
      (node) => {
        const cells = [];
        const step = make(node);
        const through = (s, x, c) => {
          cells[c] ??= new Cell(name, LINE.slots, Math.ceil(node.b * sr) + 2);
          return step(cells[c], s, x);
        };
        return (s) => {
          const x = sound(node.a, s);
          if (typeof x === 'number') return through(s, x, 0);
          const frame = node.frame(x.length);
          for (let c = 0; c < x.length; c++) frame[c] = through(s, x[c], c);
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
      write(toolbox, at, cell.length, x);
      return read(toolbox, at, cell.length, 1 + clamped(number(node.c, s), 0, node.b) * sr);
    },
    checkLine('delay(sig, maxSeconds, seconds)'),
  );

  const feedback = line(
    'feedback',
    (node) => (cell, s, x) => {
      const at = cell.at(s);
      const frames = clamped(number(node.c, s) * sr, 1, node.b * sr);
      const amount = clamped(number(node.d ?? 0.5, s), -MOST_FEEDBACK, MOST_FEEDBACK);
      const y = kept(x) + amount * read(toolbox, at, cell.length, frames);
      write(toolbox, at, cell.length, y);
      return y;
    },
    checkLine('feedback(sig, maxSeconds, seconds, amount)'),
  );

  const reverb = toolbox.define(
    'reverb',
    (node) => {
      const rooms = [];
      return (s) => {
        const x = sound(node.a, s);
        const wet = clamped(number(node.d ?? 0.3, s), 0, 1);
        const rt60 = number(node.b ?? 1.5, s);
        const damping = clamped(number(node.c ?? 0.3, s), 0, 1);
        const through = (x, c) => {
          const room = (rooms[c] ??= new Room(toolbox, c));
          return (1 - wet) * x + wet * room.step(s, x, rt60, damping);
        };
        if (typeof x === 'number') return through(x, 0);
        const frame = node.frame(x.length);
        for (let c = 0; c < x.length; c++) frame[c] = through(x[c], c);
        return frame;
      };
    },
    (sig, rt60 = 1) => {
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
  #heard = new Float64Array(ROOM_S.length);
  #gains = new Float64Array(ROOM_S.length);
  #rt60 = NaN;
  /** The `s` of the voice that called last, and for it where each line's state begins in the arena. */
  #owner;
  #places = [];

  constructor(toolbox, channel) {
    this.#toolbox = toolbox;
    this.#lengths = ROOM_S.map((seconds) => Math.round(seconds * (1 + SPREAD * channel) * toolbox.sr));
    this.#cells = this.#lengths.map((frames) => new Cell('reverb', DAMPED + 1, frames + 1));
  }

  /** Eight times `read` and `write`, of whole frames only and without a call in between: an interpreter takes several times
   *  as long for calls as for the sums. */
  step(s, given, rt60, damping) {
    if (rt60 !== this.#rt60) this.#tune(rt60);
    if (s !== this.#owner) this.#find(s);
    const { state, lines } = this.#toolbox;
    const cells = this.#cells;
    const heard = this.#heard;
    const gains = this.#gains;
    const lengths = this.#lengths;
    const places = this.#places;
    const count = cells.length;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const at = places[i];
      const frames = lengths[i];
      let y = 0;
      if (frames <= state[at + WRITTEN]) {
        const place = (state[at + AT] | 0) - frames;
        y = gains[i] * lines[(state[at + OFFSET] | 0) + (place < 0 ? place + cells[i].length : place)];
      }
      const z = y + damping * (state[at + DAMPED] - y);
      sum += heard[i] = state[at + DAMPED] = (z > SILENCE || z < -SILENCE) && z - z === 0 ? z : 0;
    }
    const fed = kept(given) - (2 / count) * sum;
    for (let i = 0; i < count; i++) {
      const at = places[i];
      const place = state[at + AT] | 0;
      const z = fed + heard[i];
      lines[(state[at + OFFSET] | 0) + place] = (z > SILENCE || z < -SILENCE) && z - z === 0 ? z : 0;
      state[at + AT] = place + 1 === cells[i].length ? 0 : place + 1;
      state[at + WRITTEN] += 1;
    }
    return WET * sum;
  }

  #find(s) {
    this.#places = this.#cells.map((cell) => cell.at(s));
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
