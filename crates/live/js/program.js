// The code that plays: a piece, and the blocks that were sent to it, in the order in which they came. Run again in that order
// they make the same voices and names.

import path from 'node:path';
import { keepPlaces, lineOf, locate, placeIn, shownAs } from './places.js';
import { checkRoom, needed, played } from './sent.js';

/** What a piece does to names: others look at it only when they want to know. */
const PIECE = Object.freeze({ declares: [], uses: [], assigns: [], changes: [] });

export class Program {
  /** Each with the texts of all its files; blocks have a number. */
  sources = [];
  #blocks = 0;
  /** Names of all voices that have played. */
  #played = new Set();
  /** The last code that was tried, whatever became of it. */
  #tried = { texts: new Map() };

  /** The sources of an evaluator before. */
  know(sources) {
    this.sources = sources;
    this.#blocks = Math.max(0, ...sources.map(({ block = 0 }) => block));
    for (const { plays, stops, asks } of sources) for (const name of [...plays, ...stops, ...asks]) this.#played.add(name);
  }

  /** Whether a voice plays, or has played before: code may speak of it. */
  hasPlayed(name) {
    return this.#played.has(name);
  }

  /** Nothing plays. */
  clear() {
    this.sources = [];
  }

  /** The number of a block that is to be tried. Throws a `SourceError` where there is no room for it. */
  nextBlock(source, file) {
    checkRoom(this.sources, source, file);
    return (this.#blocks += 1);
  }

  /** What a block with that number is to the compiler; undefined for a piece. */
  blockOf(number, file) {
    return number === undefined ? undefined : { number, from: path.isAbsolute(file) ? file : this.sources[0]?.file ?? file };
  }

  /** Places of code that is gone are forgotten: `trial` is what is tried from now on. */
  beforeTrial() {
    keepPlaces(new Set([...this.sources, this.#tried].flatMap((each) => [...each.texts.keys()])));
  }

  tries({ file, sources: texts }) {
    this.#tried = { file, texts };
  }

  /** `trial` plays; with `add` beside what played before, by `before`, its score. What nothing depends on any more is
   *  forgotten. */
  note(trial, { add, before }) {
    const { source, file, block, sources: texts, sounds, score } = trial;
    const did = block === undefined ? PIECE : trial.main.effects;
    for (const name of score.names) this.#played.add(name);
    const { asks } = score;
    const entry = { source, file, block, texts, sounds, asks, ...did, ...played(score, add ? before : undefined, trial.controls) };
    const now = { voices: [...score.voices.keys()], names: trial.names.list() };
    this.sources = add ? needed([...this.sources, entry], now) : [entry];
  }

  /** Its sound files, as `{ path, stamp }`. */
  get sounds() {
    return this.sources.flatMap(({ sounds }) => [...sounds].map(([file, stamp]) => ({ path: file, stamp })));
  }

  /** Where a voice that plays is declared, as a message has it. */
  placeOf({ spec }) {
    if (spec.place === undefined) {
      const texts = new Map(this.sources.flatMap((source) => [...source.texts]));
      const { file, line, column } = placeIn(spec.site?.stack, texts);
      spec.place = { file: shownAs(file), line, column, source_line: lineOf(texts.get(file), line) };
    }
    return spec.place;
  }

  /** An error as a message, with its place; `late` says that nobody called what threw it, be it code that was only tried. */
  locate(error, { player, late = false } = {}) {
    const known = late ? [...this.sources, this.#tried] : this.sources;
    const sources = new Map(known.flatMap(({ texts }) => [...texts]));
    const voice = { voice: player?.name, site: player?.spec.site };
    return locate(error, { sources, file: known.at(-1)?.file, ...voice }).toJSON();
  }
}
