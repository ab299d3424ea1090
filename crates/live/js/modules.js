// Pieces of several files: imports and exports become plain code, so that nothing is ever `import()`ed. Lines keep their
// numbers. A file without imports and exports never comes here.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Loaded when it is first needed: it would cost the first sound some milliseconds. */
const require = createRequire(import.meta.url);
const IMPORTS = '$forebay_import';
const EXPORTS = '$forebay_exports';

/** Names that transformed code finds in addition to the language. */
export const MODULE_NAMES = [IMPORTS, EXPORTS];

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

/** What makes a plain function body of a parsed text: `edits`, each with as many lines as it replaces, and what comes
 *  `behind` the text. `imports` are the absolute paths that it asks for, seen from the folder of `file`. */
export function moduleEdits(program, { source, file, languageNames }) {
  const edits = [];
  const exported = [];
  const imports = new Set();
  const resolve = (node) => {
    const target = node.source.value;
    if (!target.startsWith('./') && !target.startsWith('../') && !target.startsWith('/')) {
      throw new ModuleError(`cannot import '${target}': only "forebay" and files ('./name.js') can be imported`, node.loc.start);
    }
    const found = path.resolve(path.dirname(file), target);
    imports.add(found);
    return `${IMPORTS}(${JSON.stringify(found)})`;
  };
  for (const node of program.body) {
    const edit = HANDLERS[node.type]?.(node, { resolve, exported, languageNames });
    if (edit === undefined) continue;
    const [from, to] = [node.start, edit.to ?? node.end];
    edits.push({ from, to, text: keepLines(edit.text, source.slice(from, to)) });
  }
  const list = exported.map(([name, local]) => `${JSON.stringify(name)}: ${local}`).join(', ');
  return { edits, imports: [...imports], behind: `\nObject.assign(${EXPORTS}, { ${list} });` };
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

const HANDLERS = {
  ImportDeclaration(node, { resolve, languageNames }) {
    const language = node.source.value === 'forebay';
    const from = language ? `{ ${languageNames.join(', ')} }` : resolve(node);
    const parts = node.specifiers.map((specifier) => {
      const local = specifier.local.name;
      if (specifier.type === 'ImportNamespaceSpecifier') return `const ${local} = ${from};`;
      const name = specifier.type === 'ImportDefaultSpecifier' ? 'default' : nameOf(specifier.imported);
      if (!language) return `const ${local} = ${from}[${JSON.stringify(name)}];`;
      if (!languageNames.includes(name)) throw new ModuleError(`"forebay" exports no ${name}`, specifier.loc.start);
      return name === local ? '' : `const ${local} = ${name};`;
    });
    return { text: parts.join(' ') || (language ? '' : `${from};`) };
  },

  ExportNamedDeclaration(node, { resolve, exported }) {
    if (node.declaration) {
      for (const name of declaredNames(node.declaration)) exported.push([name, name]);
      return { to: node.declaration.start, text: '' };
    }
    for (const { local, exported: name } of node.specifiers) {
      const value = node.source ? `${resolve(node)}[${JSON.stringify(nameOf(local))}]` : nameOf(local);
      exported.push([nameOf(name), value]);
    }
    return { text: '' };
  },

  ExportDefaultDeclaration(node, { exported }) {
    const { declaration } = node;
    if (declaration.id) {
      exported.push(['default', declaration.id.name]);
      return { to: declaration.start, text: '' };
    }
    return { to: declaration.start, text: `${EXPORTS}.default = ` };
  },

  ExportAllDeclaration(node, { resolve }) {
    const from = resolve(node);
    return { text: node.exported ? `${EXPORTS}.${nameOf(node.exported)} = ${from};` : `Object.assign(${EXPORTS}, ${from});` };
  },
};

function nameOf(node) {
  return node.type === 'Literal' ? node.value : node.name;
}

function declaredNames(declaration) {
  if (declaration.id) return [declaration.id.name];
  return declaration.declarations.flatMap(({ id }) => patternNames(id));
}

/** The names that a pattern binds. */
export function patternNames(pattern) {
  switch (pattern?.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) => patternNames(property.value ?? property.argument));
    case 'ArrayPattern':
      return pattern.elements.flatMap(patternNames);
    case 'AssignmentPattern':
      return patternNames(pattern.left);
    case 'RestElement':
      return patternNames(pattern.argument);
    default:
      return [];
  }
}

function keepLines(text, replaced) {
  return text + '\n'.repeat(replaced.split('\n').length - 1);
}

/** The text of an imported file. Throws a `ModuleError` with a remedy. */
export function readModule(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new ModuleError(`cannot import ${file}: ${error.code === 'ENOENT' ? 'it is not there' : error.message}`, undefined);
  }
}
