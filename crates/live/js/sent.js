// Code that was sent and adds to what plays: blocks. What each does to names and voices says how long a successor will need
// it: code that nothing depends on any more is let go of.

import { SourceError } from './places.js';

/** Blocks that are in use at once, and the length of their texts together. */
const MOST_BLOCKS = 500;
const MOST_TEXT = 16 * 1024 * 1024;

/** What the top level of a block does to shared names, as plain lists: `declares` anew, `uses` for what they hold,
 *  `assigns` whatever was there before, `changes` in a way that builds on what was there. `isShared(name)` tells shared
 *  names, `isLanguage(name)` the language's own functions, which change none. */
export function effects(program, { declared, free }, isShared, isLanguage) {
  const uses = free.filter(({ name }) => isShared(name));
  const assigns = new Set();
  const changes = new Set();
  const targets = new Set();
  for (const statement of program.body) {
    const target = assignedBy(statement);
    if (target && isShared(target.name)) {
      assigns.add(target.name);
      targets.add(target.start);
    } else if (mayChange(statement, isLanguage)) {
      for (const { name, start } of uses) if (start >= statement.start && start < statement.end) changes.add(name);
    }
  }
  const read = new Set(uses.filter(({ start }) => !targets.has(start)).map(({ name }) => name));
  return { declares: [...declared.keys()], uses: [...read], assigns: [...assigns], changes: [...changes] };
}

/** The name that a statement `name = value` assigns. */
function assignedBy({ type, expression }) {
  if (type !== 'ExpressionStatement' || expression.type !== 'AssignmentExpression') return undefined;
  return expression.operator === '=' && expression.left.type === 'Identifier' ? expression.left : undefined;
}

/** Whether a statement is there for what it does to names. A declaration is there for what it declares. */
function mayChange(statement, isLanguage) {
  if (DECLARATION.test(statement.type)) return false;
  if (statement.type !== 'ExpressionStatement') return true;
  const { expression } = statement;
  const parts = expression.type === 'SequenceExpression' ? expression.expressions : [expression];
  return !parts.every((part) => isCallOf(part, isLanguage) || isPlain(part));
}

const DECLARATION = /Declaration$|^EmptyStatement$/;

/** A call of the language: play(...), console.log(...). */
function isCallOf({ type, callee }, isLanguage) {
  const called = callee?.type === 'MemberExpression' ? callee.object : callee;
  return type === 'CallExpression' && called.type === 'Identifier' && isLanguage(called.name);
}

const ACTIONS = /^(?:Call|New|TaggedTemplate|Assignment|Update|Await|Yield|Import)Expression$/;

/** An expression that does nothing but have a value. */
function isPlain(node) {
  if (ACTIONS.test(node.type) || node.operator === 'delete') return false;
  const children = Object.values(node).flat().filter((child) => typeof child?.type === 'string');
  return children.every(isPlain);
}

/** What a score says of the code that has filled it, beside what it had from `before`: the voices that it plays and stops,
 *  and what it sets by itself: the tempo, members of a voice's strip, and values from outside, the keys of `controls`. */
export function played(score, before, controls = new Map()) {
  const sets = [...controls.keys()].map((key) => `control ${key}`);
  if (before && JSON.stringify(score.tempo) !== JSON.stringify(before.tempo)) sets.push('tempo');
  const plays = [];
  for (const { name, site, strip } of score.voices.values()) {
    const known = before?.voices.get(name);
    if (known?.site === site) sets.push(...STRIP.filter((member) => strip[member] !== known.strip[member]).map(stripOf(name)));
    else plays.push(name);
  }
  return { plays, stops: [...score.stops.keys()], clears: score.clearFade !== undefined, sets };
}

/** What there is to set on a voice's strip. A voice that is played anew has a new one. */
const STRIP = ['gain', 'pan'];
const stripOf = (name) => (member) => `strip ${name} ${member}`;

/** The entries, in order, that a successor needs to come to the same voices and names. A piece is needed always. Each has
 *  what `effects` and `played` say of it; `voices` and `names` are those that there are now. */
export function needed(entries, { voices, names }) {
  const everPlayed = entries.flatMap(({ plays }) => plays);
  const everSet = entries.flatMap(({ sets }) => sets);
  const wanted = new Set([...[...voices, ...everPlayed].map(voice), ...names.flatMap(name), ...everSet]);
  const kept = [];
  for (const entry of [...entries].reverse()) {
    const settled = settles(entry, everPlayed);
    if (isBlock(entry) && ![...settled, ...entry.changes.map(value)].some((what) => wanted.has(what))) continue;
    kept.unshift(entry);
    for (const what of settled) wanted.delete(what);
    for (const what of [...entry.uses.flatMap(name), ...entry.assigns.map(declaration)]) wanted.add(what);
  }
  return withoutOldChanges(withoutIdleStops(kept));
}

const voice = (of) => `voice ${of}`;
const declaration = (of) => `name ${of}`;
const value = (of) => `value ${of}`;
const name = (of) => [declaration(of), value(of)];

function isBlock({ block }) {
  return block !== undefined;
}

/** What need not be looked for before an entry, since it settles it. */
function settles({ declares, assigns, plays, stops, clears, sets }, everPlayed) {
  const voices = [...plays, ...stops, ...(clears ? everPlayed : [])];
  const strips = plays.flatMap((each) => STRIP.map(stripOf(each)));
  return [...voices.map(voice), ...strips, ...declares.flatMap(name), ...assigns.map(value), ...sets];
}

/** Without blocks that only stop what nobody before them plays. */
function withoutIdleStops(entries) {
  const playing = new Set();
  return entries.filter((entry) => {
    const { declares, assigns, changes, plays, stops, clears, sets } = entry;
    const idle = isBlock(entry) && [declares, assigns, changes, plays, sets].every(({ length }) => length === 0);
    const stopsSome = stops.some((each) => playing.has(each)) || (clears && playing.size > 0);
    if (clears) playing.clear();
    for (const each of stops) playing.delete(each);
    for (const each of plays) playing.add(each);
    return !idle || stopsSome;
  });
}

/** Where there are too many, the oldest of those that only build on what was there make way: after a hang, what they
 *  have added up to is less. */
function withoutOldChanges(entries) {
  let tooMany = entries.filter(isBlock).length - MOST_BLOCKS;
  return entries.filter((entry) => {
    const { declares, assigns, plays, stops, clears, sets } = entry;
    const builds = isBlock(entry) && !clears && [declares, assigns, plays, stops, sets].every(({ length }) => length === 0);
    if (!builds || tooMany <= 0) return true;
    tooMany -= 1;
    return false;
  });
}

/** Throws where there is no room for another block. */
export function checkRoom(entries, source, file) {
  const blocks = entries.filter(isBlock);
  const text = blocks.reduce((sum, entry) => sum + entry.source.length, source.length);
  if (blocks.length <= MOST_BLOCKS && text <= MOST_TEXT) return;
  const message = `${blocks.length} blocks are in use already: put what is to stay into the piece and save it, which lets go of them`;
  throw new SourceError(message, { kind: 'blocks', file });
}
