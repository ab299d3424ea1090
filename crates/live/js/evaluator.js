// The evaluator: trying code, making it audible, keeping the rings filled. It is driven by `worker.js`, which owns the
// thread's messages and timers; nothing here waits.

import { locate } from './compile.js';
import { enter, moveOrigin, reserveFrames, roomForChange } from './change.js';
import { GUARD, fadeTo } from './render.js';
import { random } from './state.js';
import { Score } from './surface.js';
import { Timeline } from './timeline.js';
import { Trial } from './trial.js';

/** Starved for longer than this, the song goes on where it stopped instead of chasing the clock. */
const LOST_S = 0.25;
/** A ring whose voice left is kept this long in case its name returns. */
const PARK_MS = 2000;
/** Fade of mute, solo and stop that are called from inside a voice. */
const INNER_FADE_S = 0.02;

export class Evaluator {
  #say;
  #current = { score: new Score(), players: [] };
  #sources = [];
  /** Every file of what plays and its text. */
  #texts = new Map();
  #lastChange;
  #parked = new Map();
  #topLevelSeed = new Float64Array(1);

  /** `setup`: what the host knows of the session. `say(message)` reports to the host. */
  constructor(control, setup, shared, say) {
    this.timeline = new Timeline(control, setup, shared);
    this.#say = say;
    this.hooks = this.#makeHooks();
    this.onFailure = (player, error) => this.#failed(player, error);
  }

  /** Tries `source`; throws a `SourceError` when it is refused. With `add`, it adds to what plays. */
  try(source, file, { add = false, judged = true, without } = {}) {
    const trial = new Trial(this.timeline, { source, file });
    return trial.run({
      current: this.#current,
      add,
      judged,
      without,
      hooks: this.hooks,
      announce: (names) => this.#say({ kind: 'trial', names }),
    });
  }

  /** Names of voices in `trial` that have no ring yet. */
  missingRings(trial) {
    return trial.players.map((player) => player.name).filter((name) => !this.timeline.rings.has(name));
  }

  /** Whether the rings of `trial` can take a change now. */
  roomFor(trial) {
    this.timeline.refresh();
    return roomForChange(this.timeline, trial.players.map((player) => player.name));
  }

  /** Makes `trial` audible; every voice has a ring. Returns figures. */
  enter(trial, { add = false } = {}) {
    const figures = enter(this.timeline, trial, { lastChange: this.#lastChange, onFailure: this.onFailure });
    this.#lastChange = figures.engineFrame;
    this.#current = { score: trial.score, players: trial.players };
    const text = { source: trial.source, file: trial.file };
    this.#sources = add ? [...this.#sources, text] : [text];
    this.#texts = add ? new Map([...this.#texts, ...trial.sources]) : trial.sources;
    for (const player of trial.players) this.#parked.delete(player.name);
    this.#announcePlayers();
    return figures;
  }

  /** Goes on where a terminated evaluator stopped: the same code and state, without the voices `guilty`. */
  resume(sources, guilty) {
    const { timeline } = this;
    timeline.refresh();
    let trial;
    for (const { source, file } of sources) {
      trial = this.try(source, file, { add: trial !== undefined, judged: false, without: guilty });
      this.#current = { score: trial.score, players: trial.players };
      this.#texts = new Map([...this.#texts, ...trial.sources]);
    }
    if (!trial) return;
    this.#sources = sources;
    timeline.players = trial.players.filter((player) => timeline.rings.has(player.name));
    for (const player of timeline.players) timeline.arena.adopt(player.window);
    this.#current.players = timeline.players;
    this.#restoreHead();
    for (const name of guilty) this.#leaveOut(name);
    this.#announcePlayers();
  }

  /** Fades everything out; `done` when the engine has passed the returned engine frame. */
  stop(fadeS) {
    const score = new Score();
    score.clearFade = fadeS;
    const nothing = { score, players: [], costMsPerFrame: 0.001, adopt() {} };
    if (this.timeline.players.length === 0) return this.timeline.now;
    const { engineFrame } = enter(this.timeline, nothing, { lastChange: this.#lastChange, onFailure: this.onFailure });
    this.#current = { score, players: [] };
    return engineFrame + Math.ceil((fadeS + 0.01) * this.timeline.setup.rateHz);
  }

  /** Renders until the target lead or for `budgetMs`. Returns whether it is there. */
  fill(budgetMs) {
    const { timeline } = this;
    const { setup, chunk } = timeline;
    timeline.refresh();
    this.#letGo();
    if (timeline.players.length === 0) return true;
    if (!setup.render && timeline.lead < -LOST_S * setup.rateHz) this.#catchUp();
    const target = setup.render ? setup.capacityFrames - reserveFrames(timeline) : setup.leadFrames;
    const began = performance.now();
    let space = timeline.space - reserveFrames(timeline);
    while (timeline.lead < target && space >= chunk) {
      if (performance.now() - began > budgetMs) return false;
      timeline.advance(this.onFailure);
      space -= chunk;
      this.#inspect();
    }
    return timeline.lead >= target;
  }

  /** A report for people; resets what is counted between reports. */
  status() {
    const { timeline } = this;
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
      voices: timeline.players.map(({ name, failed, endAt, spec, head }) => ({
        name,
        slot: timeline.rings.get(name).slot,
        muted: spec.muted,
        leaving: endAt < Infinity,
        failed: failed !== undefined,
        gain: head[1],
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
    const gone = this.timeline.departed();
    for (const player of gone) this.#parked.set(player.name, performance.now());
    if (gone.length > 0) this.#announcePlayers();
  }

  #catchUp() {
    const { timeline } = this;
    for (const player of timeline.players) timeline.rings.get(player.name).noticeIdle();
    const guard = timeline.control.blockFrames + Math.ceil(0.002 * timeline.setup.rateHz);
    const missed = -timeline.lead;
    moveOrigin(timeline, timeline.now + guard);
    timeline.advance(this.onFailure);
    timeline.commit.publish();
    this.#lastChange = timeline.now + guard;
    this.#say({ kind: 'lost', frames: missed });
  }

  /** The state at the head, from the newest snapshot there is. */
  #restoreHead() {
    const { timeline } = this;
    let at = timeline.snapshots.restore(timeline.head, timeline.arena);
    while (at < timeline.head) {
      const frames = Math.min(timeline.chunk, timeline.head - at);
      timeline.render(timeline.players, at, frames, 0, this.onFailure);
      at += frames;
    }
    for (const { name } of timeline.players) {
      const ring = timeline.rings.get(name);
      ring.position = (timeline.head + timeline.origin + ring.offset) >>> 0;
    }
  }

  /** The future of a voice that may not go on ends where it was written to. */
  #leaveOut(name) {
    const ring = this.timeline.rings.get(name);
    if (!ring || ring.needsStart) return;
    const { head, origin, commit } = this.timeline;
    ring.position = (head + origin + ring.offset) >>> 0;
    ring.flush((head + origin) >>> 0, commit.next);
    commit.publish();
    this.timeline.noteRing(ring);
    this.#parked.set(name, performance.now());
  }

  /** A voice that gave NaN or worse is told so once, and poisoned slots are reset. */
  #inspect() {
    for (const player of this.timeline.players) {
      if (player.badFrames === 0) continue;
      player.badFrames = 0;
      const { state } = player.window;
      for (let i = 0; i < state.length; i++) if (!Number.isFinite(state[i])) state[i] = 0;
      if (player.told) continue;
      player.told = true;
      const message = 'gives NaN or blasts: cut there, its poisoned state reset';
      this.#say({ kind: 'fault', what: 'nan', voice: player.name, message });
    }
  }

  #failed(player, error) {
    const located = locate(error, { sources: this.#texts, file: this.#sources.at(-1)?.file, voice: player.name });
    this.#say({ ...located.toJSON(), kind: 'fault', what: 'throw' });
  }

  #announcePlayers() {
    this.#say({
      kind: 'players',
      names: this.timeline.players.map((player) => player.name),
      windows: this.timeline.arena.describe(),
      sources: this.#sources,
    });
  }

  /** What code inside a voice may do to the session. */
  #makeHooks() {
    const { timeline } = this;
    const { guard, loop } = timeline;
    const playing = () => loop.players[guard[GUARD.voice] - 1];
    return {
      sounding: () => guard[GUARD.voice] > 0,
      reseed: (value) => (this.#topLevelSeed[0] = value),
      random: () => random(playing()?.head ?? this.#topLevelSeed),
      fade: (name, apply, seconds = INNER_FADE_S) => {
        const target = loop.players.find((player) => player.name === name);
        if (!target) return;
        apply(target.spec, seconds);
        for (const { spec, head, endAt } of loop.players) {
          if (endAt < Infinity) continue;
          fadeTo(head, audibleAmong(spec, loop.players) ? 1 : 0, seconds * timeline.setup.rateHz);
        }
      },
      console: makeConsole(this.#say),
    };
  }
}

function audibleAmong(spec, players) {
  return !spec.muted && (spec.solo || !players.some((player) => player.spec.solo));
}

/** A console whose lines reach the person at the terminal, not this process's stdout. */
function makeConsole(say) {
  const line = (level) => (...values) => say({ kind: 'log', level, text: values.map(inspect).join(' ') });
  return { log: line('log'), info: line('log'), debug: line('log'), warn: line('warn'), error: line('error') };
}

function inspect(value) {
  if (typeof value === 'string') return value;
  if (ArrayBuffer.isView(value)) return `[${Array.from(value).join(', ')}]`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
