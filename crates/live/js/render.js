// The hot loop: all voices in step, sample by sample, each into its own frames; block voices a quantum at a time before
// them. Nothing here allocates.

import { finish, takeBlock } from './finish.js';
import { GUARD, NOBODY, pulse } from './guard.js';
import { QUANTUM, takeFrame } from './player.js';
import { Steps } from './steps.js';

/** Renders song frames `from .. from + frames` of all players into their `out`, beginning at frame `at` there.
 *  A player that throws fails, by name, and the others go on from the same sample. */
export class Loop {
  #guard;
  #channels;
  #rate;
  /** The list that runs, or ran last, and who of it is what. */
  players = [];
  #active = [];
  #stepped = [];
  #blocks = [];
  /** Of the run: its song frame, its place in `out`, its frames. */
  #from = 0;
  #at = 0;
  #frames = 0;
  /** How far it is: frames finished, the span that runs, the next block voice of it, the next voice in step, and the frame
   *  that runs (in a word that generated code can write). */
  #done = 0;
  #span = 0;
  #block = 0;
  #voice = 0;
  #cursor = new Int32Array(1);
  /** The list that `specialise` was given, and code made for it; the code that runs, if it is that list. */
  #special = { players: undefined, steps: undefined };
  #steps;

  constructor(guard, channels, rateHz) {
    this.#guard = guard;
    this.#channels = channels;
    this.#rate = rateHz;
  }

  /** `onFailure(player, error)` hears of each failure first; what it throws ends the run. */
  run(players, from, frames, at, onFailure) {
    this.#begin(players, from, frames, at);
    pulse(true);
    for (;;) {
      try {
        this.#go();
        break;
      } catch (error) {
        const player = players[this.#guard[GUARD.voice] - 1];
        this.#stopAt(player);
        onFailure(player, error);
        player.fail(error);
      }
    }
    this.#finish(frames);
    this.#guard[GUARD.voice] = NOBODY;
    this.#guard[GUARD.beat] += 1;
    pulse(false);
  }

  /** What is rendered up to the present frame is finished: a fade that is asked for now begins here. */
  settle() {
    this.#finish(this.#cursor[0]);
  }

  /** These players play on as they are: from now on code of their own renders them. */
  specialise(players) {
    this.#sort(players, Infinity);
    const place = { guard: this.#guard, cursor: this.#cursor, channels: this.#channels, rate: this.#rate };
    this.#special = { players, steps: new Steps(this.#stepped, place) };
  }

  /** Whether that was done for this list. */
  isSpecialFor(players) {
    return this.#special.players === players && this.#special.steps.fits();
  }

  #begin(players, from, frames, at) {
    const isWhole = this.#sort(players, from);
    this.#steps = isWhole && this.isSpecialFor(players) ? this.#special.steps : undefined;
    this.#from = from;
    this.#at = at;
    this.#frames = frames;
    this.#done = this.#span = this.#block = this.#voice = this.#cursor[0] = 0;
  }

  /** Who of them renders from song frame `from` on, and how. Returns whether it is all. */
  #sort(players, from) {
    const isWhole = players.every((player) => player.heldUntil <= from);
    if (isWhole && players === this.players && this.#active.length === players.length) return true;
    this.players = players;
    this.#active = players.filter((player) => player.heldUntil <= from);
    for (let i = 0; i < players.length; i++) players[i].place = i + 1;
    this.#stepped = this.#active.filter((player) => !player.spec.block);
    this.#blocks = this.#active.filter((player) => player.spec.block);
    return isWhole;
  }

  #go() {
    while (this.#span < this.#frames) {
      const end = this.#blocks.length > 0 ? Math.min(this.#span + QUANTUM, this.#frames) : this.#frames;
      for (; this.#block < this.#blocks.length; this.#block++) this.#renderBlock(this.#blocks[this.#block], end);
      if (this.#steps) this.#steps.run(this.#from, this.#cursor[0], end, this.#at);
      else this.#renderSteps(end);
      this.#cursor[0] = this.#span = end;
      this.#voice = this.#block = 0;
    }
  }

  #renderBlock(player, end) {
    const channels = this.#channels;
    const base = (this.#at + this.#span) * channels;
    if (player.failed) {
      for (let i = base; i < (this.#at + end) * channels; i += channels) takeFrame(player, player.call(player), i, channels);
      return;
    }
    const { signal, spec } = player;
    this.#guard[GUARD.voice] = player.place;
    signal.n = this.#from + this.#span;
    signal.t = signal.n / this.#rate;
    spec.call.call(spec.self, player.planes, signal);
    takeBlock(player, base, end - this.#span, signal.n, channels);
  }

  #renderSteps(end) {
    const guard = this.#guard;
    const channels = this.#channels;
    const stepped = this.#stepped;
    const count = stepped.length;
    let first = this.#voice;
    for (let f = this.#cursor[0]; f < end; f++) {
      this.#cursor[0] = f;
      const n = this.#from + f;
      const t = n / this.#rate;
      const base = (this.#at + f) * channels;
      for (let i = first; i < count; i++) {
        const player = stepped[i];
        guard[GUARD.voice] = player.place;
        const { signal, call, out } = player;
        signal.n = n;
        signal.t = t;
        const value = call(player.argument);
        if (typeof value === 'number') {
          out[base] = out[base + 1] = value;
          for (let c = 2; c < channels; c++) out[base + c] = 0;
        } else {
          takeFrame(player, value, base, channels);
        }
      }
      first = 0;
    }
  }

  /** A player has thrown: the run goes on from where it is, and `last` of the player is its last frame. */
  #stopAt(player) {
    this.#steps = undefined;
    const isBlock = player.spec.block;
    if (!isBlock) this.#voice = this.#stepped.indexOf(player);
    const frame = this.#cursor[0];
    if (frame <= this.#done) return;
    const base = (this.#at + frame - 1) * this.#channels;
    for (let c = 0; c < this.#channels; c++) player.last[c] = player.out[base + c];
  }

  #finish(frame) {
    const at = this.#at;
    for (let i = 0; i < this.#active.length; i++) finish(this.#active[i], at + this.#done, at + frame, this.#from + this.#done, this.#channels);
    this.#done = frame;
  }
}
