// The evaluator's thread: messages in, messages out, and the rhythm of filling. Policy lives in `evaluator.js`.

import { parentPort } from 'node:worker_threads';
import { Control, SharedFile } from '../../../sdk/js/memory.js';
import { SLOTS } from '../../../sdk/js/layout.js';
import { RingWriter } from '../../../sdk/js/ring.js';
import { Evaluator } from './evaluator.js';
import { GUARD, IDLE, NOBODY } from './guard.js';
import { protect, protectMath } from './intrinsics.js';
import { Pacing } from './pacing.js';
import { locate } from './places.js';
import { SoundsWanted } from './shelf.js';
import { LANGUAGE } from './surface.js';
import { warmLoop } from './warm.js';

/** Longest stretch of rendering before messages are looked at. */
const TURN_MS = 3;
/** Sleep when all rings are at their target lead. */
const NAP_MS = 15;
const STATUS_MS = 250;
/** How long code waits at most until the lead would outlast its hang. */
const MOST_WAIT_MS = 500;
/** What takes some time and is not heard begins so long after a change. */
const JUDGE_AFTER_MS = 300;
/** What is told of the speed of nothing. */
const MOST_SPEED = 1e6;
/** Between two turns of knobs. */
const LEAST_TURN_MS = 8;

protect();
warmLoop();

const say = (message) => parentPort.postMessage(message);
const start = (setup, shared) => new Thread(setup, shared);
let thread;

/** A mistake of ours: the host puts another evaluator in the place of this one. */
const broken = (error) => say({ kind: 'broken', message: String(error?.stack ?? error) });
/** What nobody catches is user code that throws when nobody called it. It is told, and nothing ends. */
const late = (error) => thread?.late(error);
process.on('uncaughtException', late);
process.on('unhandledRejection', late);

/** `work`, whose mistakes are ours. */
const own = (work) => async (...args) => {
  try {
    thread?.wake();
    const done = work(...args);
    thread?.rest();
    await done;
  } catch (error) {
    broken(error);
  }
};

parentPort.on(
  'message',
  own((message) => {
    if (message.op === 'begin') thread = start(message.setup, message.shared);
    return thread.receive(message);
  }),
);

class Thread {
  #control;
  #evaluator;
  #setup;
  #waiting = new Map();
  #nextRequest = 1;
  #queue = [];
  #busy = false;
  #timer;
  #knobTimer;
  #pacing;
  #stopping = false;
  #stopAt;
  #lastStatus = 0;
  #turn = own(() => this.#takeTurn());
  #judge = own(() => this.#evaluator.judgeClosures());
  /** Values from outside that have not been turned yet: the newest of each key. */
  #values = new Map();
  #turnedMs = -Infinity;

  constructor(setup, shared) {
    this.#setup = setup;
    this.#control = new Control(setup.control.path, setup.control.bytes);
    this.#evaluator = new Evaluator(this.#control, setup, shared, say);
    this.#pacing = new Pacing(this.#control, this.#evaluator.timeline);
    protectMath(this.#evaluator.hooks.random);
  }

  /** Resolves when the message is dealt with. */
  receive(message) {
    switch (message.op) {
      case 'begin':
        for (const ring of this.#setup.rings) this.#attach(ring);
        if (this.#setup.generation > 0) this.#evaluator.resume(this.#setup);
        say({ kind: 'ready', language: LANGUAGE });
        if (this.#setup.recall && this.#setup.generation === 0) return this.#rejoin();
        if (this.#setup.generation > 0) setTimeout(this.#judge, JUDGE_AFTER_MS);
        this.#turn();
        break;
      case 'source':
        this.#queue.push(message);
        return this.#work();
      case 'rings':
        for (const ring of message.rings) this.#attach(ring);
        this.#waiting.get(message.request)?.(message);
        this.#waiting.delete(message.request);
        break;
      case 'sounds':
        for (const sound of message.sounds) this.#evaluator.shelf.add(sound);
        this.#waiting.get(message.request)?.(message);
        this.#waiting.delete(message.request);
        break;
      case 'set':
        for (const [key, value] of Object.entries(message.values)) this.#values.set(key, value);
        this.#turnKnobs();
        break;
      case 'lead':
        // The same object is the timeline's.
        this.#setup.leadFrames = message.frames;
        break;
      case 'stop':
        return this.#stop(message.fade_s, message.at);
      case 'end':
        say({ kind: 'stopped' });
        break;
      case 'doorbell':
        this.#turn();
        break;
    }
    return undefined;
  }

  late(error) {
    this.#evaluator.late(error);
  }

  /** Own work begins. */
  wake() {
    this.#evaluator.timeline.guard[GUARD.voice] = NOBODY;
  }

  /** What runs until the next message or timer is code that a piece has left behind. */
  rest() {
    this.#evaluator.timeline.guard[GUARD.voice] = IDLE;
  }

  /** `at`: the low word of the engine frame at which the fade begins; without it, now. */
  async #stop(fadeS, at) {
    while (at !== undefined && this.#evaluator.isBefore(at)) {
      await pause(2);
      if (this.#stopping) return;
    }
    this.#stopping = true;
    while (!this.#evaluator.roomFor({ players: [] })) await pause(2);
    this.#stopAt = this.#evaluator.stop(fadeS, at);
    this.#turn();
  }

  /** Goes on with what a process before has kept. */
  async #rejoin() {
    this.#busy = true;
    try {
      const kept = await this.#withSounds(() => this.#evaluator.recall());
      await this.#openRings(kept);
      const { engineFrame, silentMs } = this.#evaluator.rejoin(kept);
      const voices = kept.players.map((player) => player.name);
      const files = kept.trials.flatMap(({ sources }) => [...sources.keys()]);
      const names = kept.trials.at(-1).names.list();
      setTimeout(this.#judge, JUDGE_AFTER_MS);
      say({ kind: 'rejoined', voices, names, files, engine_frame: engineFrame, silent_ms: silentMs });
    } catch (error) {
      say({ kind: 'forgotten', message: `what played can't go on: ${error.message}; the piece begins anew` });
    }
    this.#busy = false;
    this.#turn();
    await this.#work();
  }

  /** What came in is heard from one frame on, but no more often than anybody can hear. */
  #turnKnobs() {
    if (this.#values.size === 0 || this.#stopping) return;
    const wait = this.#turnedMs + LEAST_TURN_MS - performance.now();
    const isRoom = wait <= 0 && this.#evaluator.roomFor({ players: [] });
    if (isRoom) {
      const values = new Map(this.#values);
      this.#values.clear();
      const figures = this.#evaluator.turn(values);
      if (!figures) return;
      this.#turnedMs = performance.now();
      this.#pacing.countChange(figures);
      say({ kind: 'turned', engine_frame: figures.engineFrame, guard_ms: figures.guardMs, cover_ms: figures.coverMs + figures.publishMs });
      this.#turn();
      return;
    }
    clearTimeout(this.#knobTimer);
    this.#knobTimer = setTimeout(own(() => this.#turnKnobs()), Math.max(wait, 1));
  }

  /** One source after the other; of several whole files that wait, only the newest counts. */
  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#queue.length > 0 && !this.#stopping) {
      const message = this.#queue.shift();
      const outdated = !message.add && this.#queue.some((later) => !later.add);
      if (!outdated) await this.#edit(message);
    }
    this.#busy = false;
  }

  async #edit({ revision, source, file, add, seen_ms: seenMs }) {
    const began = performance.now();
    const beganMs = performance.timeOrigin + began;
    let trial;
    try {
      // What can't be rendered in time never will: its mending does not wait for that.
      const until = began + MOST_WAIT_MS;
      while (!this.#evaluator.outlasts(this.#setup.patienceMs) && performance.now() < until) await pause(1);
      this.wake();
      const tried = this.#withSounds((sounds) => this.#evaluator.try(source, file, { add, revision, sounds }));
      trial = tried instanceof Promise ? await tried : tried;
      this.rest();
      await this.#openRings(trial);
      while (!this.#evaluator.roomFor(trial)) await pause(2);
      this.wake();
      // Whoever has stopped meanwhile wants silence.
      if (this.#stopping) {
        this.#evaluator.abandon(trial);
        return;
      }
      const figures = this.#evaluator.enter(trial, { add });
      this.#pacing.countChange(figures);
      // What plays now is told soon.
      this.#lastStatus = 0;
      const handOverMs = beganMs - seenMs;
      const totalMs = performance.now() - began;
      if (!this.#setup.render) setTimeout(this.#judge, JUDGE_AFTER_MS);
      say({ kind: 'edited', revision, seen_ms: seenMs, ...this.#account(trial, figures, { handOverMs, totalMs }) });
    } catch (error) {
      if (trial) this.#evaluator.abandon(trial);
      const located = locate(error, { sources: new Map([[file, source]]), file });
      say({ ...located.toJSON(), kind: 'refused', what: located.kind, revision, files: error.files, sounds: error.sounds });
    }
    this.#turn();
  }

  /** What is told of `trial`, which plays now. */
  #account(trial, figures, { handOverMs, totalMs }) {
    return {
      value: trial.value,
      joined: figures.joined,
      left: figures.left,
      voices: trial.players.map((player) => player.name),
      names: trial.names.list(),
      unrewindable: trial.unrewindable.map((player) => player.name),
      unrewindable_lines: trial.unrewindable.map((player) => trial.lineOf(player)),
      files: [...trial.sources.keys()],
      sounds: this.#evaluator.sounds,
      engine_frame: figures.engineFrame,
      cover_frames: figures.coverFrames,
      late_frames: figures.lateFrames,
      timings_ms: {
        hand_over: handOverMs,
        compile: trial.compileMs,
        warm: trial.warmMs,
        cover: figures.coverMs,
        publish: figures.publishMs,
        guard: figures.guardMs,
        total: totalMs,
      },
      speed: Math.min(1000 / this.#setup.rateHz / trial.costMsPerFrame, MOST_SPEED),
      bar_s: this.#evaluator.timeline.transport.barS,
      ...this.#evaluator.footprint,
    };
  }

  /** What `attempt(sounds)` returns, or a promise of it where it asks for sounds first; `sounds` are the stamps of those that
   *  it was given, by path. What it throws is thrown at once: code may leave a microtask behind that never ends. */
  #withSounds(attempt, sounds) {
    try {
      return attempt(sounds);
    } catch (error) {
      if (!(error instanceof SoundsWanted)) throw error;
      return this.#getSounds(error).then(() => this.#withSounds(attempt, error.bound));
    }
  }

  async #getSounds(lack) {
    const { errors } = await this.#ask('sounds', { wanted: lack.wanted });
    if (errors.length > 0) throw lack.refusal(errors[0].path, errors[0].message);
  }

  /** Resolves with the host's answer. */
  #ask(kind, question) {
    // What an evaluator before has asked for may be answered only now.
    const request = `${this.#setup.generation}.${this.#nextRequest++}`;
    const answered = new Promise((resolve) => this.#waiting.set(request, resolve));
    say({ kind, request, ...question });
    return answered;
  }

  /** Asks the host for the rings that the trial lacks. */
  async #openRings(trial) {
    const names = this.#evaluator.missingRings(trial);
    if (names.length === 0) return;
    const { rings } = this.#evaluator.timeline;
    if (rings.size + names.length > SLOTS) this.#closeParked(Infinity);
    const { error } = await this.#ask('open', { names });
    if (error) throw new Error(error);
  }

  #attach({ name, slot, channels, capacity_frames: capacityFrames, first, ring }) {
    if (this.#evaluator.timeline.rings.has(name)) return;
    const samples = new SharedFile(ring.path, channels * capacityFrames * 4);
    const writer = new RingWriter(this.#control, samples, { slot, channels, capacityFrames, first });
    this.#evaluator.addRing(name, writer);
  }

  /** Fills, then sleeps or comes back at once. */
  #takeTurn() {
    clearTimeout(this.#timer);
    this.#evaluator.beat();
    const reached = this.#evaluator.fill(this.#setup.render ? 50 : TURN_MS);
    this.#report();
    if (this.#stopAt !== undefined && this.#evaluator.timeline.now >= this.#stopAt) {
      this.#stopAt = undefined;
      say({ kind: 'stopped' });
      return;
    }
    if (this.#setup.render || !reached) {
      setImmediate(() => this.#turn());
      return;
    }
    // With a short lead a nap is a part of it.
    const napMs = Math.min(NAP_MS, (this.#setup.leadFrames / this.#setup.rateHz) * 250);
    const due = performance.now() + napMs;
    this.#timer = setTimeout(() => {
      this.#pacing.woke(performance.now() - due, napMs);
      this.#turn();
    }, napMs);
  }

  /** Signs of life for the daemon, and a status for people now and then. */
  #report() {
    this.#pacing.countTurn();
    const now = performance.now();
    if (now - this.#lastStatus < STATUS_MS) return;
    this.#lastStatus = now;
    this.#closeParked(now);
    this.#evaluator.save();
    this.#pacing.countVoices();
    say({ kind: 'status', ...this.#evaluator.status(), worst_stall_ms: this.#pacing.worstStallMs });
  }

  #closeParked(now) {
    for (const { name, slot } of this.#evaluator.closeParked(now)) say({ kind: 'close', name, slot });
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
