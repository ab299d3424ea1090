// What outlives this process: code and state of the piece as they were a moment ago, in memory of the parent. A host that
// has to be started again goes on from there.
//
// What is kept counts by one write of the header, so that a process may end between any two: texts and state have two
// places each, in turn. Lines have one: they are longer than they have to remember by more than is written in between.

import fs from 'node:fs';
import { LINE } from './state.js';

const MAGIC = 0x666b6570;
/** Words (f64) of the header: which of the two places holds the texts and which the state, and what of them counts. */
const HEADER = Object.freeze({ magic: 0, textPlace: 1, textBytes: 2, statePlace: 3, slots: 4, frame: 5, origin: 6, words: 8 });
/** The engine frame up to which sound is written changes more often. */
const END_OFFSET = 4096;
const MIB = 1024 * 1024;
const TEXT = Object.freeze({ offset: MIB, most: 32 * MIB });
const STATE = Object.freeze({ offset: 65 * MIB, most: 32 * MIB });
const LINES_OFFSET = 129 * MIB;

export class Keep {
  #fd;
  #header = new Float64Array(HEADER.words);
  #end = new Float64Array(1);
  /** What the texts are now, until they are written. */
  #texts;
  /** Frames that were written of each window's line when it was kept last. */
  #lines = new Map();

  /** `path`: memory that is empty, or holds what a process before has kept. */
  constructor(path) {
    this.#fd = fs.openSync(path, 'r+');
  }

  /** What a process before has kept: `{ texts, frame, origin, end, slots }`; undefined if nothing. */
  recall() {
    const header = this.#read(0, HEADER.words * 8, Float64Array);
    if (header?.[HEADER.magic] !== MAGIC) return undefined;
    this.#header = header;
    const text = this.#read(TEXT.offset + header[HEADER.textPlace] * TEXT.most, header[HEADER.textBytes], Uint8Array);
    const [frame, origin, slots] = [header[HEADER.frame], header[HEADER.origin], header[HEADER.slots]];
    return { texts: JSON.parse(new TextDecoder().decode(text), revive), frame, origin, slots, end: this.#read(END_OFFSET, 8, Float64Array)[0] };
  }

  /** Puts the state that was kept into `arena`, which has the windows that were kept. */
  restore(arena) {
    const place = STATE.offset + this.#header[HEADER.statePlace] * STATE.most;
    arena.all.set(this.#read(place, this.#header[HEADER.slots] * 8, Float64Array));
    for (const { state, line } of arena.windows()) {
      if (line) for (const { from, slots } of written(state, line, line.remembers)) {
        arena.lines.set(this.#read(LINES_OFFSET + from * 4, slots * 4, Float32Array), from);
      }
    }
  }

  /** `texts`, plain objects and Maps, belong to what is kept next. */
  note(texts) {
    this.#texts = texts;
  }

  /** Another future plays: nothing that was kept of lines holds any more. */
  turn() {
    this.#lines.clear();
  }

  /** Keeps the state at song frame `frame`, which is engine frame `frame + origin`. */
  save(arena, { frame, origin }) {
    if (this.#texts && !this.#saveTexts()) return;
    for (const window of arena.windows()) if (window.line) this.#saveLine(arena, window);
    const header = this.#header;
    header[HEADER.statePlace] = 1 - header[HEADER.statePlace];
    header[HEADER.slots] = arena.used;
    this.#write(STATE.offset + header[HEADER.statePlace] * STATE.most, arena.all.slice(0, arena.used));
    header[HEADER.frame] = frame;
    header[HEADER.origin] = origin;
    header[HEADER.magic] = MAGIC;
    this.#write(0, header);
  }

  /** Sound is written up to this engine frame. */
  noteEnd(frame) {
    this.#end[0] = frame;
    this.#write(END_OFFSET, this.#end);
  }

  #saveTexts() {
    const bytes = new TextEncoder().encode(JSON.stringify(this.#texts, plain));
    if (bytes.length > TEXT.most) return false;
    const header = this.#header;
    header[HEADER.textPlace] = 1 - header[HEADER.textPlace];
    header[HEADER.textBytes] = bytes.length;
    this.#write(TEXT.offset + header[HEADER.textPlace] * TEXT.most, bytes);
    this.#texts = undefined;
    return true;
  }

  #saveLine(arena, window) {
    const { state, line } = window;
    const fresh = state[LINE.written] - (this.#lines.get(window) ?? -Infinity);
    for (const { from, slots } of written(state, line, Math.min(fresh, line.remembers))) {
      this.#write(LINES_OFFSET + from * 4, arena.lines.slice(from, from + slots));
    }
    this.#lines.set(window, state[LINE.written]);
  }

  #write(offset, words) {
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    let done = 0;
    while (done < bytes.length) done += fs.writeSync(this.#fd, bytes, done, bytes.length - done, offset + done);
  }

  /** Undefined where so much is not there. */
  #read(offset, length, Words) {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const got = fs.readSync(this.#fd, bytes, done, length - done, offset + done);
      if (got === 0) return undefined;
      done += got;
    }
    return new Words(bytes.buffer);
  }
}

function plain(key, value) {
  return value instanceof Map ? { entries: [...value] } : value;
}

function revive(key, value) {
  return Array.isArray(value?.entries) ? new Map(value.entries) : value;
}

/** Where in the memory of all lines the newest `frames` frames of one lie, as one piece or two. */
function written(state, line, frames) {
  const count = Math.min(frames, state[LINE.written]);
  const end = state[LINE.at];
  const begin = end - count;
  if (count <= 0) return [];
  if (begin >= 0) return [{ from: line.offset + begin, slots: count }];
  const tail = { from: line.offset + line.slots + begin, slots: -begin };
  return end > 0 ? [tail, { from: line.offset, slots: end }] : [tail];
}
