// Where the song is: the voices that play, their rings, the head up to which they are rendered.
//
// A song frame plus `origin` is an engine frame. All rings have policy `skip`, so a voice frame is an engine frame and
// all voices of a session stay on one time line. The head, the origin and the rings' offsets are kept in shared memory:
// an evaluator that had to be terminated leaves its successor everything it needs.

import { EventWriter } from '../../../sdk/js/events.js';
import { ENGINE, EVENT_KIND, extend } from '../../../sdk/js/layout.js';
import { Commit } from '../../../sdk/js/ring.js';
import { Arena, SESSION } from './arena.js';
import { Loop } from './render.js';
import { Snapshots } from './snapshots.js';
import { Transport } from './transport.js';

const CLOCK = { head: 0, origin: 1, known: 2 };
/** What is noted of each ring, and what may have become of it. */
const RING = { offset: 0, position: 1, phase: 2, words: 4 };
const PHASE = { fresh: 0, started: 1, ended: 2 };
/** So long after a change, beyond the lead, the voices get code made for them. */
const SETTLED_S = 0.5;
/** How much of it a new measurement of cost is. */
const COST_MEMORY = 0.05;
/** Snapshots reach this much further back than the target lead: a cover may go beyond it. */
const REACH_S = 0.5;

export class Timeline {
  #clock;
  #ringWords;
  #engineFrame;
  #events;
  /** Gain in dB and pan of each ring's strip, as far as that is known. */
  #strips = new Map();

  /** `setup` is what the host knows of the session; `shared` its shared memory, see `makeShared`. */
  constructor(control, setup, shared) {
    this.control = control;
    this.setup = setup;
    this.commit = new Commit(control);
    this.#events = new EventWriter(control);
    this.arena = new Arena(shared, setup.windows, setup.capacityFrames + REACH_S * setup.rateHz);
    this.transport = new Transport(this.arena);
    this.snapshots = new Snapshots(shared);
    this.guard = new Int32Array(shared.guard);
    this.loop = new Loop(this.guard, setup.channels, setup.rateHz);
    /** Everything that is rendered, departing voices included. */
    this.players = [];
    this.rings = new Map();
    this.chunk = setup.leadFrames >= 4096 ? 256 : 64;
    this.#clock = new Float64Array(shared.clock);
    this.#ringWords = new Int32Array(shared.rings);
    // A successor may begin after the engine's counter has wrapped.
    const near = this.origin === undefined ? control.engineFrame : this.head + this.origin;
    this.#engineFrame = extend(control.engineFrame, near);
    /** What is rendered now was, or will be, rendered another time: its words to people count then. */
    this.rehearsing = false;
    this.slots = 0;
    /** Frames rendered since the last change. */
    this.sinceChange = 0;
    /** Time spent rendering and frames rendered, for the load. */
    this.busyMs = 0;
    this.renderedFrames = 0;
    this.longestChunkMs = 0;
    /** What a frame of what plays took lately. */
    this.costMsPerFrame = 0;
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

  /** The song goes on that a process before has left at song frame `head`. */
  recall({ head, origin }) {
    this.head = head;
    this.origin = origin;
    this.#engineFrame = extend(this.control.engineFrame, head + origin);
  }

  refresh() {
    this.control.refresh(this.slots);
  }

  addRing(name, ring) {
    const words = this.#wordsOf(ring);
    if (words[RING.phase] === PHASE.started) ring.offset = words[RING.offset];
    // What a flush has ended is followed by a start behind it.
    if (words[RING.phase] === PHASE.ended) ring.position = words[RING.position] >>> 0;
    this.rings.set(name, ring);
    if (words[RING.phase] === PHASE.fresh) this.#strips.set(ring, { gain: 0, pan: 0 });
    this.slots = Math.max(this.slots, ring.slot + 1);
  }

  /** Notes where a ring's newest future lies, for a successor. */
  noteRing(ring) {
    const words = this.#wordsOf(ring);
    words[RING.offset] = ring.offset ?? 0;
    words[RING.position] = ring.position;
    words[RING.phase] = ring.needsStart ? PHASE.ended : PHASE.started;
  }

  /** Sets the strip of a voice from engine frame `frame` on, where it is not so already. */
  setStrip(name, { gain, pan }, frame) {
    const ring = this.rings.get(name);
    const known = this.#strips.get(ring);
    const push = (kind, value) =>
      this.#events.push({ at: frame >>> 0, slot: ring.slot, kind, value, rampFrames: this.setup.crossfadeFrames });
    const gainIsSet = known?.gain === gain || push(EVENT_KIND.gain, 10 ** (gain / 20));
    const panIsSet = known?.pan === pan || push(EVENT_KIND.pan, pan);
    // What found no room in the queue is tried again at the next change.
    if (gainIsSet && panIsSet) this.#strips.set(ring, { gain, pan });
    else this.#strips.delete(ring);
  }

  dropRing(name) {
    const ring = this.rings.get(name);
    this.#wordsOf(ring)[RING.phase] = PHASE.fresh;
    this.rings.delete(name);
    this.#strips.delete(ring);
    ring.close();
  }

  #wordsOf({ slot }) {
    return this.#ringWords.subarray(slot * RING.words, (slot + 1) * RING.words);
  }

  /** Frames that every playing ring has room for, as of the last refresh. */
  get space() {
    let least = this.setup.capacityFrames;
    for (const player of this.players) {
      if (player.endAt <= this.head) continue;
      const ahead = Math.max(0, player.heldUntil - this.head);
      least = Math.min(least, this.rings.get(player.name).spaceFrames + ahead);
    }
    return least;
  }

  /** A new future begins at song frame `frame` with the state as it is. */
  beginSnapshots(frame) {
    const { leadFrames, rateHz } = this.setup;
    this.snapshots.begin(this.arena.used, leadFrames + REACH_S * rateHz, this.chunk);
    this.snapshot(frame);
  }

  /** Takes a snapshot when one is due; `frame` is the song frame of the present state. */
  snapshot(frame) {
    if (this.snapshots.due(frame)) this.snapshots.take(frame, this.arena);
  }

  /** The state as it was at song frame `frame`: from the newest snapshot before it, what `players` rendered is rendered
   *  again. Returns whether there was one. */
  rewind(players, frame, onFailure) {
    const restoreHeld = this.#hold(players);
    let at = this.snapshots.restore(frame, this.arena);
    if (at === undefined) return false;
    // What a helper called first then had no state before.
    for (const { cells } of players) for (const cell of cells) if (cell.born > at) this.arena.renew(cell);
    // And what was asked for from outside was not turned yet.
    for (const { born, state } of this.arena.of(SESSION)) if (born > at) state.fill(NaN);
    restoreHeld();
    this.rehearsing = true;
    while (at < frame) {
      const frames = Math.min(this.chunk, frame - at);
      this.render(players, at, frames, 0, onFailure);
      at += frames;
    }
    this.rehearsing = false;
    return true;
  }

  /** Those of `players` that can't be rewound stay where they are: up to the head they are rendered. Returns what puts their
   *  state back as it is now. */
  #hold(players) {
    const held = players.filter((player) => !player.isRewindable);
    for (const player of held) player.heldUntil = Math.max(player.heldUntil, this.head);
    const kept = held.flatMap(({ window, cells }) => [window, ...cells]).map(({ head, state }) => [head, head.slice(), state, state.slice()]);
    return () => {
      for (const [head, headNow, state, stateNow] of kept) {
        head.set(headNow);
        state.set(stateNow);
      }
    };
  }

  /** Frames from song frame `from` on, at most a chunk, that the same voices render. */
  stretch(players, from) {
    return players.reduce((least, { heldUntil }) => (heldUntil > from ? Math.min(least, heldUntil - from) : least), this.chunk);
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
    this.costMsPerFrame += COST_MEMORY * (took / frames - this.costMsPerFrame);
  }

  /** One chunk: snapshot, render, store, publish. The caller has checked `space`. */
  advance(onFailure) {
    const from = this.head;
    const whole = this.stretch(this.players, from);
    this.snapshot(from);
    this.render(this.players, from, whole, 0, onFailure);
    let ended = false;
    for (const player of this.players) {
      if (player.endAt <= from || player.heldUntil > from) continue;
      const ring = this.rings.get(player.name);
      const frames = Math.min(whole, player.endAt - from);
      ring.store(player.bytes, 0, frames);
      ring.publish();
      if (player.endAt <= from + whole) {
        this.end(player);
        ended = true;
      }
    }
    if (ended) this.commit.publish();
    this.head = from + whole;
    this.sinceChange += whole;
    const { leadFrames, rateHz } = this.setup;
    if (this.sinceChange > leadFrames + SETTLED_S * rateHz && !this.loop.isSpecialFor(this.players)) this.loop.specialise(this.players);
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
    for (const player of gone) this.arena.releaseVoice(player.name);
    return gone;
  }

  /** Underruns of all rings so far, as of the last refresh. */
  get underruns() {
    let sum = 0;
    for (const ring of this.rings.values()) sum += ring.engine(ENGINE.underruns);
    return sum;
  }
}
