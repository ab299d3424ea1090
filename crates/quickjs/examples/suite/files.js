// Files below one folder are kept in memory: the runtime can't make any. All others are those of the disk.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const FOLDER = '/in-memory';
/** Far from those of the disk. */
const FIRST_FD = 1e6;

const files = new Map();
const open = new Map();
let folders = 0;
let nextFd = FIRST_FD;

class File {
  bytes = new Uint8Array(0);

  resize(size) {
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes.subarray(0, size));
    this.bytes = bytes;
  }

  write(source, at) {
    if (at + source.length > this.bytes.length) this.resize(at + source.length);
    this.bytes.set(source, at);
  }
}

const isInMemory = (path) => String(path).startsWith(`${FOLDER}/`);

function found(path) {
  const file = files.get(path);
  if (!file) throw Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });
  return file;
}

function bytesOf(content) {
  if (typeof content === 'string') return new TextEncoder().encode(content);
  return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
}

const inMemory = {
  openSync(path, flags = 'r') {
    if (flags === 'w+') files.set(path, new File());
    open.set(nextFd, found(path));
    return nextFd++;
  },
  readFileSync: (path) => new TextDecoder().decode(found(path).bytes),
  writeFileSync(path, content) {
    if (!files.has(path)) files.set(path, new File());
    files.get(path).resize(0);
    files.get(path).write(bytesOf(content), 0);
  },
  statSync: (path) => ({ size: found(path).bytes.length, mtimeMs: 0, isDirectory: () => false }),
  truncateSync: (path, size) => found(path).resize(size),
  rmSync(path) {
    for (const name of files.keys()) if (name === path || name.startsWith(`${path}/`)) files.delete(name);
  },
};
for (const [name, work] of Object.entries(inMemory)) {
  const onDisk = fs[name];
  fs[name] = (path, ...rest) => (isInMemory(path) ? work : onDisk)(path, ...rest);
}

const opened = {
  closeSync: (fd) => open.delete(fd),
  fstatSync: (fd) => ({ size: open.get(fd).bytes.length, isSocket: () => false }),
  ftruncateSync: (fd, size) => open.get(fd).resize(size),
  readSync(fd, target, offset, length, position) {
    const part = open.get(fd).bytes.subarray(position, position + length);
    bytesOf(target).set(part, offset);
    return part.length;
  },
  writeSync(fd, source, offset = 0, length = source.byteLength - offset, position = 0) {
    open.get(fd).write(bytesOf(source).subarray(offset, offset + length), position);
    return length;
  },
};
for (const [name, work] of Object.entries(opened)) {
  const onDisk = fs[name];
  fs[name] = (fd, ...rest) => (open.has(fd) ? work : onDisk)(fd, ...rest);
}

/** A file of the disk as bytes. */
const { readFileSync } = fs;
fs.readFileSync = (path, encoding) => {
  if (encoding !== undefined) return readFileSync(path, encoding);
  const fd = fs.openSync(path);
  const bytes = Buffer.alloc(fs.fstatSync(fd).size);
  for (let done = 0; done < bytes.length; ) done += fs.readSync(fd, bytes, done, bytes.length - done, done);
  fs.closeSync(fd);
  return bytes;
};

/** Only from a folder to what is in it. */
path.relative = (folder, file) => (file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : file);
fs.mkdtempSync = (start) => `${start}${folders++}`;
fs.mkdirSync = () => {};
// Nor is a program to be found: what needs the daemon is skipped.
fs.existsSync = () => false;
os.tmpdir = () => FOLDER;
