// Voices that have become too slow while they play: all fall silent together where nobody does anything. It is seen before the
// lead is used up, and whoever takes the most time is stopped.

/** Rendering is looked at from this part of the target lead down. */
const LOW = 0.5;
/** For so long at least, and so many chunks. Of them the fastest counts: a thread that is kept off its core makes some slow. */
const LEAST_MS = 100;
const LEAST_CHUNKS = 3;
/** Frames by which a voice is measured. */
const ROUND = 128;

export class Slowness {
  #chunks = 0;
  #spentMs = 0;
  #bestMsPerFrame = Infinity;

  /** A chunk of `frames` took `ms`. Returns the speed, in times real time, where what plays can't be rendered in time. */
  note(timeline, frames, ms) {
    const { setup, lead } = timeline;
    if (lead >= LOW * setup.leadFrames) {
      this.forget();
      return undefined;
    }
    this.#chunks += 1;
    this.#spentMs += ms;
    this.#bestMsPerFrame = Math.min(this.#bestMsPerFrame, ms / frames);
    if (this.#chunks < LEAST_CHUNKS || this.#spentMs < LEAST_MS) return undefined;
    const speed = 1000 / setup.rateHz / this.#bestMsPerFrame;
    this.forget();
    return speed < 1 ? speed : undefined;
  }

  /** What plays is another now. */
  forget() {
    this.#chunks = this.#spentMs = 0;
    this.#bestMsPerFrame = Infinity;
  }
}

/** Who of `players`, all that are rendered, takes the most time, by one round of each from the head on; undefined where nobody can
 *  be measured. State is left as it is, and so are those whose state can't be restored. What is written into lines will be
 *  written there again. */
export function slowest(timeline, players) {
  const { arena, rehearsing } = timeline;
  const state = arena.all.slice(0, arena.used);
  const before = players.map(({ heldUntil, last }) => ({ heldUntil, last: last.slice() }));
  const measured = players.filter(({ failed, endAt, isRewindable }) => !failed && endAt === Infinity && isRewindable);
  timeline.rehearsing = true;
  try {
    const costs = measured.map((player) => costOf(timeline, players, player));
    return measured[costs.indexOf(Math.max(...costs))];
  } finally {
    timeline.rehearsing = rehearsing;
    for (const [i, player] of players.entries()) {
      player.heldUntil = before[i].heldUntil;
      player.last.set(before[i].last);
    }
    arena.all.set(state);
  }
}

/** What a round of one of `players` takes in ms: all others are held, so that a hang is still that of the right one. */
function costOf({ loop, head, setup }, players, player) {
  for (const each of players) each.heldUntil = each === player ? -Infinity : Infinity;
  player.reserve(ROUND, setup.channels);
  const began = performance.now();
  loop.run(players, head, ROUND, 0, () => {});
  const took = performance.now() - began;
  if (player.failed) player.revive();
  player.forget();
  return took;
}
