// Shared memory through plain file calls: positional reads and writes on /proc/<pid>/fd/<n>.
// No addon, no mmap: a 4-byte aligned positional write is stored whole, and a process sees its writes land in order,
// which is all that "marker, frames, counter, commit" asks for.

import fs from 'node:fs';
import { ForebayError } from './errors.js';
import { CLOCK, CONTROL_BYTES, ENGINE_WORDS, HEADER, LAYOUT_VERSION, MAGIC, SLOTS } from './layout.js';

/** A range of shared memory behind a file. Counters are written whole; bulk writes may be of any length. */
export class SharedFile {
  #fd;
  #word = new Uint32Array(1);
  #wordBytes = new Uint8Array(this.#word.buffer);
  #float = new Float32Array(this.#word.buffer);

  /** Opens `path` and checks that it holds at least `bytes`. Throws `ForebayError` with the remedy. */
  constructor(path, bytes) {
    this.path = path;
    try {
      this.#fd = fs.openSync(path, 'r+');
    } catch (error) {
      throw handOffError(path, error);
    }
    const size = fs.fstatSync(this.#fd).size;
    if (size < bytes) {
      this.close();
      throw new ForebayError('layout', `${path} has ${size} bytes where ${bytes} were promised`);
    }
    this.bytes = size;
  }

  /** Fills the first `length` bytes of `target` (a Uint8Array) from `offset`. */
  read(offset, target, length = target.byteLength) {
    let done = 0;
    while (done < length) {
      const got = fs.readSync(this.#fd, target, done, length - done, offset + done);
      if (got === 0) throw new ForebayError('layout', `${this.path} ends at ${offset + done}`);
      done += got;
    }
  }

  /** Writes `length` bytes of `source` (a Uint8Array) from its byte `from` to `offset`. */
  write(offset, source, from = 0, length = source.byteLength - from) {
    let done = 0;
    while (done < length) done += fs.writeSync(this.#fd, source, from + done, length - done, offset + done);
  }

  /** The u32 at `offset`. */
  word(offset) {
    this.read(offset, this.#wordBytes);
    return this.#word[0];
  }

  /** Stores a u32 whole. `offset` is a multiple of 4. */
  setWord(offset, value) {
    this.#word[0] = value;
    fs.writeSync(this.#fd, this.#wordBytes, 0, 4, offset);
  }

  /** Stores an f32 whole, as its bits. */
  setFloat(offset, value) {
    this.#float[0] = value;
    fs.writeSync(this.#fd, this.#wordBytes, 0, 4, offset);
  }

  close() {
    if (this.#fd === undefined) return;
    fs.closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** Throws unless `memory`, which the daemon of process `pid` hands over, is a piece of memory of that process: whoever sits
 *  behind the socket has no say over files. */
export function checkHandOff({ path }, pid) {
  const found = /^\/proc\/(\d+)\/fd\/\d+$/.exec(path);
  let target;
  try {
    target = found && Number(found[1]) === pid ? fs.readlinkSync(path) : undefined;
  } catch (error) {
    throw handOffError(path, error);
  }
  if (!target?.startsWith('/memfd:forebay-')) {
    throw new ForebayError('handoff', `${path} is no shared memory of the daemon (process ${pid}): it is of another kind`);
  }
}

function handOffError(path, error) {
  if (error.code === 'EACCES') {
    return new ForebayError(
      'handoff',
      `no permission for ${path}: the daemon has capabilities that this process lacks, or belongs to another user. ` +
        'Run both as the same user and without file capabilities; `forebay doctor` tests it.',
    );
  }
  if (error.code === 'ENOENT') {
    return new ForebayError(
      'handoff',
      `${path} is not there: the daemon has gone, or runs in another PID namespace (a container). \`forebay doctor\` tests it.`,
    );
  }
  return new ForebayError('handoff', `cannot open ${path}: ${error.message}`);
}

/** A session's control memory, with the engine's side read in one gulp per `refresh`. */
export class Control {
  #file;
  #engineBytes;
  #clock = new Uint32Array(2);
  #clockBytes = new Uint8Array(this.#clock.buffer);

  /** Opens the control memory and refuses anything that is not a session of this layout. */
  constructor(path, bytes = CONTROL_BYTES) {
    this.#file = new SharedFile(path, bytes);
    this.path = path;
    const header = new Uint32Array(HEADER.bytes / 4);
    this.#file.read(0, new Uint8Array(header.buffer));
    const at = (offset) => header[offset / 4];
    if (at(HEADER.magic) !== MAGIC) {
      throw this.#refuse('is no forebay session');
    }
    if (at(HEADER.layoutVersion) !== LAYOUT_VERSION) {
      throw this.#refuse(`has layout ${at(HEADER.layoutVersion)}, this SDK speaks ${LAYOUT_VERSION}: \`forebay restart\``);
    }
    if (at(HEADER.totalBytes) > this.#file.bytes) {
      throw this.#refuse('is shorter than its header says');
    }
    this.rateHz = at(HEADER.rateHz);
    this.crossfadeFrames = at(HEADER.crossfadeFrames);
    this.sessionId = at(HEADER.sessionId);
    /** Engine-owned words of all slots as of the last `refresh`: word `slot * 16 + ENGINE.x`. */
    this.engine = new Uint32Array((SLOTS * ENGINE_WORDS.stride) / 4);
    this.#engineBytes = new Uint8Array(this.engine.buffer);
    this.refresh(SLOTS);
  }

  /** Reads the clock and the engine's words of the first `slots` slots: two calls, whatever the number of voices. */
  refresh(slots) {
    this.refreshClock();
    if (slots > 0) this.#file.read(ENGINE_WORDS.offset, this.#engineBytes, slots * ENGINE_WORDS.stride);
  }

  /** Reads the clock alone and returns the engine frame of the next block (u32). */
  refreshClock() {
    this.#file.read(CLOCK.engineFrame, this.#clockBytes);
    return this.#clock[0];
  }

  /** Engine frame of the next block (u32), as of the last refresh. */
  get engineFrame() {
    return this.#clock[0];
  }

  /** Frames in the last block, as of the last refresh. */
  get blockFrames() {
    return this.#clock[1];
  }

  word(offset) {
    return this.#file.word(offset);
  }

  setWord(offset, value) {
    this.#file.setWord(offset, value);
  }

  setFloat(offset, value) {
    this.#file.setFloat(offset, value);
  }

  write(offset, bytes) {
    this.#file.write(offset, bytes);
  }

  close() {
    this.#file.close();
  }

  #refuse(why) {
    this.close();
    return new ForebayError('layout', `${this.path} ${why}`);
  }
}
