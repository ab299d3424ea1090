// Watching a piece through the folders of its files: editors rename, truncate and write again, and a watch on a file
// itself would be lost. Acts at once on every event, and looks again a few times soon after: a runtime may fold the
// events of one save into one, and writers truncate before or after they write. A file that is empty or gone is given
// longer: a writer that is kept off its core between truncating and writing must not silence the piece.

import fs from 'node:fs';
import path from 'node:path';

/** A file event this long ago means that the editor has finished. */
export const QUIET_MS = 30;
/** A file that is empty or gone for so long is meant to be. */
const EMPTY_MS = 1000;
/** When to look again after an event, in ms. */
const LOOKS_MS = [1, 3, 7, 15, QUIET_MS, EMPTY_MS];
/** A chain of links that is longer is a circle. */
const MOST_LINKS = 10;

/** Calls `changed({ source, seenMs })`, with the text of `file`, whenever that or a file it imports is new. */
export class Watch {
  #file;
  #changed;
  #problem;
  /** What each watched file held when it was last looked at, or of a sound when it was written; undefined: it is gone. */
  #contents = new Map();
  #sounds = new Set();
  /** All that leads to them, and themselves. */
  #paths = new Set();
  #folders = new Map();
  #timer;
  /** When the last event came. */
  lastEventMs = -Infinity;

  constructor(file, { changed, problem }) {
    this.#file = file;
    this.#changed = changed;
    this.#problem = problem;
  }

  /** Reads the file a first time and starts watching. Throws when the file can't be read. */
  begin() {
    const source = fs.readFileSync(this.#file, 'utf8');
    this.#add(this.#file, source);
    return source;
  }

  /** Watches these files too, from now on: the piece's imports, and the sounds that it plays. */
  follow(files, sounds = []) {
    if (this.#contents.size === 0) return;
    for (const sound of sounds) this.#sounds.add(sound);
    for (const file of [...files, ...sounds]) {
      if (path.isAbsolute(file) && !this.#contents.has(file)) this.#add(file, this.#read(file));
    }
  }

  #read(file) {
    return this.#sounds.has(file) ? stampOf(file) : read(file);
  }

  end() {
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
    clearTimeout(this.#timer);
  }

  #add(file, content) {
    this.#contents.set(file, content);
    for (const step of wayTo(file)) this.#watchFor(step);
  }

  #watchFor(file) {
    this.#paths.add(file);
    const folder = path.dirname(file);
    if (this.#folders.has(folder)) return;
    let watcher;
    try {
      watcher = fs.watch(folder, (_, name) => {
        if (name === null || this.#paths.has(path.join(folder, name))) this.#event();
      });
    } catch (error) {
      this.#problem(`cannot watch ${folder}: ${error.message}`);
      return;
    }
    watcher.on('error', (error) => this.#problem(`cannot watch ${folder} any more: ${error.message}`));
    this.#folders.set(folder, watcher);
  }

  #event() {
    this.lastEventMs = performance.now();
    this.#look(true);
    this.#lookAgain(0);
    // A link may lead somewhere else now.
    for (const file of this.#contents.keys()) for (const step of wayTo(file)) this.#watchFor(step);
  }

  #lookAgain(turn) {
    clearTimeout(this.#timer);
    if (turn === LOOKS_MS.length) return;
    const wait = Math.max(0, this.lastEventMs + LOOKS_MS[turn] - performance.now());
    this.#timer = setTimeout(() => {
      this.#look(turn < LOOKS_MS.length - 1);
      this.#lookAgain(turn + 1);
    }, wait);
  }

  #look(patient) {
    const seenMs = performance.timeOrigin + performance.now();
    let news = false;
    for (const [file, known] of this.#contents) {
      const content = this.#read(file);
      if (patient && (content === undefined || content.trim() === '')) continue;
      if (content === known) continue;
      this.#contents.set(file, content);
      if (content === undefined) this.#problem(`${file} is gone; what plays plays on until it is back`);
      else news = true;
    }
    const source = this.#contents.get(this.#file);
    if (news && source !== undefined) this.#changed({ source, seenMs });
  }
}

/** The file, and where it leads to if it is a link, step by step. */
function wayTo(file) {
  const steps = [file];
  try {
    while (steps.length < MOST_LINKS) steps.push(path.resolve(path.dirname(steps.at(-1)), fs.readlinkSync(steps.at(-1))));
  } catch {
    // No link, or nothing at all: the way ends here.
  }
  return steps;
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** What changes with a sound file, which is not read here; an empty one is empty. */
function stampOf(file) {
  try {
    const { mtimeMs, size } = fs.statSync(file);
    return size === 0 ? '' : `${mtimeMs}:${size}`;
  } catch {
    return undefined;
  }
}
