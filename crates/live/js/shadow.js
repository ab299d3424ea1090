// The shadow run: the very closures that will play render a few blocks on a copy of the state. That warms them, and shows
// what throws, is not finite, blasts, is too slow or can't be rewound.

import { HEAD } from './state.js';

/** Frames per round. */
const ROUND = 128;
/** It goes on until the closures are warm (the cost of a round has settled) within these bounds. */
const LEAST_WARM_MS = 2.5;
const MOST_WARM_MS = 8;
const MOST_ROUNDS = 64;
/** A render knows no time: so many rounds, on every machine. */
const RENDER_ROUNDS = 16;
/** Code that seems too slow gets this long to become warm, and so many rounds, since the machine may have been busy with
 *  something else in one or two of them; but never longer than the last. */
const SLOW_PATIENCE_MS = 60;
const SLOW_ROUNDS = 5;
const MOST_SLOW_MS = 250;
/** Slower than this many times real time is too slow. */
const SLOWEST = 1.1;

export class Shadow {
  #timeline;
  #players;
  #again;
  #onFailure;
  #besides;
  /** Of the fastest round. */
  #bestMs = 0;
  /** Those whose two results from one state differ. */
  unrewindable = [];

  /** `again()` brings back the lines of `players`, which a round has written; `onFailure(player, error)` hears of what is thrown;
   *  `besides` is what others who will play as well take for a frame, in ms. */
  constructor(timeline, players, { again, onFailure, besides = 0 }) {
    this.#timeline = timeline;
    this.#players = players;
    this.#again = again;
    this.#onFailure = onFailure;
    this.#besides = besides;
  }

  /** Renders on the state at hand, from the head on, and calls `judge()` while the players know what befell them. Afterwards
   *  they have forgotten it. */
  run(judge) {
    const players = this.#players;
    const alive = players.filter((player) => !player.failed);
    // Its code would be where it can't be brought back from.
    const held = players.filter((player) => !player.isRewindable);
    const heldUntil = held.map((player) => player.heldUntil);
    for (const player of held) player.heldUntil = Infinity;
    for (const player of players) {
      player.forget();
      player.head[HEAD.gain] = player.head[HEAD.target] = 1;
      player.head[HEAD.left] = 0;
    }
    try {
      if (players.length > 0) this.#warm();
      judge();
    } finally {
      for (const player of alive) if (player.failed) player.revive();
      for (const player of players) player.forget();
      for (const [i, player] of held.entries()) player.heldUntil = heldUntil[i];
    }
  }

  /** Of all voices together. */
  get costMsPerFrame() {
    return this.#bestMs / ROUND + this.#besides;
  }

  /** Times real time, of all voices together. */
  get speed() {
    return 1000 / this.#timeline.setup.rateHz / this.costMsPerFrame;
  }

  get isTooSlow() {
    return this.#players.length > 0 && this.speed < SLOWEST && !this.#timeline.setup.render;
  }

  /** Renders rounds until the closures are warm, the first of them twice: whose two results differ can't be rewound. */
  #warm() {
    const { arena, setup, head } = this.#timeline;
    // A run before this one may have left them further on.
    this.#again();
    const start = arena.all.slice(0, arena.used);
    const began = performance.now();
    this.#round(head);
    const first = this.#players.map((player) => player.out.slice(0, ROUND * setup.channels));
    arena.all.set(start);
    this.#again();
    let cost = this.#round(head);
    this.unrewindable = this.#players.filter((player, i) => first[i].some((x, k) => !Object.is(x, player.out[k])));
    this.#bestMs = cost;
    for (let n = 2; !this.#isWarm(n, { cost, elapsed: performance.now() - began }); n++) {
      cost = this.#round(head + (n - 1) * ROUND);
      this.#bestMs = Math.min(this.#bestMs, cost);
    }
  }

  #isWarm(rounds, { cost, elapsed }) {
    if (this.#timeline.setup.render) return rounds >= RENDER_ROUNDS;
    const settled = elapsed > LEAST_WARM_MS && cost <= 1.2 * this.#bestMs;
    if (!settled && elapsed <= MOST_WARM_MS && rounds < MOST_ROUNDS) return false;
    if (this.speed >= SLOWEST || elapsed > MOST_SLOW_MS) return true;
    return elapsed > SLOW_PATIENCE_MS && rounds >= SLOW_ROUNDS;
  }

  /** Renders one round and returns what it took in ms. */
  #round(from) {
    const { setup, loop } = this.#timeline;
    for (const player of this.#players) player.reserve(ROUND, setup.channels);
    const began = performance.now();
    loop.run(this.#players, from, ROUND, 0, this.#onFailure);
    return performance.now() - began;
  }
}
