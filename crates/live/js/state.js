// The shared memory of a live session, and what every window of state begins with.
//
// It is made by the host and handed to every evaluator in turn, so that the state outlives a terminated one.

/** Slots in front of every window that belong to the evaluator: the voice's random seed, its fade, what mute and solo
 *  want of it, and the song frame at which its position is 0. They are restored with the state, so that what code does to them in a shadow run or a replay is undone. */
export const HEAD = Object.freeze({ random: 0, gain: 1, target: 2, step: 3, left: 4, muted: 5, solo: 6, begun: 7, slots: 8 });

const SEED = HEAD.random;

/** A voice has this many channels at most. */
export const MOST_CHANNELS = 8;

/** Slots that a window with a line begins with: where the line lies, where in it the next frame goes, how many were written. */
export const LINE = Object.freeze({ offset: 0, at: 1, written: 2, slots: 3 });

/** Room for all lines together: 256 MiB of f32, committed by the system only where it is touched. */
const LINE_SAMPLES = 64 * 1024 * 1024;
/** Room for one set of snapshots: 64 MiB of f64, committed by the system only where it is touched. */
export const BANK_SLOTS = 8 * 1024 * 1024;
/** Room for all windows together: a bank holds two snapshots of them at least. */
const ARENA_SLOTS = BANK_SLOTS / 2;
/** Most snapshots that are kept. */
export const MOST_SNAPSHOTS = 2048;

/** Words of the index of one bank; the times of its snapshots come last. */
export const BANK = Object.freeze({ stride: 0, capacity: 1, interval: 2, head: 3, count: 4, times: 5 });
export const BANK_WORDS = BANK.times + MOST_SNAPSHOTS;

export function makeShared() {
  return {
    arena: new SharedArrayBuffer(ARENA_SLOTS * 8),
    lines: new SharedArrayBuffer(LINE_SAMPLES * 4),
    snapshots: new SharedArrayBuffer(2 * BANK_SLOTS * 8),
    index: new SharedArrayBuffer((1 + 2 * BANK_WORDS) * 8),
    clock: new SharedArrayBuffer(8 * 8),
    guard: new SharedArrayBuffer(16 * 4),
    rings: new SharedArrayBuffer(64 * 4 * 4),
  };
}

/** A seed from a name: the same voice gets the same random numbers in every run. */
export function seed(name) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash >>> 0) || 1;
}

/** The next number in [0, 1) of the seed that is kept in slot 0 of `head` (xorshift32). */
export function random(head) {
  let x = head[SEED] | 0;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  head[SEED] = x >>> 0;
  return (x >>> 0) / 4294967296;
}
