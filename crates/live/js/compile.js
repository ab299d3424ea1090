// From source text to a function. User files are never imported: every version of an imported module would stay in memory.

import { MODULE_NAMES, importsOf, moduleEdits, readModule } from './links.js';
import { ModuleError, edited, isLong, maybeModule, parse } from './modules.js';
import { SourceError, blockKey, lineOf, nameInStacks, notePlaces, syntaxError } from './places.js';
import { ROLE, analyse } from './references.js';
import { effects } from './sent.js';

/** The name under which compiled code finds what it shares with others. */
const SHARED = '$forebay_shared';

/** Compiles a piece: `source` of `file`, and the files that it imports, as `read` gives them. `names` are the names that it
 *  finds. With `block`, it is code that was sent: `{ number, from, isShared }`, where `number` is its own, `from` a path in
 *  whose folder its imports lie, and `isShared(name)` tells names that others have declared.
 *  Returns `{ run(values, sharing), sources, effects, declared }`: `values` are those of `names`, in order, `sharing` is told
 *  of the names of the top level, and each run begins anew; `sources` maps each file to its text; `elsewhere` are names that
 *  live in other files, as expressions; `effects` and `declared` are those of a block. Throws a `SourceError`. */
export function compile(source, file, names, { read = readModule, block } = {}) {
  const sources = new Map();
  const units = new Map();
  const load = (path, text, asBlock) => {
    units.set(path, undefined);
    sources.set(path, text);
    const link = (imports) => {
      for (const wanted of imports) reach(wanted, path);
    };
    const exportsOf = (imported) => units.get(imported).exports;
    const around = { names, link, exportsOf };
    units.set(path, asBlock ? compileBlock(text, path, { ...around, ...asBlock }) : compileFile(text, path, around));
  };
  const reach = ({ path, loc }, importer) => {
    const circle = units.has(path) && units.get(path) === undefined;
    if (circle) throw importError(importer, loc, `${path} imports itself in a circle`, sources);
    if (units.has(path)) return;
    load(path, readImported(read, path, { importer, loc, sources }));
  };
  const main = block ? blockKey(block.number, file) : file;
  try {
    load(main, source, block && { ...block, shown: file });
  } catch (error) {
    error.files = [...sources.keys()];
    throw error;
  }
  const run = (values, sharing = NOBODY) => {
    const ran = new Map();
    const start = (path) => {
      if (ran.has(path)) return ran.get(path);
      const exports = {};
      ran.set(path, exports);
      units.get(path).start(...values, start, exports, path === main ? sharing : NOBODY);
      return exports;
    };
    start(main);
  };
  const { effects: does, declared, elsewhere } = units.get(main);
  return { run, sources, effects: does, declared, elsewhere };
}

/** Who shares no names. */
const NOBODY = { reach() {}, value() {} };

/** One file as a function of the language's names and the module names. `link(imports)` makes units of what it imports, of which
 *  `exportsOf(path)` tells what they export. */
function compileFile(source, file, { names, link, exportsOf }) {
  let [text, edits, exports, elsewhere] = [source, [], new Map(), new Map()];
  try {
    if (maybeModule(source)) {
      const program = parse(source);
      link(importsOf(program, file));
      const module = moduleEdits(program, { source, file, languageNames: names, exportsOf });
      ({ exports, elsewhere } = module);
      edits = [...module.edits, ...elsewhereEdits(program, elsewhere)].sort(byPlace);
      text = edited(source, edits) + module.behind;
    }
    return { start: evaluated(text, file, { names, source, edits }), exports, elsewhere };
  } catch (error) {
    throw mistake(source, file, error);
  }
}

/** Code that was sent: what it uses and does not declare, it finds where the piece and other blocks have it. */
function compileBlock(source, key, { names, link, exportsOf, from, shown, isShared }) {
  notePlaces(key, { opening: '', shown });
  if (isLong(source)) {
    const message = `a block has at most 1 MiB, not ${source.length} characters: put it into a file of its own and play or import that`;
    throw new SourceError(message, { kind: 'blocks', file: key });
  }
  try {
    const program = parse(source);
    link(importsOf(program, from));
    const found = analyse(program);
    const isElsewhere = (name) => isShared(name) || !(names.includes(name) || name in globalThis || name === 'arguments');
    const uses = found.free.filter(({ name }) => isElsewhere(name));
    const value = valueEdits(program, uses);
    const module = moduleEdits(program, { source, file: from, languageNames: names, exportsOf });
    const edits = [...value, ...module.edits, ...uses.map(cellEdit), ...elsewhereEdits(program, module.elsewhere)].sort(byPlace);
    const text = edited(source, edits) + module.behind;
    const cells = [...new Set(uses.map(({ name }) => name))];
    const start = evaluated(text, key, { names, source, edits, shown, cells });
    const isLanguage = (name) => names.includes(name) && !isElsewhere(name) && !found.declared.has(name);
    const { elsewhere } = module;
    return { start, elsewhere, declared: found.declared, effects: effects(program, found, isElsewhere, isLanguage) };
  } catch (error) {
    throw mistake(source, key, error);
  }
}

/** Hands the value of the last statement over, where it has one. What begins it begins no statement any more. */
function valueEdits({ body }, uses) {
  const last = body.at(-1);
  if (last?.type !== 'ExpressionStatement' || last.directive !== undefined) return [];
  const { start, end } = last.expression;
  for (const use of uses) if (use.start === start) use.opens = false;
  return [{ from: start, to: start, text: `${SHARED}.value((` }, { from: end, to: end, text: '))' }];
}

/** Uses of names that live in other files and may change: read there. */
function elsewhereEdits(program, elsewhere) {
  if (elsewhere.size === 0) return [];
  const isElsewhere = (name) => elsewhere.has(name);
  const uses = analyse(program, isElsewhere).free.filter(({ name }) => isElsewhere(name));
  return uses.map((use) => editOf(use, { value: elsewhere.get(use.name), peek: elsewhere.get(use.name) }));
}

/** A use of a name, of its cell instead. */
function cellEdit(use) {
  const cell = `$forebay_${use.name}`;
  return editOf(use, { value: `${cell}.value`, peek: `${cell}.peek` });
}

/** A use of a name, of an expression instead: `peek` where a name that there is not does no harm. */
function editOf({ name, start, end, role, opens }, { value, peek }) {
  const text = {
    [ROLE.value]: value,
    [ROLE.shorthand]: `${name}: ${value}`,
    // No method of what holds it is called; and what begins a statement begins with a bracket now.
    [ROLE.callee]: `${opens ? ';' : ''}(0, ${value})`,
    [ROLE.type]: peek,
  }[role];
  return { from: start, to: end, text };
}

function byPlace(a, b) {
  return a.from - b.from;
}

/** What a text comes to, which stacks call `name`. An indirect eval leaves nothing behind; vm.Script keeps 13 KB of every
 *  version in Node 20. The embedded runtime does not know `sourceURL`, and has a function of its own. */
const evaluate = globalThis.forebayEvaluate ?? ((text, name) => (0, eval)(`${text}\n//# sourceURL=${name}`));

/** The compiled function of a text. */
function evaluated(text, key, { names, source, edits, shown, cells = [] }) {
  const params = [...names, ...MODULE_NAMES, SHARED].join(',');
  const found = cells.map((name) => `const $forebay_${name}=${SHARED}.cell(${JSON.stringify(name)});`).join('');
  // Two functions: what the text declares may have a name of the language. Its names are reached by an evaluation among
  // them, which costs nothing until somebody asks.
  const opening = `(function(${params}){"use strict";${found}return(function(){${SHARED}.reach((code)=>eval(code));`;
  const start = evaluate(`${opening}${text}\n})()})`, nameInStacks(key));
  notePlaces(key, { opening, shown, source, edits });
  return start;
}

function readImported(read, imported, { importer, loc, sources }) {
  try {
    return read(imported);
  } catch (error) {
    // Also what is not there belongs to the piece: it is watched until it is.
    sources.set(imported, '');
    throw importError(importer, loc, error.message, sources);
  }
}

/** An import that can't be had, told where the path is that asks for it. */
function importError(importer, { line, column }, message, sources) {
  return new SourceError(message, { kind: 'import', file: importer, line, column: column + 1, sourceLine: lineOf(sources.get(importer), line) });
}

/** The parser says where, the same words and place in every runtime. */
function mistake(source, file, original) {
  if (original instanceof SourceError) return original;
  if (original instanceof ModuleError || original.loc) return syntaxError(source, file, original);
  try {
    parse(source);
  } catch (error) {
    return syntaxError(source, file, error);
  }
  return syntaxError(source, file, original);
}
