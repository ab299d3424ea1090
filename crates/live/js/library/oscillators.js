// Oscillators. Their phase is state, from 0 up to 1, so that a frequency may change at any frame without a step. The edges of
// saw, square and pulse are rounded over two frames (polyBLEP, Välimäki and Huovilainen 2007), those of the triangle are not.

import { Cell } from '../cells.js';
import { UsageError, checkSignal, clamped, number } from './toolbox.js';

const TURN = 2 * Math.PI;

/** Where the phase is, and one frame on. */
function advance(state, at, step, s) {
  const phase = state[at];
  const next = phase + step;
  state[at] = next >= 0 && next < 1 ? next : turned(next, s);
  return phase;
}

/** A phase within its turn; what is no number begins anew, and `s` bears it in mind. */
function turned(phase, s) {
  const wrapped = phase - Math.floor(phase);
  if (wrapped === wrapped) return wrapped;
  s.amiss = 'has an oscillator whose frequency is no number';
  return 0;
}

/** What rounds the edge at phase 0 off, for an edge from -1 up to 1, `width` of a turn per frame. */
function edge(phase, width) {
  if (phase < width) {
    const x = phase / width;
    return x + x - x * x - 1;
  }
  if (phase > 1 - width) {
    const x = (phase - 1) / width;
    return x * x + x + x + 1;
  }
  return 0;
}

function pulseAt(phase, step, width) {
  const second = phase >= width ? phase - width : phase - width + 1;
  const round = step < 0 ? -step : step;
  const rest = 1 - round;
  const level = phase < width ? 1 : -1;
  if (phase >= round && phase <= rest && second >= round && second <= rest) return level;
  return level + edge(phase, round) - edge(second, round);
}

/** The oscillators by name, made with `toolbox`. */
export function oscillators(toolbox) {
  const { state } = toolbox;
  const hz = (name) => {
    const what = `${name}(hz): the frequency`;
    return (freq) => checkSignal(what, freq);
  };
  const oscillator = (name, at) =>
    toolbox.define(
      name,
      (node) => {
        const cell = new Cell(name, 1);
        return at(node, cell);
      },
      hz(name),
    );

  // Those that are used most, with what they call written out.
  const sin = oscillator('sin', (node, cell) => {
    // Variables of the closure cost JavaScriptCore less than members of the cell. At first nobody is the owner.
    let [owner, at] = [cell, 0];
    return (s) => {
      const hz = node.a;
      if (s !== owner) {
        at = cell.at(s);
        owner = s;
      }
      const phase = state[at];
      const next = phase + (typeof hz === 'number' ? hz : number(hz, s)) * s.dt;
      state[at] = next >= 0 && next < 1 ? next : turned(next, s);
      return Math.sin(TURN * phase);
    };
  });

  const saw = oscillator('saw', (node, cell) => (s) => {
    const hz = node.a;
    const at = s === cell.owner ? cell.offset : cell.at(s);
    const step = (typeof hz === 'number' ? hz : number(hz, s)) * s.dt;
    const phase = state[at];
    const next = phase + step;
    state[at] = next >= 0 && next < 1 ? next : turned(next, s);
    const width = step < 0 ? -step : step;
    const ramp = 2 * phase - 1;
    return phase < width || phase > 1 - width ? ramp - edge(phase, width) : ramp;
  });

  const phasor = oscillator('phasor', (node, cell) => (s) => advance(state, cell.at(s), number(node.a, s) * s.dt, s));

  const tri = oscillator('tri', (node, cell) => (s) => {
    const hz = node.a;
    const at = s === cell.owner ? cell.offset : cell.at(s);
    const phase = state[at];
    const next = phase + (typeof hz === 'number' ? hz : number(hz, s)) * s.dt;
    state[at] = next >= 0 && next < 1 ? next : turned(next, s);
    return phase < 0.5 ? 4 * phase - 1 : 3 - 4 * phase;
  });

  const square = oscillator('square', (node, cell) => (s) => {
    const at = cell.at(s);
    const step = number(node.a, s) * s.dt;
    return pulseAt(advance(state, at, step, s), step, 0.5);
  });

  const pulse = toolbox.define(
    'pulse',
    (node) => {
      const cell = new Cell('pulse', 1);
      return (s) => {
        const hz = node.a;
        const part = node.b ?? 0.5;
        const at = s === cell.owner ? cell.offset : cell.at(s);
        const step = (typeof hz === 'number' ? hz : number(hz, s)) * s.dt;
        const width = clamped(typeof part === 'number' ? part : number(part, s), 0, 1);
        return pulseAt(advance(state, at, step, s), step, width);
      };
    },
    hz('pulse'),
  );

  const wave = toolbox.define(
    'wave',
    (node) => {
      const cell = new Cell('wave', 1);
      return (s) => {
        const values = node.b;
        const phase = advance(state, cell.at(s), number(node.a, s) * s.dt, s);
        const value = values[(phase * values.length) | 0];
        return typeof value === 'function' ? number(value, s) : value;
      };
    },
    (freq, values) => {
      checkSignal('wave(hz, values): the frequency', freq);
      if (!(values?.length > 0)) throw new UsageError('wave(hz, values): the values are an array that is not empty');
      if (Array.isArray(values)) values.forEach((value, i) => checkSignal(`wave(hz, values): value ${i + 1}`, value));
    },
  );

  const noise = () => (s) => 2 * s.random() - 1;

  return { sin, saw, tri, square, pulse, phasor, wave, noise };
}
