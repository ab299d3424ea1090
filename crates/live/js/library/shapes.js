// What shapes a signal frame by frame: level, place, folding, smoothing, and how signals are put together. All follow the
// channels of what they are given.

import { Cell } from '../cells.js';
import { MOST_CHANNELS } from '../state.js';
import { UsageError, checkSignal, clamped, kept, number, sound } from './toolbox.js';

/** A slewed signal is so many time constants nearer to where it goes after its time: within one per cent. */
const ARRIVED = Math.log(100);
const QUARTER = Math.PI / 4;

/** Adds the channels of `x` from the third on to `sum`, which has `channels` of them as yet. */
function addRest(sum, channels, x) {
  const given = x.length < MOST_CHANNELS ? x.length : MOST_CHANNELS;
  for (let c = 2; c < given; c++) sum[c] = (c < channels ? sum[c] : 0) + x[c];
}

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
        const { length } = x;
        const frame = node.frame(length);
        for (let c = 0; c < length; c++) frame[c] = at(x[c], k);
        return frame;
      },
      checked(name),
    );

  // The one that is used most, with what it calls written out.
  const gain = toolbox.define(
    'gain',
    (node) => (s) => {
      const { a } = node;
      const b = node.b ?? 1;
      const x = typeof a === 'function' ? a(s) : a;
      const k = typeof b === 'number' ? b : number(b, s);
      if (typeof x === 'number') return x * k;
      const { length } = x;
      const frame = node.frame(length);
      for (let c = 0; c < length; c++) frame[c] = x[c] * k;
      return frame;
    },
    checked('gain'),
  );

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
    (node) => {
      const pair = node.frame(2);
      // What its place gives to the left and to the right, worked out when it moves.
      const mono = { place: NaN, left: 0, right: 0 };
      const stereo = { place: NaN, left: 0, right: 0 };
      return (s) => {
        const { a } = node;
        const b = node.b ?? 0;
        let x = typeof a === 'function' ? a(s) : a;
        if (typeof x !== 'number' && x.length === 1) x = x[0];
        const place = clamped(typeof b === 'number' ? b : number(b, s), -1, 1);
        if (typeof x === 'number') {
          if (place !== mono.place) {
            mono.place = place;
            mono.left = Math.cos((place + 1) * QUARTER);
            mono.right = Math.sin((place + 1) * QUARTER);
          }
          pair[0] = x * mono.left;
          pair[1] = x * mono.right;
          return pair;
        }
        if (place !== stereo.place) {
          // Balance: the far side falls, the near one stays.
          stereo.place = place;
          stereo.left = place > 0 ? Math.cos(place * 2 * QUARTER) : 1;
          stereo.right = place < 0 ? Math.cos(place * 2 * QUARTER) : 1;
        }
        // Further channels are no left and no right.
        const { length } = x;
        const frame = length === 2 ? pair : node.frame(length);
        frame[0] = x[0] * stereo.left;
        frame[1] = x[1] * stereo.right;
        for (let c = 2; c < length; c++) frame[c] = x[c];
        return frame;
      };
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
        const { length } = x;
        const frame = node.frame(length);
        for (let c = 0; c < length; c++) frame[c] = x[c] * level;
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
      let [worked, usual] = [NaN, 1];
      return (s) => {
        const at = s === cell.owner ? cell.offset : cell.at(s);
        const x = sound(node.a, s);
        const seconds = number(node.b, s);
        if (seconds !== worked) {
          worked = seconds;
          usual = seconds > 0 ? 1 - Math.exp((-ARRIVED * s.dt) / seconds) : 1;
        }
        const begins = state[at] === 0;
        if (begins) state[at] = 1;
        const part = begins ? 1 : usual;
        if (typeof x === 'number') return step(at + 1, x, part);
        const { length } = x;
        const frame = node.frame(length);
        for (let c = 0; c < length; c++) frame[c] = step(at + 1 + c, x[c], part);
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
    const count = signals.length;
    let channels = 0;
    let one = 0;
    // The first two channels without an array: an interpreter takes a dozen steps to write into one.
    let left = 0;
    let right = 0;
    for (let i = 0; i < count; i++) {
      const signal = signals[i];
      const x = typeof signal === 'function' ? signal(s) : signal;
      if (typeof x === 'number') {
        one += x;
        continue;
      }
      const { length } = x;
      if (length > 0) left += x[0];
      if (length > 1) right += x[1];
      if (length > 2) addRest(node.frame(MOST_CHANNELS), channels, x);
      if (length > channels) channels = length < MOST_CHANNELS ? length : MOST_CHANNELS;
    }
    if (channels === 0) return one;
    // What has one channel is heard in all.
    const out = node.frame(channels);
    out[0] = left + one;
    if (channels > 1) out[1] = right + one;
    if (channels > 2) {
      const rest = node.frame(MOST_CHANNELS);
      for (let c = 2; c < channels; c++) out[c] = rest[c] + one;
    }
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
