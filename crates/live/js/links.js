// Pieces of several files: imports and exports become plain code, so that nothing is ever `import()`ed. Lines keep their
// numbers.

import fs from 'node:fs';
import path from 'node:path';
import { ModuleError, patternNames } from './modules.js';

const IMPORTS = '$forebay_import';
const EXPORTS = '$forebay_exports';

/** Names that transformed code finds in addition to the language. */
export const MODULE_NAMES = [IMPORTS, EXPORTS];

/** The files that `program` imports from the folder of `file`, as `{ path, loc }`: its absolute path, and where it is named
 *  first. Throws a `ModuleError` for what no piece can import. */
export function importsOf(program, file) {
  const found = new Map();
  for (const node of program.body) {
    if (!node.source || isOfLanguage(node)) continue;
    const target = targetOf(node, file);
    if (!found.has(target)) found.set(target, { path: target, loc: node.source.loc.start });
  }
  return [...found.values()];
}

function isOfLanguage({ type, source }) {
  return type === 'ImportDeclaration' && source.value === 'forebay';
}

/** The absolute path that a statement imports from. */
function targetOf({ source, loc }, file) {
  const target = source.value;
  if (!/^(?:\.{1,2})?\//.test(target)) {
    throw new ModuleError(`cannot import '${target}': only "forebay" and files ('./name.js') can be imported`, loc.start);
  }
  return path.resolve(path.dirname(file), target);
}

/** What makes a plain function body of a parsed text: `edits`, each with as many lines as it replaces, and what comes
 *  `behind` the text. Its imports are seen from the folder of `file`. */
export function moduleEdits(program, { source, file, languageNames }) {
  const edits = [];
  const exported = [];
  const resolve = (node) => `${IMPORTS}(${JSON.stringify(targetOf(node, file))})`;
  for (const node of program.body) {
    const edit = HANDLERS[node.type]?.(node, { resolve, exported, languageNames });
    if (edit === undefined) continue;
    const [from, to] = [node.start, edit.to ?? node.end];
    edits.push({ from, to, text: keepLines(edit.text, source.slice(from, to)) });
  }
  const list = exported.map(([name, local]) => `${JSON.stringify(name)}: ${local}`).join(', ');
  return { edits, behind: `\nObject.assign(${EXPORTS}, { ${list} });` };
}

const HANDLERS = {
  ImportDeclaration(node, { resolve, languageNames }) {
    const language = isOfLanguage(node);
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
