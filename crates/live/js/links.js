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
 *  `behind` the text; `exports` are the names that others may import. Its own imports are seen from the folder of `file`;
 *  `exportsOf(path)` tells what a file exports. */
export function moduleEdits(program, { source, file, languageNames, exportsOf }) {
  const edits = [];
  const unit = new Unit(file, languageNames, exportsOf);
  for (const node of program.body) {
    const edit = HANDLERS[node.type]?.(node, unit);
    if (edit === undefined) continue;
    const [from, to] = [node.start, edit.to ?? node.end];
    edits.push({ from, to, text: keepLines(edit.text, source.slice(from, to)) });
  }
  return { edits, behind: `\n${unit.exporting}`, exports: unit.exports };
}

/** A file while its imports and exports are rewritten. */
class Unit {
  #file;
  #exportsOf;
  /** What it exports of its own, and what of whole files, by name: an expression at its end; undefined where it is handed over
   *  already. */
  #own = new Map();
  #others = new Map();

  constructor(file, languageNames, exportsOf) {
    this.#file = file;
    this.#exportsOf = exportsOf;
    this.languageNames = languageNames;
  }

  /** The exports of the file that a statement names, as an expression. */
  from(statement) {
    return `${IMPORTS}(${JSON.stringify(targetOf(statement, this.#file))})`;
  }

  /** One of them. `place` is where it is asked for. */
  member(statement, name, place) {
    const names = this.#namesOf(statement);
    if (names.has(name)) return `${this.from(statement)}[${JSON.stringify(name)}]`;
    const there = names.size === 0 ? 'nothing' : [...names].join(', ');
    throw new ModuleError(`${statement.source.value} exports no ${name}; it exports ${there}`, place.loc.start);
  }

  export(name, expression) {
    this.#own.set(name, expression);
  }

  exportAll(statement) {
    for (const name of this.#namesOf(statement)) if (name !== 'default') this.#others.set(name, this.member(statement, name));
  }

  #namesOf(statement) {
    return this.#exportsOf(targetOf(statement, this.#file));
  }

  /** What others may import: names of other files only where it has none of its own. */
  get #all() {
    return new Map([...this.#others, ...this.#own]);
  }

  get exports() {
    return new Set(this.#all.keys());
  }

  /** The code that hands over what it exports. */
  get exporting() {
    const members = [...this.#all].filter(([, expression]) => expression !== undefined);
    const list = members.map(([name, expression]) => `${JSON.stringify(name)}: ${expression}`).join(', ');
    return `Object.assign(${EXPORTS}, { ${list} });`;
  }
}

const HANDLERS = {
  ImportDeclaration(node, unit) {
    if (isOfLanguage(node)) return { text: node.specifiers.map((specifier) => ofLanguage(specifier, unit.languageNames)).join(' ') };
    const parts = node.specifiers.map((specifier) => {
      const name = importedName(specifier);
      return `const ${specifier.local.name} = ${name === undefined ? unit.from(node) : unit.member(node, name, specifier)};`;
    });
    return { text: parts.join(' ') || `${unit.from(node)};` };
  },

  ExportNamedDeclaration(node, unit) {
    if (node.declaration) {
      for (const name of declaredNames(node.declaration)) unit.export(name, name);
      return { to: node.declaration.start, text: '' };
    }
    for (const specifier of node.specifiers) {
      const name = nameOf(specifier.local);
      unit.export(nameOf(specifier.exported), node.source ? unit.member(node, name, specifier) : name);
    }
    return { text: '' };
  },

  ExportDefaultDeclaration({ declaration }, unit) {
    unit.export('default', declaration.id?.name);
    return { to: declaration.start, text: declaration.id ? '' : `${EXPORTS}.default = ` };
  },

  ExportAllDeclaration(node, unit) {
    if (node.exported) unit.export(nameOf(node.exported), unit.from(node));
    else unit.exportAll(node);
    return { text: `${unit.from(node)};` };
  },
};

/** What an import from the language comes to. */
function ofLanguage(specifier, languageNames) {
  const local = specifier.local.name;
  const name = importedName(specifier);
  if (name === undefined) return `const ${local} = { ${languageNames.join(', ')} };`;
  if (!languageNames.includes(name)) throw new ModuleError(`"forebay" exports no ${name}`, specifier.loc.start);
  return name === local ? '' : `const ${local} = ${name};`;
}

/** What a specifier asks for; undefined: everything. */
function importedName({ type, imported }) {
  if (type === 'ImportNamespaceSpecifier') return undefined;
  return type === 'ImportDefaultSpecifier' ? 'default' : nameOf(imported);
}

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
