// A voice as the loop sees it, and what its code gets.

import { HEAD, MOST_CHANNELS } from './state.js';

/** Frames that a block voice renders at once. All chunks, snapshots and changes lie on this grid of song frames, so that a
 *  block voice gives the same bits whatever happens around it. */
export const QUANTUM = 64;
/** Fall of a failed voice per frame, to silence without a step (about 5 ms). */
const FALL = 0.985;

/** What a voice function gets: the same object at every call. */
export class Signal {
  #head;

  constructor(name, index, { sr, state, head, random, cells }) {
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
    /** What a helper found amiss, for people; until it is told. */
    this.amiss = undefined;
    this.#head = head;
  }

  /** Seconds since the voice began, or since where `setPosition` has put it. */
  get position() {
    return (this.n - this.#head[HEAD.begun]) / this.sr;
  }

  /** `return s.out(l, r)` is `return [l, r]` without an allocation. */
  out(left, right) {
    this.pair[0] = left;
    this.pair[1] = right;
    return this.pair;
  }
}

/** One voice as the loop sees it. `call(argument)` gives a frame; a block voice has `process` instead. */
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
    /** Whether its state can be restored. Where it can't, its code is called once for each frame of the song: what others
     *  change leaves what is written of it alone, which reaches up to song frame `heldUntil`. */
    this.isRewindable = true;
    /** Whether its text was looked through for that. */
    this.isJudged = false;
    this.heldUntil = -Infinity;
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
    if (this.spec.block && this.planes?.length !== channels) {
      this.planes = Array.from({ length: channels }, () => new Float32Array(QUANTUM));
    }
  }

  /** Forgets what was counted about the output. */
  forget() {
    this.badFrames = 0;
    this.oddReturns = 0;
    this.signal.amiss = undefined;
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
    this.argument = this;
  }

  /** The voice's own code is called, whether it failed before or not. */
  revive() {
    const { call, self, takesRate } = this.spec;
    this.failed = undefined;
    this.call = self === undefined ? call : (argument) => call.call(self, argument);
    this.argument = takesRate ? this.signal.sr : this.signal;
  }
}

function fall({ last }) {
  for (let c = 0; c < last.length; c++) last[c] = Math.abs(last[c]) < 1e-6 ? 0 : last[c] * FALL;
  return last;
}

/** Takes a frame that is no plain number: an array or typed array of one number per channel, or of one for all. */
export function takeFrame(player, value, base, channels) {
  const { out } = player;
  if (channels === 2 && value?.length === 2) {
    const left = value[0];
    const right = value[1];
    if (typeof left === 'number' && typeof right === 'number') {
      out[base] = left;
      out[base + 1] = right;
      return;
    }
  }
  const given = value !== null && typeof value === 'object' ? value.length : 0;
  for (let c = 0; c < channels; c++) {
    const x = given === 1 && c === 1 ? value[0] : c < given || c < 2 ? value?.[c] : 0;
    if (typeof x === 'number') {
      out[base + c] = x;
      continue;
    }
    out[base + c] = 0;
    player.oddReturns += 1;
    player.firstOdd ??= player.signal.n;
  }
}
