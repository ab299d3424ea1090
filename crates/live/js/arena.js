// One private window of restorable state per voice, all in one shared arena, so that a snapshot is one copy.
//
// A window belongs to a voice by name and shape; windows never overlap, whatever the names.

import { HEAD, seed } from './state.js';

/** All windows of all voices. */
export class Arena {
  #buffer;
  #windows = new Map();
  /** Windows that are taken and no voice's own yet. */
  #plans = new Set();
  #space;

  /** `windows` are those of an evaluator before, as it described them. */
  constructor(shared, windows = []) {
    this.#buffer = shared.arena;
    this.all = new Float64Array(shared.arena);
    this.#space = new Space(this.all.length, windows.map(extent));
    for (const { name, shape, offset, slots } of windows) this.#windows.set(name, this.#view(name, shape, offset, slots));
  }

  /** Slots in use from the beginning on: what a snapshot copies. */
  get used() {
    return this.#space.used;
  }

  /** Plain objects from which another evaluator rebuilds the same windows. */
  describe() {
    return [...this.#windows.values()].map(({ name, shape, offset, slots }) => ({ name, shape, offset, slots }));
  }

  window(name) {
    return this.#windows.get(name);
  }

  /** The window that voice `name` shall have: its present one where shape and size agree, else a new one that is not
   *  yet the voice's own (`adopt` makes it so) and knows which one it replaces. Throws where there is no room. */
  plan(name, shape, slots) {
    const present = this.#windows.get(name);
    if (present && present.shape === shape && present.slots === slots) return present;
    const offset = this.#space.take(HEAD.slots + slots);
    if (offset === undefined) {
      throw new Error(`there is no room for ${slots} slots of state: all voices together have ${this.all.length}`);
    }
    const planned = this.#view(name, shape, offset, slots);
    planned.replaces = present;
    this.#plans.add(planned);
    return planned;
  }

  /** Fills a planned window: the fade of the one it replaces, and its state, cut or padded with zeros, where the shape
   *  is the same. A new one is zeros and a seed. */
  prepare(window) {
    if (window === this.#windows.get(window.name)) return;
    window.head.fill(0);
    window.state.fill(0);
    window.head[HEAD.random] = seed(window.name);
    const before = window.replaces;
    if (before) {
      window.head.set(before.head);
      if (before.shape === window.shape) {
        window.state.set(before.state.subarray(0, Math.min(before.slots, window.slots)));
      }
    }
  }

  /** Makes a planned window the voice's own and frees the one before. */
  adopt(window) {
    const present = this.#windows.get(window.name);
    if (present === window) return;
    if (present) this.#space.free(extent(present));
    this.#plans.delete(window);
    window.replaces = undefined;
    this.#windows.set(window.name, window);
  }

  /** Gives back a window, planned or owned; one that is neither any more was given back before. */
  release(window) {
    const owned = this.#windows.get(window.name) === window;
    if (owned) this.#windows.delete(window.name);
    if (owned || this.#plans.delete(window)) this.#space.free(extent(window));
  }

  #view(name, shape, offset, slots) {
    const head = new Float64Array(this.#buffer, offset * 8, HEAD.slots);
    const state = new Float64Array(this.#buffer, (offset + HEAD.slots) * 8, slots);
    return { name, shape, offset, slots, head, state, replaces: undefined };
  }
}

/** What a window takes of the arena. */
function extent({ offset, slots }) {
  return { offset, slots: HEAD.slots + slots };
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
