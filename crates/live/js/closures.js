// Voices that keep state where it can't be restored, by their text: a variable outside the function that it changes and, before
// that, looks at. It finds what a shadow run can't: what changes only now and then.

import { parse, patternIdentifiers, patternNames } from './modules.js';
import { assignedBy, children, usesFromOutside } from './references.js';

/** Longer texts are not looked through: it would take too long beside what plays. */
const LONGEST = 200000;

/** Of `texts`, those of functions as they give them themselves, the ones that keep state in a variable from outside: text by
 *  text the name of the variable. `source` is that of the file in which they are written. */
export function closures(source, texts) {
  const found = new Map();
  // State in a variable needs one that can be assigned to.
  if (source.length > LONGEST || !/\b(?:let|var)\b/.test(source)) return found;
  for (const [node, text] of functions(parsed(source), source)) {
    if (!texts.includes(text) || found.has(text)) continue;
    const name = keptBy(node);
    if (name !== undefined) found.set(text, name);
  }
  return found;
}

/** Nothing where the parser does not know what runs: a piece is no module, and may declare a function twice. */
function parsed(source) {
  try {
    return parse(source);
  } catch {
    return {};
  }
}

/** Every function below a node, with its text as `toString` gives it: that of a method begins at its name. */
function* functions(node, source) {
  for (const child of children(node)) {
    const isMethod = (child.type === 'Property' && child.method) || child.type === 'MethodDefinition';
    if (isMethod) yield [child.value, source.slice(child.start, child.end)];
    else if (/Function/.test(child.type)) yield [child, source.slice(child.start, child.end)];
    yield* functions(child, source);
  }
}

/** The first variable from outside that a function changes, unless it always sets it before it looks at it. */
function keptBy(node) {
  const uses = usesFromOutside(node);
  const writes = new Map([...writesBelow(node)].map((write) => [write.target, write]));
  for (const name of new Set(uses.map((use) => use.name))) {
    const own = uses.filter((use) => use.name === name);
    const written = own.map((use) => writes.get(use.start)).filter((write) => write !== undefined);
    if (written.some((write) => write.reads)) return name;
    if (written.length === 0 || written.length === own.length) continue;
    const set = firstSet(node, name);
    if (own.some(({ start }) => !writes.has(start) && !(start > set))) return name;
  }
  return undefined;
}

/** What is assigned to below a node: where the name stands, and whether that looks at what it was before. */
function* writesBelow(node) {
  const reads = (node.operator ?? '=') !== '=';
  for (const { start } of patternIdentifiers(assignedBy(node))) yield { target: start, reads };
  for (const child of children(node)) yield* writesBelow(child);
}

/** Where the first statement of a function ends that sets the variable whatever happens; NaN where there is none. */
function firstSet({ body }, name) {
  if (body.type !== 'BlockStatement') return NaN;
  const sets = body.body.find(({ type, expression }) => {
    const isSet = type === 'ExpressionStatement' && expression.type === 'AssignmentExpression' && expression.operator === '=';
    return isSet && patternNames(expression.left).includes(name);
  });
  return sets?.end ?? NaN;
}
