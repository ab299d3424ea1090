// Errors and their places: from what a runtime says of compiled text back to file:line:column of the user's.

/** How each compiled text differs from the user's, by the text's key. */
const texts = new Map();

/** Keeps what is needed to find places in `compiled`, made of `source`: `opening` is what is in front of its first line,
 *  `edits` what was replaced in it: `{ from, to, text }` by offsets of the source, in order, with as many lines. `shown` is
 *  what people call it. */
export function notePlaces(key, { opening, shown = key, source, edits = [] }) {
  const shifts = edits.map(({ from, to, text }) => ({ from, to, length: text.split('\n', 1)[0].length }));
  texts.set(key, { opening: opening.length, shown, ...(shifts.length > 0 && { source, shifts }) });
}

/** Forgets all texts of blocks but those with these keys. */
export function keepPlaces(keys) {
  for (const key of texts.keys()) if (isBlockKey(key) && !keys.has(key)) texts.delete(key);
}

/** Under what the text of a block is known: several may have one name. No file has such a path. */
export function blockKey(number, name) {
  return `#${number}:${name}`;
}

function isBlockKey(key) {
  return /^#\d+:/.test(key);
}

/** What people call a text. */
export function shownAs(key) {
  return texts.get(key)?.shown ?? key;
}

/** How stacks name a text: a source URL ends at a blank. */
export function nameInStacks(key) {
  return encodeURI(key);
}

/** An error with its place in the user's file. `line` and `column` count from 1; undefined where unknown. */
export class SourceError extends Error {
  constructor(message, { kind, file, line, column, sourceLine, voice }) {
    super(message);
    this.name = 'SourceError';
    Object.assign(this, { kind, file: shownAs(file), line, column, sourceLine, voice });
  }

  /** As a message for the parent process. */
  toJSON() {
    const { kind, file, line, column, sourceLine, voice, message } = this;
    return { kind, file, line, column, source_line: sourceLine, voice, message };
  }
}

/** A mistake at a place of the parser's: `loc`, from line 1, column 0. */
export function syntaxError(source, file, { message, loc }) {
  const place = loc && { line: loc.line, column: loc.column + 1 };
  const text = loc ? message.replace(/ \(\d+:\d+\)$/, '') : message;
  return new SourceError(text, { kind: 'syntax', file, ...place, sourceLine: lineOf(source, loc?.line) });
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

/** `file`, `line` and `column` of the first stack frame in the user's text of any of the piece's files. */
export function placeIn(stack, sources) {
  if (typeof stack !== 'string') return {};
  for (const frame of stack.split('\n')) {
    for (const file of sources.keys()) {
      const name = nameInStacks(file);
      const at = frame.lastIndexOf(`${name}:`);
      // Another file's name may end like this one's.
      if (at < 0 || !' (@'.includes(frame[at - 1] ?? ' ')) continue;
      const match = /^(\d+)(?::(\d+))?/.exec(frame.slice(at + name.length + 1));
      const place = match && userPlace(file, Number(match[1]), match[2] && Number(match[2]));
      if (place) return { file, ...place };
    }
  }
  return {};
}

/** A place in the compiled text as a place in the user's; undefined where it is not of the user's text. */
function userPlace(key, line, column) {
  const { opening = 0, source, shifts } = texts.get(key) ?? {};
  if (column === undefined) return { line };
  const shown = column - 1 - (line === 1 ? opening : 0);
  // The embedded runtime points right in front of what is called.
  if (shown < -1) return undefined;
  const inLine = Math.max(shown, 0);
  return shifts ? unshifted(source, shifts, line, inLine) : { line, column: inLine + 1 };
}

/** A place in an edited text. What was put in stands for the beginning of what it replaces. */
function unshifted(source, shifts, line, inLine) {
  const begin = offsetOfLine(source, line);
  if (begin === undefined) return undefined;
  let added = 0;
  for (const { from, to, length } of shifts) {
    if (to < begin || (to === begin && from < begin)) continue;
    const start = from - begin + added;
    if (inLine < start) break;
    // Of what began in an earlier line nothing is in this one.
    if (from < begin) added -= to - begin;
    else if (inLine < start + length) return { line, column: from - begin + 1 };
    else added += length - (to - from);
  }
  return { line, column: inLine - added + 1 };
}

/** Where a line of a text begins; undefined behind its end. */
function offsetOfLine(source, line) {
  let offset = 0;
  for (let n = 1; n < line; n++) {
    offset = source.indexOf('\n', offset) + 1;
    if (offset === 0) return undefined;
  }
  return offset;
}

/** The text of a line, for people. */
export function lineOf(source, line) {
  return line === undefined ? undefined : source?.split('\n', line)[line - 1]?.slice(0, 200);
}

function describe(error) {
  if (error.name === 'UsageError') return error.message;
  return `${error.name}: ${error.message}`;
}
