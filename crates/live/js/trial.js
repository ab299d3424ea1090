// Trying new code before it may be heard: it is compiled, run once, and its closures render a few blocks on a copy of
// the state. That warms the very closures that will play, and shows what throws, is not finite, blasts or is too slow.

import { SESSION } from './arena.js';
import { Cells } from './cells.js';
import { compile } from './compile.js';
import { shownResult } from './console.js';
import { GUARD, NOBODY, PLAYING, TAKE_OVER, TOP_LEVEL, pulse } from './guard.js';
import { Player, Signal } from './player.js';
import { SourceError, lineOf, locate, placeIn } from './places.js';
import { Shadow } from './shadow.js';
import { Sharing } from './shared.js';
import { slowest } from './slowness.js';
import { HEAD, random, seed } from './state.js';
import { NAMES, Score, values } from './surface.js';

/** Louder than this (+18 dBFS) is no music. */
const BLAST = 8;
/** What helpers remember that were not called for so long, since the code of their voice changed, is forgotten. */
const UNUSED_S = 60;

/** Runs `source` and its voices in the shadow of what plays. Is what `change.js` needs to make it audible. */
export class Trial {
  #timeline;
  #tell;
  #judged;
  #before = new Map();
  #planned = new Map();
  #patches = [];
  /** The players that this code makes; the others play already. */
  #fresh = [];
  /** Whether the code plays: what it asks for is its own at once. */
  #settled = false;

  /** `revision` is what the host calls this code; code that is not `judged` has played before. `read(path)` gives the
   *  text of an imported file; `sounds` are the stamps of sound files, where they are not what they are now.
   *  `announce({ revision, names, files })` tells the host whose code is about to run. `names` are those that it shares; with
   *  `block`, it is code that was sent: see `compile`. */
  constructor(timeline, { source, file, revision = TAKE_OVER, judged = true, read, sounds = new Map(), announce, names, block }) {
    this.#timeline = timeline;
    this.#judged = judged;
    this.#tell = announce;
    this.source = source;
    this.file = file;
    this.revision = revision;
    /** The stamps of the sound files that it asks for, by path. */
    this.sounds = sounds;
    this.players = [];
    this.unrewindable = [];
    const began = performance.now();
    if (block) names.look();
    this.main = compile(source, file, NAMES, { read, block: block && { ...block, isShared: (name) => names.has(name) } });
    this.names = names;
    this.block = block?.number;
    this.sharing = new Sharing(names, source, this.main);
    /** Every file and its text. */
    this.sources = this.main.sources;
    this.compileMs = performance.now() - began;
  }

  /** `current` is `{ score, players }` of what plays; with `add` the code adds to it instead of replacing it. `hooks`
   *  serves calls from inside a voice; voices in `without` stay out. Throws a `SourceError` when the code is refused,
   *  and `SoundsWanted` when it can't be judged yet, with everything as before. */
  run({ current, add, hooks, without = [] }) {
    const { arena, guard, snapshots, origin, now, setup, rehearsing } = this.#timeline;
    const began = performance.now();
    const head = arena.all.slice(0, arena.used);
    const existing = add ? current : { players: [] };
    const prepare = () => {
      this.announce([]);
      this.#evaluate(existing, hooks);
      this.#retime(this.#timeline.head);
      this.#build(existing.players, without);
    };
    if (origin !== undefined) snapshots.restore(now - origin, arena);
    this.sounds = hooks.shelf.begin(this.sounds);
    this.controls = hooks.desk.begin((key, shape, slots) => this.#window(SESSION, shape, slots, { key }));
    try {
      prepare();
      this.#askForSounds(hooks.shelf);
      this.#timeline.rehearsing = true;
      // What played before is in the lines already: it is not tried over them.
      if (this.#judged) this.#shadow();
      // The time of a render is its own: its closures begin where the file leaves them.
      if (setup.render) prepare();
      this.#askForSounds(hooks.shelf);
    } catch (error) {
      this.abandon();
      // Without its sounds code may do anything.
      throw hooks.shelf.missing(this.sources) ?? this.#located(error);
    } finally {
      hooks.shelf.end();
      this.#timeline.rehearsing = rehearsing;
      guard[GUARD.voice] = NOBODY;
      guard[GUARD.trial] = PLAYING;
      arena.all.set(head);
      hooks.desk.end();
      this.sharing.withdraw();
    }
    this.warmMs = performance.now() - began;
    return this;
  }

  #askForSounds(shelf) {
    const missing = shelf.missing(this.sources);
    if (missing) throw missing;
  }

  /** From here on it is this code that runs: `players` by their places in the guard's word. */
  announce(players) {
    this.#timeline.guard[GUARD.trial] = this.revision;
    this.#tell({ revision: this.revision, names: players.map((player) => player.name), files: [...this.sources.keys()] });
  }

  /** The windows of the new voices are filled from the state as it is now, at song frame `song`. */
  prepare(song) {
    this.sharing.apply();
    this.#retime(song);
    for (const player of this.players) this.#timeline.arena.prepare(player.window);
    this.#prepareCells();
    this.#prepareControls();
    for (const { state, slots } of this.#patches) for (const [slot, value] of slots) state[slot] = value;
  }

  /** The tempo is that of this code from song frame `song` on; whether that is another one. */
  #retime(song) {
    const { transport, setup } = this.#timeline;
    this.isRetimed = transport.retime(song, this.score.tempo, setup.rateHz);
  }

  /** The windows and declarations of the new voices become theirs: the code plays. A window that it asked for and whose
   *  voice it stopped again is given back. */
  adopt() {
    this.sharing.keep();
    for (const player of this.players) {
      this.#timeline.arena.adopt(player.window);
      player.spec = this.score.voices.get(player.name);
    }
    for (const player of this.#fresh) this.#adoptCells(player);
    this.hold();
    this.settle();
  }

  /** From now on voices whose state can't be restored are left alone by what others change. */
  hold() {
    for (const player of this.unrewindable) player.isRewindable = false;
  }

  /** What nobody has turned yet. */
  #prepareControls() {
    for (const { window, isNew } of this.controls.values()) if (isNew) window.state.fill(NaN);
  }

  /** Those that the code before has called and this one has not yet are kept for a while: some are called now and then. */
  #adoptCells({ name, window, cells }) {
    const { arena, head, setup } = this.#timeline;
    for (const cell of cells) arena.adopt(cell);
    for (const owned of arena.of(name)) {
      const used = owned === window || cells.includes(owned);
      owned.unusedSince = used ? undefined : owned.unusedSince ?? head;
      if (head - owned.unusedSince > UNUSED_S * setup.rateHz) arena.release(owned);
    }
  }

  /** Who plays from now on listens to them; they keep their values when nobody does any more. */
  #adoptControls() {
    for (const control of this.controls.values()) {
      this.#timeline.arena.adopt(control.window);
      control.isNew = false;
    }
  }

  /** The code plays, and has what it has. */
  settle() {
    this.#adoptControls();
    this.abandon();
    this.#settled = true;
  }

  /** Gives back what the trial took and no voice has: all of it where the code will not play. */
  abandon() {
    this.withdraw();
    const { arena } = this.#timeline;
    for (const window of this.#planned.values()) {
      if (window !== arena.window(window.name, window.key)) arena.release(window);
    }
    this.#planned.clear();
  }

  /** The line on which a voice is declared, where that is known. */
  lineOf(player) {
    return placeIn(player.spec.site?.stack, this.sources).line;
  }

  /** What the code has done to shared names is undone: what played before plays on, or is rendered again. */
  withdraw() {
    this.sharing.withdraw();
  }

  /** Whether what goes wrong in a voice is this code's fault: it has made it, or changed names that it may use. */
  answersFor(player) {
    if (this.#fresh.includes(player)) return true;
    return this.sharing.changesOthers && player.failed === undefined && player.told.size === 0;
  }

  /** A voice of this code has thrown before it could be heard. */
  failed(player, error) {
    throw this.#located(error, player);
  }

  /** Refuses code whose voices gave what can't be heard. */
  judge(players) {
    if (!this.#judged) return;
    for (const player of players) {
      const blast = player.peak > BLAST;
      if (player.oddReturns > 0) this.#refuse(player, 'return', 'returns neither a number nor [left, right]');
      else if (blast) this.#refuse(player, 'blast', `blasts: its peak is above ${BLAST}`);
      else if (player.badFrames > 0) this.#refuse(player, 'nan', 'gives NaN');
      else if (player.signal.amiss !== undefined) this.#refuse(player, 'nan', player.signal.amiss);
    }
  }

  #located(error, player) {
    const located = locate(error, { sources: this.sources, file: this.file, voice: player?.name, site: player?.spec.site });
    located.files = [...this.sources.keys()];
    located.sounds = [...this.sounds.keys()];
    return located;
  }

  #prepareCells() {
    const { arena } = this.#timeline;
    for (const player of this.#fresh) for (const cell of player.cells) arena.prepare(cell);
  }

  #evaluate({ score, players }, hooks) {
    const { guard, setup } = this.#timeline;
    this.score = new Score(score);
    // What code inside a voice has muted stays so.
    for (const { name, head } of players) {
      Object.assign(this.score.voices.get(name), { muted: head[HEAD.muted] === 1, solo: head[HEAD.solo] === 1 });
    }
    this.#before.clear();
    const makeMemory = (name, slots) => {
      const window = this.#window(name, 'kanon', slots, {});
      this.#before.set(name, window.state.slice());
      return window.state;
    };
    hooks.reseed(seed(this.file));
    guard[GUARD.voice] = TOP_LEVEL;
    pulse(true);
    this.sharing.begin();
    this.main.run(values(this.score, { sr: setup.rateHz, makeMemory, hooks, library: hooks.library }), this.sharing);
    this.sharing.end();
    // It may be the code's own that writes it down.
    this.value = shownResult(this.sharing.takeResult());
    this.score.close(this.#judged ? hooks.hasPlayed : () => true);
    guard[GUARD.voice] = NOBODY;
    pulse(false);
    this.#patches = [];
    for (const [name, before] of this.#before) {
      const { state } = this.#planned.get(placeOf(name));
      const slots = [];
      for (let i = 0; i < state.length; i++) if (!Object.is(state[i], before[i])) slots.push([i, state[i]]);
      if (slots.length > 0) this.#patches.push({ state, slots });
    }
  }

  /** A window of a voice for this trial: planned once per name and key. */
  #window(name, shape, slots, options) {
    const { arena } = this.#timeline;
    const place = placeOf(name, options.key);
    const earlier = this.#planned.get(place);
    const fits = earlier?.shape === shape && earlier.slots === slots && (earlier.line?.remembers ?? 0) === (options.remembers ?? 0);
    if (earlier && !fits && earlier !== arena.window(name, options.key)) arena.release(earlier);
    const window = fits ? earlier : arena.plan(name, shape, slots, options);
    arena.prepare(window);
    this.#planned.set(place, window);
    return window;
  }

  /** The window of a helper that is called for the first time. */
  #cell(signal, key, shape, slots, remembers) {
    const { arena, snapshots } = this.#timeline;
    const options = { key, remembers };
    if (!this.#settled) return this.#window(signal.name, shape, slots, options);
    const present = arena.window(signal.name, key);
    const window = arena.plan(signal.name, shape, slots, { ...options, again: true });
    window.unusedSince = undefined;
    if (window === present) return window;
    arena.prepare(window);
    window.born = signal.n;
    arena.adopt(window);
    if (!snapshots.holds(arena.used)) throw new Error('too many helpers are called for the first time while it plays');
    return window;
  }

  /** One player per voice of the score; what `existing` plays unchanged keeps its player. */
  #build(existing, without) {
    const wanted = [...this.score.voices.values()].filter((spec) => !without.includes(spec.name));
    this.players = wanted.map((spec, index) => {
      const kept = existing.find((player) => player.name === spec.name && player.spec.call === spec.call);
      return kept ?? this.#player(spec, index);
    });
    this.#fresh = this.players.filter((player) => !existing.includes(player));
  }

  #windowFor(spec) {
    try {
      return this.#window(spec.name, spec.shape, spec.slots, {});
    } catch (error) {
      return this.#refuse({ name: spec.name, spec }, 'state', `finds no memory: ${error.message}`);
    }
  }

  #player(spec, index) {
    // A factory has filled its window already.
    const filled = spec.shape === 'kanon' ? this.#planned.get(placeOf(spec.name)) : undefined;
    const window = filled ?? this.#windowFor(spec);
    const signal = new Signal(spec.name, index, {
      sr: this.#timeline.setup.rateHz,
      state: window.state,
      head: window.head,
      random: () => random(window.head),
      cells: new Cells((...wanted) => this.#cell(signal, ...wanted)),
    });
    return new Player(spec, window, signal);
  }

  /** Who plays already takes part only where this code may change what it does, or may be too much for all together. */
  #shadow() {
    const { arena, costMsPerFrame, players } = this.#timeline;
    const others = this.players.filter((player) => !this.#fresh.includes(player));
    if (!this.sharing.changesOthers) {
      const besides = others.length === 0 ? 0 : (costMsPerFrame * others.length) / players.length;
      const shadow = this.#shadowOf(this.#fresh, { besides, isLast: others.length === 0 });
      if (!shadow.isTooSlow) return;
    }
    const giveBack = arena.lendLines(others.flatMap(({ cells }) => cells));
    try {
      this.#shadowOf(this.players, { isLast: true });
    } finally {
      giveBack();
    }
  }

  /** What is too slow is refused where this is the last one to judge that. */
  #shadowOf(players, { besides, isLast }) {
    this.announce(players);
    const shadow = new Shadow(this.#timeline, players, {
      besides,
      again: () => this.#prepareCells(),
      onFailure: (player, error) => {
        if (this.answersFor(player)) this.failed(player, error);
      },
    });
    shadow.run(() => {
      this.judge(players.filter((player) => this.answersFor(player)));
      if (isLast && shadow.isTooSlow) {
        this.#refuse(slowest(this.#timeline, players) ?? players[0], 'slow', `is too slow: all voices together render at ${shadow.speed.toFixed(2)} x real time`);
      }
    });
    this.costMsPerFrame = shadow.costMsPerFrame;
    this.unrewindable = shadow.unrewindable;
    return shadow;
  }

  #refuse({ name, spec }, kind, what) {
    const place = placeIn(spec.site?.stack, this.sources);
    const sourceLine = lineOf(this.sources.get(place.file), place.line);
    const refusal = { kind, file: this.file, ...place, sourceLine, voice: name };
    throw this.#located(new SourceError(`voice ${name} ${what}`, refusal));
  }
}

/** By which a trial finds what it has planned. */
function placeOf(name, key = '') {
  return `${name}\0${key}`;
}
