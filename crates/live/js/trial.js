// Trying new code before it may be heard: it is compiled, run once, and its closures render a few blocks on a copy of
// the state. That warms the very closures that will play, and shows what throws, is not finite, blasts or is too slow.

import { SourceError, compile, lineOf, locate, placeIn } from './compile.js';
import { GUARD, NOBODY, Player, Signal, TOP_LEVEL } from './render.js';
import { HEAD, random, seed } from './state.js';
import { NAMES, Score, values } from './surface.js';

/** Louder than this (+18 dBFS) is no music. */
const BLAST = 8;
/** Frames per round of the shadow run. */
const ROUND = 128;
/** The shadow run goes on until the closures are warm (the cost of a round has settled) within these bounds. */
const LEAST_WARM_MS = 2.5;
const MOST_WARM_MS = 8;
const MOST_ROUNDS = 64;
/** Code that seems too slow gets this long to become warm. */
const SLOW_PATIENCE_MS = 60;
/** Slower than this many times real time is refused. */
const SLOWEST = 1.1;

/** Runs `source` and its voices in the shadow of what plays. Returns what `change.js` needs to make it audible;
 *  throws a `SourceError` when the code is refused, with everything as before. */
export class Trial {
  #timeline;
  #before = new Map();
  #planned = new Map();

  constructor(timeline, { source, file }) {
    this.#timeline = timeline;
    this.source = source;
    this.file = file;
    this.patches = [];
    this.unrewindable = [];
  }

  /** `current` is `{ score, players }` of what plays; with `add` the code adds to it instead of replacing it. `hooks`
   *  serves calls from inside a voice. `announce(names)` tells the host whose code is about to run; voices in `without` stay out. */
  run({ current, add, hooks, announce, judged = true, without = [] }) {
    const { arena, guard, snapshots, origin, now } = this.#timeline;
    const began = performance.now();
    const main = compile(this.source, this.file, NAMES);
    this.sources = main.sources;
    this.compileMs = performance.now() - began;
    const head = arena.all.slice(0, arena.used);
    guard[GUARD.trial] = 1;
    if (origin !== undefined) snapshots.restore(now - origin, arena);
    try {
      this.#evaluate(main, add ? current.score : undefined, hooks);
      this.#build(add ? current.players : []);
      this.players = this.players.filter((player) => !without.includes(player.name));
      announce(this.players.map((player) => player.name));
      this.#shadow(judged);
    } catch (error) {
      this.#abandon();
      const located = locate(error, { sources: this.sources, file: this.file });
      located.files = [...this.sources.keys()];
      throw located;
    } finally {
      guard[GUARD.voice] = NOBODY;
      guard[GUARD.trial] = 0;
      arena.all.set(head);
    }
    this.warmMs = performance.now() - began - this.compileMs;
    return this;
  }

  /** The windows of the new voices become theirs, with the state as it is now: called at the change. */
  adopt() {
    const { arena } = this.#timeline;
    for (const player of this.players) {
      arena.prepare(player.window);
      arena.adopt(player.window);
    }
    for (const { state, slots } of this.patches) for (const [slot, value] of slots) state[slot] = value;
  }

  /** Gives back what the trial took: the code will not play. */
  abandon() {
    this.#abandon();
  }

  #evaluate(main, previous, hooks) {
    const { guard, setup } = this.#timeline;
    this.score = new Score(previous);
    const makeMemory = (name, slots) => {
      const window = this.#window(name, 'kanon', slots);
      this.#before.set(name, window.state.slice());
      return window.state;
    };
    guard[GUARD.voice] = TOP_LEVEL;
    hooks.reseed(seed(this.file));
    main.run(values(this.score, { sr: setup.rateHz, makeMemory, hooks }));
    guard[GUARD.voice] = NOBODY;
    for (const [name, before] of this.#before) {
      const { state } = this.#planned.get(name);
      const slots = [];
      for (let i = 0; i < state.length; i++) if (!Object.is(state[i], before[i])) slots.push([i, state[i]]);
      if (slots.length > 0) this.patches.push({ state, slots });
    }
  }

  /** The window of a voice for this trial: planned once per name. */
  #window(name, shape, slots) {
    const { arena } = this.#timeline;
    const earlier = this.#planned.get(name);
    if (earlier?.shape === shape && earlier.slots === slots) return earlier;
    if (earlier && earlier !== arena.window(name)) arena.release(earlier);
    const window = arena.plan(name, shape, slots);
    arena.prepare(window);
    this.#planned.set(name, window);
    return window;
  }

  /** One player per voice of the score; what `existing` plays unchanged keeps its player. */
  #build(existing) {
    const { setup } = this.#timeline;
    this.players = [...this.score.voices.values()].map((spec, index) => {
      const kept = existing.find((player) => player.name === spec.name && player.spec.call === spec.call);
      if (kept) return kept;
      const window = this.#window(spec.name, spec.shape, spec.slots);
      const signal = new Signal(spec.name, index, setup.rateHz, window.state, () => random(window.head));
      return new Player(spec, window, signal);
    });
  }

  #shadow(judged) {
    const { arena, setup, head } = this.#timeline;
    for (const { head: slots } of this.players) {
      slots[HEAD.gain] = slots[HEAD.target] = 1;
      slots[HEAD.left] = 0;
    }
    const start = arena.all.slice(0, arena.used);
    const began = performance.now();
    this.#round(head);
    const first = this.players.map((player) => player.out.slice(0, ROUND * setup.channels));
    arena.all.set(start);
    let cost = this.#round(head);
    this.unrewindable = this.players.filter((player, i) => first[i].some((x, k) => !Object.is(x, player.out[k])));
    for (let n = 1, best = cost; ; n++) {
      const elapsed = performance.now() - began;
      const settled = elapsed > LEAST_WARM_MS && cost <= 1.2 * best;
      if (settled || elapsed > MOST_WARM_MS || n >= MOST_ROUNDS) {
        if (this.#speed(best) >= SLOWEST || elapsed > SLOW_PATIENCE_MS) break;
      }
      cost = this.#round(head + n * ROUND);
      best = Math.min(best, cost);
      this.costMsPerFrame = best / ROUND;
    }
    this.costMsPerFrame ??= cost / ROUND;
    if (judged) this.#judge();
    for (const player of this.players) player.forget();
  }

  #speed(roundMs) {
    return (ROUND / this.#timeline.setup.rateHz) * 1000 / roundMs;
  }

  /** Renders one round and returns what it took in ms. */
  #round(from) {
    const { setup, loop } = this.#timeline;
    for (const player of this.players) player.reserve(ROUND, setup.channels);
    const began = performance.now();
    loop.run(this.players, from, ROUND, 0, (player, error) => {
      throw locate(error, { sources: this.sources, file: this.file, voice: player.name });
    });
    return performance.now() - began;
  }

  #judge() {
    for (const player of this.players) {
      if (player.oddReturns > 0) {
        this.#refuse(player, 'return', 'returns neither a number nor [left, right]');
      } else if (player.badFrames > 0 || player.peak > BLAST) {
        const blast = player.peak > BLAST;
        this.#refuse(player, blast ? 'blast' : 'nan', blast ? `blasts: its peak is above ${BLAST}` : 'gives NaN');
      }
    }
    const speed = this.#speed(this.costMsPerFrame * ROUND);
    if (this.players.length > 0 && speed < SLOWEST) {
      const slowest = this.#slowest();
      this.#refuse(slowest, 'slow', `is too slow: all voices together render at ${speed.toFixed(2)} x real time`);
    }
  }

  #refuse(player, kind, what) {
    const place = placeIn(player.spec.site?.stack, this.sources);
    const sourceLine = lineOf(this.sources.get(place.file), place.line);
    throw new SourceError(`voice ${player.name} ${what}`, {
      kind,
      file: this.file,
      ...place,
      sourceLine,
      voice: player.name,
    });
  }

  #slowest() {
    const costs = this.players.map((player) => {
      const began = performance.now();
      this.#timeline.loop.run([player], this.#timeline.head, ROUND, 0, () => {});
      return performance.now() - began;
    });
    return this.players[costs.indexOf(Math.max(...costs))];
  }

  #abandon() {
    const { arena } = this.#timeline;
    for (const window of this.#planned.values()) {
      if (window !== arena.window(window.name)) arena.release(window);
    }
    this.#planned.clear();
  }
}
