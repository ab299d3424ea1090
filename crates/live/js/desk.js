// Values from outside: knobs, OSC, MIDI. Each lies in the arena, one window of the session per key, so that it is restored
// with the state: what is turned counts from one frame on, in a replay as in play. Until it is turned it is NaN.

import { SESSION } from './arena.js';
import { GUARD, PLAYING } from './guard.js';
import { UsageError } from './library/toolbox.js';

/** More knobs than anybody turns. */
const MOST = 1024;
/** The shape of their windows. */
const SHAPE = 'outside';

export class Desk {
  #timeline;
  /** Of the trial that runs: how it has windows. */
  #place;
  /** What the newest trial has asked for, by key. */
  #asked = new Map();
  /** Windows that voices which play asked for while something was tried. */
  #late = [];
  /** Of what plays: what it is said to be, by key. */
  #plays = new Map();

  constructor(timeline) {
    this.#timeline = timeline;
  }

  /** From here on a trial runs, which has a window for each key by `place(key, shape, slots)`. Returns a map that fills with
   *  what it asks for: `{ window, isNew, ...spec }`, by key. */
  begin(place) {
    this.#asked = new Map();
    this.#place = place;
    return this.#asked;
  }

  /** The trial is over, and the state is again what it was. */
  end() {
    this.#place = undefined;
    for (const window of this.#late.splice(0)) window.state.fill(NaN);
  }

  /** What was tried will not play. */
  drop() {
    this.#asked = new Map();
  }

  /** What a trial has asked for plays: with `add` beside what played before. */
  play(asked, { add }) {
    this.#plays = new Map(add ? [...this.#plays, ...asked] : asked);
  }

  /** Where the value of `key` lies in the arena. `spec` is what a person is told of it. */
  at(key, spec) {
    const asked = this.#isPlaying() ? this.#plays : this.#asked;
    const known = asked.get(key);
    if (known) return placeOf(Object.assign(known, spec));
    if (asked.size === MOST) throw new UsageError(`there are ${MOST} knobs and other values from outside at most`);
    const isNew = this.#timeline.arena.window(SESSION, key) === undefined;
    const window = this.#place && asked === this.#asked ? this.#place(key, SHAPE, 1) : this.#playing(key);
    if (isNew) window.state.fill(NaN);
    asked.set(key, { ...spec, window, isNew });
    return placeOf({ window });
  }

  /** Whether who asks is a voice that plays, also where it takes part in a trial. */
  #isPlaying() {
    const { loop, guard, players } = this.#timeline;
    if (this.#place === undefined) return guard[GUARD.trial] === PLAYING;
    return players.includes(loop.players[guard[GUARD.voice] - 1]);
  }

  /** The window of what is asked for while it plays, which it has from now on: what is tried just now may have planned it. */
  #playing(key) {
    const { arena, snapshots, loop, guard } = this.#timeline;
    const present = arena.window(SESSION, key);
    if (present) return present;
    const planned = this.#asked.get(key)?.window;
    const window = planned ?? arena.plan(SESSION, SHAPE, 1, { key });
    if (!planned) arena.prepare(window);
    window.born = loop.players[guard[GUARD.voice] - 1]?.signal.n;
    arena.adopt(window);
    if (this.#place) this.#late.push(window);
    if (!snapshots.holds(arena.used)) throw new Error('too many values are asked for the first time while it plays');
    return window;
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

function placeOf({ window }) {
  return window.state.byteOffset / 8;
}
