// Names of notes, scales and chords, as frequencies in Hz. Equal temperament, A4 = 440 Hz, middle C is c4 and MIDI note 60.

import { UsageError, number } from './toolbox.js';

const LETTERS = { c: 0, d: 2, e: 4, f: 5, g: 7, a: 9, b: 11 };
const ACCIDENTALS = { '': 0, '#': 1, '##': 2, b: -1, bb: -2 };
const USUAL_OCTAVE = 4;
/** What is beyond is no note. */
const MOST_OCTAVE = 12;
/** Names that are remembered. */
const MOST_KNOWN = 1000;

/** Semitones above the root. */
const SCALES = {
  major: [0, 2, 4, 5, 7, 9, 11],
  minor: [0, 2, 3, 5, 7, 8, 10],
  dorian: [0, 2, 3, 5, 7, 9, 10],
  phrygian: [0, 1, 3, 5, 7, 8, 10],
  lydian: [0, 2, 4, 6, 7, 9, 11],
  mixolydian: [0, 2, 4, 5, 7, 9, 10],
  locrian: [0, 1, 3, 5, 6, 8, 10],
  'harmonic minor': [0, 2, 3, 5, 7, 8, 11],
  'melodic minor': [0, 2, 3, 5, 7, 9, 11],
  pentatonic: [0, 2, 4, 7, 9],
  'minor pentatonic': [0, 3, 5, 7, 10],
  blues: [0, 3, 5, 6, 7, 10],
  'whole tone': [0, 2, 4, 6, 8, 10],
  chromatic: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
};

const CHORDS = {
  major: [0, 4, 7],
  minor: [0, 3, 7],
  dim: [0, 3, 6],
  aug: [0, 4, 8],
  sus2: [0, 2, 7],
  sus4: [0, 5, 7],
  5: [0, 7],
  6: [0, 4, 7, 9],
  m6: [0, 3, 7, 9],
  7: [0, 4, 7, 10],
  maj7: [0, 4, 7, 11],
  m7: [0, 3, 7, 10],
  dim7: [0, 3, 6, 9],
  m7b5: [0, 3, 6, 10],
  add9: [0, 4, 7, 14],
  9: [0, 4, 7, 10, 14],
  maj9: [0, 4, 7, 11, 14],
  m9: [0, 3, 7, 10, 14],
};
const OTHER_NAMES = { '': 'major', maj: 'major', M: 'major', m: 'minor', min: 'minor', M7: 'maj7', min7: 'm7', minor7: 'm7', major7: 'maj7' };

function computed(midi) {
  return 440 * 2 ** ((midi - 69) / 12);
}

/** Of whole MIDI numbers: a power costs more than an oscillator. */
const WHOLE = Float64Array.from({ length: 128 }, (_, midi) => computed(midi));

function hzOf(midi) {
  return WHOLE[midi] ?? computed(midi);
}

/** What `read` makes of a name, worked out once per name: these are called in every frame. */
function remembered(read) {
  const known = new Map();
  return (name) => {
    let value = known.get(name);
    if (value !== undefined) return value;
    value = read(name);
    if (known.size === MOST_KNOWN) known.clear();
    known.set(name, value);
    return value;
  };
}

/** The MIDI number of a name like `c4`, `F#3` or `bb`; undefined where it is none. */
const midiOf = remembered((name) => {
  const found = /^([a-g])(##?|bb?)?(-?\d+)?$/i.exec(name);
  if (!found) return null;
  const [, letter, accidental = '', octave = USUAL_OCTAVE] = found;
  if (Math.abs(octave) > MOST_OCTAVE) return null;
  return 12 * (Number(octave) + 1) + LETTERS[letter.toLowerCase()] + ACCIDENTALS[accidental.toLowerCase()];
});

/** The frequency of a note by its name; undefined where it is none. */
export function hzOfName(name) {
  const midi = midiOf(name);
  return midi === null ? undefined : hzOf(midi);
}

/** The root's MIDI number and the steps above it of `c minor`, `f#3 dorian`. */
const scaleOf = remembered((name) => {
  const [root, ...words] = name.trim().split(/\s+/);
  const steps = SCALES[words.join(' ').toLowerCase() || 'major'];
  const midi = midiOf(root);
  if (steps && midi !== null) return { midi, steps };
  throw new UsageError(`scale('${name}', degree): a scale is a note and one of ${Object.keys(SCALES).join(', ')}: 'c minor', 'f#3 dorian'`);
});

/** A degree counts from 0; those below and above lie in other octaves. */
function degreeOf({ midi, steps }, degree) {
  const whole = Math.floor(degree);
  const octave = Math.floor(whole / steps.length);
  return hzOf(midi + 12 * octave + steps[whole - octave * steps.length]);
}

/** The notes of `am7`, or with an octave, apart from the rest of the name: `a3 m7`. */
const chordOf = remembered((name) => {
  const parts = name.trim().split(/\s+/);
  const [root, quality] = parts.length === 2 ? parts : /^([a-g](?:##?|bb?)?)(.*)$/i.exec(parts[0])?.slice(1) ?? [''];
  const steps = CHORDS[OTHER_NAMES[quality] ?? quality];
  const midi = midiOf(root);
  if (parts.length <= 2 && steps && midi !== null) return Object.freeze(steps.map((step) => hzOf(midi + step)));
  throw new UsageError(`chord('${name}'): a chord is a note and one of ${Object.keys(CHORDS).join(', ')}: 'am7', 'c3 minor'`);
});

/** The names of pitches by name, made with `toolbox`. */
export function pitch(toolbox) {
  const one = (x) => {
    if (typeof x === 'number') return hzOf(x);
    const hz = typeof x === 'string' ? hzOfName(x) : undefined;
    if (hz !== undefined) return hz;
    throw new UsageError(`note(x): a note is a name like 'c4', 'f#3' or 'bb', or a MIDI number, not ${typeof x === 'object' ? 'an object' : String(x)}`);
  };

  const notes = toolbox.define('note', (node) => {
    let [midi, hz] = [NaN, 0];
    return (s) => {
      const given = number(node.a, s);
      if (given !== midi) hz = hzOf((midi = given));
      return hz;
    };
  });
  const degrees = toolbox.define('scale', (node) => {
    let scale;
    let [degree, hz] = [NaN, 0];
    node.settle = () => {
      const found = scaleOf(node.a);
      if (found !== scale) degree = NaN;
      scale = found;
    };
    return (s) => {
      const given = number(node.b, s);
      if (given !== degree) hz = degreeOf(scale, (degree = given));
      return hz;
    };
  });

  const note = (x) => {
    if (typeof x === 'function') return notes(x);
    return Array.isArray(x) ? x.map(one) : one(x);
  };

  const scale = (name, degree) => {
    if (typeof name !== 'string') throw new UsageError(`scale(name, degree): the name is a string like 'c minor', not ${typeof name}`);
    if (typeof degree === 'function') return degrees(name, degree);
    const found = scaleOf(name);
    if (degree === undefined) return found.steps.map((_, i) => degreeOf(found, i));
    const all = Array.isArray(degree) ? degree : [degree];
    const wrong = all.find((x) => !Number.isFinite(x));
    if (wrong !== undefined || all.includes(undefined)) {
      throw new UsageError(`scale('${name}', degree): a degree is a number, counted from 0, not ${String(wrong)}`);
    }
    return Array.isArray(degree) ? degree.map((each) => degreeOf(found, each)) : degreeOf(found, degree);
  };

  const chord = (name) => {
    if (typeof name !== 'string') throw new UsageError(`chord(name): the name is a string like 'am7', not ${typeof name}`);
    return chordOf(name);
  };

  return { note, hz: note, scale, chord };
}
