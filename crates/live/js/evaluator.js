// The evaluator: trying code, making it audible, keeping the rings filled. It is driven by `worker.js`, which owns the
// thread's messages and timers; nothing here waits.

import { extend } from '../../../sdk/js/layout.js';
import { enter, moveOrigin, reserveFrames, roomForChange } from './change.js';
import { PieceConsole } from './console.js';
import { Desk } from './desk.js';
import { GUARD, pulse } from './guard.js';
import { makeHooks } from './hooks.js';
import { Keep } from './keep.js';
import { UsageError } from './library/toolbox.js';
import { Program } from './program.js';
import { SharedNames } from './shared.js';
import { HEAD } from './state.js';
import { Shelf } from './shelf.js';
import { Slowness, slowest } from './slowness.js';
import { Score } from './surface.js';
import { rejoin, rehearseAll, takeOver } from './takeover.js';
import { Timeline } from './timeline.js';
import { Trial } from './trial.js';
import { Silence, Turn } from './turn.js';

/** Starved for longer than this, the song goes on where it stopped instead of chasing the clock. */
const LOST_S = 0.25;
/** A stop at a frame is prepared when the frame is this near: late enough for the last edit, early enough to be in time. */
const STOP_AHEAD_S = 0.25;
/** A ring whose voice left is kept this long in case its name returns. */
const PARK_MS = 2000;
/** Knobs that were turned so lately are still moving; the lead meanwhile. */
const MOVING_MS = 300;
const MOVING_LEAD_S = 0.2;
/** What a successor needs to take over, beyond the watchdog's patience; a lead that is as good as its target. */
const TAKE_OVER_S = 0.1;
const FULL = 0.9;
/** Late failures that are told between two edits. */
const MOST_LATE = 10;

export class Evaluator {
  #say;
  #current = { score: new Score(), players: [], names: new SharedNames() };
  /** What was tried and waits for its rings: nothing that it counts on may be let go of. */
  #pending;
  /** The code that plays. */
  #program = new Program();
  #lastChange;
  #parked = new Map();
  #console;
  #late = new Set();
  #turnedMs = -Infinity;
  #slowness = new Slowness();
  /** The revision of the windows that the host knows. */
  #announced = 0;
  /** What outlives the process, if the parent has given memory for it. */
  #keep;

  /** `setup`: what the host knows of the session. `say(message)` reports to the host. */
  constructor(control, setup, shared, say) {
    this.timeline = new Timeline(control, setup, shared);
    this.desk = new Desk(this.timeline);
    this.shelf = new Shelf(setup.folder, setup.sounds?.values());
    this.#say = say;
    if (setup.keep !== undefined) this.#keep = new Keep(setup.keep);
    this.#console = new PieceConsole(say, () => this.timeline.rehearsing);
    const { timeline, shelf, desk } = this;
    this.hooks = makeHooks({ timeline, shelf, desk, console: this.#console, program: this.#program });
    this.onFailure = (player, error) => this.#failed(player, error);
  }

  /** Tries `source`; throws a `SourceError` when it is refused. With `add`, it adds to what plays. What is returned waits
   *  for `enter` or `abandon`. */
  try(source, file, { add = false, ...options } = {}) {
    const block = add ? this.#program.nextBlock(source, file) : undefined;
    const trial = this.#trial({ source, file, block }, { add, ...options });
    this.#pending = trial;
    this.#parkRings();
    return trial;
  }

  #trial({ source, file, block: number, texts, sounds }, { add, without, ...options }) {
    const announce = (news) => this.#say({ kind: 'trial', ...news });
    const read = texts && ((path) => texts.get(path));
    this.#program.beforeTrial();
    const names = add ? this.#current.names : new SharedNames();
    const block = this.#program.blockOf(number, file);
    const trial = new Trial(this.timeline, { source, file, read, sounds, announce, names, block, ...options });
    this.#program.tries(trial);
    try {
      return trial.run({ current: this.#current, add, without, hooks: this.hooks });
    } catch (error) {
      this.desk.drop();
      throw error;
    }
  }

  /** A ring is there. It may have been asked for by an evaluator that is gone. */
  addRing(name, ring) {
    this.timeline.addRing(name, ring);
    this.#parkRings();
  }

  /** Names of voices in `trial` that have no ring yet. */
  missingRings(trial) {
    return trial.players.map((player) => player.name).filter((name) => !this.timeline.rings.has(name));
  }

  /** Whether what is written outlasts code that is tried now and hangs, as far as the target lead allows. */
  outlasts(patienceMs) {
    const { timeline } = this;
    const { rateHz, leadFrames, render } = timeline.setup;
    if (render || timeline.players.length === 0) return true;
    timeline.refresh();
    return timeline.lead >= Math.min((patienceMs / 1000 + TAKE_OVER_S) * rateHz, FULL * leadFrames);
  }

  /** Whether the rings of `trial` can take a change now. */
  roomFor(trial) {
    this.timeline.refresh();
    return roomForChange(this.timeline, trial.players.map((player) => player.name));
  }

  /** Makes `trial` audible; every voice has a ring. Returns figures. Throws a `SourceError` when it is refused at the last
   *  moment: then it is to be abandoned. */
  enter(trial, { add = false } = {}) {
    this.#slowness.forget();
    const figures = enter(this.timeline, trial, { lastChange: this.#lastChange, onFailure: this.onFailure });
    this.#keep?.turn();
    this.#lastChange = figures.engineFrame;
    this.#pending = undefined;
    this.#program.note(trial, { add, before: this.#current.score });
    this.#current = { score: trial.score, players: trial.players, names: trial.names };
    this.desk.play(trial.controls, { add });
    this.shelf.keep(this.#program.sources.map(({ sounds }) => sounds));
    this.#late.clear();
    this.#parkRings();
    this.#announcePlayers();
    return figures;
  }

  /** The sound files of what plays, as `{ path, stamp }`. */
  get sounds() {
    return this.#program.sounds;
  }

  /** Turns values from outside, by key, if something that plays listens to them. Returns figures, or undefined. */
  turn(values) {
    const known = this.desk.known(values).filter(([window, value]) => window.state[0] !== value);
    if (known.length === 0) return undefined;
    this.#turnedMs = performance.now();
    const { timeline, onFailure } = this;
    this.#slowness.forget();
    const turn = new Turn(this.#current, known, timeline.costMsPerFrame);
    const figures = enter(timeline, turn, { lastChange: this.#lastChange, onFailure });
    this.#keep?.turn();
    this.#lastChange = figures.engineFrame;
    this.#current = { ...this.#current, score: turn.score, players: turn.players };
    return figures;
  }

  /** Looks at the text of voices that are new: who keeps state that can't be restored, now and then, is told so, and left alone by
   *  what others change. It takes some ms; nothing waits for it. */
  judgeClosures() {
    const players = this.timeline.players.filter((player) => !player.isJudged);
    const texts = players.map(({ spec }) => Function.prototype.toString.call(spec.call));
    const found = players.length > 0 ? this.#program.closures(texts) : new Map();
    for (const [i, player] of players.entries()) {
      player.isJudged = true;
      const variable = found.get(texts[i]);
      if (variable === undefined || !player.isRewindable) continue;
      player.isRewindable = false;
      const { line } = this.#program.placeOf(player);
      const place = line === undefined ? '' : ` (line ${line})`;
      this.#say({ kind: 'problem', message: `${player.name}${place}: keeps state that can't be restored (${variable}), so each save begins it anew` });
    }
    if (found.size > 0) this.#announcePlayers();
  }

  /** Lets go of a trial that will not play. */
  abandon(trial) {
    this.#pending = undefined;
    this.desk.drop();
    trial.abandon();
    this.#parkRings();
  }

  /** Goes on where a terminated evaluator stopped: the same code and state, without the voices in `without`. Those in
   *  `unrewindable` were found to keep what can't be restored. */
  resume({ sources, without, unrewindable }) {
    const { timeline, onFailure } = this;
    const announce = () => this.#announcePlayers(unrewindable);
    const rehearse = (source, add) => this.#rehearse(source, { add, without, unrewindable });
    this.#program.know(sources);
    try {
      const { score, players } = takeOver(timeline, { sources, rehearse, announce, onFailure });
      this.#current = { score, players, names: this.#current.names };
    } catch (error) {
      const located = this.#program.locate(error);
      this.#program.clear();
      this.#current = { ...takeOver(timeline, { sources: [], announce, onFailure }), names: new SharedNames() };
      this.#say({ ...located, kind: 'fault', what: 'throw', message: `${located.message}: nothing plays until the next save` });
    }
    this.#parkRings();
  }

  /** The trial of code that has played before: what was found of it then is not looked for again. What it does to shared
   *  names counts for what comes behind it. */
  #rehearse(source, { add, without, unrewindable }) {
    const trial = this.#trial(source, { add, judged: false, without });
    trial.unrewindable = trial.players.filter(({ name }) => unrewindable.includes(name));
    trial.sharing.apply();
    trial.sharing.keep();
    this.#current = { score: trial.score, players: trial.players, names: trial.names };
    this.desk.play(trial.controls, { add });
    return trial;
  }

  /** Tries the code that a process before has kept, on the state that it kept. What is returned waits for its rings, and
   *  then for `rejoin`. */
  recall() {
    const { timeline } = this;
    const { texts, frame, origin, end } = this.#keep.recall();
    // Another daemon has another clock: there the song goes on where it was kept.
    const isSameClock = texts.daemon === timeline.setup.daemon;
    timeline.recall({ head: frame, origin: isSameClock ? origin : timeline.now - frame });
    this.#keep.restore(timeline.arena);
    this.#program.know(texts.sources);
    const { failed: without, unrewindable } = texts;
    const trials = rehearseAll(timeline, texts.sources, (source, add) => this.#rehearse(source, { add, without, unrewindable }));
    this.#pending = trials.at(-1);
    return { trials, players: trials.at(-1).players, end: isSameClock ? end : -Infinity };
  }

  /** Plays on. Returns `{ engineFrame, silentMs }`: where, and how long nothing sounded. */
  rejoin({ trials, end }) {
    const { engineFrame } = rejoin(this.timeline, trials, { end, onFailure: this.onFailure });
    this.#lastChange = engineFrame;
    this.#pending = undefined;
    this.#parkRings();
    this.#announcePlayers();
    return { engineFrame, silentMs: (Math.max(0, engineFrame - end) / this.timeline.setup.rateHz) * 1000 };
  }

  /** Keeps what plays for a process after this one. */
  save() {
    const { arena, head, origin, players } = this.timeline;
    if (players.length > 0) this.#keep?.save(arena, { frame: head, origin });
  }

  /** Whether engine frame `at` (its low word) is so far away that a change there has time yet. */
  isBefore(at) {
    this.timeline.refresh();
    const { setup, now } = this.timeline;
    return extend(at, now) - now > Math.min(STOP_AHEAD_S * setup.rateHz, setup.leadFrames / 2);
  }

  /** Fades everything out, from engine frame `at` (its low word) on, where that is still to come; that is done when the engine
   *  has passed the returned engine frame. */
  stop(fadeS, at) {
    const { timeline } = this;
    if (timeline.players.length === 0) return timeline.now;
    const nothing = new Silence(fadeS);
    // A change comes no earlier than a cross-fade after the one before.
    const before = at === undefined ? [] : [extend(at, timeline.now) - timeline.setup.crossfadeFrames];
    const lastChange = Math.max(...before, this.#lastChange ?? -Infinity);
    const { engineFrame } = enter(timeline, nothing, { lastChange, onFailure: this.onFailure });
    this.#current = { score: nothing.score, players: [], names: new SharedNames() };
    return engineFrame + Math.ceil((fadeS + 0.01) * this.timeline.setup.rateHz);
  }

  /** A sign of life, for the host's watchdog, whether anything plays or not. */
  beat() {
    this.timeline.guard[GUARD.beat] += 1;
    pulse(false);
  }

  /** Renders until the target lead or for `budgetMs`. Returns whether it is there. */
  fill(budgetMs) {
    const { timeline } = this;
    const { setup, chunk } = timeline;
    timeline.refresh();
    this.#letGo();
    if (timeline.players.length === 0) return true;
    if (!setup.render && timeline.lead < -LOST_S * setup.rateHz) this.#catchUp();
    const began = performance.now();
    const target = this.#target(began);
    let space = timeline.space - reserveFrames(timeline);
    while (timeline.lead < target && space >= chunk) {
      if (performance.now() - began > budgetMs) break;
      const { head, busyMs } = timeline;
      timeline.advance(this.onFailure);
      space -= chunk;
      this.#inspect();
      this.#judgeSpeed(timeline.head - head, timeline.busyMs - busyMs);
      if (timeline.arena.revision !== this.#announced) this.#announcePlayers();
    }
    this.#keep?.noteEnd(timeline.head + timeline.origin);
    return timeline.lead >= target;
  }

  /** How much state there is, and how often it is kept: a change goes back to the last time. */
  get footprint() {
    const { arena, setup, snapshots } = this.timeline;
    return { state_mb: (arena.used * 8) / 1e6, snapshot_ms: (snapshots.interval / setup.rateHz) * 1000 };
  }

  /** The lead to fill to. While knobs move, most of what is rendered ahead would be for nothing. */
  #target(nowMs) {
    const { setup } = this.timeline;
    if (setup.render) return setup.capacityFrames - reserveFrames(this.timeline);
    const moves = nowMs - this.#turnedMs < MOVING_MS;
    return moves ? Math.min(setup.leadFrames, MOVING_LEAD_S * setup.rateHz) : setup.leadFrames;
  }

  /** A report for people; resets what is counted between reports. */
  status() {
    const { timeline } = this;
    this.#console.refill();
    timeline.refresh();
    const rate = timeline.setup.rateHz;
    const { busyMs, renderedFrames, longestChunkMs } = timeline;
    timeline.busyMs = timeline.renderedFrames = timeline.longestChunkMs = 0;
    return {
      lead_ms: (timeline.lead / rate) * 1000,
      target_lead_ms: (timeline.setup.leadFrames / rate) * 1000,
      speed: busyMs > 0 ? (renderedFrames / rate) * 1000 / busyMs : undefined,
      busy_ms: busyMs,
      longest_chunk_ms: longestChunkMs,
      underruns: timeline.underruns,
      controls: this.desk.describe(),
      ...this.footprint,
      voices: timeline.players.map(({ name, failed, endAt, head }) => ({
        name,
        slot: timeline.rings.get(name).slot,
        muted: head[HEAD.muted] === 1,
        solo: head[HEAD.solo] === 1,
        leaving: endAt < Infinity,
        failed: failed !== undefined,
        gain: head[HEAD.gain],
      })),
    };
  }

  /** Closes rings whose voice left a while ago; returns `{ name, slot }` of each. */
  closeParked(nowMs) {
    const closed = [];
    for (const [name, since] of this.#parked) {
      if (nowMs - since < PARK_MS) continue;
      this.#parked.delete(name);
      closed.push({ name, slot: this.timeline.rings.get(name).slot });
      this.timeline.dropRing(name);
    }
    return closed;
  }

  #letGo() {
    if (this.#pending || this.timeline.departed().length === 0) return;
    this.#parkRings();
    this.#announcePlayers();
  }

  /** A ring that nobody plays on, and no edit waits with, is kept for a while. */
  #parkRings() {
    const { rings, players } = this.timeline;
    const wanted = new Set([...players, ...(this.#pending?.players ?? [])].map((player) => player.name));
    for (const name of rings.keys()) {
      if (wanted.has(name)) this.#parked.delete(name);
      else if (!this.#parked.has(name)) this.#parked.set(name, performance.now());
    }
  }

  #catchUp() {
    const { timeline } = this;
    this.#slowness.forget();
    for (const player of timeline.players) timeline.rings.get(player.name).noticeIdle();
    const guard = timeline.control.blockFrames + Math.ceil(0.002 * timeline.setup.rateHz);
    const missed = -timeline.lead;
    moveOrigin(timeline, timeline.now + guard);
    timeline.advance(this.onFailure);
    timeline.commit.publish();
    this.#lastChange = timeline.now + guard;
    this.#say({ kind: 'lost', frames: missed });
  }

  /** Forgives what heals: a voice that gave NaN or worse, or nothing, is told so once, and poisoned slots are reset. */
  #inspect() {
    for (const player of this.timeline.players) {
      if (player.badFrames > 0) {
        for (const { state } of [player.window, ...player.cells]) {
          for (let i = 0; i < state.length; i++) if (!Number.isFinite(state[i])) state[i] = 0;
        }
        this.#blame(player, 'nan', player.firstBad, 'gives NaN or blasts: cut there, its poisoned state reset');
      }
      if (player.oddReturns > 0) {
        this.#blame(player, 'return', player.firstOdd, 'returns neither a number nor [left, right]: silent there');
      }
      if (player.signal.amiss !== undefined) this.#blame(player, 'amiss', player.signal.n, `${player.signal.amiss}: it begins its turn anew`);
      player.forget();
    }
  }

  #blame(player, what, frame, message) {
    if (player.told.has(what)) return;
    player.told.add(what);
    this.#say({ ...this.#program.placeOf(player), kind: 'fault', what, voice: player.name, frame, message });
  }

  /** Where what plays can't be rendered in time, the slowest voice is stopped. */
  #judgeSpeed(frames, ms) {
    const { timeline } = this;
    const speed = timeline.setup.render ? undefined : this.#slowness.note(timeline, frames, ms);
    if (speed === undefined) return;
    const player = slowest(timeline, timeline.players);
    if (player === undefined) return;
    const error = new UsageError(`voice ${player.name} is too slow: all voices together render at ${speed.toFixed(2)} x real time: it is left out until the next save`);
    this.#failed(player, error, 'slow');
    player.fail(error);
  }

  #failed(player, error, what = 'throw') {
    player.failed = error;
    const located = this.#program.locate(error, { player });
    this.#say({ ...located, kind: 'fault', what, frame: player.signal.n });
    this.#announcePlayers();
  }

  /** An error that user code threw when nobody called it: a promise that nobody awaits, a microtask. */
  late(error) {
    const located = this.#program.locate(error, { late: true });
    const key = `${located.file}:${located.line}: ${located.message}`;
    if (this.#late.has(key) || this.#late.size === MOST_LATE) return;
    this.#late.add(key);
    this.#say({ ...located, kind: 'fault', what: 'throw', message: `${located.message} (thrown late; what plays plays on)` });
  }

  /** All that a successor needs beside the shared memory. `unrewindable` are the names of voices whose state can't be
   *  restored, where the players do not tell yet. */
  #announcePlayers(unrewindable = this.timeline.players.filter((player) => !player.isRewindable).map(({ name }) => name)) {
    const { players, arena, setup } = this.timeline;
    this.#announced = arena.revision;
    const failed = players.filter((player) => player.failed).map((player) => player.name);
    const plays = { failed, unrewindable, windows: arena.describe(), sources: this.#program.sources };
    const { daemon, rateHz, channels } = setup;
    this.#keep?.note({ ...plays, daemon, rateHz, channels });
    const places = players.map((player) => this.#program.placeOf(player));
    this.#say({ ...plays, kind: 'players', names: players.map((player) => player.name), places });
  }
}
