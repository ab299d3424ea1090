// A file that was just written may be written by half: its end is missing, or still that of the text before. A mistake in
// it is told when the file has been quiet for a while, and never when a newer one has come.

import { QUIET_MS } from './watch.js';

/** This long without an event the file is what its writer wants it to be. */
export const HOLD_MS = 2 * QUIET_MS;

export class HeldRefusal {
  #tell;
  #timers;
  #waiting;

  /** `timers` are `{ now, later, never }`, in ms, as `performance.now`, `setTimeout` and `clearTimeout` are. */
  constructor(tell, timers = { now: () => performance.now(), later: setTimeout, never: clearTimeout }) {
    this.#tell = tell;
    this.#timers = timers;
  }

  /** Tells `refusal` when nothing has happened to the file for long enough since `lastEventMs`. */
  hold(refusal, lastEventMs) {
    const { now, later } = this.#timers;
    const left = lastEventMs + HOLD_MS - now();
    if (left <= 0) this.#tell(refusal);
    else this.#waiting = later(() => this.#tell(refusal), left);
  }

  /** A newer file is there. */
  drop() {
    this.#timers.never(this.#waiting);
  }
}
