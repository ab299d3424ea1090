// The beat that all voices share: a straight line from the frame at which the tempo changed last.
//
// It is a function of the frame alone, so every voice sees the same beat at a frame, in whatever order voices are rendered,
// however late one joined, and however often a frame is rendered. The line lies in the arena, in the session's own window:
// snapshots, replays and successors have it as they have everything else.

import { SESSION } from './arena.js';

/** Where the tempo changed last: the frame and its beat; and a bar line, by its number and its beat. */
const SLOT = Object.freeze({ frame: 0, beat: 1, bpm: 2, beatsPerBar: 3, bar: 4, barBeat: 5, slots: 6 });
const { frame: FRAME, beat: BEAT, bpm: BPM, beatsPerBar: BEATS_PER_BAR, bar: BAR, barBeat: BAR_BEAT } = SLOT;
/** Without a word about it. */
export const USUAL = Object.freeze({ bpm: 120, beatsPerBar: 4 });

export class Transport {
  #state;

  constructor(arena) {
    let window = arena.window(SESSION);
    if (window === undefined) {
      window = arena.plan(SESSION, 'transport', SLOT.slots);
      arena.prepare(window);
      arena.adopt(window);
    }
    this.#state = window.state;
  }

  get bpm() {
    return this.#state[SLOT.bpm] || USUAL.bpm;
  }

  /** Seconds per bar. */
  get barS() {
    return (60 * (this.#state[SLOT.beatsPerBar] || USUAL.beatsPerBar)) / this.bpm;
  }

  /** The beat at song frame `n`, from 0 on. */
  beat(n, rateHz) {
    const state = this.#state;
    return state[BEAT] + ((n - state[FRAME]) * state[BPM]) / (60 * rateHz);
  }

  /** The bar at song frame `n`, from 0 on. */
  bar(n, rateHz) {
    const state = this.#state;
    return state[BAR] + (this.beat(n, rateHz) - state[BAR_BEAT]) / state[BEATS_PER_BAR];
  }

  /** From song frame `n` on it goes at this tempo: the beat goes on where it is, and the bar keeps its first beat. Returns
   *  whether it is another one. */
  retime(n, { bpm, beatsPerBar }, rateHz) {
    const state = this.#state;
    if (state[SLOT.bpm] === bpm && state[SLOT.beatsPerBar] === beatsPerBar) return false;
    if (state[SLOT.bpm] > 0) {
      const bar = Math.floor(this.bar(n, rateHz));
      state[SLOT.barBeat] += (bar - state[SLOT.bar]) * state[SLOT.beatsPerBar];
      state[SLOT.bar] = bar;
    }
    // While the tempo stays, so does the line: moved along itself it would differ in its last bits.
    if (state[SLOT.bpm] !== bpm) {
      state[SLOT.beat] = this.beat(n, rateHz);
      state[SLOT.frame] = n;
    }
    state[SLOT.bpm] = bpm;
    state[SLOT.beatsPerBar] = beatsPerBar;
    return true;
  }
}
