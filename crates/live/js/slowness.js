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
    const speed = 1000 / setup.rateHz / this.#bestMsPerFrame;
    return speed < 1 && this.#chunks >= LEAST_CHUNKS && this.#spentMs >= LEAST_MS ? speed : undefined;
  }

  /** What plays is another now. */
  forget() {
    this.#chunks = this.#spentMs = 0;
    this.#bestMsPerFrame = Infinity;
  }
}

/** Who of `players`, none of which has failed, takes the most time, by one round of each from the head on; state and lines are
 *  left as they are. */
export function slowest(timeline, players) {
  const { arena, loop, head, rehearsing } = timeline;
  const state = arena.all.slice(0, arena.used);
  const giveBack = arena.lendLines(players.flatMap(({ cells }) => cells));
  timeline.rehearsing = true;
  try {
    const costs = players.map((player) => {
      player.reserve(ROUND, timeline.setup.channels);
      const began = performance.now();
      loop.run([player], head, ROUND, 0, () => {});
      const took = performance.now() - began;
      if (player.failed) player.revive();
      player.forget();
      return took;
    });
    return players[costs.indexOf(Math.max(...costs))];
  } finally {
    timeline.rehearsing = rehearsing;
    giveBack();
    arena.all.set(state);
  }
}
