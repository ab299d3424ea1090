// How helpers are made. A helper is a function of `s`, what a voice gets per frame, that returns a number or one per channel.

import { LINE } from '../state.js';

/** What is smaller is silence: without this a tail that fades out for ever costs many times more (denormal numbers). */
export const SILENCE = 1e-20;

/** A mistake in the use of the language; its place is the caller's. */
export class UsageError extends Error {
  constructor(message) {
    super(message);
    this.name = 'UsageError';
  }
}

/** `state` is the arena, `lines` the memory of delay lines, `sr` frames per second, `transport` the shared beat,
 *  `shelf` the sound files, `desk` the values from outside; `playing()` is the voice whose code runs, if one does. */
export class Toolbox {
  constructor({ state, lines, sr, playing, transport, shelf, desk }) {
    this.state = state;
    this.lines = lines;
    this.sr = sr;
    this.playing = playing;
    this.transport = transport;
    this.shelf = shelf;
    this.desk = desk;
  }

  /** A function that builds helpers of `kind`. `make(node)` returns the signal; the arguments are `node.a` to `node.f`, and
   *  may be others at the next frame: a helper that is built inside a voice is built once, and given them anew. What it
   *  works out of them it does in `node.settle`, if it sets one. */
  define(kind, make, check) {
    return (a, b, c, d, e, f) => {
      check?.(a, b, c, d, e, f);
      const player = this.playing();
      if (player?.spec.block) throw new UsageError(`${kind}() in a block voice: build it once, outside of process, and call it with s there`);
      const signal = player?.signal;
      const node = signal === undefined ? new Node(make) : (signal.built ??= new Built()).next(kind, signal.n, make);
      node.a = a;
      node.b = b;
      node.c = c;
      node.d = d;
      node.e = e;
      node.f = f;
      node.settle?.();
      return node.signal;
    };
  }
}

/** One helper: its arguments, and the frames that it gives out. */
class Node {
  #frames = [];

  constructor(make) {
    this.a = this.b = this.c = this.d = this.e = this.f = undefined;
    this.settle = undefined;
    this.signal = make(this);
  }

  /** A frame of `channels` samples, the same at every call. */
  frame(channels) {
    return (this.#frames[channels] ??= new Float64Array(channels));
  }
}

/** The helpers that a voice builds in every frame: the second `sin()` of a frame is the second one of every frame. */
class Built {
  kinds = new Map();
  frame = NaN;
  /** Frames in which something was built. */
  turn = 0;

  next(kind, frame, make) {
    if (frame !== this.frame) {
      this.frame = frame;
      this.turn += 1;
    }
    const built = this.kinds.get(kind) ?? this.first(kind);
    if (built.turn !== this.turn) {
      built.turn = this.turn;
      built.used = 0;
    }
    const { nodes } = built;
    if (built.used === nodes.length) nodes.push(new Node(make));
    return nodes[built.used++];
  }

  first(kind) {
    const built = { turn: 0, used: 0, nodes: [] };
    this.kinds.set(kind, built);
    return built;
  }
}

/** What an argument is in this frame: a number, or one per channel. */
export function sound(x, s) {
  return typeof x === 'function' ? x(s) : x;
}

/** What an argument is in this frame, as one number: that of the first channel. */
export function number(x, s) {
  if (typeof x === 'number') return x;
  if (typeof x !== 'function') throw new UsageError(`an argument of a helper is a number or a signal, a function of s, not ${shown(x)}`);
  const value = x(s);
  return typeof value === 'number' ? value : first(value);
}

/** The first channel of what a signal gave; true and false are 1 and 0. */
function first(value) {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value?.[0] === 'number') return value[0];
  throw new UsageError(`a signal gives a number, or an array of one per channel, not ${shown(value)}`);
}

/** What somebody has given, for a message. */
function shown(x) {
  if (typeof x === 'string') return `'${x}'`;
  return x === null || typeof x !== 'object' ? String(x) : 'an object';
}

/** `x` within bounds; what is no number is the least. */
export function clamped(x, least, most) {
  return x > least ? (x < most ? x : most) : least;
}

/** A sample that a memory may keep: what is no number or too small to be heard is silence. */
export function kept(x) {
  return (x > SILENCE || x < -SILENCE) && x - x === 0 ? x : 0;
}

/** Throws unless `x` is a number or a signal. */
export function checkSignal(what, x) {
  if (typeof x === 'function' && x.builds === undefined) return;
  if (typeof x === 'number' && x === x) return;
  if (typeof x === 'function') throw new UsageError(`${what} is a number or a signal, not ${x.builds} itself: write ${x.builds}(...), with its parentheses`);
  throw new UsageError(`${what} is a number or a signal, a function of s, not ${shown(x)}`);
}

/** Throws unless `x` is a number above zero and at most `most`. */
export function checkSeconds(what, x, most) {
  if (typeof x === 'number' && x > 0 && x <= most) return;
  throw new UsageError(`${what} is a number of seconds above 0, up to ${most}, not ${String(x)}`);
}

/** The memory of delay lines, whose windows begin at `at` in the arena and are `length` frames long. An index that comes out
 *  of state is made a whole number (`| 0`): an interpreter looks up any other by its name. */
export function lineMemory({ state, lines }) {
  const { offset: OFFSET, at: AT, written: WRITTEN } = LINE;

  /** Appends `x`. */
  const write = (at, length, x) => {
    const place = state[at + AT] | 0;
    lines[(state[at + OFFSET] | 0) + place] = kept(x);
    state[at + AT] = place + 1 === length ? 0 : place + 1;
    state[at + WRITTEN] += 1;
  };

  /** What was written `frames` frames before the next one is, between two of them by a straight line; silence from before
   *  the first. From 1 to what the line remembers. */
  const read = (at, length, frames) => {
    if (frames > state[at + WRITTEN]) return 0;
    let place = state[at + AT] - frames;
    if (place < 0) place += length;
    const first = state[at + OFFSET] | 0;
    const whole = place | 0;
    const x = lines[first + whole];
    const part = place - whole;
    if (part === 0) return x;
    const next = whole + 1 === length ? 0 : whole + 1;
    return x + part * (lines[first + next] - x);
  };

  return { read, write };
}
