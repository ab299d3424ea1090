// Newline-delimited JSON-RPC 2.0 over the daemon's Unix socket. An empty line from the daemon is a doorbell.

import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { ForebayError } from './errors.js';
import { checkPlace, daemonEnvironment, placeOf } from './place.js';

/** Longest line either side accepts. */
const MAX_LINE_BYTES = 64 * 1024;
/** How long a daemon that was just started may take until it listens, unless FOREBAY_START_TIMEOUT says otherwise. */
const START_PATIENCE_MS = 5000;
/** After the end of the daemon that was started: another one, started by somebody else, may be about to listen. */
const GRACE_MS = 500;

/** One connection. Emits 'doorbell', 'notification' (method, params) and 'close' (error or undefined). */
export class Connection extends EventEmitter {
  #socket;
  #pending = new Map();
  #nextId = 1;
  #buffered = '';
  #closed = false;

  constructor(socket) {
    super();
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#receive(text));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(undefined));
  }

  get closed() {
    return this.#closed;
  }

  /** Sends a request and resolves with its result, or rejects with a `ForebayError` that carries the daemon's words. */
  call(method, params = {}) {
    if (this.#closed) return Promise.reject(new ForebayError('closed', 'the connection to the daemon is closed'));
    const id = this.#nextId++;
    const line = JSON.stringify({ jsonrpc: '2.0', id, method, params });
    if (Buffer.byteLength(line) >= MAX_LINE_BYTES) {
      return Promise.reject(new ForebayError('message', `${method}: a message has at most ${MAX_LINE_BYTES} bytes`));
    }
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, method });
      this.#socket.write(`${line}\n`);
    });
  }

  close() {
    this.#socket.end();
    this.#socket.destroy();
    this.#end(undefined);
  }

  #receive(text) {
    this.#buffered += text;
    let from = 0;
    for (;;) {
      const end = this.#buffered.indexOf('\n', from);
      if (end < 0) break;
      this.#line(this.#buffered.slice(from, end));
      from = end + 1;
    }
    this.#buffered = this.#buffered.slice(from);
    if (this.#buffered.length > MAX_LINE_BYTES) {
      this.#socket.destroy();
      this.#end(new ForebayError('message', 'the daemon sent a line longer than 64 KiB'));
    }
  }

  #line(line) {
    if (line.trim() === '') {
      this.emit('doorbell');
      return;
    }
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      this.#socket.destroy();
      this.#end(new ForebayError('message', 'the daemon sent a line that is no JSON'));
      return;
    }
    if (message.id !== undefined && message.id !== null) this.#reply(message);
    else if (typeof message.method === 'string') this.emit('notification', message.method, message.params ?? {});
    else if (message.error) this.#end(new ForebayError('refused', message.error.message, message.error));
  }

  #reply(message) {
    const waiting = this.#pending.get(message.id);
    if (!waiting) return;
    this.#pending.delete(message.id);
    if (message.error) {
      waiting.reject(new ForebayError('refused', `${waiting.method}: ${message.error.message}`, message.error));
    } else {
      waiting.resolve(message.result);
    }
  }

  #end(error) {
    if (this.#closed) return;
    this.#closed = true;
    for (const { reject, method } of this.#pending.values()) {
      reject(error ?? new ForebayError('closed', `${method}: the daemon closed the connection`));
    }
    this.#pending.clear();
    this.emit('close', error);
  }
}

/** Connects to the daemon at `given`, or by an inherited socket, or where the environment says; where nothing listens and
 *  `start` allows it, starts `forebay run` with `daemonArgs` first. `graceMs` is for another daemon than that one. */
export async function reach(given, { start = true, daemonArgs = [], graceMs = GRACE_MS } = {}) {
  const left = given === undefined ? inheritedSocket() : undefined;
  if (left) return new Connection(left);
  const place = placeOf(process.env, given);
  checkPlace(place);
  const { socket } = place;
  try {
    return new Connection(await dial(socket));
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED') throw dialError(socket, error);
    if (!start) throw new ForebayError('no-daemon', `no daemon listens on ${socket}: start it with \`forebay run\``);
  }
  return new Connection(await startDaemon(socket, { args: daemonArgs, env: daemonEnvironment(place), graceMs }));
}

/** The socket that the program which started this one has left it; only the first call gets it. A number that names no
 *  socket was left for another process, further up. Only Node can adopt a descriptor: the others go by the path. */
function inheritedSocket(env = process.env) {
  const fd = Number(env.FOREBAY_SESSION_FD);
  if (process.versions.bun || process.versions.quickjs || !Number.isInteger(fd) || fd <= 2) return undefined;
  delete env.FOREBAY_SESSION_FD;
  try {
    return fs.fstatSync(fd).isSocket() ? new net.Socket({ fd, readable: true, writable: true }) : undefined;
  } catch {
    return undefined;
  }
}

function dial(socket) {
  return new Promise((resolve, reject) => {
    const opened = net.createConnection(socket);
    opened.once('error', reject);
    opened.once('connect', () => {
      opened.off('error', reject);
      resolve(opened);
    });
  });
}

function dialError(socket, error) {
  if (error.code === 'EACCES') {
    return new ForebayError('no-permission', `no permission for ${socket}: it belongs to another user`);
  }
  return new ForebayError('no-daemon', `cannot connect to ${socket}: ${error.message}`);
}

/** Starts `forebay run` in its own process group and resolves with a socket as soon as one listens: when two programs do
 *  so at once, the second daemon sees the first and ends, and both are served by the first. */
async function startDaemon(socket, { args, env, graceMs }) {
  const binary = findBinary();
  const child = spawn(binary, ['run', ...args], {
    detached: true,
    stdio: 'ignore',
    env,
  });
  const patienceMs = startPatienceMs();
  let deadline = performance.now() + patienceMs;
  let failure = `no answer in ${patienceMs} ms`;
  const ended = (how) => {
    failure = how;
    deadline = Math.min(deadline, performance.now() + graceMs);
  };
  child.once('error', (error) => ended(error.message));
  child.once('exit', (code, signal) => ended(`it ended with ${signal ?? `code ${code}`}`));
  child.unref();
  let pause = 2;
  while (performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 1.5, 50);
    try {
      return await dial(socket);
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED') throw dialError(socket, error);
    }
  }
  throw new ForebayError('no-daemon', `${binary} run does not listen on ${socket}: ${failure}; run it by hand to see why`);
}

function startPatienceMs(env = process.env) {
  const set = Number.parseInt(env.FOREBAY_START_TIMEOUT ?? '', 10);
  return set >= 0 ? set : START_PATIENCE_MS;
}

/** FOREBAY_BIN, else the first `forebay` on PATH. */
function findBinary(env = process.env) {
  if (env.FOREBAY_BIN) return env.FOREBAY_BIN;
  for (const dir of (env.PATH ?? '').split(path.delimiter)) {
    const candidate = path.join(dir, os.platform() === 'win32' ? 'forebay.exe' : 'forebay');
    try {
      fs.accessSync(candidate, fs.constants.X_OK);
      return candidate;
    } catch {
      // not in this directory
    }
  }
  throw new ForebayError(
    'no-daemon',
    'no daemon is running and `forebay` is not on PATH: install it, or set FOREBAY_BIN to the binary',
  );
}
