// Steps on the shared beat. Where a sequence is follows from the beat alone: it needs no state, and is right whenever its
// voice joins. Only a trigger remembers something, where it was in the frame before.

import { Cell } from '../cells.js';
import { Pattern, alike, copyOf } from './patterns.js';
import { UsageError, checkSignal, clamped, number } from './toolbox.js';

/** Steps per beat: sixteenths. */
const USUAL_RATE = 4;
const MOST_RATE = 256;
/** Part of its time that a note sounds. */
const USUAL_GATE = 0.8;
/** Part of a step by which every second one may come late. */
const MOST_SWING = 0.9;
const OPTIONS = ['rate', 'swing', 'gate', 'rhythm'];
const MOST_EUCLID = 256;
/** A trigger's slots: the frame of its last call and two, so that no frame comes after 0, which is never; where it was then;
 *  whether a note began. */
const SEEN = Object.freeze({ frame: 0, step: 1, struck: 2, slots: 3 });
const { frame: FRAME, step: STEP, struck: STRUCK } = SEEN;
/** What is nearer to the end of a note, in steps, is looked up: far more than what a sum of steps can be off by. */
const MARGIN = 1e-3;

/** What a sequence plays, worked out of its arguments. */
class Steps {
  #given;
  #rhythm;
  /** Where `find` has been: the note, and the step at which it began, counted from the first of all. */
  note = -1;
  began = 0;
  /** From step `since` up to `until` that note is the one. */
  since = NaN;
  until = NaN;

  /** `usage` is how the call looks, for its errors; in a rhythm a 0 is a rest. */
  constructor(usage, isRhythm) {
    this.usage = usage;
    this.isRhythm = isRhythm;
  }

  settle(steps, options) {
    const given = typeof options === 'number' ? undefined : options;
    this.rate = (typeof options === 'number' ? options : given?.rate) ?? USUAL_RATE;
    this.swing = given?.swing ?? 0;
    this.gate = given?.gate ?? USUAL_GATE;
    if (this.pattern !== undefined && alike(steps, this.#given) && alike(given?.rhythm, this.#rhythm)) return;
    this.#given = copyOf(steps);
    this.#rhythm = copyOf(given?.rhythm);
    const notes = new Pattern(steps, this.isRhythm);
    this.values = notes.values;
    this.pattern = given?.rhythm === undefined ? notes : new Pattern(given.rhythm, true);
    this.since = NaN;
  }

  /** Where a step is with every second one late by its swing. */
  swung(step, swing) {
    const late = clamped(swing, 0, MOST_SWING);
    if (late === 0) return step;
    const pair = 2 * Math.floor(step / 2);
    const within = step - pair;
    return within < 1 + late ? pair + within / (1 + late) : pair + 1 + (within - 1 - late) / (1 - late);
  }

  /** Finds the note that has begun last at `step`; of what begins with rests it is the last one of the turn before. */
  find(step) {
    if (step >= this.since && step < this.until) return;
    const { pattern } = this;
    const turn = Math.floor(step / pattern.length);
    const note = pattern.noteAt(step - turn * pattern.length);
    this.since = step;
    this.until = turn * pattern.length + (pattern.starts[note + 1] ?? pattern.length) - MARGIN;
    this.turn = note < 0 ? turn - 1 : turn;
    this.note = note < 0 ? pattern.count - 1 : note;
    this.began = this.turn * pattern.length + pattern.starts[this.note];
  }

  /** The value of the note that was found: with a rhythm, notes are taken in turn. */
  get value() {
    const { values, pattern } = this;
    if (values === pattern.values) return values[this.note];
    const nth = this.turn * pattern.count + this.note;
    return values[((nth % values.length) + values.length) % values.length];
  }
}

/** The rhythms by name, made with `toolbox`. */
export function rhythm(toolbox) {
  const { state, transport, sr } = toolbox;

  const checkOptions = (usage, options) => {
    if (options === undefined) return;
    const isObject = typeof options === 'object' && options !== null;
    if (!isObject && typeof options !== 'number') refuseOption(usage, String(options));
    for (const name of isObject ? Object.keys(options) : []) if (!OPTIONS.includes(name)) refuseOption(usage, name);
    const rate = isObject ? options.rate : options;
    if (rate !== undefined && !(typeof rate === 'number' && rate > 0 && rate <= MOST_RATE)) {
      throw new UsageError(`${usage}: rate is a number of steps per beat above 0, up to ${MOST_RATE}, not ${String(rate)}`);
    }
    checkSignal('swing', options.swing ?? 0);
    checkSignal('gate', options.gate ?? USUAL_GATE);
  };

  const sequence = (name, isRhythm) => {
    const usage = `${name}(steps, options)`;
    return toolbox.define(
      name,
      (node) => {
        const steps = new Steps(usage, isRhythm);
        const cell = new Cell(`${name}.trigger`, SEEN.slots);
        node.settle = () => steps.settle(node.a, node.b);
        const stepNow = (s) => {
          const step = transport.beat(s.n, sr) * steps.rate;
          return steps.swing === 0 ? step : steps.swung(step, number(steps.swing, s));
        };

        const value = (s) => {
          if (steps.values.length === 0 || steps.pattern.count === 0) return 0;
          steps.find(stepNow(s));
          const found = steps.value;
          return typeof found === 'function' ? number(found, s) : found;
        };

        /** Whether a note sounds. */
        value.gate = (s) => {
          if (steps.pattern.count === 0) return 0;
          const step = stepNow(s);
          const part = clamped(number(steps.gate, s), 0, 1);
          steps.find(step);
          const length = steps.pattern.lengths[steps.note];
          return steps.began >= 0 && step - steps.began < length * part ? 1 : 0;
        };

        /** Whether a note begins in this frame. */
        value.trigger = (s) => {
          const at = s === cell.owner ? cell.offset : cell.at(s);
          const now = s.n + 2;
          const seen = state[at + FRAME];
          if (seen === now) return state[at + STRUCK];
          const step = stepNow(s);
          let before = seen === now - 1 ? state[at + STEP] : NaN;
          // Whose rate or swing is another now was somewhere else: what lies between is not played.
          if (!(before <= step && step - before < 0.5)) before = step - (steps.rate * transport.bpm) / (60 * sr);
          let struck = 0;
          if (steps.pattern.count > 0) {
            steps.find(step);
            struck = steps.began > before && steps.began <= step && steps.began >= 0 ? 1 : 0;
          }
          state[at + FRAME] = now;
          state[at + STEP] = step;
          state[at + STRUCK] = struck;
          return struck;
        };
        return value;
      },
      (steps, options) => {
        if (typeof steps !== 'string' && !(steps?.length >= 0)) {
          throw new UsageError(`${usage}: the steps are an array or a string: ${name}('x..x..x.'), not ${steps === null || typeof steps !== 'object' ? String(steps) : 'an object'}`);
        }
        checkOptions(usage, options);
      },
    );
  };

  const facet = (build, which) => (steps, options) => build(steps, options)[which];

  return {
    euclid,
    seq: sequence('seq', false),
    trigger: facet(sequence('trigger', true), 'trigger'),
    gate: facet(sequence('gate', true), 'gate'),
  };
}

function refuseOption(usage, what) {
  throw new UsageError(`${usage}: the options are steps per beat, or { ${OPTIONS.join(', ')} }, not ${what}`);
}

const known = new Map();

/** `hits` spread over `steps` as evenly as can be (E. Bjorklund 2003, G. Toussaint 2005), `rotate` steps earlier. */
function euclid(hits, steps, rotate = 0) {
  const isCount = (x) => Number.isInteger(x) && x >= 0;
  if (!isCount(hits) || !isCount(steps) || steps < 1 || hits > steps || steps > MOST_EUCLID || !Number.isInteger(rotate)) {
    throw new UsageError(`euclid(hits, steps, rotate): whole numbers, hits up to steps, steps from 1 to ${MOST_EUCLID}, not (${[hits, steps, rotate].map(String).join(', ')})`);
  }
  const turned = ((rotate % steps) + steps) % steps;
  const key = (hits * (MOST_EUCLID + 1) + steps) * MOST_EUCLID + turned;
  let pattern = known.get(key);
  if (pattern === undefined) {
    const even = spread(hits, steps);
    pattern = Object.freeze([...even.slice(turned), ...even.slice(0, turned)]);
    known.set(key, pattern);
  }
  return pattern;
}

/** Groups of steps are dealt out to one another, once at least, until one group is left over. */
function spread(hits, steps) {
  let heads = Array.from({ length: hits }, () => [1]);
  let tails = Array.from({ length: steps - hits }, () => [0]);
  for (let left = 0; heads.length > 0 && tails.length > left; left = 1) {
    const pairs = Math.min(heads.length, tails.length);
    const joined = heads.slice(0, pairs).map((head, i) => [...head, ...tails[i]]);
    tails = heads.length > pairs ? heads.slice(pairs) : tails.slice(pairs);
    heads = joined;
  }
  return [...heads, ...tails].flat();
}
