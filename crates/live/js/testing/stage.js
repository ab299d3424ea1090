// An evaluator on a session in local files, driven by hand: no thread, no daemon, no clock but the blocks played here.

import assert from 'node:assert/strict';
import { ModelSession, attachRing } from '../../../../sdk/js/testing/model.js';
import { Evaluator } from '../evaluator.js';
import { SoundsWanted } from '../shelf.js';
import { makeShared } from '../state.js';
import { decoded } from './sounds.js';

export const FILE = '/song/piece.js';

/** One sine whose phase is in its state. */
export const SINE = `play('sine', s => {
  s.state[0] = (s.state[0] + 220 / s.sr) % 1;
  return 0.5 * Math.sin(2 * Math.PI * s.state[0]);
});
`;

export class Stage {
  constructor({ rateHz = 48000, leadFrames = 9600, channels = 2, blockFrames = 64, crossfadeFrames = 32, engineFrame = 5000, render = false, folder } = {}) {
    this.session = new ModelSession({ rateHz, crossfadeFrames, blockFrames, engineFrame });
    this.control = this.session.attach();
    this.capacityFrames = 32768;
    this.setup = { rateHz, channels, crossfadeFrames, leadFrames, capacityFrames: this.capacityFrames, render, folder, sounds: new Map() };
    this.shared = makeShared();
    this.said = [];
    this.heard = new Map();
    this.opened = new Map();
    this.evaluator = new Evaluator(this.control, this.setup, this.shared, (message) => this.said.push(message));
  }

  /** Tries and enters a piece, opening rings and loading sounds as the host does. */
  save(source, options) {
    const trial = this.#try(source, options);
    for (const name of this.evaluator.missingRings(trial)) this.openRing(name);
    return this.enter(trial, options);
  }

  #try(source, options) {
    try {
      return this.evaluator.try(source, FILE, options);
    } catch (error) {
      if (!(error instanceof SoundsWanted)) throw error;
      for (const sound of error.wanted.map(decoded)) {
        this.setup.sounds.set(sound.path, sound);
        this.evaluator.shelf.add(sound);
      }
      return this.evaluator.try(source, FILE, { ...options, sounds: error.bound });
    }
  }

  enter(trial, options) {
    try {
      return this.evaluator.enter(trial, options);
    } catch (error) {
      this.evaluator.abandon(trial);
      throw error;
    }
  }

  openRing(name) {
    const { channels } = this.setup;
    const reply = this.session.open({ channels, capacityFrames: this.capacityFrames, name });
    this.opened.set(name, reply);
    this.heard.set(name, []);
    this.evaluator.addRing(name, attachRing(this.control, reply));
  }

  /** Plays `frames` frames, filling before every block. */
  play(frames) {
    for (let done = 0; done < frames; done += this.session.blockFrames) {
      this.evaluator.fill(1000);
      this.block();
    }
  }

  block() {
    const out = this.session.block();
    for (const [name, { slot }] of this.opened) for (const sample of out[slot]) this.heard.get(name).push(sample);
  }

  /** Left channel of what was heard of a voice. */
  left(name) {
    return this.heard.get(name).filter((_, i) => i % this.setup.channels === 0);
  }

  /** A second evaluator in the place of the first, as after a termination in which the voices `guilty` were to blame. */
  respawn(...guilty) {
    const { windows, sources, failed, unrewindable } = this.said.filter(({ kind }) => kind === 'players').at(-1);
    this.evaluator = new Evaluator(this.control, { ...this.setup, windows }, this.shared, (message) => this.said.push(message));
    for (const [name, reply] of this.opened) this.evaluator.addRing(name, attachRing(this.control, reply));
    this.evaluator.resume({ sources, without: [...guilty, ...failed], unrewindable });
  }

  close() {
    this.control.close();
    this.session.close();
  }
}

/** Largest step between neighbours. */
export function largestStep(samples) {
  let most = 0;
  for (let i = 1; i < samples.length; i++) most = Math.max(most, Math.abs(samples[i] - samples[i - 1]));
  return most;
}

/** Index of the first sample that is not zero. */
export function onset(samples) {
  return samples.findIndex((sample) => sample !== 0);
}

/** How far 220 Hz is from one unbroken sine, by its exact recurrence: zero means not at all. */
export function residual(samples) {
  const k = 2 * Math.cos((2 * Math.PI * 220) / 48000);
  let most = 0;
  for (let i = 2; i < samples.length; i++) {
    most = Math.max(most, Math.abs(samples[i] - k * samples[i - 1] + samples[i - 2]));
  }
  return most;
}

/** Runs `body(stage)` on a stage of its own. */
export function staged(body, options) {
  const stage = new Stage(options);
  try {
    body(stage);
  } finally {
    stage.close();
  }
}

/** That two stages heard the same of a voice, bit by bit, from its first sound on. */
export function assertSame(one, other, name) {
  const sound = (stage) => stage.left(name).slice(onset(stage.left(name)));
  const [a, b] = [sound(one), sound(other)];
  const length = Math.min(a.length, b.length);
  assert.ok(length > 2000, `${length} frames to compare`);
  assert.deepEqual(a.slice(0, length), b.slice(0, length));
}

/** `roll(sides)` of a small generator, so that every run is the same. */
export function dice(seed) {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % sides;
  };
}
