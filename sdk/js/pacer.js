// Pull pacing: a producer fills to its target lead and sleeps; a doorbell wakes it early.

import { PACING } from './layout.js';

/** Longest sleep between two looks at the rings. */
const LONGEST_NAP_MS = 40;

/** Puts writers to sleep and wakes them; measures how late this process wakes up (its stalls). */
export class Pacer {
  #control;
  #sleepers = new Set();
  #turns = 0;
  #worstStallUs = 0;

  constructor(control) {
    this.#control = control;
  }

  /** Resolves after `ms` (at most 40), or when the doorbell rings, or when the session closes. */
  nap(ms) {
    const wanted = Math.min(Math.max(ms, 1), LONGEST_NAP_MS);
    const began = performance.now();
    return new Promise((resolve) => {
      const sleeper = {
        wake: () => {
          clearTimeout(sleeper.timer);
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      sleeper.timer = setTimeout(() => {
        this.#count((performance.now() - began - wanted) * 1000);
        sleeper.wake();
      }, wanted);
      this.#sleepers.add(sleeper);
    });
  }

  #count(lateUs) {
    const stallUs = Math.max(0, Math.round(lateUs));
    this.#turns = (this.#turns + 1) >>> 0;
    this.#control.setWord(PACING.turns, this.#turns);
    this.#control.setWord(PACING.lastStallUs, stallUs);
    if (stallUs <= this.#worstStallUs) return;
    this.#worstStallUs = stallUs;
    this.#control.setWord(PACING.worstStallUs, stallUs);
  }

  /** Wakes everyone: the doorbell rang, or there is nothing left to wait for. */
  wake() {
    for (const sleeper of [...this.#sleepers]) sleeper.wake();
  }
}
