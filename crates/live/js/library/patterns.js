// Patterns of steps: strings and arrays as one flat list of notes, each with its place and its length in steps.

import { hzOfName } from './pitch.js';
import { UsageError } from './toolbox.js';

const REST = Symbol('rest');
const TIE = Symbol('tie');
const MOST_STEPS = 1024;
const MOST_NESTED = 8;
const SIGNS = { '~': REST, '.': REST, '-': REST, _: TIE, x: 1, X: 1, o: 0.5, O: 0.5 };
const REMEDY = "a step is a number, a note ('c4'), a signal, 'x', '~' (a rest), '_' (a tie) or an array of steps";

/** `x..[xx]`, one sign per step. Blanks and bars are for the eye. */
const SIGNS_ONLY = /^[xo.~_\-|\s[\]]+$/i;
const SIGN = /[^\s|]/g;
const WORD = /[[\]]|[^\s[\]|]+/g;

/** A pattern, flat: note `i` begins at `starts[i]`, lasts `lengths[i]` steps, ties included, and is `values[i]`. */
export class Pattern {
  /** `zeroRests`: a step of 0 is none, as in a rhythm. */
  constructor(steps, zeroRests = false) {
    const tree = treeOf(steps, 0);
    if (tree.length > MOST_STEPS) throw new UsageError(`a pattern has at most ${MOST_STEPS} steps, not ${tree.length}`);
    this.length = tree.length;
    const [starts, lengths, values] = [[], [], []];
    /** Steps at the beginning that are tied to the last note. */
    let tied = 0;
    let open = true;
    const lay = (nodes, start, length) => {
      for (const [i, node] of nodes.entries()) {
        const at = start + i * length;
        if (Array.isArray(node)) {
          lay(node, at, length / node.length);
        } else if (node === TIE) {
          if (values.length === 0) tied += open ? length : 0;
          else if (open) lengths[lengths.length - 1] += length;
        } else if (node === REST || (zeroRests && node === 0)) {
          open = false;
        } else {
          starts.push(at);
          lengths.push(length);
          values.push(node);
          open = true;
        }
      }
    };
    lay(tree, 0, 1);
    if (open && values.length > 0) lengths[lengths.length - 1] += tied;
    this.starts = Float64Array.from(starts);
    this.lengths = Float64Array.from(lengths);
    this.values = values;
  }

  get count() {
    return this.values.length;
  }

  /** The note that has begun last at `step`, from 0 up to the pattern's length; -1 before the first. */
  noteAt(step) {
    const { starts } = this;
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= step) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function treeOf(steps, depth) {
  if (depth > MOST_NESTED) throw new UsageError(`steps lie at most ${MOST_NESTED} deep in one another`);
  const found = typeof steps === 'string' ? parse(steps) : Array.from(steps, (step) => node(step, depth));
  if (found.length === 0) throw new UsageError(`a pattern has a step at least: ${REMEDY}`);
  return found;
}

function node(step, depth) {
  if (step === null || step === undefined || step === false) return REST;
  if (step === true) return 1;
  if (typeof step === 'function' || Number.isFinite(step)) return step;
  if (Array.isArray(step) || ArrayBuffer.isView(step)) return treeOf(step, depth + 1);
  if (typeof step === 'string' && step.trim() !== '') {
    const tree = treeOf(step, depth + 1);
    return tree.length === 1 ? tree[0] : tree;
  }
  throw new UsageError(`no step: ${typeof step === 'object' ? 'an object' : JSON.stringify(step) ?? String(step)}; ${REMEDY}`);
}

function parse(text) {
  const stack = [[]];
  for (const word of text.match(SIGNS_ONLY.test(text) ? SIGN : WORD) ?? []) {
    if (word === '[') {
      if (stack.length > MOST_NESTED) throw new UsageError(`steps lie at most ${MOST_NESTED} deep in one another`);
      stack.push([]);
    } else if (word === ']') {
      const nested = stack.pop();
      if (stack.length === 0 || nested.length === 0) throw new UsageError(`'${text}': a ] closes a [ with steps in between`);
      stack.at(-1).push(nested);
    } else {
      stack.at(-1).push(valueOf(word, text));
    }
  }
  if (stack.length > 1) throw new UsageError(`'${text}': a [ is not closed by a ]`);
  return stack[0];
}

function valueOf(word, text) {
  const value = SIGNS[word] ?? hzOfName(word) ?? Number(word);
  if (typeof value === 'symbol' || Number.isFinite(value)) return value;
  throw new UsageError(`'${text}': no step: ${word}; ${REMEDY}`);
}

/** Whether two patterns, or parts of them, say the same. */
export function alike(a, b) {
  if (typeof a !== 'object' || !isList(a)) return Object.is(a, b);
  if (!isList(b) || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const x = a[i];
    // Most are numbers; of zeros there are two.
    if ((x === 0 || x !== b[i]) && !alike(x, b[i])) return false;
  }
  return true;
}

/** A copy that stays as it is, whatever becomes of what it was made from. */
export function copyOf(steps) {
  return isList(steps) ? Array.from(steps, copyOf) : steps;
}

function isList(x) {
  return Array.isArray(x) || ArrayBuffer.isView(x);
}
