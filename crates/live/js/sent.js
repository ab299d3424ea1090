// Blocks: code that was sent and adds to what plays. What each does to names and voices says how long a successor will
// need it: code that nothing depends on any more is let go of.

import { SourceError } from './compile.js';

/** Blocks that are in use at once, and the bytes of their texts. */
const MOST_BLOCKS = 500;
const MOST_TEXT = 16 * 1024 * 1024;

/** What the top level of a block does to shared names, `uses` being those that it mentions: `declares` anew, `assigns` by
 *  itself (whatever was there before), `changes` in a way that builds on what was there. `isLanguage(name)` tells the
 *  language's own functions, which change no name. */
export function effects(program, { declared, free }, isShared, isLanguage) {
  const uses = free.filter(({ name }) => isShared(name));
  const assigns = new Set();
  const changes = new Set();
  for (const statement of program.body) {
    const mentioned = uses.filter(({ start }) => start >= statement.start && start < statement.end);
    const target = assignedBy(statement);
    if (target) assigns.add(target);
    else if (!DECLARATIONS.has(statement.type) && !isCallOf(statement.expression, isLanguage)) {
      for (const { name } of mentioned) changes.add(name);
    }
  }
  const names = new Set(uses.map(({ name }) => name));
  const assigned = new Set([...assigns].filter((name) => names.has(name)));
  return { declares: new Set(declared.keys()), uses: readOf(uses, program, assigned), assigns: assigned, changes };
}

const DECLARATIONS = new Set([
  'VariableDeclaration',
  'FunctionDeclaration',
  'ClassDeclaration',
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportDefaultDeclaration',
  'ExportAllDeclaration',
  'EmptyStatement',
]);

/** The name that a statement `name = value` assigns. */
function assignedBy({ type, expression }) {
  if (type !== 'ExpressionStatement' || expression.type !== 'AssignmentExpression') return undefined;
  return expression.operator === '=' && expression.left.type === 'Identifier' ? expression.left.name : undefined;
}

/** Names that are used for what they hold: not only as the target of `name = value`. */
function readOf(uses, program, assigned) {
  const targets = new Set(program.body.filter(assignedBy).map(({ expression }) => expression.left.start));
  return new Set(uses.filter(({ name, start }) => !(assigned.has(name) && targets.has(start))).map(({ name }) => name));
}

function isCallOf(expression, isLanguage) {
  if (expression?.type === 'SequenceExpression') return expression.expressions.every((each) => isCallOf(each, isLanguage));
  return expression?.type === 'CallExpression' && expression.callee.type === 'Identifier' && isLanguage(expression.callee.name);
}

/** What a score says of the code that has filled it, beside what it had from `before`. */
export function played(score, before) {
  const plays = [...score.voices.values()].filter(({ name, site }) => site !== before?.voices.get(name)?.site);
  return {
    plays: new Set(plays.map(({ name }) => name)),
    stops: new Set(score.stops.keys()),
    clears: score.clearFade !== undefined,
  };
}

/** The entries, in order, that a successor needs to come to the same voices and names. A piece is needed always. Each has
 *  what `effects` and `played` say of it; `voices` and `names` are those that there are now. */
export function needed(entries, { voices, names }) {
  const everPlayed = entries.flatMap(({ plays }) => [...plays]);
  const wanted = new Set([
    ...[...voices, ...everPlayed].map((name) => `voice ${name}`),
    ...names.flatMap((name) => [`name ${name}`, `value ${name}`]),
  ]);
  const kept = [];
  for (const entry of [...entries].reverse()) {
    if (!isBlock(entry) || gives(entry).some((what) => wanted.has(what))) {
      kept.unshift(entry);
      for (const what of settles(entry, everPlayed)) wanted.delete(what);
      for (const name of entry.uses) wanted.add(`name ${name}`).add(`value ${name}`);
      for (const name of entry.assigns) wanted.add(`name ${name}`);
    }
  }
  return withoutIdleStops(kept);
}

function isBlock({ block }) {
  return block !== undefined;
}

/** What an entry has to do with; where it clears, with every voice. */
function gives({ declares, assigns, changes, plays, stops, clears }) {
  return [
    ...[...plays, ...stops].map((name) => `voice ${name}`),
    ...[...declares].flatMap((name) => [`name ${name}`, `value ${name}`]),
    ...[...assigns, ...changes].map((name) => `value ${name}`),
    ...(clears ? ['clear'] : []),
  ];
}

/** What need not be looked for before an entry, since it settles it. */
function settles({ declares, assigns, plays, stops, clears }, everPlayed) {
  return [
    ...[...plays, ...stops, ...(clears ? everPlayed : [])].map((name) => `voice ${name}`),
    ...[...declares].flatMap((name) => [`name ${name}`, `value ${name}`]),
    ...[...assigns].map((name) => `value ${name}`),
  ];
}

/** Without blocks that only stop what nobody before them plays. */
function withoutIdleStops(entries) {
  const playing = new Set();
  return entries.filter((entry) => {
    const { declares, assigns, changes, plays, stops, clears } = entry;
    const idle = isBlock(entry) && declares.size + assigns.size + changes.size + plays.size === 0;
    const stopsSome = [...stops].some((name) => playing.has(name)) || (clears && playing.size > 0);
    if (clears) playing.clear();
    for (const name of stops) playing.delete(name);
    for (const name of plays) playing.add(name);
    return !idle || stopsSome;
  });
}

/** Throws where there is no room for another block. */
export function checkRoom(entries, source, file) {
  const blocks = entries.filter(isBlock);
  const text = blocks.reduce((sum, entry) => sum + entry.source.length, source.length);
  if (blocks.length < MOST_BLOCKS && text <= MOST_TEXT) return;
  const message = `${blocks.length} blocks are in use already: put what is to stay into the piece and save it, which lets go of them`;
  throw new SourceError(message, { kind: 'blocks', file });
}
