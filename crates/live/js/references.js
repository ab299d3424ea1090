// Which names a text declares at its top level, and which it uses without declaring them anywhere: a scope analysis of
// strict code. What is found is judged by position in the text, so that it can be rewritten in place.

import { patternNames } from './modules.js';

/** How a name is used: `value` (also as the target of an assignment), `shorthand` in `{ name }`, `callee` of a call, and
 *  `typeof`, which does not mind a name that there is not. */
export const ROLE = Object.freeze({ value: 'value', shorthand: 'shorthand', callee: 'callee', type: 'typeof' });

/** `{ declared, free }` of a program as acorn gives it: `declared` maps each name of the top level to its kind (`const`,
 *  `let`, `var`, `function`, `class`, `import`); `free` lists each use of a name that nothing around it declares, in order,
 *  as `{ name, start, end, role, opens }`, where `opens` tells whether it begins a statement of a list. Uses of what
 *  `isElsewhere(name)` of the top level are among them. */
export function analyse(program, isElsewhere = () => false) {
  const declared = topLevel(program.body);
  const walk = new Walk();
  walk.list(program.body, new Scope([...declared.keys()].filter((name) => !isElsewhere(name))));
  walk.free.sort((a, b) => a.start - b.start);
  return { declared, free: walk.free };
}

/** Each use of a name inside a function that the function does not declare itself, as `free` of `analyse`. */
export function usesFromOutside(node) {
  const walk = new Walk();
  walk.function(node, new Scope([]));
  return walk.free.sort((a, b) => a.start - b.start);
}

/** Names that are assigned inside of functions and classes of a program: what runs later may change them. */
export function changedLater(program) {
  const names = new Set();
  const look = (node, inside) => {
    if (inside) for (const name of patternNames(assignedBy(node))) names.add(name);
    for (const child of children(node)) look(child, inside || LATER.test(node.type));
  };
  look(program, false);
  return names;
}

const LATER = /Function|^Class/;

/** The pattern that a node assigns to, if it does. */
export function assignedBy(node) {
  return TARGETS[node.type]?.(node);
}

const TARGETS = {
  AssignmentExpression: ({ left }) => left,
  UpdateExpression: ({ argument }) => argument,
  ForInStatement: ({ left }) => left,
  ForOfStatement: ({ left }) => left,
};

class Scope {
  #names;
  #outer;

  constructor(names, outer) {
    this.#names = new Set(names);
    this.#outer = outer;
  }

  binds(name) {
    return this.#names.has(name) || (this.#outer?.binds(name) ?? false);
  }
}

/** Names that a list of statements declares for itself: not what is `var`. */
function* lexical(statements) {
  for (const statement of statements) {
    const node = statement.declaration ?? statement;
    if (node.type === 'VariableDeclaration' && node.kind !== 'var') {
      for (const { id } of node.declarations) for (const name of patternNames(id)) yield [name, node.kind];
    } else if (node.type === 'FunctionDeclaration' && node.id) yield [node.id.name, 'function'];
    else if (node.type === 'ClassDeclaration' && node.id) yield [node.id.name, 'class'];
    else if (node.type === 'ImportDeclaration') for (const { local } of node.specifiers) yield [local.name, 'import'];
  }
}

/** Names that are `var` anywhere below a node, up to the next function. */
function* hoisted(node) {
  if (node.type === 'VariableDeclaration' && node.kind === 'var') {
    for (const { id } of node.declarations) for (const name of patternNames(id)) yield [name, 'var'];
  }
  for (const child of children(node)) if (!OWN_VARS.has(child.type)) yield* hoisted(child);
}

const OWN_VARS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression', 'StaticBlock']);

function topLevel(body) {
  return new Map([...body.flatMap((node) => (OWN_VARS.has(node.type) ? [] : [...hoisted(node)])), ...lexical(body)]);
}

function namesOf(pairs) {
  return [...pairs].map(([name]) => name);
}

/** The nodes right below a node. */
export function* children(node) {
  for (const member of Object.values(node)) {
    for (const child of Array.isArray(member) ? member : [member]) if (typeof child?.type === 'string') yield child;
  }
}

class Walk {
  free = [];

  /** Statements one after the other. A semicolon may be put in front of each. */
  list(statements, scope) {
    for (const statement of statements) {
      const from = this.free.length;
      this.visit(statement, scope);
      if (statement.type !== 'ExpressionStatement') continue;
      for (const use of this.free.slice(from)) if (use.start === statement.start) use.opens = true;
    }
  }

  visit(node, scope, role = ROLE.value) {
    const special = VISITS[node.type];
    if (special) special(this, node, scope, role);
    else for (const child of children(node)) this.visit(child, scope);
  }

  /** A body with declarations of its own. */
  body(statements, scope) {
    this.list(statements, new Scope(namesOf(lexical(statements)), scope));
  }

  function(node, outer) {
    const named = node.type === 'FunctionExpression' && node.id ? new Scope([node.id.name], outer) : outer;
    const own = node.type === 'ArrowFunctionExpression' ? [] : ['arguments'];
    const params = new Scope([...own, ...node.params.flatMap(patternNames)], named);
    for (const param of node.params) this.visit(param, params);
    if (node.body.type !== 'BlockStatement') this.visit(node.body, params);
    else this.list(node.body.body, new Scope([...namesOf(hoisted(node.body)), ...namesOf(lexical(node.body.body))], params));
  }

  class(node, outer) {
    const scope = node.id ? new Scope([node.id.name], outer) : outer;
    if (node.superClass) this.visit(node.superClass, scope);
    this.visit(node.body, scope);
  }

  /** A loop, with what its head declares. */
  loop(node, outer, head) {
    const scope = new Scope(head?.type === 'VariableDeclaration' ? namesOf(lexical([head])) : [], outer);
    for (const child of children(node)) this.visit(child, scope);
  }

  /** A member of an object, a pattern or a class: its key is a name only where it is computed. */
  member(node, scope) {
    if (node.computed) this.visit(node.key, scope);
    if (node.value) this.visit(node.value, scope, node.shorthand ? ROLE.shorthand : ROLE.value);
  }

  called(node, callee, scope) {
    this.visit(callee, scope, callee.type === 'Identifier' ? ROLE.callee : ROLE.value);
    for (const child of children(node)) if (child !== callee) this.visit(child, scope);
  }
}

const nothing = () => {};
const asFunction = (walk, node, scope) => walk.function(node, scope);
const asClass = (walk, node, scope) => walk.class(node, scope);
const asMember = (walk, node, scope) => walk.member(node, scope);
const asLoop = (walk, node, scope) => walk.loop(node, scope, node.left);

const VISITS = {
  Identifier(walk, { name, start, end }, scope, role) {
    if (!scope.binds(name)) walk.free.push({ name, start, end, role, opens: false });
  },
  FunctionDeclaration: asFunction,
  FunctionExpression: asFunction,
  ArrowFunctionExpression: asFunction,
  ClassDeclaration: asClass,
  ClassExpression: asClass,
  MethodDefinition: asMember,
  PropertyDefinition: asMember,
  Property: asMember,
  // The target of a shorthand with a default is the shorthand.
  AssignmentPattern(walk, { left, right }, scope, role) {
    walk.visit(left, scope, left.type === 'Identifier' ? role : ROLE.value);
    walk.visit(right, scope);
  },
  MemberExpression(walk, { object, property, computed }, scope) {
    walk.visit(object, scope);
    if (computed) walk.visit(property, scope);
  },
  CallExpression: (walk, node, scope) => walk.called(node, node.callee, scope),
  TaggedTemplateExpression: (walk, node, scope) => walk.called(node, node.tag, scope),
  UnaryExpression(walk, { operator, argument }, scope) {
    const asks = operator === 'typeof' && argument.type === 'Identifier';
    walk.visit(argument, scope, asks ? ROLE.type : ROLE.value);
  },
  BlockStatement: (walk, { body }, scope) => walk.body(body, scope),
  StaticBlock(walk, node, scope) {
    walk.list(node.body, new Scope([...namesOf(hoisted({ body: node.body })), ...namesOf(lexical(node.body))], scope));
  },
  ForStatement: (walk, node, scope) => walk.loop(node, scope, node.init),
  ForInStatement: asLoop,
  ForOfStatement: asLoop,
  SwitchStatement(walk, { discriminant, cases }, scope) {
    walk.visit(discriminant, scope);
    const inside = new Scope(namesOf(lexical(cases.flatMap(({ consequent }) => consequent))), scope);
    for (const { test, consequent } of cases) {
      if (test) walk.visit(test, inside);
      walk.list(consequent, inside);
    }
  },
  CatchClause(walk, { param, body }, scope) {
    const caught = new Scope(param ? patternNames(param) : [], scope);
    if (param) walk.visit(param, caught);
    walk.visit(body, caught);
  },
  LabeledStatement: (walk, { body }, scope) => walk.visit(body, scope),
  BreakStatement: nothing,
  ContinueStatement: nothing,
  MetaProperty: nothing,
  ImportDeclaration: nothing,
  ExportAllDeclaration: nothing,
  ExportNamedDeclaration(walk, { declaration }, scope) {
    if (declaration) walk.visit(declaration, scope);
  },
};
