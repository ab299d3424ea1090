// The console of a piece: its lines reach the person at the terminal, not this process's stdout, and no more of them than
// a person can read.

/** Lines between two refills. A voice that logs would send one per frame. */
const LINES = 40;
const LINE_LENGTH = 2000;
/** Elements of a list. */
const MOST_SHOWN = 100;

export class PieceConsole {
  #say;
  #isRehearsal;
  #left = LINES;
  #dropped = 0;

  /** While `isRehearsal()`, what is said was said before or will be said again: it is not passed on. */
  constructor(say, isRehearsal) {
    this.#say = say;
    this.#isRehearsal = isRehearsal;
  }

  /** What the piece finds under the name `console`. */
  get methods() {
    const line = (level) => (...values) => this.#line(level, values);
    return { log: line('log'), info: line('log'), debug: line('log'), warn: line('warn'), error: line('error') };
  }

  /** Some time has passed: there may be lines again, and people hear how many they missed. */
  refill() {
    this.#left = LINES;
    if (this.#dropped === 0) return;
    this.#say({ kind: 'log', level: 'warn', text: `${this.#dropped} more lines were logged at once` });
    this.#dropped = 0;
  }

  #line(level, values) {
    if (this.#isRehearsal()) return;
    if (this.#left === 0) {
      this.#dropped += 1;
      return;
    }
    this.#left -= 1;
    this.#say({ kind: 'log', level, text: values.map(inspect).join(' ').slice(0, LINE_LENGTH) });
  }
}

/** What code came to, for people; undefined where that says nothing. */
export function shownResult(value) {
  if (value === undefined) return undefined;
  if (typeof value === 'function') return 'a function';
  const text = typeof value === 'string' ? JSON.stringify(value) : inspect(shortened(value));
  return text === '{}' ? undefined : text.slice(0, LINE_LENGTH);
}

/** Of a long list its beginning. */
function shortened(value) {
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && value.length !== undefined);
  return isList && value.length > MOST_SHOWN ? [...value.slice(0, MOST_SHOWN), '...'] : value;
}

function inspect(value) {
  if (typeof value === 'string') return value;
  try {
    if (ArrayBuffer.isView(value)) return `[${Array.from(value).join(', ')}]`;
    return JSON.stringify(value) ?? String(value);
  } catch {
    return plain(value);
  }
}

/** What can't be written down. */
function plain(value) {
  try {
    return String(value);
  } catch {
    return 'an object';
  }
}
