// The evaluator's thread as the host sees it: started, watched, and replaced when user code hangs in it or ends it.

import { Worker } from 'node:worker_threads';
import { GUARD, IDLE, NOBODY, PLAYING, TAKE_OVER, TOP_LEVEL } from './guard.js';
import { makeShared } from './state.js';

/** The watchdog counts its own turns, not wall time: a process that was stopped as a whole has not hung. */
const WATCH_TURN_MS = 20;
const LEAST_PATIENCE_MS = 100;
const MOST_PATIENCE_MS = 1000;
/** With nobody's code running the thread may compile, or copy much state: a promise or a microtask of the piece that never
 *  ends takes longer. */
const NOBODYS_PATIENCE_MS = 2000;
/** A render may take its time: only what will never come back is given up. */
const RENDER_PATIENCE_MS = 30000;
/** Ends of the thread between two edits for which nobody is to blame: the first is taken as an accident, after the second
 *  nothing is played any more, after the third there is nothing left to try. */
const MOST_ACCIDENTS = 2;

/** Tells through `handlers`: `message(message)` for what the evaluator says; `gone(loss)` when a successor takes over,
 *  where `loss` is `{ cause, error, revision, files, topLevel, name, place, silent }`: `cause` is `hang` or `end`, `revision`
 *  that of the code that was tried, if it was that, `place` where the voice is declared that played, `silent` whether nothing
 *  plays; `broken(error)` when no successor helps. */
export class EvaluatorThread {
  handlers;
  #shared = makeShared();
  #guard;
  #worker;
  #spare;
  #setup;
  #players = { names: [], places: [], failed: [], unrewindable: [], windows: [], sources: [] };
  /** The code that is tried, until it is answered. */
  #trial = { names: [] };
  #guilty = [];
  #accidents = 0;
  /** Messages that wait, while there is no evaluator that has begun. */
  #held;
  #patience;
  /** The same for a runtime that limits its workers' turns itself, in ms. */
  #limits;
  #still = 0;
  #beat = 0;
  /** The beat at which code was answered last. */
  #answered = -1;
  /** Whether the evaluator takes turns: while it loads it has no pulse. */
  #ready = false;
  /** Why the thread did not even live to begin. */
  #stillborn;

  /** Starts loading at once; `handlers` is to be set before `begin`. */
  constructor() {
    this.#guard = new Int32Array(this.#shared.guard);
    this.#worker = this.#spawn();
  }

  /** Hands the session over to the evaluator, which has been loading meanwhile. */
  begin(setup) {
    if (this.#stillborn) {
      this.handlers.broken(this.#stillborn);
      return;
    }
    const half = (setup.leadFrames / setup.rateHz) * 500;
    const patienceMs = setup.render ? RENDER_PATIENCE_MS : Math.min(Math.max(half, LEAST_PATIENCE_MS), MOST_PATIENCE_MS);
    this.#limits = { somebody: patienceMs, nobody: Math.max(patienceMs, NOBODYS_PATIENCE_MS) };
    this.#setup = { windows: [], ...setup, patienceMs, rings: [], generation: 0 };
    const turns = (ms) => Math.ceil(ms / WATCH_TURN_MS);
    this.#patience = { somebody: turns(this.#limits.somebody), nobody: turns(this.#limits.nobody) };
    this.#worker.limit?.(this.#limits);
    this.#post({ op: 'begin', setup: this.#setup, shared: this.#shared });
    setInterval(() => this.#watch(), WATCH_TURN_MS);
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
    this.#accidents = 0;
  }

  /** Keeps a second thread loaded, so that a replacement starts in milliseconds. */
  prepareSpare() {
    this.#spare ??= this.#spawn();
  }

  #spawn() {
    const worker = new Worker(new URL('./worker.js', import.meta.url));
    let failure;
    worker.on('message', (message) => {
      if (worker === this.#worker) this.#receive(message);
    });
    worker.on('error', (error) => {
      failure = error;
      this.#ended(worker, failure);
    });
    worker.on('exit', () => this.#ended(worker, failure));
    // Of a runtime whose workers share one thread: it has ended the turn that hung.
    worker.on('hang', () => {
      if (worker === this.#worker) this.#replace('hang');
    });
    return worker;
  }

  #ended(worker, error) {
    if (worker === this.#spare) this.#spare = undefined;
    if (worker !== this.#worker) return;
    if (this.#setup) this.#replace('end', error);
    else this.#stillborn = error ?? new Error('its thread ended');
  }

  #post(message) {
    this.#worker.postMessage(message);
  }

  #receive(message) {
    switch (message.kind) {
      case 'trial':
        this.#trial = message;
        return;
      case 'players':
        this.#players = message;
        return;
      case 'broken':
        this.#replace('end', new Error(message.message));
        return;
      case 'ready':
        this.#ready = true;
        break;
      case 'refused':
        // What it has left behind may end the thread yet: nothing that plays is to blame for that.
        this.#accidents = 0;
        this.#trial = { names: [] };
        this.#answered = this.#guard[GUARD.beat];
        break;
      case 'edited':
        this.#trial = { names: [] };
        this.#answered = this.#guard[GUARD.beat];
    }
    this.handlers.message(message);
  }

  #watch() {
    const beat = this.#guard[GUARD.beat];
    const voice = this.#guard[GUARD.voice];
    // Idle while code waits for its rings, or since it was answered: it has left behind what never ends.
    const isLeftBehind = this.#trial.revision !== undefined || beat === this.#answered;
    const nobody = voice === NOBODY || (voice === IDLE && !isLeftBehind);
    const loading = nobody && !this.#ready;
    this.#still = loading || beat !== this.#beat ? 0 : this.#still + 1;
    this.#beat = beat;
    const patience = nobody ? this.#patience.nobody : this.#patience.somebody;
    if (this.#still >= patience && this.#worker) this.#replace('hang');
  }

  /** Whose code ran when the thread did not come back: `{ revision, files, topLevel, name }`. */
  #culprit() {
    const voice = this.#guard[GUARD.voice];
    const running = this.#guard[GUARD.trial];
    const names = running === PLAYING ? this.#players.names : this.#trial.names;
    const who = { topLevel: voice === TOP_LEVEL, name: voice > 0 ? names[voice - 1] : undefined };
    // With nobody's code running, what was tried and is not answered has left something behind: a promise, a microtask.
    const tried = running !== PLAYING ? running : voice === NOBODY || voice === IDLE ? this.#trial.revision : undefined;
    if (tried > 0) return { ...who, revision: tried, files: this.#trial.files };
    return { ...who, place: this.#players.places[voice - 1] };
  }

  /** User code does not come back, or has ended the thread: a successor goes on from the last snapshot. */
  #replace(cause, error) {
    const loss = { ...this.#culprit(), cause, error };
    const lost = this.#worker;
    this.#worker = undefined;
    this.#ready = false;
    const hopeless = loss.topLevel && this.#guard[GUARD.trial] === TAKE_OVER;
    this.#still = 0;
    this.#held = [];
    if (loss.revision === undefined && loss.name !== undefined) this.#guilty.push(loss.name);
    else if (loss.revision === undefined) this.#accidents += 1;
    if (this.#accidents > MOST_ACCIDENTS) {
      this.handlers.broken(error ?? new Error('it does not come back'));
      return;
    }
    loss.silent = hopeless || this.#accidents === MOST_ACCIDENTS;
    if (loss.silent) this.#players = { ...this.#players, sources: [] };
    lost.terminate().then(() => this.#succeed(loss));
  }

  #succeed(loss) {
    this.#worker = this.#spare ?? this.#spawn();
    this.#spare = undefined;
    this.#guard[GUARD.voice] = NOBODY;
    this.#guard[GUARD.trial] = PLAYING;
    const { windows, sources, failed, unrewindable } = this.#players;
    // What threw before would throw again.
    const without = [...this.#guilty, ...failed];
    const generation = this.#setup.generation + 1;
    this.#setup = { ...this.#setup, windows, sources, without, unrewindable, generation };
    this.#worker.limit?.(this.#limits);
    this.#post({ op: 'begin', setup: this.#setup, shared: this.#shared });
    const held = this.#held;
    this.#held = undefined;
    this.#trial = { names: [] };
    this.handlers.gone(loss);
    for (const message of held) this.#post(message);
    this.prepareSpare();
  }
}
