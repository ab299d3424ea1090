// The hot loop: all voices in step, sample by sample, each into its own frames. Nothing here allocates.

import { HEAD } from './state.js';

/** Beyond this a sample is no sound: it is cut there and counted. */
const LOUDEST = 64;
/** Fall of a failed voice per frame, to silence without a step (about 5 ms). */
const FALL = 0.985;

/** Words of the shared guard line, by which the host knows whose code runs. */
export const GUARD = Object.freeze({ voice: 0, beat: 1, trial: 2 });
/** Values of `GUARD.voice`: nobody's code, the file's top level; voice `i` of the list is `i + 1`. */
export const NOBODY = 0;
export const TOP_LEVEL = -1;

/** What a voice function gets: the same object at every call. */
export class Signal {
  constructor(name, index, sr, state, random) {
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
    this.call = spec.call;
    this.self = spec.self;
    this.argument = spec.takesRate ? signal.sr : signal;
    this.signal = signal;
    this.window = window;
    this.head = window.head;
    this.out = new Float32Array(0);
    /** Song frame at which a departing voice falls silent for good; Infinity while it stays. */
    this.endAt = Infinity;
    this.failed = undefined;
    /** The last frame before fades. */
    this.left = 0;
    this.right = 0;
    this.badFrames = 0;
    this.oddReturns = 0;
    /** Loudest sample before fades. */
    this.peak = 0;
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
    this.peak = 0;
  }

  /** From now on the voice falls silent from its last sample; `error` says why. */
  fail(error) {
    this.failed = error;
    this.call = fall;
    this.self = undefined;
    this.argument = this;
  }
}

function fall(player) {
  const left = player.left * FALL;
  const right = player.right * FALL;
  return player.signal.out(Math.abs(left) < 1e-6 ? 0 : left, Math.abs(right) < 1e-6 ? 0 : right);
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
    if (typeof left !== 'number' || typeof right !== 'number') {
      player.oddReturns += 1;
      left = right = 0;
    }
    if (!(left <= LOUDEST && left >= -LOUDEST)) left = cut(player, left);
    if (!(right <= LOUDEST && right >= -LOUDEST)) right = cut(player, right);
    const loud = Math.max(Math.abs(left), Math.abs(right));
    if (loud > player.peak) player.peak = loud;
    const head = player.head;
    if (head[HEAD.left] > 0) fade(head);
    const gain = head[HEAD.gain];
    player.left = left;
    player.right = right;
    left *= gain;
    right *= gain;
    const out = player.out;
    if (this.#channels === 1) {
      out[base] = 0.5 * (left + right);
      return;
    }
    out[base] = left;
    out[base + 1] = right;
    for (let c = 2; c < this.#channels; c++) out[base + c] = c < value.length ? value[c] * gain : 0;
  }
}

function cut(player, value) {
  player.badFrames += 1;
  if (value > 0) return LOUDEST;
  return value < 0 ? -LOUDEST : 0;
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
