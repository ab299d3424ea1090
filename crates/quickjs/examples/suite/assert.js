// As much of `node:assert/strict` as the tests use.

class AssertionError extends Error {
  constructor(message) {
    super(message);
    this.name = 'AssertionError';
  }
}

function check(holds, message, usual) {
  if (holds) return;
  if (message instanceof Error) throw message;
  throw new AssertionError(message ?? usual());
}

const ok = (value, message) => check(value, message, () => `${shown(value)} is not true`);
const equal = (found, wanted, message) => check(Object.is(found, wanted), message, () => `${shown(found)} is not ${shown(wanted)}`);
const notEqual = (found, other, message) => check(!Object.is(found, other), message, () => `it is ${shown(found)}`);
const match = (text, pattern, message) => check(pattern.test(text), message, () => `${shown(text)} does not match ${pattern}`);

function deepEqual(found, wanted, message) {
  check(same(found, wanted), message, () => `${shown(found)}\nis not\n${shown(wanted)}`);
}

function notDeepEqual(found, other, message) {
  check(!same(found, other), message, () => `it is ${shown(found)}`);
}

function fail(message = 'failed') {
  check(false, message);
}

/** `wanted`: a pattern for the error's text, a class, a check that returns true, or members that it has. */
function throws(work, wanted, message) {
  let thrown;
  try {
    work();
  } catch (error) {
    thrown = { error };
  }
  check(thrown, message, () => 'nothing was thrown');
  if (wanted !== undefined) check(isAsWanted(thrown.error, wanted), message ?? thrown.error, () => '');
}

async function rejects(promise, wanted, message) {
  const outcome = await Promise.resolve(promise).then(
    () => () => {},
    (error) => () => {
      throw error;
    },
  );
  throws(outcome, wanted, message);
}

function isAsWanted(error, wanted) {
  if (wanted instanceof RegExp) return wanted.test(String(error));
  if (typeof wanted !== 'function') return Object.entries(wanted).every(([name, value]) => same(error[name], value));
  const isClass = wanted === Error || wanted.prototype instanceof Error;
  return isClass ? error instanceof wanted : wanted(error) === true;
}

/** Equal by kind and content, as deep as it goes. */
function same(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Map || a instanceof Set) return same([...a], [...b]);
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  if (a.length !== b.length || keys.length !== others.length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

function shown(value) {
  if (typeof value === 'function' || typeof value === 'symbol') return String(value);
  const plain = (_, part) => {
    if (part instanceof Map || part instanceof Set || ArrayBuffer.isView(part)) return [...part];
    if (part instanceof Error) return String(part);
    return typeof part === 'number' && !Number.isFinite(part) ? String(part) : part;
  };
  return JSON.stringify(value, plain) ?? String(value);
}

export default Object.assign(ok, { AssertionError, deepEqual, equal, fail, match, notDeepEqual, notEqual, ok, rejects, throws });
