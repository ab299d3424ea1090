// Files, as far as sessions and pieces need them.

import native from 'forebay:native';
import { EventEmitter } from 'node:events';
import { drop, listen, systemError } from 'forebay:handles';

/** Numbers that a call takes at most. */
const MOST_NUMBERS = 8192;
/** From this many bytes on they are handed over as doubles; counters and markers, which may look like a NaN, are not. */
const BULK_BYTES = 64;
/** By the width of a number. */
const WRITERS = [
  [8, Float64Array, native.write8],
  [4, Uint32Array, native.write4],
  [1, Uint8Array, native.write1],
];
const FOLDER_BITS = 0o170000;
const FOLDER = 0o040000;

function openSync(path, flags = 'r') {
  if (flags !== 'r' && flags !== 'r+') throw systemError('EINVAL', `EINVAL: flags ${flags} are not known, open '${path}'`);
  return native.open(path, flags === 'r+');
}

function closeSync(fd) {
  drop(fd);
}

function fstatSync(fd) {
  return { size: native.size(fd), isSocket: () => false };
}

function readSync(fd, target, offset, length, position) {
  const bytes = native.read(fd, position, length);
  new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes, offset);
  return bytes.length;
}

function writeSync(fd, source, offset = 0, length = source.byteLength - offset, position = 0) {
  const from = source.byteOffset + offset;
  const fits = ([width]) => from % width === 0 && length % width === 0 && (width < 8 || length >= BULK_BYTES);
  const [width, View, write] = WRITERS.find(fits);
  const view = new View(source.buffer, from, length / width);
  let done = 0;
  while (done < length) {
    const numbers = done === 0 && view.length <= MOST_NUMBERS ? view : view.subarray(done / width, done / width + MOST_NUMBERS);
    const wrote = write.apply(undefined, [fd, position + done, ...numbers]);
    done += wrote;
    if (wrote < numbers.byteLength) break;
  }
  return done;
}

function readFileSync(path, encoding) {
  if (encoding !== 'utf8') throw systemError('EINVAL', `EINVAL: only text is read whole, open '${path}'`);
  return native.readText(path instanceof URL ? path.pathname : path);
}

function readlinkSync(path) {
  return native.readLink(path);
}

function look(path, follows) {
  const { isFolder, ...found } = native.look(path, follows);
  return { ...found, isDirectory: () => isFolder };
}

const statSync = (path) => look(path, true);
const lstatSync = (path) => look(path, false);

function accessSync(path) {
  native.checkExecutable(path);
}

class FolderWatcher extends EventEmitter {
  #handle;

  constructor(folder, changed) {
    super();
    this.#handle = listen(native.watch(folder), (what, name, message) => {
      if (what === 'changed') changed('change', name ?? null);
      else this.emit('error', systemError(name, message));
    });
  }

  close() {
    drop(this.#handle);
  }
}

const watch = (folder, changed) => new FolderWatcher(folder, changed);
const constants = Object.freeze({ X_OK: 1 });

export default {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  readlinkSync,
  statSync,
  watch,
  writeSync,
};
