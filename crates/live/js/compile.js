// From source text to a function, and from errors back to file:line:column. User files are never imported: every
// version of an imported module would stay in memory.

import { MODULE_NAMES, ModuleError, maybeModule, parse, readModule, transform } from './modules.js';

/** Compiles a piece: `source` of `file`, and the files that it imports, as `read` gives them. Returns `{ run(values),
 *  sources }`: `values` are those of `names`, in order, and each run begins anew; `sources` maps each file to its text.
 *  Throws a `SourceError`. */
export function compile(source, file, names, read = readModule) {
  const sources = new Map();
  const units = new Map();
  const load = (path, text, importer) => {
    if (units.has(path)) {
      if (units.get(path) === undefined) throw importError(importer, `${path} imports itself in a circle`, sources);
      return;
    }
    units.set(path, undefined);
    sources.set(path, text);
    const unit = compileFile(text, path, names);
    for (const imported of unit.imports) {
      if (!sources.has(imported)) sources.set(imported, readImported(read, imported, path, sources));
      load(imported, sources.get(imported), path);
    }
    units.set(path, unit);
  };
  try {
    load(file, source, file);
  } catch (error) {
    error.files = [...sources.keys()];
    throw error;
  }
  const run = (values) => {
    const ran = new Map();
    const start = (path) => {
      if (ran.has(path)) return ran.get(path);
      const exports = {};
      ran.set(path, exports);
      units.get(path).start(...values, start, exports);
      return exports;
    };
    start(file);
  };
  return { run, sources };
}

/** Columns in front of the first line of each compiled file. */
const openings = new Map();

/** One file as a function of the language's names and the module names. */
function compileFile(source, file, names) {
  // Two functions: what the file declares may have a name of the language.
  const opening = `(function(${[...names, ...MODULE_NAMES].join(',')}){"use strict";return(function(){`;
  let imports = [];
  try {
    let text = source;
    if (maybeModule(source)) ({ text, imports } = transform(source, file, names));
    // An indirect eval leaves nothing behind; vm.Script keeps 13 KB of every version in Node 20.
    const start = (0, eval)(`${opening}${text}\n})()})\n//# sourceURL=${nameInStacks(file)}`);
    openings.set(file, opening.length);
    return { start, imports };
  } catch (error) {
    throw syntaxError(source, file, error);
  }
}

/** How stacks name a file: a source URL ends at a blank. */
function nameInStacks(file) {
  return encodeURI(file);
}

function readImported(read, imported, importer, sources) {
  try {
    return read(imported);
  } catch (error) {
    // Also what is not there belongs to the piece: it is watched until it is.
    sources.set(imported, '');
    throw importError(importer, error.message, sources);
  }
}

/** An import that can't be had, told at the line that asks for it. */
function importError(importer, message, sources) {
  const source = sources.get(importer);
  const line = source.split('\n').findIndex((text) => /^\s*(?:import|export)\b.*['"]\.{0,2}\//.test(text)) + 1 || undefined;
  return new SourceError(message, { kind: 'import', file: importer, line, sourceLine: lineOf(source, line) });
}

/** An error with its place in the user's file. `line` and `column` count from 1; undefined where unknown. */
export class SourceError extends Error {
  constructor(message, { kind, file, line, column, sourceLine, voice }) {
    super(message);
    this.name = 'SourceError';
    Object.assign(this, { kind, file, line, column, sourceLine, voice });
  }

  /** As a message for the parent process. */
  toJSON() {
    const { kind, file, line, column, sourceLine, voice, message } = this;
    return { kind, file, line, column, source_line: sourceLine, voice, message };
  }
}

/** The parser says where, the same words and place in every runtime. */
function syntaxError(source, file, original) {
  let place = {};
  let message = original.message;
  let found = original instanceof ModuleError ? original : undefined;
  if (!found) {
    try {
      parse(source);
    } catch (error) {
      found = error;
    }
  }
  if (found?.loc) {
    place = { line: found.loc.line, column: found.loc.column + 1 };
    message = found.message.replace(/ \(\d+:\d+\)$/, '');
  }
  return new SourceError(message, { kind: 'syntax', file, ...place, sourceLine: lineOf(source, place.line) });
}

/** Finds where in a piece an error was thrown by its stack. `sources` maps the piece's files to their texts. Where the stack
 *  does not say (a runtime may leave out who calls last of all), it is where the voice was declared: the stack of `site`. */
export function locate(error, { sources, file, voice, site, kind = 'throw' }) {
  if (error instanceof SourceError) return error;
  const message = error instanceof Error ? describe(error) : `threw ${String(error)}`;
  const thrown = placeIn(error?.stack, sources);
  const place = thrown.line === undefined ? placeIn(site?.stack, sources) : thrown;
  const sourceLine = lineOf(sources.get(place.file ?? file), place.line);
  return new SourceError(message, { kind, file, ...place, sourceLine, voice });
}

/** `file`, `line` and `column` of the first stack frame in any of the piece's files. */
export function placeIn(stack, sources) {
  if (typeof stack !== 'string') return {};
  for (const frame of stack.split('\n')) {
    for (const file of sources.keys()) {
      const name = nameInStacks(file);
      const at = frame.lastIndexOf(`${name}:`);
      // Another file's name may end like this one's.
      if (at < 0 || !' (@'.includes(frame[at - 1] ?? ' ')) continue;
      const match = /^(\d+)(?::(\d+))?/.exec(frame.slice(at + name.length + 1));
      if (match) return { file, ...userPlace(file, Number(match[1]), Number(match[2])) };
    }
  }
  return {};
}

/** A place in the compiled text as a place in the user's. */
function userPlace(file, line, column) {
  const before = line === 1 ? openings.get(file) ?? 0 : 0;
  return { line, column: column > before ? column - before : undefined };
}

/** The text of a line, for people. */
export function lineOf(source, line) {
  return line === undefined ? undefined : source?.split('\n', line)[line - 1]?.slice(0, 200);
}

function describe(error) {
  if (error.name === 'UsageError') return error.message;
  return `${error.name}: ${error.message}`;
}
