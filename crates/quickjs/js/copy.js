// Copies of values, as messages between realms are: nothing of another realm is left in them but shared memory.
//
// What comes from another realm is looked at with this realm's own functions: the other one's may be anything.

const tagOf = Function.prototype.call.bind(Object.prototype.toString);
const eachOf = Function.prototype.call.bind(Map.prototype.forEach);
const eachIn = Function.prototype.call.bind(Set.prototype.forEach);
const TypedArray = Object.getPrototypeOf(Uint8Array);
const kindOf = Object.getOwnPropertyDescriptor(TypedArray.prototype, Symbol.toStringTag).get;
const part = (name) => Object.getOwnPropertyDescriptor(TypedArray.prototype, name).get;
const [bufferOf, offsetOf, lengthOf] = ['buffer', 'byteOffset', 'length'].map(part);

/** A copy of `value`, down to the last member. Throws where there is something that can't be copied. */
export function structuredClone(value) {
  return copy(value, new Map());
}

function copy(value, known) {
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`${String(value)} could not be cloned.`);
  if (value === null || typeof value !== 'object') return value;
  if (known.has(value)) return known.get(value);
  const view = kindOf.call(value);
  if (view !== undefined) return copyView(value, view, known);
  switch (tagOf(value)) {
    case '[object SharedArrayBuffer]':
      return value;
    case '[object ArrayBuffer]':
      return keep(known, value, ArrayBuffer.prototype.slice.call(value, 0));
    case '[object Map]': {
      const made = keep(known, value, new Map());
      eachOf(value, (member, key) => made.set(copy(key, known), copy(member, known)));
      return made;
    }
    case '[object Set]': {
      const made = keep(known, value, new Set());
      eachIn(value, (member) => made.add(copy(member, known)));
      return made;
    }
    case '[object Error]':
      return copyError(value, known);
    default:
      return copyMembers(value, known);
  }
}

function keep(known, value, made) {
  known.set(value, made);
  return made;
}

function copyView(value, kind, known) {
  const buffer = copy(bufferOf.call(value), known);
  return keep(known, value, new globalThis[kind](buffer, offsetOf.call(value), lengthOf.call(value)));
}

function copyMembers(value, known) {
  const made = keep(known, value, Array.isArray(value) ? new Array(value.length) : {});
  for (const key of Object.keys(value)) made[key] = copy(value[key], known);
  return made;
}

function copyError(value, known) {
  const made = keep(known, value, new Error(String(value.message)));
  made.name = String(value.name);
  Object.defineProperty(made, 'stack', { value: String(value.stack), writable: true, configurable: true });
  return made;
}
