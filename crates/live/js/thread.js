// The evaluator's thread as the host sees it: started, watched, and replaced when user code hangs in it.

import { Worker } from 'node:worker_threads';
import { GUARD, NOBODY, TOP_LEVEL } from './render.js';
import { makeShared } from './state.js';

/** The watchdog counts its own turns, not wall time: a process that was stopped as a whole has not hung. */
const WATCH_TURN_MS = 20;
const LEAST_PATIENCE_MS = 100;
const MOST_PATIENCE_MS = 1000;

/** Tells through `handlers`: `message(message)` for what the evaluator says, `hung({ name, trial })` before a hung
 *  evaluator is replaced, `broken(error)` when the thread itself fails. */
export class EvaluatorThread {
  handlers;
  #shared = makeShared();
  #guard;
  #worker;
  #spare;
  #setup;
  #players = { names: [], windows: [], sources: [] };
  #trial = [];
  #guilty = [];
  /** Messages that wait, while there is no evaluator that has begun. */
  #held;
  #patience;
  #still = 0;
  #beat = 0;
  #timer;

  /** Starts loading at once; `handlers` is to be set before `begin`. */
  constructor() {
    this.#guard = new Int32Array(this.#shared.guard);
    this.#worker = this.#spawn();
  }

  /** Hands the session over to the evaluator, which has been loading meanwhile. */
  begin(setup) {
    this.#setup = { ...setup, rings: [], windows: [], sources: [], guilty: [] };
    const patienceMs = Math.min(Math.max((setup.leadFrames / setup.rateHz) * 500, LEAST_PATIENCE_MS), MOST_PATIENCE_MS);
    this.#patience = Math.ceil(patienceMs / WATCH_TURN_MS);
    this.#post({ op: 'begin', setup: this.#setup, shared: this.#shared });
    this.#timer = setInterval(() => this.#watch(), WATCH_TURN_MS);
  }

  /** Messages for an evaluator that is being replaced wait for its successor; sources that were not answered are sent
   *  again by the host itself. */
  send(message) {
    if (this.#held === undefined) this.#post(message);
    else if (message.op !== 'source') this.#held.push(message);
  }

  /** The target lead is another now, for a successor as well. */
  changeLead(frames) {
    this.#setup.leadFrames = frames;
    this.send({ op: 'lead', frames });
  }

  /** A ring was opened or closed; a successor will need to know. */
  addRing(ring) {
    this.#setup.rings.push(ring);
  }

  dropRing(slot) {
    this.#setup.rings = this.#setup.rings.filter((ring) => ring.slot !== slot);
  }

  /** New code plays: voices that hung have another chance. */
  forgive() {
    this.#guilty = [];
  }

  /** Keeps a second thread loaded, so that a replacement starts in milliseconds. */
  prepareSpare() {
    this.#spare ??= this.#spawn();
  }

  async end() {
    clearInterval(this.#timer);
    await Promise.all([this.#worker.terminate(), this.#spare?.terminate()]);
  }

  #spawn() {
    const worker = new Worker(new URL('./worker.js', import.meta.url));
    worker.on('message', (message) => {
      if (worker === this.#worker) this.#receive(message);
    });
    worker.on('error', (error) => {
      if (worker === this.#worker) this.handlers.broken(error);
    });
    return worker;
  }

  #post(message) {
    this.#worker.postMessage(message);
  }

  #receive(message) {
    if (message.kind === 'trial') this.#trial = message.names;
    else if (message.kind === 'players') this.#players = message;
    else this.handlers.message(message);
  }

  #watch() {
    const beat = this.#guard[GUARD.beat];
    const idle = this.#guard[GUARD.voice] === NOBODY;
    this.#still = idle || beat !== this.#beat ? 0 : this.#still + 1;
    this.#beat = beat;
    if (this.#still >= this.#patience) this.#replace();
  }

  /** User code does not come back: the thread is terminated and a successor goes on from the last snapshot. */
  #replace() {
    const index = this.#guard[GUARD.voice];
    const trial = this.#guard[GUARD.trial] === 1;
    const names = trial ? this.#trial : this.#players.names;
    const name = index === TOP_LEVEL ? undefined : names[index - 1];
    const hung = this.#worker;
    this.#worker = this.#spare ?? this.#spawn();
    this.#spare = undefined;
    this.#still = 0;
    this.#held = [];
    hung.terminate().then(() => {
      this.#guard[GUARD.voice] = NOBODY;
      this.#guard[GUARD.trial] = 0;
      const { windows, sources } = this.#players;
      if (!trial && name !== undefined) this.#guilty.push(name);
      this.#setup = { ...this.#setup, windows, sources, guilty: this.#guilty };
      this.#post({ op: 'begin', setup: this.#setup, shared: this.#shared });
      const held = this.#held;
      this.#held = undefined;
      this.handlers.hung({ name, trial });
      for (const message of held) this.#post(message);
      this.prepareSpare();
    });
  }
}
