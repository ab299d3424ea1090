// Sound files as instruments. Where a player is in its sound is state, in frames of it.

import { Cell } from '../cells.js';
import { UsageError, checkSignal, clamped, kept, number } from './toolbox.js';

const OPTIONS = ['trigger', 'loop', 'speed', 'start', 'end'];
/** Over so long an interrupted sound fades out, and what is cut out of the middle of one in and out. */
const FADE_S = 0.003;
const PLAYER = Object.freeze({ at: 0, runs: 1, high: 2, old: 3, oldLeft: 4, slots: 5 });

/** The sound at a place between four frames (Catmull and Rom): through every frame itself. */
function between(before, first, second, after, part) {
  if (part === 0) return first;
  const a = 0.5 * (3 * (first - second) + after - before);
  const b = before + 2 * second - 0.5 * (5 * first + after);
  return ((a * part + b) * part + 0.5 * (second - before)) * part + first;
}

/** What of a sound is played: from frame `first` up to frame `last`, round and round where it loops. */
class Cut {
  constructor() {
    this.sound = undefined;
    this.first = this.last = this.fade = 0;
    this.loops = false;
  }

  /** Channel `c` of the frame at `index`. */
  frame(index, c) {
    const { sound, first, last } = this;
    let i = index;
    if (this.loops) i = index < first ? index + last - first : index >= last ? index - (last - first) : index;
    return i >= 0 && i < sound.length ? sound.frames[(i * sound.channels + c) | 0] : 0;
  }

  read(at, c) {
    const whole = Math.floor(at);
    const part = at - whole;
    if (part === 0) return this.frame(whole, c);
    return between(this.frame(whole - 1, c), this.frame(whole, c), this.frame(whole + 1, c), this.frame(whole + 2, c), part);
  }

  /** How loud it is there: what is cut off begins and ends without a step. */
  gain(at) {
    if (this.loops) return 1;
    const rise = this.first > 0 ? (at - this.first) / this.fade : 1;
    const fall = this.last < this.sound.length ? (this.last - at) / this.fade : 1;
    return clamped(rise < fall ? rise : fall, 0, 1);
  }

  holds(at) {
    return at >= this.first && at < this.last;
  }

  /** One step on: `NaN` where that is beyond its end. */
  next(at, step) {
    const to = at + step;
    if (this.holds(to)) return to;
    const length = this.last - this.first;
    if (!this.loops || !(length > 0)) return NaN;
    const turned = (to - this.first) % length;
    return this.first + (turned < 0 ? turned + length : turned);
  }
}

/** The players of sound files by name, made with `toolbox`. */
export function samples(toolbox) {
  const { state, sr } = toolbox;

  const sample = toolbox.define(
    'sample',
    (node) => {
      const cell = new Cell('sample', PLAYER.slots);
      const cut = new Cut();
      cut.fade = FADE_S * sr;
      let path;
      let options;

      node.settle = () => {
        options = node.b;
        cut.loops = options?.loop === true;
        if (node.a === path) return;
        cut.sound = toolbox.shelf.find(node.a, `sample('${node.a}')`);
        path = node.a;
      };

      const place = (s) => {
        const { length } = cut.sound;
        cut.first = Math.floor(clamped(number(options?.start ?? 0, s) * sr, 0, length));
        cut.last = Math.floor(clamped(number(options?.end ?? Infinity, s) * sr, cut.first, length));
      };

      /** From its beginning on: from its end, where it runs backwards. What sounded until now fades out. */
      const restart = (at, speed) => {
        if (state[at + PLAYER.runs] === 1) {
          state[at + PLAYER.old] = state[at + PLAYER.at];
          state[at + PLAYER.oldLeft] = Math.ceil(cut.fade);
        }
        state[at + PLAYER.at] = speed < 0 ? Math.max(cut.first, cut.last - 1) : cut.first;
        state[at + PLAYER.runs] = 1;
      };

      const hear = (at, c) => {
        let x = 0;
        const now = state[at + PLAYER.at];
        if (state[at + PLAYER.runs] === 1 && cut.holds(now)) x = cut.gain(now) * cut.read(now, c);
        const left = state[at + PLAYER.oldLeft];
        const old = state[at + PLAYER.old];
        if (left > 0 && cut.holds(old)) x += (left / cut.fade) * cut.gain(old) * cut.read(old, c);
        return x;
      };

      const advance = (at, speed) => {
        const next = state[at + PLAYER.runs] === 1 ? cut.next(state[at + PLAYER.at], speed) : NaN;
        state[at + PLAYER.runs] = next === next ? 1 : 0;
        state[at + PLAYER.at] = kept(next);
        if (state[at + PLAYER.oldLeft] === 0) return;
        const old = cut.next(state[at + PLAYER.old], speed);
        state[at + PLAYER.old] = kept(old);
        state[at + PLAYER.oldLeft] = old === old ? state[at + PLAYER.oldLeft] - 1 : 0;
      };

      const signal = (s) => {
        const at = cell.at(s);
        place(s);
        const speed = kept(number(options?.speed ?? 1, s));
        const isHigh = options?.trigger === undefined || number(options.trigger, s) > 0;
        if (isHigh && state[at + PLAYER.high] === 0) restart(at, speed);
        state[at + PLAYER.high] = isHigh ? 1 : 0;
        const { channels } = cut.sound;
        if (channels === 1) {
          const x = hear(at, 0);
          advance(at, speed);
          return x;
        }
        const frame = node.frame(channels);
        for (let c = 0; c < channels; c++) frame[c] = hear(at, c);
        advance(at, speed);
        return frame;
      };
      Object.defineProperty(signal, 'seconds', { get: () => cut.sound.length / sr });
      return signal;
    },
    (path, options) => {
      if (typeof path !== 'string' || path === '') {
        throw new UsageError(`sample(path, options): the path is a string like 'kick.wav', not ${typeof path === 'string' ? 'empty' : typeof path}`);
      }
      if (options === undefined) return;
      if (typeof options !== 'object' || options === null) refuseOption(String(options));
      for (const name in options) if (!OPTIONS.includes(name)) refuseOption(name);
      checkSignal('sample(): trigger', options.trigger ?? 1);
      checkSignal('sample(): speed', options.speed ?? 1);
      checkSignal('sample(): start', options.start ?? 0);
      checkSignal('sample(): end', options.end ?? 0);
      if (typeof (options.loop ?? false) !== 'boolean') throw new UsageError(`sample(): loop is true or false, not ${String(options.loop)}`);
    },
  );

  /** There is no live input in the engine. */
  const input = () => {
    throw new UsageError('input(n): live input is not there yet; sample(path) plays what was recorded');
  };

  return { sample, input };
}

function refuseOption(what) {
  throw new UsageError(`sample(path, options): the options are { ${OPTIONS.join(', ')} }, not ${what}`);
}
