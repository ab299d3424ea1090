// What user code sees: play, kanon, stop, mute, solo and their kin. Running a file fills a Score: the wanted voices.
// Nothing sounds from here; `change.js` makes a score audible.

import { instruments } from './library/index.js';
import { Toolbox, UsageError } from './library/toolbox.js';
import { instead } from './nearest.js';
import { USUAL } from './transport.js';

/** Slots of `s.state`. */
const PLAY_SLOTS = 128;
/** Slots of `mem`, unless `{ slots }` asks for another number. */
const KANON_SLOTS = 1024;
/** What `play` and `kanon` take beside that. */
const OPTIONS = ['fade', 'slots'];
/** A session has 64 rings. */
const MOST_VOICES = 64;
const LONGEST_NAME_BYTES = 64;
const MOST_GAIN_DB = 24;
const MOST_BPM = 1000;
const MOST_BEATS_PER_BAR = 64;

/** The voices that a piece of code wants, by name, in order of their first `play`. */
export class Score {
  /** What was said of voices that were not there then: `{ name, change, error }`. */
  #waiting = [];

  /** With `previous`, code adds to that score; what it has changed is done. */
  constructor(previous) {
    const voices = previous && [...previous.voices].map(([name, spec]) => [name, { ...spec, changeFade: undefined, position: undefined }]);
    this.voices = new Map(voices);
    /** Fade in seconds of voices that this score stopped by name; `clear(fade)` sets it for all others. */
    this.stops = new Map();
    this.clearFade = undefined;
    /** What `bpm` said. */
    this.tempo = previous?.tempo ?? USUAL;
    /** Whether the file still runs: what it says later, from a promise, would be heard at an unrelated change. */
    this.open = true;
    /** Names that the code has used and that no voice of it has had: such as have played before. */
    this.asks = [];
    this.names = new Set(this.voices.keys());
  }

  /** A voice is there. What was said of it before counts. */
  declare(spec) {
    this.voices.set(spec.name, spec);
    this.names.add(spec.name);
    for (const { change } of this.#waiting.filter(({ name }) => name === spec.name)) change(spec);
    this.#waiting = this.#waiting.filter(({ name }) => name !== spec.name);
  }

  /** Changes a voice, now or as soon as it is there. */
  tell(name, change) {
    const spec = this.voices.get(name);
    if (spec) change(spec);
    else if (!this.names.has(name)) this.#waiting.push({ name, change, error: new UsageError(name) });
  }

  /** The code has run. Throws where it spoke of a voice that is not there and has never been, as far as `hasPlayed(name)`
   *  knows. */
  close(hasPlayed) {
    this.open = false;
    for (const { name, error } of this.#waiting) {
      if (!hasPlayed(name)) throw Object.assign(error, { message: `there is no voice ${name}; ${instead(name, [...this.voices.keys()])}` });
      this.asks.push(name);
    }
    this.#waiting = [];
  }
}

/** The functions that user code calls, writing into `score`. `makeMemory(name, slots)` gives a kanon voice its window
 *  before its factory runs; `hooks` serves calls from inside a voice; `library` is what makes and shapes sound. */
function surface(score, { sr, makeMemory, hooks, library }) {
  /** Throws unless the top level of the file runs. */
  const atTopLevel = (what) => {
    if (hooks.sounding()) throw new UsageError(`${what} at the top level, not inside a voice`);
    if (!score.open) throw new UsageError(`${what} at the top level: it comes too late when the file has run`);
  };

  const declare = (spec) => {
    if (!score.voices.has(spec.name) && score.voices.size >= MOST_VOICES) {
      throw new UsageError(`a session has ${MOST_VOICES} voices at most; ${spec.name} is one too many`);
    }
    score.stops.delete(spec.name);
    spec.site = new Error(spec.name);
    score.declare(spec);
  };

  const play = (name, fn, options) => {
    const voice = checkName('play', name);
    const block = typeof fn?.process === 'function';
    if (typeof fn !== 'function' && !block) {
      throw new UsageError(`play('${voice}', ...) needs a function of s that returns a number or [left, right], or { process(out, s) }`);
    }
    atTopLevel('play() and kanon() belong');
    const code = block ? { call: fn.process, self: fn, block } : { call: fn };
    declare({ ...voiceOptions(voice, options, PLAY_SLOTS), name: voice, shape: 'play', ...code });
  };

  const kanon = (id, factory, options) => {
    const voice = checkName('kanon', id);
    if (typeof factory !== 'function') {
      throw new UsageError(`kanon('${voice}', ...) needs a function (mem, idx, sr) => ({ update: () => [..] })`);
    }
    const settings = voiceOptions(voice, options, KANON_SLOTS);
    atTopLevel('play() and kanon() belong');
    const memory = makeMemory(voice, settings.slots);
    const made = factory(memory, 0, sr);
    if (typeof made?.update !== 'function') {
      throw new UsageError(`kanon('${voice}', ...) returned no { update } function`);
    }
    declare({ ...settings, name: voice, shape: 'kanon', call: made.update, self: made, takesRate: true });
  };

  const set = (member, value) => (name, fade) => {
    const voice = checkName('the first argument', name);
    const changeFade = checkFade(fade);
    if (hooks.sounding()) {
      hooks.set(voice, member, value, changeFade);
      return;
    }
    atTopLevel('mute, solo and their kin belong in a voice or');
    score.tell(voice, (spec) => Object.assign(spec, { [member]: value, changeFade }));
  };

  const [mute, unmute, solo] = [set('muted', true), set('muted', false), set('solo', true)];
  const unsolo = (name, fade) => {
    const voices = name === undefined ? [...score.voices.keys()] : [name];
    for (const voice of voices) set('solo', false)(voice, fade);
  };

  const setPosition = (name, seconds) => {
    const voice = checkName('setPosition', name);
    if (!Number.isFinite(seconds)) throw new UsageError(`setPosition('${voice}', seconds): seconds is a number, not ${seconds}`);
    if (hooks.sounding()) {
      hooks.setPosition(voice, seconds);
      return;
    }
    atTopLevel('setPosition() belongs in a voice or');
    score.tell(voice, (spec) => (spec.position = seconds));
  };

  const stop = (name, fade) => {
    const voice = checkName('stop', name);
    const seconds = checkFade(fade);
    if (hooks.sounding()) {
      hooks.set(voice, 'muted', true, seconds);
      return;
    }
    atTopLevel('stop() belongs in a voice or');
    score.tell(voice, () => {});
    score.voices.delete(voice);
    score.stops.set(voice, seconds);
  };

  /** The engine's strip of a voice: what is set here is heard at the frame of the change, over the cross-fade. */
  const strip = (name) => {
    const voice = checkName('strip', name);
    const put = (member, check) => (value) => {
      check(value);
      atTopLevel(`strip('${voice}').${member}() belongs`);
      score.tell(voice, (spec) => (spec.strip = { ...spec.strip, [member]: value }));
      return controls;
    };
    const pass = (control) => (fade) => {
      control(voice, fade);
      return controls;
    };
    const controls = {
      gain: put('gain', checkGain),
      pan: put('pan', checkPan),
      ...Object.fromEntries(Object.entries({ mute, unmute, solo, unsolo }).map(([member, control]) => [member, pass(control)])),
    };
    return controls;
  };

  const clear = (fade) => {
    atTopLevel('clear() belongs');
    score.voices.clear();
    score.clearFade = checkFade(fade);
  };

  const bpm = (tempo, beatsPerBar = USUAL.beatsPerBar) => {
    if (tempo === undefined) return hooks.sounding() ? hooks.bpm() : score.tempo.bpm;
    atTopLevel('bpm() belongs');
    score.tempo = checkTempo(tempo, beatsPerBar);
    return tempo;
  };

  return {
    bpm,
    play,
    kanon,
    flux: kanon,
    register: kanon,
    stop,
    unregister: stop,
    remove: stop,
    mute,
    unmute,
    solo,
    unsolo,
    strip,
    list: () => [...score.voices.keys()],
    clear,
    setPosition,
    console: hooks?.console,
    ...library,
  };
}

/** Names that exist in other hosts and can't mean anything in a voice; using one says why. */
const refused = Object.fromEntries(
  [
    ['require', 'require() is not available: a piece is one self-contained file'],
    ['setTimeout', 'setTimeout() is not available: time is s.t, so that every run gives the same sound'],
    ['setInterval', 'setInterval() is not available: time is s.t, so that every run gives the same sound'],
    ['setImmediate', 'setImmediate() is not available: time is s.t, so that every run gives the same sound'],
    ['fetch', 'fetch() is not available: a piece is one self-contained file'],
  ].map(([name, why]) => [
    name,
    () => {
      throw new UsageError(why);
    },
  ]),
);

function checkName(what, name) {
  if (typeof name !== 'string' || name === '') {
    throw new UsageError(`${what}: a voice's name is a string, not ${typeof name === 'string' ? 'empty' : typeof name}`);
  }
  if (new TextEncoder().encode(name).length > LONGEST_NAME_BYTES) {
    throw new UsageError(`${what}: a voice's name has at most ${LONGEST_NAME_BYTES} bytes`);
  }
  return name;
}

/** Undefined, or seconds from 0 on. */
function checkFade(fade) {
  if (fade === undefined) return undefined;
  if (typeof fade !== 'number' || !(fade >= 0) || fade === Infinity) {
    throw new UsageError(`a fade is a number of seconds from 0 on, not ${fade}`);
  }
  return fade;
}

function checkGain(db) {
  if (typeof db === 'number' && db <= MOST_GAIN_DB) return;
  throw new UsageError(`the gain of a strip is a number of decibels up to ${MOST_GAIN_DB}, -Infinity for none, not ${String(db)}`);
}

function checkPan(place) {
  if (typeof place === 'number' && place >= -1 && place <= 1) return;
  throw new UsageError(`the pan of a strip is a number from -1 (left) to 1 (right), not ${String(place)}`);
}

function checkTempo(bpm, beatsPerBar) {
  if (typeof bpm !== 'number' || !(bpm > 0 && bpm <= MOST_BPM)) {
    throw new UsageError(`bpm(tempo): the tempo is a number of beats per minute above 0, up to ${MOST_BPM}, not ${String(bpm)}`);
  }
  if (!Number.isInteger(beatsPerBar) || beatsPerBar < 1 || beatsPerBar > MOST_BEATS_PER_BAR) {
    throw new UsageError(`bpm(tempo, beats): beats per bar are a whole number from 1 to ${MOST_BEATS_PER_BAR}, not ${String(beatsPerBar)}`);
  }
  return { bpm, beatsPerBar };
}

function voiceOptions(voice, options, slots) {
  const given = typeof options === 'number' ? { fade: options } : options ?? {};
  if (typeof given !== 'object') {
    throw new UsageError(`${voice}: the options are a fade-in in seconds or { ${OPTIONS.join(', ')} }, not ${JSON.stringify(given) ?? typeof given}`);
  }
  const unknown = Object.keys(given).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) throw new UsageError(`${voice}: there is no option ${unknown}; ${instead(unknown, OPTIONS)}`);
  const wanted = given.slots ?? slots;
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw new UsageError(`${voice}: slots is a whole number from 1 on, not ${wanted}`);
  }
  return { fade: checkFade(given.fade), slots: wanted, muted: false, solo: false, strip: { gain: 0, pan: 0 } };
}

/** The names of the language. */
export const LANGUAGE = Object.keys(surface(new Score(), { library: instruments(new Toolbox({})) }));

/** The names under which code finds all this, in the order of `values`. */
export const NAMES = [...LANGUAGE, ...Object.keys(refused)];

/** The arguments for code that was compiled with `NAMES`. */
export function values(score, context) {
  return [...Object.values(surface(score, context)), ...Object.values(refused)];
}
