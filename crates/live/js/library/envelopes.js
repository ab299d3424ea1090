// Envelopes. Whatever interrupts them, they go on from where they are: no time is shorter than what keeps a step from being
// heard.

import { Cell } from '../cells.js';
import { MOST_CHANNELS } from '../state.js';
import { alike, copyOf } from './patterns.js';
import { UsageError, checkSignal, clamped, kept, number, sound } from './toolbox.js';

const LEAST_S = 0.001;
/** How far beyond its goal an exponential segment aims, so that it arrives in its time: a rise is nearly straight, a fall has
 *  fallen by 60 dB. */
const BEYOND = { rise: 0.3, fall: 0.001 };
const MOST_POINTS = 256;
/** Of the way to a point: from slow at first (above 0) to fast at first. */
const MOST_CURVE = 50;

const ADSR = Object.freeze({ level: 0, stage: 1, from: 2, slots: 3 });
const STAGE = Object.freeze({ release: 0, attack: 1, decay: 2 });
const SHAPES = ['exponential', 'linear'];
const ENV = Object.freeze({ time: 0, offset: 1, level: 2, high: 3, runs: 4, began: 5, slots: 6 });
const { time: TIME, offset: OFFSET, level: LEVEL, high: HIGH, runs: RUNS, began: BEGAN } = ENV;
const HOLD = Object.freeze({ phase: 0, began: 1, values: 2 });

/** The part of the way that is left which an exponential segment goes per frame; worked out when its time changes. */
class Pace {
  #seconds = NaN;
  #beyond;
  #part = 0;

  constructor(beyond) {
    this.#beyond = beyond;
  }

  part(seconds, dt) {
    return seconds === this.#seconds ? this.#part : this.#settle(seconds, dt);
  }

  #settle(seconds, dt) {
    this.#seconds = seconds;
    // Its first frames are its steepest.
    this.#part = Math.min(1 - Math.exp((-Math.log((1 + this.#beyond) / this.#beyond) * dt) / seconds), dt / LEAST_S);
    return this.#part;
  }
}

/** The points of an envelope, worked out of what was given. */
class Points {
  #given;

  settle(given) {
    if (this.times !== undefined && alike(given, this.#given)) return;
    const pairs = pairsOf(given);
    this.#given = copyOf(given);
    this.times = Float64Array.from(pairs, ([time]) => time);
    for (let i = 1; i < pairs.length; i++) this.times[i] = Math.max(this.times[i], this.times[i - 1] + LEAST_S);
    this.levels = Float64Array.from(pairs, ([, level]) => level);
    this.curves = Float64Array.from(pairs, ([, , curve]) => clamped(curve ?? 0, -MOST_CURVE, MOST_CURVE));
    this.last = pairs.length - 1;
    this.end = this.times[this.last];
    this.rest = this.levels[this.last];
  }

  at(time) {
    if (time >= this.end) return this.rest;
    const { times, levels, curves } = this;
    let i = 1;
    while (times[i] <= time) i += 1;
    const part = (time - times[i - 1]) / (times[i] - times[i - 1]);
    const curve = curves[i];
    const bent = curve === 0 ? part : (1 - Math.exp(curve * part)) / (1 - Math.exp(curve));
    return levels[i - 1] + bent * (levels[i] - levels[i - 1]);
  }
}

/** The envelopes by name, made with `toolbox`. */
export function envelopes(toolbox) {
  const { state } = toolbox;

  const adsr = toolbox.define(
    'adsr',
    (node) => {
      const cell = new Cell('adsr', ADSR.slots);
      const [rise, fall, release] = [new Pace(BEYOND.rise), new Pace(BEYOND.fall), new Pace(BEYOND.fall)];
      const seconds = (x, s) => {
        const given = number(x, s);
        return given > LEAST_S ? given : LEAST_S;
      };

      const attacked = (level, s) => {
        const time = seconds(node.b ?? 0.01, s);
        const next = node.f === 'linear' ? level + s.dt / time : level + rise.part(time, s.dt) * (1 + BEYOND.rise - level);
        return next < 1 ? next : 1;
      };

      /** Towards what is sustained, from above or, where that has moved, from below. */
      const decayed = (level, s) => {
        const time = seconds(node.c ?? 0.1, s);
        const goal = clamped(number(node.d ?? 0.7, s), 0, 1);
        const sign = level > goal ? -1 : 1;
        const whole = sign < 0 ? 1 - goal : 1;
        const step = node.f === 'linear'
          ? (whole * s.dt) / time
          : fall.part(time, s.dt) * (sign * (goal - level) + BEYOND.fall * whole);
        const next = level + sign * step;
        return sign * (next - goal) < 0 ? next : goal;
      };

      const released = (level, from, s) => {
        const time = seconds(node.e ?? 0.2, s);
        const next = node.f === 'linear'
          ? level - (from * s.dt) / time
          : level - release.part(time, s.dt) * (level + BEYOND.fall);
        return next > 0 ? next : 0;
      };

      return (s) => {
        const at = s === cell.owner ? cell.offset : cell.at(s);
        const isOpen = number(node.a, s) > 0;
        const levelBefore = state[at + ADSR.level];
        const stageBefore = state[at + ADSR.stage];
        let level = levelBefore;
        let stage = stageBefore;
        if (isOpen && stage === STAGE.release) stage = STAGE.attack;
        if (!isOpen && stage !== STAGE.release) {
          stage = STAGE.release;
          state[at + ADSR.from] = level;
        }
        if (stage === STAGE.attack) {
          level = attacked(level, s);
          if (level === 1) stage = STAGE.decay;
        } else if (stage === STAGE.decay) {
          level = decayed(level, s);
        } else if (level > 0) {
          level = released(level, state[at + ADSR.from], s);
        }
        if (level !== levelBefore) state[at + ADSR.level] = level;
        if (stage !== stageBefore) state[at + ADSR.stage] = stage;
        return level;
      };
    },
    (gate, attack = 0, decay = 0, sustain = 0, release = 0, shape = SHAPES[0]) => {
      checkSignal('adsr(gate, attack, decay, sustain, release, shape): the gate', gate);
      checkSignal('adsr(): the attack', attack);
      checkSignal('adsr(): the decay', decay);
      checkSignal('adsr(): the sustain', sustain);
      checkSignal('adsr(): the release', release);
      if (!SHAPES.includes(shape)) throw new UsageError(`adsr(): the shape is '${SHAPES.join("' or '")}', not ${String(shape)}`);
    },
  );

  const env = toolbox.define(
    'env',
    (node) => {
      const cell = new Cell('env', ENV.slots);
      const points = new Points();
      node.settle = () => points.settle(node.a);
      return (s) => {
        const at = s === cell.owner ? cell.offset : cell.at(s);
        const trigger = node.b;
        const isHigh = trigger === undefined || number(trigger, s) > 0;
        const wasHigh = state[at + HIGH] !== 0;
        if (state[at + BEGAN] === 0) {
          state[at + BEGAN] = 1;
          state[at + LEVEL] = points.rest;
        }
        if (isHigh && !wasHigh) {
          state[at + RUNS] = 1;
          state[at + TIME] = 0;
          state[at + OFFSET] = state[at + LEVEL] - points.levels[0];
        }
        if (isHigh !== wasHigh) state[at + HIGH] = isHigh ? 1 : 0;
        if (state[at + RUNS] === 0) return state[at + LEVEL];
        const time = state[at + TIME];
        const offset = state[at + OFFSET];
        // From above its beginning it falls on the way to the second point, from below it rises at once.
        const glide = offset > 0 && points.last > 0 ? points.times[1] : LEAST_S;
        const level = points.at(time) + (time < glide ? offset * (1 - time / glide) : 0);
        state[at + TIME] = time + s.dt;
        return (state[at + LEVEL] = level);
      };
    },
    (points, trigger = 1) => {
      checkSignal('env(points, trigger): the trigger', trigger);
      if (!Array.isArray(points)) throw new UsageError(`env(points, trigger): ${POINTS}, not ${typeof points}`);
    },
  );

  const hold = toolbox.define(
    'hold',
    (node) => {
      const cell = new Cell('hold', HOLD.values + MOST_CHANNELS);
      const step = (at, x, takes) => (takes ? (state[at] = kept(x)) : state[at]);
      return (s) => {
        const at = cell.at(s);
        const x = sound(node.a, s);
        const phase = kept(state[at + HOLD.phase] + Math.abs(number(node.b, s)) * s.dt);
        const takes = state[at + HOLD.began] === 0 || phase >= 1;
        state[at + HOLD.began] = 1;
        state[at + HOLD.phase] = phase - Math.floor(phase);
        if (typeof x === 'number') return step(at + HOLD.values, x, takes);
        const { length } = x;
        const frame = node.frame(length);
        for (let c = 0; c < length; c++) frame[c] = step(at + HOLD.values + c, x[c], takes);
        return frame;
      };
    },
    (sig, hz) => {
      checkSignal('hold(sig, hz): the first argument', sig);
      checkSignal('hold(sig, hz): the frequency', hz);
    },
  );

  return { adsr, env, hold };
}

const POINTS = 'points are [[seconds, level], ...] in order, or level, seconds, level, seconds, level in one array';

/** Both ways to write points as `[seconds, level, curve]`. */
function pairsOf(given) {
  const isFlat = given.length > 0 && typeof given[0] === 'number';
  const pairs = isFlat ? flatPairs(given) : given;
  const isPoint = (point) => Array.isArray(point) && point.length >= 2 && point.length <= 3 && point.every(Number.isFinite);
  const inOrder = pairs.every((point, i) => isPoint(point) && point[0] >= (i === 0 ? 0 : pairs[i - 1][0]));
  if (pairs.length > 0 && pairs.length <= MOST_POINTS && inOrder && (!isFlat || given.length % 2 === 1)) return pairs;
  throw new UsageError(`env(points, trigger): ${POINTS}, at most ${MOST_POINTS} of them`);
}

function flatPairs(given) {
  const pairs = [];
  let time = 0;
  for (let i = 0; i < given.length; i += 2) {
    if (i > 0) time += given[i - 1];
    pairs.push([time, given[i]]);
  }
  return pairs;
}
