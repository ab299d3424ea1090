// The words by which the host knows whose code runs, in shared memory: written by the loop before each call of user code,
// read when a thread does not come back.

/** Words of the guard line. */
export const GUARD = Object.freeze({ voice: 0, beat: 1, trial: 2 });
/** Values of `GUARD.voice`: nobody's code, the file's top level; voice `i` of the list is `i + 1`; and that there is nothing
 *  to do: what runs then was left behind by code that ran, a promise or a microtask. */
export const NOBODY = 0;
export const TOP_LEVEL = -1;
export const IDLE = -2;
/** Values of `GUARD.trial`, which says which list that is: what plays, what a successor takes over; else it is the
 *  revision of the code that is tried, until it is published. */
export const PLAYING = 0;
export const TAKE_OVER = -1;

/** Tells a runtime that limits its own turns (the embedded one, whose workers share one thread) that the evaluator lives, and
 *  whether code of the piece is about to run. */
export const pulse = globalThis.forebayPulse ?? (() => {});
