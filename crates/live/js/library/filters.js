// Filters. Each has its state per channel and follows the channels of what it is given.
//
// lpf, hpf, bpf and notch are one state-variable filter in its trapezoidal form, which is stable at every cutoff and while it
// is swept (A. Simper, "Linear Trapezoidal Integrated SVF", 2013). Resonance 0 is a Q of 0.5, 1 is a Q of 50.

import { Cell } from '../cells.js';
import { MOST_CHANNELS } from '../state.js';
import { SILENCE, checkSignal, clamped, kept, number } from './toolbox.js';

/** The cutoff as a part of the rate: the tangent grows without bound towards 0.5. */
const HIGHEST = 0.49;
const LEAST_DAMPING = 0.02;

/** The coefficients of a filter, worked out when cutoff or resonance change. */
class Coefficients {
  cutoff = NaN;
  resonance = NaN;

  set(cutoff, resonance, dt) {
    this.cutoff = cutoff;
    this.resonance = resonance;
    const g = Math.tan(Math.PI * clamped(cutoff * dt, 0, HIGHEST));
    this.damping = 2 - (2 - LEAST_DAMPING) * clamped(resonance, 0, 1);
    this.a1 = 1 / (1 + g * (g + this.damping));
    this.a2 = g * this.a1;
    this.a3 = g * this.a2;
  }
}

/** The filters by name, made with `toolbox`. */
export function filters(toolbox) {
  const { state } = toolbox;

  const checked = (usage) => {
    const [first, cutoff] = [`${usage}: the first argument`, `${usage}: the cutoff`];
    return (sig, hz) => {
      checkSignal(first, sig);
      checkSignal(cutoff, hz);
    };
  };

  /** `out(x, band, low, damping)` is what of the filter is heard. */
  const resonant = (name, out) =>
    toolbox.define(
      name,
      (node) => {
        const cell = new Cell(name, 2 * MOST_CHANNELS);
        const k = new Coefficients();
        // With `kept` written out.
        const step = (at, given) => {
          const x = (given > SILENCE || given < -SILENCE) && given - given === 0 ? given : 0;
          const first = state[at];
          const second = state[at + 1];
          const above = x - second;
          const { a2 } = k;
          const band = k.a1 * first + a2 * above;
          const low = second + a2 * first + k.a3 * above;
          const y = 2 * band - first;
          const z = 2 * low - second;
          state[at] = (y > SILENCE || y < -SILENCE) && y - y === 0 ? y : 0;
          state[at + 1] = (z > SILENCE || z < -SILENCE) && z - z === 0 ? z : 0;
          return out(x, band, low, k.damping);
        };
        return (s) => {
          const at = s === cell.owner ? cell.offset : cell.at(s);
          const { a, b } = node;
          const c = node.c ?? 0;
          const x = typeof a === 'function' ? a(s) : a;
          const cutoff = typeof b === 'number' ? b : number(b, s);
          const resonance = typeof c === 'number' ? c : number(c, s);
          if (cutoff !== k.cutoff || resonance !== k.resonance) k.set(cutoff, resonance, s.dt);
          if (typeof x === 'number') return step(at, x);
          const { length } = x;
          const frame = node.frame(length);
          for (let c = 0; c < length; c++) frame[c] = step(at + 2 * c, x[c]);
          return frame;
        };
      },
      checked(`${name}(sig, hz, resonance)`),
    );

  /** `out(x, low)` is what of a one-pole filter is heard. */
  const simple = (name, out) =>
    toolbox.define(
      name,
      (node) => {
        const cell = new Cell(name, MOST_CHANNELS);
        let [cutoff, part] = [NaN, 0];
        const step = (at, given) => {
          const x = kept(given);
          const before = state[at];
          const low = kept(before + part * (x - before));
          state[at] = low;
          return out(x, low);
        };
        return (s) => {
          const at = s === cell.owner ? cell.offset : cell.at(s);
          const { a, b } = node;
          const x = typeof a === 'function' ? a(s) : a;
          const hz = typeof b === 'number' ? b : number(b, s);
          if (hz !== cutoff) {
            cutoff = hz;
            part = 1 - Math.exp(-2 * Math.PI * clamped(hz * s.dt, 0, HIGHEST));
          }
          if (typeof x === 'number') return step(at, x);
          const { length } = x;
          const frame = node.frame(length);
          for (let c = 0; c < length; c++) frame[c] = step(at + c, x[c]);
          return frame;
        };
      },
      checked(`${name}(sig, hz)`),
    );

  return {
    lpf: resonant('lpf', (x, band, low) => low),
    hpf: resonant('hpf', (x, band, low, damping) => x - damping * band - low),
    bpf: resonant('bpf', (x, band, low, damping) => damping * band),
    notch: resonant('notch', (x, band, low, damping) => x - damping * band),
    lowpass: simple('lowpass', (x, low) => low),
    highpass: simple('highpass', (x, low) => x - low),
  };
}
