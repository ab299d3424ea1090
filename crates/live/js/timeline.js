// Where the song is: the voices that play, their rings, the head up to which they are rendered.
//
// A song frame plus `origin` is an engine frame. All rings have policy `skip`, so a voice frame is an engine frame and
// all voices of a session stay on one time line. The head, the origin and the rings' offsets are kept in shared memory:
// an evaluator that had to be terminated leaves its successor everything it needs.

import { ENGINE, extend } from '../../../sdk/js/layout.js';
import { Commit } from '../../../sdk/js/ring.js';
import { Loop } from './render.js';
import { Arena, Snapshots } from './state.js';

const CLOCK = { head: 0, origin: 1, known: 2 };

export class Timeline {
  #clock;
  #ringWords;
  #engineFrame;
  #sinceSnapshot = 0;
  #snapshotEvery = 1;

  /** `setup` is what the host knows of the session; `shared` its shared memory, see `makeShared`. */
  constructor(control, setup, shared) {
    this.control = control;
    this.setup = setup;
    this.commit = new Commit(control);
    this.arena = new Arena(shared, setup.windows);
    this.snapshots = new Snapshots(shared);
    this.guard = new Int32Array(shared.guard);
    this.loop = new Loop(this.guard, setup.channels);
    /** Everything that is rendered, departing voices included. */
    this.players = [];
    this.rings = new Map();
    this.chunk = setup.leadFrames >= 4096 ? 256 : 64;
    this.#clock = new Float64Array(shared.clock);
    this.#ringWords = new Int32Array(shared.rings);
    this.#engineFrame = control.engineFrame;
    this.slots = 0;
    /** Time spent rendering and frames rendered, for the load. */
    this.busyMs = 0;
    this.renderedFrames = 0;
    this.longestChunkMs = 0;
    /** Longest stall of this thread that was seen lately, in seconds. */
    this.stallS = 0;
  }

  /** Song frame up to which all rings are written. */
  get head() {
    return this.#clock[CLOCK.head];
  }

  set head(frame) {
    this.#clock[CLOCK.head] = frame;
  }

  /** Engine frame of song frame 0; undefined until the first voice starts. */
  get origin() {
    return this.#clock[CLOCK.known] ? this.#clock[CLOCK.origin] : undefined;
  }

  set origin(frame) {
    this.#clock[CLOCK.origin] = frame;
    this.#clock[CLOCK.known] = 1;
  }

  /** Engine frame of the next block, extended beyond 32 bits; as of the last refresh. */
  get now() {
    this.#engineFrame = extend(this.control.engineFrame, this.#engineFrame);
    return this.#engineFrame;
  }

  /** Frames rendered and not yet played. */
  get lead() {
    return this.origin === undefined ? 0 : this.head + this.origin - this.now;
  }

  refresh() {
    this.control.refresh(this.slots);
  }

  addRing(name, ring) {
    const [offset, started] = this.#ringWords.subarray(ring.slot * 2, ring.slot * 2 + 2);
    ring.offset = started ? offset : undefined;
    this.rings.set(name, ring);
    this.slots = Math.max(this.slots, ring.slot + 1);
  }

  /** Notes where a ring's newest future lies, for a successor. */
  noteRing(ring) {
    this.#ringWords[ring.slot * 2] = ring.offset ?? 0;
    this.#ringWords[ring.slot * 2 + 1] = ring.needsStart ? 0 : 1;
  }

  dropRing(name) {
    const ring = this.rings.get(name);
    this.#ringWords[ring.slot * 2 + 1] = 0;
    this.rings.delete(name);
    ring.close();
  }

  /** Frames that every playing ring has room for, as of the last refresh. */
  get space() {
    let least = this.setup.capacityFrames;
    for (const player of this.players) {
      if (player.endAt > this.head) least = Math.min(least, this.rings.get(player.name).spaceFrames);
    }
    return least;
  }

  /** Forgets all snapshots and begins anew at song frame `frame` with the state as it is. */
  beginSnapshots(frame) {
    const fit = this.snapshots.reset(this.arena.used);
    const wanted = (this.setup.leadFrames + this.setup.rateHz / 2) / this.chunk;
    this.#snapshotEvery = Math.ceil(wanted / (fit - 1));
    this.#sinceSnapshot = 0;
    this.snapshot(frame);
  }

  /** Takes a snapshot when one is due; `frame` is the song frame of the present state. */
  snapshot(frame) {
    if (this.#sinceSnapshot === 0) this.snapshots.take(frame, this.arena);
    this.#sinceSnapshot = (this.#sinceSnapshot + 1) % this.#snapshotEvery;
  }

  /** Renders `frames` frames from song frame `from` into the players' `out` at frame `at`. */
  render(players, from, frames, at, onFailure) {
    const began = performance.now();
    for (const player of players) player.reserve(at + frames, this.setup.channels);
    this.loop.run(players, from, frames, at, onFailure);
    const took = performance.now() - began;
    this.busyMs += took;
    this.renderedFrames += frames;
    if (took > this.longestChunkMs) this.longestChunkMs = took;
  }

  /** One chunk: snapshot, render, store, publish. The caller has checked `space`. */
  advance(onFailure) {
    const from = this.head;
    this.snapshot(from);
    this.render(this.players, from, this.chunk, 0, onFailure);
    let ended = false;
    for (const player of this.players) {
      if (player.endAt <= from) continue;
      const ring = this.rings.get(player.name);
      const frames = Math.min(this.chunk, player.endAt - from);
      ring.store(player.bytes, 0, frames);
      ring.publish();
      if (player.endAt <= from + this.chunk) {
        this.end(player);
        ended = true;
      }
    }
    if (ended) this.commit.publish();
    this.head = from + this.chunk;
  }

  /** Closes the future of a departing voice at its end; counts with the next commit. */
  end(player) {
    const ring = this.rings.get(player.name);
    ring.flush((player.endAt + this.origin) >>> 0, this.commit.next);
    this.noteRing(ring);
  }

  /** Lets go of departed voices whose end the engine has passed; returns them. */
  departed() {
    const gone = this.players.filter((player) => player.endAt + this.origin < this.now);
    if (gone.length > 0) this.players = this.players.filter((player) => !gone.includes(player));
    for (const player of gone) this.arena.release(player.window);
    return gone;
  }

  /** Underruns of all rings so far, as of the last refresh. */
  get underruns() {
    let sum = 0;
    for (const ring of this.rings.values()) sum += ring.engine(ENGINE.underruns);
    return sum;
  }
}
