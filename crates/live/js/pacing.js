// What an evaluator's thread writes of itself into the pages that the daemon reads: signs of life, stalls, changes, and what
// each voice costs.

import { PACING, STATS } from '../../../sdk/js/layout.js';

/** Per ms: a stall is half forgotten after two minutes. */
const STALL_MEMORY = 0.5 ** (1 / 120000);

export class Pacing {
  #control;
  #timeline;
  #turns = 0;
  #changes = 0;
  /** Frames and microseconds so far, by ring. */
  #told = new WeakMap();
  /** The longest that the thread woke up late, in ms. */
  worstStallMs = 0;

  constructor(control, timeline) {
    this.#control = control;
    this.#timeline = timeline;
  }

  /** How late the thread woke up from a nap. What is remembered for covers fades over some minutes. */
  woke(lateMs, napMs) {
    this.worstStallMs = Math.max(this.worstStallMs, lateMs);
    this.#timeline.stallS = Math.max(lateMs / 1000, this.#timeline.stallS * STALL_MEMORY ** napMs);
  }

  countTurn() {
    this.#turns = (this.#turns + 1) >>> 0;
    this.#control.setWord(PACING.turns, this.#turns);
  }

  countChange({ coverFrames, guardMs, coverMs, publishMs }) {
    this.#changes += 1;
    this.#control.setWord(PACING.splices, this.#changes);
    this.#control.setWord(PACING.changeUs, (coverMs + publishMs) * 1000);
    this.#control.setWord(PACING.guardFrames, (guardMs / 1000) * this.#timeline.setup.rateHz);
    this.#control.setWord(PACING.coverFrames, coverFrames);
  }

  /** All voices are rendered together: each line gets the frames and its share of the time. */
  countVoices() {
    const { players, rings, renderedFrames, busyMs, longestChunkMs, chunk } = this.#timeline;
    for (const { name } of players) {
      const ring = rings.get(name);
      const told = this.#told.get(ring) ?? { frames: 0, busyUs: 0 };
      told.frames += renderedFrames;
      told.busyUs += (busyMs * 1000) / players.length;
      this.#told.set(ring, told);
      ring.setStat(STATS.framesRendered, told.frames);
      ring.setStat(STATS.busyUs, told.busyUs);
      ring.setStat(STATS.longestChunkUs, longestChunkMs * 1000);
      ring.setStat(STATS.chunkFrames, chunk);
    }
    this.#control.setWord(PACING.worstStallUs, this.worstStallMs * 1000);
  }
}
