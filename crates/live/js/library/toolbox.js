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
      const node = this.#node(kind, make);
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

  #node(kind, make) {
    const s = this.playing()?.signal;
    if (s === undefined) return new Node(make);
    const built = (s.built ??= new Built());
    return built.next(kind, s.n) ?? built.add(kind, new Node(make));
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
  #kinds = new Map();
  #frame = NaN;

  next(kind, frame) {
    if (frame !== this.#frame) {
      for (const built of this.#kinds.values()) built.used = 0;
      this.#frame = frame;
    }
    const built = this.#kinds.get(kind);
    return built && built.used < built.nodes.length ? built.nodes[built.used++] : undefined;
  }

  add(kind, node) {
    if (!this.#kinds.has(kind)) this.#kinds.set(kind, { used: 0, nodes: [] });
    const built = this.#kinds.get(kind);
    built.nodes.push(node);
    built.used = built.nodes.length;
    return node;
  }
}

/** What an argument is in this frame: a number, or one per channel. */
export function sound(x, s) {
  return typeof x === 'function' ? x(s) : x;
}

/** What an argument is in this frame, as one number: that of the first channel. */
export function number(x, s) {
  if (typeof x === 'number') return x;
  const value = x(s);
  return typeof value === 'number' ? value : value[0];
}

/** `x` within bounds; what is no number is the least. */
export function clamped(x, least, most) {
  return x > least ? (x < most ? x : most) : least;
}

/** A sample that a memory may keep: what is no number or too small to be heard is silence. */
export function kept(x) {
  return (x > SILENCE && x < Infinity) || (x < -SILENCE && x > -Infinity) ? x : 0;
}

/** Throws unless `x` is a number or a signal. */
export function checkSignal(what, x) {
  if (typeof x === 'function' || (typeof x === 'number' && x === x)) return;
  throw new UsageError(`${what} is a number or a signal, a function of s, not ${x === null || typeof x !== 'object' ? String(x) : 'an object'}`);
}

/** Throws unless `x` is a number above zero and at most `most`. */
export function checkSeconds(what, x, most) {
  if (typeof x === 'number' && x > 0 && x <= most) return;
  throw new UsageError(`${what} is a number of seconds above 0, up to ${most}, not ${String(x)}`);
}

// An index that comes out of state is made a whole number (`| 0`): an interpreter looks up any other by its name.

/** Appends `x` to the line of a window at `at` in the arena, `length` frames long. */
export function write({ state, lines }, at, length, x) {
  const place = state[at + LINE.at] | 0;
  lines[(state[at + LINE.offset] | 0) + place] = kept(x);
  state[at + LINE.at] = place + 1 === length ? 0 : place + 1;
  state[at + LINE.written] += 1;
}

/** What was written `frames` frames before the next one is, between two of them by a straight line; silence from before the
 *  first. From 1 to what the line remembers. */
export function read({ state, lines }, at, length, frames) {
  if (frames > state[at + LINE.written]) return 0;
  let place = state[at + LINE.at] - frames;
  if (place < 0) place += length;
  const first = state[at + LINE.offset] | 0;
  const whole = place | 0;
  const x = lines[first + whole];
  const part = place - whole;
  if (part === 0) return x;
  const next = whole + 1 === length ? 0 : whole + 1;
  return x + part * (lines[first + next] - x);
}
