// The names that a piece and the blocks sent to it share. A block finds them as they are at every moment (they are
// bindings, not copies), may assign them, and may declare one anew, which everybody who looks it up sees from then on.
//
// What a block does to them is undone until it is heard: the code that plays goes on with what it knows, also where it is
// rendered again up to the frame of the change.

import { isLong, parse } from './modules.js';
import { analyse } from './references.js';

/** One name, as blocks hold it. */
class Cell {
  binding = undefined;

  constructor(name) {
    this.name = name;
  }

  get value() {
    if (this.binding === undefined) throw new ReferenceError(`${this.name} is not defined`);
    return this.binding.get();
  }

  set value(x) {
    if (this.binding === undefined) throw new ReferenceError(`${this.name} is not defined: let ${this.name} = ... declares it`);
    this.binding.set(x);
  }

  /** For `typeof`. */
  get peek() {
    return this.binding?.get();
  }
}

/** All names of one piece. */
export class SharedNames {
  #cells = new Map();
  /** The piece, until a block wants to know its names: they are looked for only then. */
  #unread;

  cell(name) {
    if (!this.#cells.has(name)) this.#cells.set(name, new Cell(name));
    return this.#cells.get(name);
  }

  has(name) {
    return this.#cells.get(name)?.binding !== undefined;
  }

  /** The names that are declared, in order. */
  list() {
    return [...this.#cells.values()].filter(({ binding }) => binding !== undefined).map(({ name }) => name).sort();
  }

  /** Bindings that are declared. */
  bindings() {
    return [...this.#cells.values()].map(({ binding }) => binding).filter((binding) => binding !== undefined);
  }

  /** The piece that plays: `evaluate(code)` evaluates in it; `elsewhere` are names that live in other files, as expressions. */
  wait(source, evaluate, elsewhere) {
    this.#unread = { source, evaluate, elsewhere };
  }

  /** Declares the names of the piece, if that has not been done. */
  look() {
    const { source, evaluate, elsewhere } = this.#unread ?? {};
    this.#unread = undefined;
    if (source === undefined) return;
    for (const [name, binding] of bindings(declaredIn(source), evaluate, elsewhere)) this.cell(name).binding = binding;
  }
}

/** The names that a piece shares with blocks, with their kinds. */
export function declaredIn(source) {
  return isLong(source) ? new Map() : analyse(parse(source)).declared;
}

/** The bindings of `declared` names where `evaluate` evaluates. */
function bindings(declared, evaluate, elsewhere) {
  const made = [...declared].map(([name, kind]) => {
    const constant = kind === 'const' || kind === 'import';
    const held = elsewhere.get(name) ?? name;
    return `[${JSON.stringify(name)}, { get: () => ${held}, set: (x) => { ${held} = x; }, constant: ${constant} }]`;
  });
  // The frames of these functions are nobody's.
  return made.length === 0 ? [] : evaluate(`[${made.join(', ')}]\n//# sourceURL=forebay:names`);
}

/** What one text does to the shared names when its top level runs. */
export class Sharing {
  #names;
  #source;
  /** Names that it declares, by kind; undefined for a piece, whose names are looked for later. */
  #declared;
  #elsewhere;
  /** Its own bindings by cell, and those that they replace. */
  #own = new Map();
  #replaced = new Map();
  /** What bindings held before, and what they held when the top level had run, where that differs. */
  #before = new Map();
  #after = new Map();
  #evaluate;
  #result;

  /** `declared` and `elsewhere` as `compile` gives them. */
  constructor(names, source, { declared, elsewhere }) {
    this.#names = names;
    this.#source = source;
    this.#declared = declared;
    this.#elsewhere = elsewhere;
  }

  /** The top level is about to run. */
  begin() {
    this.withdraw();
    this.#own.clear();
    this.#after.clear();
    this.#before = new Map(this.#names.bindings().filter(({ constant }) => !constant).flatMap(read));
  }

  /** What compiled code calls first: `evaluate(code)` evaluates in its top level. */
  reach(evaluate) {
    this.#evaluate = evaluate;
    if (this.#declared === undefined) return;
    for (const [name, binding] of bindings(this.#declared, evaluate, this.#elsewhere)) this.#own.set(this.#names.cell(name), binding);
    this.#declare();
  }

  /** What compiled code calls with what its last statement came to. */
  value(result) {
    this.#result = result;
  }

  /** That, once: it is nobody's business to keep it alive. */
  takeResult() {
    const result = this.#result;
    this.#result = undefined;
    return result;
  }

  /** What compiled code calls for each shared name that it uses. */
  cell(name) {
    return this.#names.cell(name);
  }

  /** The top level has run. */
  end() {
    for (const [binding, value] of this.#before) if (!Object.is(binding.get(), value)) this.#after.set(binding, binding.get());
  }

  /** Whether others may find another value or another binding by a name than before. */
  get changesOthers() {
    return this.#after.size > 0 || [...this.#replaced.values()].some((binding) => binding !== undefined);
  }

  #declare() {
    for (const [cell, binding] of this.#own) {
      this.#replaced.set(cell, cell.binding);
      cell.binding = binding;
    }
  }

  /** All is as before it ran; also what voices have done meanwhile in a shadow run. */
  withdraw() {
    for (const [cell, binding] of this.#replaced) cell.binding = binding;
    this.#replaced.clear();
    for (const [binding, value] of this.#before) if (!Object.is(binding.get(), value)) binding.set(value);
    this.#before.clear();
  }

  /** All is as it was when it had run. What played on meanwhile is kept, where it did not touch it. */
  apply() {
    this.#before = new Map([...this.#after.keys()].flatMap(read));
    this.#declare();
    for (const [binding, value] of this.#after) binding.set(value);
  }

  /** The text plays: there is no way back. */
  keep() {
    this.#replaced.clear();
    this.#before.clear();
    if (this.#declared === undefined && this.#evaluate) this.#names.wait(this.#source, this.#evaluate, this.#elsewhere);
  }
}

/** A binding with its value, unless it has none yet. */
function read(binding) {
  try {
    return [[binding, binding.get()]];
  } catch {
    return [];
  }
}
