// What the code of a piece may do to the session while it runs: the library, and calls from inside a voice.

import { audible, fadeTo } from './finish.js';
import { GUARD } from './guard.js';
import { instruments } from './library/index.js';
import { Toolbox } from './library/toolbox.js';
import { instead } from './nearest.js';
import { HEAD, random } from './state.js';

/** Fade of mute, solo and stop that are called from inside a voice. */
const INNER_FADE_S = 0.02;

/** The hooks for pieces on `timeline`. */
export function makeHooks({ timeline, shelf, desk, console, program }) {
  const { arena, guard, loop, setup, transport } = timeline;
  const topLevelSeed = new Float64Array(1);
  const playing = () => loop.players[guard[GUARD.voice] - 1];
  /** Those that voices were told are not there. */
  const told = new WeakMap();
  const named = (name) => loop.players.find((player) => player.name === name) ?? missed(name);
  /** A voice speaks of one that has left, or of one that has never been: it plays on, and people hear of that once. */
  const missed = (name) => {
    const speaker = playing();
    if (timeline.rehearsing || program.hasPlayed(name) || told.get(speaker)?.has(name)) return undefined;
    told.set(speaker, new Set(told.get(speaker)).add(name));
    console.methods.warn(`voice ${speaker.name}: there is no voice ${name}; ${instead(name, loop.players.map((player) => player.name))}`);
    return undefined;
  };
  const library = instruments(new Toolbox({ state: arena.all, lines: arena.lines, sr: setup.rateHz, playing, transport, shelf, desk }));
  return {
    library,
    shelf,
    desk,
    hasPlayed: (name) => program.hasPlayed(name),
    sounding: () => guard[GUARD.voice] > 0,
    bpm: () => transport.bpm,
    reseed: (value) => (topLevelSeed[0] = value),
    random: () => random(playing()?.head ?? topLevelSeed),
    set: (name, member, value, seconds = INNER_FADE_S) => {
      const target = named(name);
      if (!target) return;
      loop.settle();
      target.head[HEAD[member]] = value ? 1 : 0;
      for (const player of loop.players) {
        if (player.endAt < Infinity) continue;
        fadeTo(player.head, audible(player, loop.players) ? 1 : 0, seconds * setup.rateHz);
      }
    },
    setPosition: (name, seconds) => {
      const target = named(name);
      if (target) target.head[HEAD.begun] = playing().signal.n - seconds * setup.rateHz;
    },
    console: console.methods,
  };
}
