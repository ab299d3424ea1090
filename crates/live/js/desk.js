// Values from outside: knobs, OSC, MIDI. Each lies in the arena, one window of the session per key, so that it is restored
// with the state: what is turned counts from one frame on, in a replay as in play. Until it is turned it is NaN.

import { SESSION } from './arena.js';
import { UsageError } from './library/toolbox.js';

/** More knobs than anybody turns. */
const MOST = 1024;
/** The shape of their windows. */
const SHAPE = 'outside';

export class Desk {
  #arena;
  /** Of the trial that runs: what it asks for, by key. */
  #trial;
  /** Of what plays: what it is said to be, by key. */
  #plays = new Map();

  constructor(arena) {
    this.#arena = arena;
  }

  /** From here on a trial runs, which has a window for each key by `place(key, shape, slots)`. Returns a map that fills with
   *  what it asks for: `{ window, isNew, ...spec }`, by key. */
  begin(place) {
    const asked = new Map();
    this.#trial = { place, asked };
    return asked;
  }

  /** The trial is over. */
  end() {
    this.#trial = undefined;
  }

  /** What a trial has asked for plays: with `add` beside what played before. */
  play(asked, { add }) {
    this.#plays = new Map(add ? [...this.#plays, ...asked] : asked);
  }

  /** Where the value of `key` lies in the arena. `spec` is what a person is told of it; `call` names the helper. */
  at(key, spec, call) {
    const { window } = this.#trial ? this.#ask(key, spec) : this.#plays.get(key) ?? {};
    if (window === undefined) throw new UsageError(`${call}: what is first asked for while it plays comes too late: name it at the top level`);
    return window.state.byteOffset / 8;
  }

  #ask(key, spec) {
    const { asked, place } = this.#trial;
    if (asked.has(key)) return Object.assign(asked.get(key), spec);
    if (asked.size === MOST) throw new UsageError(`there are ${MOST} knobs and other values from outside at most`);
    const isNew = this.#arena.window(SESSION, key) === undefined;
    const window = place(key, SHAPE, 1);
    if (isNew) window.state.fill(NaN);
    asked.set(key, { ...spec, window, isNew });
    return asked.get(key);
  }

  /** Of `values` by key, those that something which plays listens to, as `[window, value]`. */
  known(values) {
    return [...values].filter(([key]) => this.#plays.has(key)).map(([key, value]) => [this.#plays.get(key).window, value]);
  }

  /** What plays listens to, for people: `{ key, value, .. }` with what it is said to be; `value` is undefined until it is
   *  turned. */
  describe() {
    return [...this.#plays].map(([key, { window, isNew, ...spec }]) => {
      const [value] = window.state;
      return { key, ...spec, value: Number.isNaN(value) ? undefined : value };
    });
  }
}
