// The restorable state of all voices, in one shared arena, so that a snapshot is one copy.
//
// It lies in windows: each voice has one of its own (`s.state`, `mem`), and one for every helper that it calls, by voice,
// key and shape. Windows never overlap, whatever the names. What a helper writes once and only reads later, a delay line,
// lies beside the arena: a line is longer than it has to remember by all that is rendered ahead, so that going back in time
// needs no more than the place where it was written last.

import { HEAD, LINE, seed } from './state.js';

/** The key of a voice's own window. */
const OWN = '';
/** Whose window belongs to no voice but to all of them: no voice can be called so. */
export const SESSION = '';

/** All windows of all voices. */
export class Arena {
  #buffer;
  /** By voice, then by key. */
  #voices = new Map();
  /** Windows that are taken and no voice's own yet. */
  #plans = new Set();
  #space;
  #lineSpace;
  #ahead;

  /** Counts what becomes of windows: a successor has to know them as they are. */
  revision = 0;

  /** `windows` are those of an evaluator before, as it described them; lines remember `ahead` frames more than asked. */
  constructor(shared, windows = [], ahead = 0) {
    this.#ahead = ahead;
    this.#buffer = shared.arena;
    this.all = new Float64Array(shared.arena);
    this.lines = new Float32Array(shared.lines);
    this.#space = new Space(this.all.length, windows.map(extent));
    this.#lineSpace = new Space(this.lines.length, windows.filter(({ line }) => line).map(({ line }) => ({ ...line })));
    for (const described of windows) this.#keep(this.#view(described));
  }

  /** Slots in use from the beginning on: what a snapshot copies. */
  get used() {
    return this.#space.used;
  }

  /** Plain objects from which another evaluator rebuilds the same windows. */
  describe() {
    const plain = ({ name, key, shape, offset, slots, line, born }) => ({ name, key, shape, offset, slots, line, born });
    return [...this.windows()].map(plain);
  }

  window(name, key = OWN) {
    return this.#voices.get(name)?.get(key);
  }

  /** All windows, of whomever. */
  *windows() {
    for (const windows of this.#voices.values()) yield* windows.values();
  }

  /** Names of the voices that have windows. */
  names() {
    return [...this.#voices.keys()].filter((name) => name !== SESSION);
  }

  /** The window that voice `name` shall have under `key`: its present one where shape and size agree, else a new one that
   *  is not yet the voice's own (`adopt` makes it so) and knows which one it replaces. One that `remembers` so many frames
   *  in a line is always new, so that trying it leaves what plays alone; only `again` takes the present one. Throws where
   *  there is no room. */
  plan(name, shape, slots, { key = OWN, remembers = 0, again = false } = {}) {
    const present = this.window(name, key);
    const fits = present?.shape === shape && present.slots === slots && (present.line?.remembers ?? 0) === remembers;
    if (fits && (remembers === 0 || again)) return present;
    const offset = this.#space.take(headSlots(key) + slots);
    if (offset === undefined) {
      throw new Error(`there is no room for ${slots} slots of state: all voices together have ${this.all.length}`);
    }
    const line = remembers > 0 ? this.#takeLine(remembers) : undefined;
    const planned = this.#view({ name, key, shape, offset, slots, line });
    if (line && line.offset === undefined) {
      this.#space.free(extent(planned));
      throw new Error(`there is no room to remember ${remembers} frames: all lines together have ${this.lines.length}`);
    }
    planned.replaces = present;
    this.#plans.add(planned);
    return planned;
  }

  #takeLine(remembers) {
    const slots = remembers + this.#ahead;
    return { offset: this.#lineSpace.take(slots), slots, remembers };
  }

  /** Fills a planned window: the fade of the one it replaces, and its state, cut or padded with zeros, where the shape
   *  is the same. A new one is zeros and a seed. */
  prepare(window) {
    if (window === this.window(window.name, window.key)) return;
    this.renew(window);
    const before = window.replaces;
    if (!before) return;
    window.head.set(before.head);
    if (before.shape !== window.shape) return;
    window.state.set(before.state.subarray(0, Math.min(before.slots, window.slots)));
    if (window.line) this.#copyLine(before, window);
  }

  /** A window as it is when its voice is new. */
  renew(window) {
    window.head.fill(0);
    window.state.fill(0);
    if (window.key === OWN) window.head[HEAD.random] = seed(window.name);
    if (window.line) window.state[LINE.offset] = window.line.offset;
  }

  /** What a line remembers, into the beginning of another one; the state is copied already. */
  #copyLine(before, { line: to, state }) {
    const { line: from } = before;
    const [first, run, rest] = remembered(before, to.remembers);
    this.lines.copyWithin(to.offset, from.offset + first, from.offset + first + run);
    this.lines.copyWithin(to.offset + run, from.offset, from.offset + rest);
    state[LINE.offset] = to.offset;
    state[LINE.at] = (run + rest) % to.slots;
  }

  /** Lends lines to `windows`, with what theirs remember, so that what is written for trial leaves theirs alone. Returns what
   *  gives them back. Throws where there is no room. */
  lendLines(windows) {
    const lent = [];
    const giveBack = () => {
      for (const { window, extent } of lent) {
        window.state[LINE.offset] = window.line.offset;
        this.#lineSpace.free(extent);
      }
    };
    for (const window of windows.filter(({ line }) => line)) {
      const { slots } = window.line;
      const offset = this.#lineSpace.take(slots);
      if (offset === undefined) {
        giveBack();
        throw new Error(`there is no room to try ${slots} frames more: all lines together have ${this.lines.length}`);
      }
      lent.push({ window, extent: { offset, slots } });
      const [first, run, rest] = remembered(window);
      this.lines.copyWithin(offset + first, window.line.offset + first, window.line.offset + first + run);
      this.lines.copyWithin(offset, window.line.offset, window.line.offset + rest);
      window.state[LINE.offset] = offset;
    }
    return giveBack;
  }

  /** Makes a planned window the voice's own and frees the one before. */
  adopt(window) {
    const present = this.window(window.name, window.key);
    if (present === window) return;
    if (present) this.#free(present);
    this.#plans.delete(window);
    window.replaces = undefined;
    this.#keep(window);
  }

  /** Gives back a window, planned or owned; one that is neither any more was given back before. */
  release(window) {
    const { name, key } = window;
    const owned = this.window(name, key) === window;
    if (owned) this.#voices.get(name).delete(key);
    if (owned && this.#voices.get(name).size === 0) this.#voices.delete(name);
    if (owned || this.#plans.delete(window)) this.#free(window);
  }

  /** Gives back all windows of a voice that has gone. */
  releaseVoice(name) {
    for (const window of this.of(name)) this.release(window);
  }

  /** The windows of a voice. */
  of(name) {
    return [...(this.#voices.get(name)?.values() ?? [])];
  }

  #keep(window) {
    const { name, key } = window;
    this.revision += 1;
    if (!this.#voices.has(name)) this.#voices.set(name, new Map());
    this.#voices.get(name).set(key, window);
  }

  #free(window) {
    this.revision += 1;
    this.#space.free(extent(window));
    if (window.line) this.#lineSpace.free({ ...window.line });
  }

  #view({ name, key, shape, offset, slots, line, born }) {
    const inFront = headSlots(key);
    const head = new Float64Array(this.#buffer, offset * 8, inFront);
    const state = new Float64Array(this.#buffer, (offset + inFront) * 8, slots);
    /** Song frames: since when the voice's code has not called for it; where it was called for first while it played. */
    const times = { unusedSince: undefined, born };
    return { name, key, shape, offset, slots, line, head, state, replaces: undefined, ...times };
  }
}

/** Where in its line what a window remembers begins, how many frames lie there in one run, and how many are left, which lie at
 *  the beginning of the line. */
function remembered({ line, state }, most = line.remembers) {
  const frames = Math.min(line.remembers, most, state[LINE.written]);
  const first = (state[LINE.at] - frames + line.slots) % line.slots;
  const run = Math.min(frames, line.slots - first);
  return [first, run, frames - run];
}

/** Only a voice's own window has a head. */
function headSlots(key) {
  return key === OWN ? HEAD.slots : 0;
}

/** What a window takes of the arena. */
function extent({ key, offset, slots }) {
  return { offset, slots: headSlots(key) + slots };
}

/** Which slots are taken. Holes lie in order, none touches another or the end, and each is filled first: what is copied
 *  at every snapshot stays as small as what is in use. */
class Space {
  #most;
  #holes = [];

  constructor(most, taken) {
    this.#most = most;
    this.used = 0;
    for (const { offset, slots } of taken.sort((a, b) => a.offset - b.offset)) {
      if (offset > this.used) this.#holes.push({ offset: this.used, slots: offset - this.used });
      this.used = offset + slots;
    }
  }

  /** The offset of `slots` slots; undefined where so many are not left in one piece. */
  take(slots) {
    const hole = this.#holes.find((each) => each.slots >= slots);
    if (hole) {
      const { offset } = hole;
      hole.offset += slots;
      hole.slots -= slots;
      if (hole.slots === 0) this.#holes.splice(this.#holes.indexOf(hole), 1);
      return offset;
    }
    const offset = this.used;
    if (offset + slots > this.#most) return undefined;
    this.used = offset + slots;
    return offset;
  }

  free(extent) {
    const holes = this.#holes;
    const after = holes.findIndex((hole) => hole.offset > extent.offset);
    const at = after < 0 ? holes.length : after;
    holes.splice(at, 0, extent);
    this.#join(at);
    this.#join(at - 1);
    const last = holes.at(-1);
    if (last.offset + last.slots < this.used) return;
    this.used = last.offset;
    holes.pop();
  }

  /** Makes one of a hole and the next where they touch. */
  #join(at) {
    const [hole, next] = [this.#holes[at], this.#holes[at + 1]];
    if (!hole || !next || hole.offset + hole.slots !== next.offset) return;
    hole.slots += next.slots;
    this.#holes.splice(at + 1, 1);
  }
}
