// What sound is made with belongs to nobody: code that is refused, or that has left long ago, would have changed it for all
// code that comes after. What JavaScript gives stays as it is; who wants to change it gets a TypeError at that line.
//
// How it is kept is a matter of speed in V8, which `bench/main.js` shows: members of `Math` or of arrays that are fixed one by one
// cost five times as much afterwards. The prototype of typed arrays must not be frozen (ten times), but may be fixed member
// by member, if it is all of them but those by which V8 knows that nobody has changed how arrays are made and gone through.

const CLASSES = [
  ...['Array', 'ArrayBuffer', 'BigInt', 'Boolean', 'DataView', 'Date', 'Map', 'Number', 'Promise', 'RegExp', 'Set'],
  ...['SharedArrayBuffer', 'String', 'Symbol', 'TextEncoder', 'WeakMap', 'WeakSet'],
];
const NUMBERS = ['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32', 'Float32', 'Float64', 'BigInt64', 'BigUint64'];
/** Of these not the prototypes. From some of them everything inherits: it may have a `toString` of its own by assignment. */
const SPACES = ['Atomics', 'Function', 'JSON', 'Object', 'Reflect', ...NUMBERS.map((kind) => `${kind}Array`)];
const OTHERS = ['Error', 'Math', 'performance', 'process', 'setTimeout', 'clearTimeout', 'setImmediate', 'encodeURI', 'eval'];

/** From here on, but for `Math`, whose `random` is still to be replaced: see `protectMath`. */
export function protect() {
  for (const name of [...CLASSES, ...SPACES]) Object.freeze(globalThis[name]);
  for (const name of CLASSES) Object.freeze(globalThis[name].prototype);
  const iterators = [[], '', new Map(), new Set()].map((list) => list[Symbol.iterator]());
  for (const each of [Float64Array, ...iterators]) Object.freeze(Object.getPrototypeOf(each));
  lock(Object.getPrototypeOf(Float64Array.prototype), ['constructor', Symbol.iterator]);
  for (const member of ['call', 'apply', 'bind']) fix(Function.prototype, member, Function.prototype[member]);
  // By these the place of a mistake is found, and the watchdog knows whose code runs.
  for (const key of ['stackTraceLimit', 'prepareStackTrace']) fix(Error, key, Error[key]);
  if (globalThis.forebayPulse) fix(globalThis, 'forebayPulse', globalThis.forebayPulse);
  if (!Object.isFrozen(performance)) fix(performance, 'now', performance.now.bind(performance));
  for (const name of [...CLASSES, ...SPACES, ...OTHERS]) fix(globalThis, name, globalThis[name]);
}

/** Numbers by chance come from `random` for good. */
export function protectMath(random) {
  Math.random = random;
  Object.freeze(Math);
}

/** `object[key]` is `value` for good. */
function fix(object, key, value) {
  Object.defineProperty(object, key, { value, writable: false, configurable: false });
}

/** Each member stays as it is, but those that are `left`. */
function lock(object, left) {
  for (const key of Reflect.ownKeys(object)) {
    if (left.includes(key)) continue;
    const { writable } = Object.getOwnPropertyDescriptor(object, key);
    Object.defineProperty(object, key, { configurable: false, ...(writable && { writable: false }) });
  }
}
