// The text of a file, parsed and edited in place. A file without imports and exports never comes here.

import { createRequire } from 'node:module';

/** Loaded when it is first needed: it would cost the first sound some milliseconds. */
const require = createRequire(import.meta.url);

/** Whether a text may hold imports or exports; false is certain. */
export function maybeModule(source) {
  return /\b(?:import|export)\b/.test(source);
}

/** Longer than this a text takes longer to parse than a lead lasts. */
const LONG = 1024 * 1024;

/** Whether a text is too long to be looked into; a runtime compiles it all the same. */
export function isLong(source) {
  return source.length > LONG;
}

/** Parses with the same words and places in every runtime. Throws acorn's SyntaxError (`loc`, from line 1, column 0), or
 *  a `ModuleError` for what only a true module may hold. */
export function parse(source) {
  const { parse: parseText } = require('./vendor/acorn.cjs');
  const program = parseText(source, { ecmaVersion: 'latest', sourceType: 'module', locations: true, allowReturnOutsideFunction: true });
  refuseModuleOnly(program, true);
  return program;
}

/** A piece is the body of a function, which runs at once and has no address. */
function refuseModuleOnly(node, atTop) {
  if (atTop && (node.type === 'AwaitExpression' || node.await === true)) {
    throw new ModuleError('a piece can not wait: await belongs inside an async function', node.loc.start);
  }
  if (node.type === 'MetaProperty' && node.meta.name === 'import') {
    throw new ModuleError('import.meta is not available', node.loc.start);
  }
  if (node.type === 'ImportExpression') {
    throw new ModuleError("import() is not available: import at the top of the file, as in import { x } from './name.js'", node.loc.start);
  }
  const inside = atTop && !/Function/.test(node.type);
  for (const member of Object.values(node)) {
    for (const child of Array.isArray(member) ? member : [member]) {
      if (typeof child?.type === 'string') refuseModuleOnly(child, inside);
    }
  }
}

/** A mistake in what makes a module, with its place. */
export class ModuleError extends Error {
  constructor(message, loc) {
    super(message);
    this.name = 'ModuleError';
    this.loc = loc;
  }
}

/** The text with `edits`, which are in order, made. */
export function edited(source, edits) {
  let text = '';
  let at = 0;
  for (const edit of edits) {
    text += source.slice(at, edit.from) + edit.text;
    at = edit.to;
  }
  return text + source.slice(at);
}

/** The names that a pattern declares or assigns. */
export function patternNames(pattern) {
  return patternIdentifiers(pattern).map(({ name }) => name);
}

/** The same as they stand in the text: those of members and of what is assigned by default are none. */
export function patternIdentifiers(pattern) {
  switch (pattern?.type) {
    case 'Identifier':
      return [pattern];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) => patternIdentifiers(property.value ?? property.argument));
    case 'ArrayPattern':
      return pattern.elements.flatMap(patternIdentifiers);
    case 'AssignmentPattern':
      return patternIdentifiers(pattern.left);
    case 'RestElement':
      return patternIdentifiers(pattern.argument);
    default:
      return [];
  }
}
