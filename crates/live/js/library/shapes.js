// What shapes a signal frame by frame: level, place, folding, smoothing, and how signals are put together. All follow the
// channels of what they are given.

import { Cell } from '../cells.js';
import { MOST_CHANNELS } from '../state.js';
import { UsageError, checkSignal, clamped, kept, number, sound } from './toolbox.js';

/** A slewed signal is so many time constants nearer to where it goes after its time: within one per cent. */
const ARRIVED = Math.log(100);
const QUARTER = Math.PI / 4;

/** The shapers by name, made with `toolbox`. */
export function shapes(toolbox) {
  const { state } = toolbox;
  const checked = (name) => (sig) => checkSignal(`${name}(sig, ...): the first argument`, sig);

  /** A helper without state of its own: `at(x, k)` of each sample, where `k` is the second argument in this frame. */
  const pointwise = (name, usual, at) =>
    toolbox.define(
      name,
      (node) => (s) => {
        const x = sound(node.a, s);
        const k = number(node.b ?? usual, s);
        if (typeof x === 'number') return at(x, k);
        const frame = node.frame(x.length);
        for (let c = 0; c < x.length; c++) frame[c] = at(x[c], k);
        return frame;
      },
      checked(name),
    );

  const gain = pointwise('gain', 1, (x, k) => x * k);
  const decay = pointwise('decay', 1, (x, k) => Math.exp(-x * k));

  /** Triangle folding: what passes 1 comes back. */
  const fold = pointwise('fold', 1, (x, k) => {
    const y = x * k;
    if (y <= 1 && y >= -1) return y;
    const turn = (((y + 1) % 4) + 4) % 4;
    return turn < 2 ? turn - 1 : 3 - turn;
  });

  const pan = toolbox.define(
    'pan',
    (node) => (s) => {
      const x = sound(node.a, s);
      const place = clamped(number(node.b ?? 0, s), -1, 1);
      const frame = node.frame(2);
      if (typeof x === 'number') {
        frame[0] = x * Math.cos((place + 1) * QUARTER);
        frame[1] = x * Math.sin((place + 1) * QUARTER);
      } else {
        // Balance: the far side falls, the near one stays.
        frame[0] = x[0] * (place > 0 ? Math.cos(place * 2 * QUARTER) : 1);
        frame[1] = (x[1] ?? x[0]) * (place < 0 ? Math.cos(place * 2 * QUARTER) : 1);
      }
      return frame;
    },
    checked('pan'),
  );

  const tremolo = toolbox.define(
    'tremolo',
    (node) => {
      const cell = new Cell('tremolo', 1);
      return (s) => {
        const at = cell.at(s);
        const x = sound(node.a, s);
        const depth = clamped(number(node.c ?? 1, s), 0, 1);
        const level = 1 - depth * (0.5 - 0.5 * Math.cos(2 * Math.PI * state[at]));
        const next = state[at] + number(node.b, s) * s.dt;
        state[at] = kept(next - Math.floor(next));
        if (typeof x === 'number') return x * level;
        const frame = node.frame(x.length);
        for (let c = 0; c < x.length; c++) frame[c] = x[c] * level;
        return frame;
      };
    },
    (sig, hz) => {
      checkSignal('tremolo(sig, hz, depth): the first argument', sig);
      checkSignal('tremolo(sig, hz, depth): the frequency', hz);
    },
  );

  const slew = toolbox.define(
    'slew',
    (node) => {
      // A slot per channel, and one that says whether there was a frame before.
      const cell = new Cell('slew', MOST_CHANNELS + 1);
      const step = (at, x, part) => (state[at] = kept(state[at] + part * (kept(x) - state[at])));
      return (s) => {
        const at = cell.at(s);
        const x = sound(node.a, s);
        const seconds = number(node.b, s);
        const begins = state[at] === 0;
        state[at] = 1;
        const part = begins || !(seconds > 0) ? 1 : 1 - Math.exp((-ARRIVED * s.dt) / seconds);
        if (typeof x === 'number') return step(at + 1, x, part);
        const frame = node.frame(x.length);
        for (let c = 0; c < x.length; c++) frame[c] = step(at + 1 + c, x[c], part);
        return frame;
      };
    },
    (sig, seconds) => {
      checkSignal('slew(sig, seconds): the first argument', sig);
      checkSignal('slew(sig, seconds): the time', seconds);
    },
  );

  /** Called more than once in a frame, it is worked out once. */
  const share = toolbox.define(
    'share',
    (node) => {
      let [owner, frame, value] = [undefined, NaN, 0];
      return (s) => {
        if (s === owner && s.n === frame) return value;
        const x = sound(node.a, s);
        owner = s;
        frame = s.n;
        if (typeof x === 'number') return (value = x);
        value = node.frame(x.length);
        value.set(x);
        return value;
      };
    },
    checked('share'),
  );

  const mix = (...signals) => {
    if (signals.length === 0) throw new UsageError('mix(sig, sig, ...) needs a signal at least');
    signals.forEach((sig, i) => checkSignal(`mix(): argument ${i + 1}`, sig));
    return sum(signals);
  };

  const sum = toolbox.define('mix', (node) => (s) => {
    const signals = node.a;
    let channels = 0;
    let one = 0;
    const frame = node.frame(MOST_CHANNELS);
    for (let i = 0; i < signals.length; i++) {
      const x = sound(signals[i], s);
      if (typeof x === 'number') {
        one += x;
        continue;
      }
      const given = x.length < MOST_CHANNELS ? x.length : MOST_CHANNELS;
      for (; channels < given; channels++) frame[channels] = 0;
      for (let c = 0; c < given; c++) frame[c] += x[c];
    }
    if (channels === 0) return one;
    // What has one channel is heard in all.
    const out = channels === MOST_CHANNELS ? frame : node.frame(channels);
    for (let c = 0; c < channels; c++) out[c] = frame[c] + one;
    return out;
  });

  /** `pipe(x, f, g)` is `g(f(x))`. */
  const pipe = (sig, ...stages) => {
    stages.forEach((stage, i) => {
      if (typeof stage !== 'function') throw new UsageError(`pipe(): argument ${i + 2} is a function of a signal`);
    });
    return stages.reduce((x, stage) => stage(x), sig);
  };

  return { gain, pan, fold, decay, share, pipe, mix, tremolo, slew };
}
