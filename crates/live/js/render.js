// The hot loop: all voices in step, sample by sample, each into its own frames. Nothing here allocates.

import { HEAD, MOST_CHANNELS } from './state.js';

/** Beyond this a sample is no sound: it is cut there and counted. */
const LOUDEST = 64;
/** Fall of a failed voice per frame, to silence without a step (about 5 ms). */
const FALL = 0.985;

/** Words of the shared guard line, by which the host knows whose code runs. */
export const GUARD = Object.freeze({ voice: 0, beat: 1, trial: 2 });
/** Values of `GUARD.voice`: nobody's code, the file's top level; voice `i` of the list is `i + 1`. */
export const NOBODY = 0;
export const TOP_LEVEL = -1;
/** Values of `GUARD.trial`, which says which list that is: what plays, what a successor takes over; else it is the
 *  revision of the code that is tried, until it is published. */
export const PLAYING = 0;
export const TAKE_OVER = -1;

/** What a voice function gets: the same object at every call. */
export class Signal {
  constructor(name, index, { sr, state, random, cells }) {
    /** Seconds and frames since the session began. */
    this.t = 0;
    this.n = 0;
    this.sr = sr;
    this.dt = 1 / sr;
    /** Where the voice's own slots begin in `state`. */
    this.idx = 0;
    this.state = state;
    this.name = name;
    this.index = index;
    this.random = random;
    this.pair = new Float64Array(2);
    /** What the voice's helpers have taken; what it builds in every frame. */
    this.cells = cells;
    this.built = undefined;
  }

  /** `return s.out(l, r)` is `return [l, r]` without an allocation. */
  out(left, right) {
    this.pair[0] = left;
    this.pair[1] = right;
    return this.pair;
  }
}

/** One voice as the loop sees it. `call` gets `argument` with `self` as this. */
export class Player {
  constructor(spec, window, signal) {
    this.name = spec.name;
    this.spec = spec;
    this.signal = signal;
    this.window = window;
    this.head = window.head;
    this.out = new Float32Array(0);
    /** Song frame at which a departing voice falls silent for good; Infinity while it stays. */
    this.endAt = Infinity;
    /** The last frame before fades. */
    this.last = new Float64Array(MOST_CHANNELS);
    /** Kinds of faults that people were told of. */
    this.told = new Set();
    this.forget();
    this.revive();
  }

  /** The windows of its helpers, as far as they were called. */
  get cells() {
    return this.signal.cells?.windows ?? [];
  }

  /** Has room for `frames` frames of `channels` channels. */
  reserve(frames, channels) {
    if (this.out.length < frames * channels) {
      this.out = new Float32Array(frames * channels);
      this.bytes = new Uint8Array(this.out.buffer);
    }
  }

  /** Forgets what was counted about the output. */
  forget() {
    this.badFrames = 0;
    this.oddReturns = 0;
    /** Song frames of the first of each. */
    this.firstBad = undefined;
    this.firstOdd = undefined;
    /** Loudest sample before fades. */
    this.peak = 0;
  }

  /** From now on the voice falls silent from its last frame; `error` says why. */
  fail(error) {
    this.failed = error;
    this.call = fall;
    this.self = undefined;
    this.argument = this;
  }

  /** The voice's own code is called, whether it failed before or not. */
  revive() {
    this.failed = undefined;
    this.call = this.spec.call;
    this.self = this.spec.self;
    this.argument = this.spec.takesRate ? this.signal.sr : this.signal;
  }
}

function fall({ last }) {
  for (let c = 0; c < last.length; c++) last[c] = Math.abs(last[c]) < 1e-6 ? 0 : last[c] * FALL;
  return last;
}

/** Renders song frames `from .. from + frames` of all players into their `out`, beginning at frame `at` there.
 *  A player that throws fails, by name, and the others go on from the same sample. */
export class Loop {
  #guard;
  #channels;
  #frame = 0;
  #voice = 0;
  /** The list that runs, or ran last. */
  players = [];

  constructor(guard, channels) {
    this.#guard = guard;
    this.#channels = channels;
  }

  /** `onFailure(player, error)` hears of each failure first; what it throws ends the run. */
  run(players, from, frames, at, onFailure) {
    this.players = players;
    this.#frame = 0;
    this.#voice = 0;
    for (;;) {
      try {
        this.#steps(players, from, frames, at);
        break;
      } catch (error) {
        const player = players[this.#guard[GUARD.voice] - 1];
        onFailure(player, error);
        player.fail(error);
        this.#voice = players.indexOf(player);
      }
    }
    this.#guard[GUARD.voice] = NOBODY;
    this.#guard[GUARD.beat] += 1;
  }

  #steps(players, from, frames, at) {
    const guard = this.#guard;
    const channels = this.#channels;
    const count = players.length;
    let first = this.#voice;
    for (let f = this.#frame; f < frames; f++) {
      this.#frame = f;
      const n = from + f;
      const base = (at + f) * channels;
      for (let i = first; i < count; i++) {
        const player = players[i];
        guard[GUARD.voice] = i + 1;
        const signal = player.signal;
        signal.n = n;
        signal.t = n / signal.sr;
        this.#store(player, player.call.call(player.self, player.argument), base);
      }
      first = 0;
    }
  }

  #store(player, value, base) {
    let left;
    let right;
    if (typeof value === 'number') {
      left = right = value;
    } else if (value !== null && typeof value === 'object') {
      left = value[0];
      right = value.length > 1 ? value[1] : left;
    }
    left = sound(player, left);
    right = sound(player, right);
    const head = player.head;
    if (head[HEAD.left] > 0) fade(head);
    const gain = head[HEAD.gain];
    const { last, out } = player;
    last[0] = left;
    last[1] = right;
    out[base] = left * gain;
    out[base + 1] = right * gain;
    for (let c = 2; c < this.#channels; c++) {
      last[c] = c < value?.length ? sound(player, value[c]) : 0;
      out[base + c] = last[c] * gain;
    }
  }
}

/** A sample as it may be heard: what is no number is silence, what is no sound is cut; both are counted. */
function sound(player, value) {
  if (typeof value !== 'number') {
    player.oddReturns += 1;
    player.firstOdd ??= player.signal.n;
    return 0;
  }
  if (!(value <= LOUDEST && value >= -LOUDEST)) return cut(player, value);
  const loud = Math.abs(value);
  if (loud > player.peak) player.peak = loud;
  return value;
}

function cut(player, value) {
  player.badFrames += 1;
  player.firstBad ??= player.signal.n;
  if (value !== value) return 0;
  player.peak = LOUDEST;
  return value > 0 ? LOUDEST : -LOUDEST;
}

function fade(head) {
  head[HEAD.left] -= 1;
  head[HEAD.gain] = head[HEAD.left] === 0 ? head[HEAD.target] : head[HEAD.gain] + head[HEAD.step];
}

/** Moves the gain of a voice to `target` over `frames`, from wherever it is. */
export function fadeTo(head, target, frames) {
  if (head[HEAD.target] === target && (head[HEAD.left] > 0 || head[HEAD.gain] === target)) return;
  head[HEAD.target] = target;
  head[HEAD.left] = Math.max(1, Math.round(frames));
  head[HEAD.step] = (target - head[HEAD.gain]) / head[HEAD.left];
}

/** Whether a voice is heard among `players`: not muted, and solo where any is that stays. */
export function audible({ head }, players) {
  if (head[HEAD.muted] === 1) return false;
  return head[HEAD.solo] === 1 || !players.some((player) => player.endAt === Infinity && player.head[HEAD.solo] === 1);
}
