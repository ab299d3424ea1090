// Pieces of several files: imports and exports become plain code, so that nothing is ever `import()`ed. Lines keep their
// numbers.
//
// What a file exports is a copy, as fast as a name of one's own, unless code that runs later may assign it: then it is read
// where it lives, at every use.

import fs from 'node:fs';
import path from 'node:path';
import { ModuleError, patternNames } from './modules.js';
import { changedLater } from './references.js';

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
 *  `behind` the text. `exports` has the names that others may import, and whether each may change later; `elsewhere` has
 *  those of its own names that live in other files and may change, as expressions. Its imports are seen from the folder of
 *  `file`; `exportsOf(path)` tells what a file exports. */
export function moduleEdits(program, { source, file, languageNames, exportsOf }) {
  const edits = [];
  const unit = new Unit(file, languageNames, exportsOf);
  const mayChange = changedLater(program);
  for (const node of program.body) {
    const edit = HANDLERS[node.type]?.(node, unit);
    if (edit === undefined) continue;
    const [from, to] = [node.start, edit.to ?? node.end];
    edits.push({ from, to, text: keepLines(edit.text, source.slice(from, to)) });
  }
  return { edits, elsewhere: unit.elsewhere, ...unit.finish((name) => mayChange.has(name)) };
}

/** A file while its imports and exports are rewritten. */
class Unit {
  #file;
  #exportsOf;
  /** What it exports of its own, and what of whole files, by name: `{ expression, isLive }`, or the `local` name. What has
   *  neither is handed over already. */
  #own = new Map();
  #others = new Map();
  /** Names that live in other files and may change, as expressions. */
  elsewhere = new Map();

  constructor(file, languageNames, exportsOf) {
    this.#file = file;
    this.#exportsOf = exportsOf;
    this.languageNames = languageNames;
  }

  /** The exports of the file that a statement names, as an expression. */
  from(statement) {
    return `${IMPORTS}(${JSON.stringify(targetOf(statement, this.#file))})`;
  }

  /** One of them, as `{ expression, isLive }`. `place` is where it is asked for. */
  member(statement, name, place) {
    const names = this.#namesOf(statement);
    if (names.has(name)) return { expression: `${this.from(statement)}[${JSON.stringify(name)}]`, isLive: names.get(name) };
    const there = names.size === 0 ? 'nothing' : [...names.keys()].join(', ');
    throw new ModuleError(`${statement.source.value} exports no ${name}; it exports ${there}`, place.loc.start);
  }

  /** Code that imports `name` as `local`. */
  import(local, statement, name, place) {
    const { expression, isLive } = this.member(statement, name, place);
    if (!isLive) return `const ${local} = ${expression};`;
    // Names of cells have another sign: no name of a piece can be this one.
    const holder = `$forebay$${this.elsewhere.size}`;
    this.elsewhere.set(local, `${holder}[${JSON.stringify(name)}]`);
    return `const ${holder} = ${this.from(statement)};`;
  }

  export(name, what) {
    this.#own.set(name, what);
  }

  exportAll(statement) {
    for (const name of this.#namesOf(statement).keys()) if (name !== 'default') this.#others.set(name, this.member(statement, name));
  }

  #namesOf(statement) {
    return this.#exportsOf(targetOf(statement, this.#file));
  }

  /** All is read. `mayChange(name)` tells whether one of its own names may be assigned later. Of other files only what it has
   *  no name of its own for is exported. */
  finish(mayChange) {
    const exports = new Map();
    const [copies, getters] = [[], []];
    for (const [name, what] of new Map([...this.#others, ...this.#own])) {
      const { expression, isLive = false } = what.local === undefined ? what : this.#ofLocal(what.local, mayChange);
      exports.set(name, isLive);
      const key = JSON.stringify(name);
      if (isLive) getters.push(`get ${key}() { return ${expression}; }`);
      else if (expression !== undefined) copies.push(`${key}: ${expression}`);
    }
    const live = getters.length === 0 ? '' : ` Object.defineProperties(${EXPORTS}, Object.getOwnPropertyDescriptors({ ${getters.join(', ')} }));`;
    return { exports, behind: `\nObject.assign(${EXPORTS}, { ${copies.join(', ')} });${live}` };
  }

  #ofLocal(local, mayChange) {
    const isLive = this.elsewhere.has(local) || mayChange(local);
    return { expression: this.elsewhere.get(local) ?? local, isLive };
  }
}

const HANDLERS = {
  ImportDeclaration(node, unit) {
    if (isOfLanguage(node)) return { text: node.specifiers.map((specifier) => ofLanguage(specifier, unit.languageNames)).join(' ') };
    const parts = node.specifiers.map((specifier) => {
      const local = specifier.local.name;
      const name = importedName(specifier);
      return name === undefined ? `const ${local} = ${unit.from(node)};` : unit.import(local, node, name, specifier);
    });
    return { text: parts.join(' ') || `${unit.from(node)};` };
  },

  ExportNamedDeclaration(node, unit) {
    if (node.declaration) {
      for (const local of declaredNames(node.declaration)) unit.export(local, { local });
      return { to: node.declaration.start, text: '' };
    }
    for (const specifier of node.specifiers) {
      const name = nameOf(specifier.local);
      unit.export(nameOf(specifier.exported), node.source ? unit.member(node, name, specifier) : { local: name });
    }
    return { text: '' };
  },

  ExportDefaultDeclaration({ declaration }, unit) {
    unit.export('default', { local: declaration.id?.name });
    return { to: declaration.start, text: declaration.id ? '' : `${EXPORTS}.default = ` };
  },

  ExportAllDeclaration(node, unit) {
    if (node.exported) unit.export(nameOf(node.exported), { expression: unit.from(node) });
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
