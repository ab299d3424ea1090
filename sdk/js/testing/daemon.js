// A daemon of one's own for tests and benches: a private folder, a private socket, no sound card.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { reach } from '../connection.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The binary: FOREBAY_BIN, else what cargo built in this tree; undefined when there is none. */
export function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target');
  const candidates = [process.env.FOREBAY_BIN, path.join(target, 'release/forebay'), path.join(target, 'debug/forebay')];
  return candidates.find((candidate) => candidate && fs.existsSync(candidate));
}

/** Starts `forebay run` with `args` and resolves when it answers. `stop()` ends it and removes its folder. */
export async function startDaemon(args = ['--backend', 'null']) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-js-'));
  fs.chmodSync(dir, 0o700);
  const env = { ...process.env, XDG_RUNTIME_DIR: dir, XDG_STATE_HOME: dir };
  delete env.FOREBAY_SOCKET;
  const child = spawn(binary(), ['run', '--stay', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (text) => (said += text));
  child.stderr.on('data', (text) => (said += text));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let over = false;
  ended.then(() => (over = true));
  const socket = path.join(dir, 'forebay', 'daemon.sock');
  for (;;) {
    if (over) throw new Error(`the daemon ended: ${said}`);
    try {
      (await reach(socket, { start: false })).close();
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  return {
    socket,
    dir,
    env,
    pid: child.pid,
    /** What it said so far. */
    said: () => said,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Somebody between a producer and its daemon: `change(line)` is what becomes of each line that the daemon says. */
export async function startImpostor(daemon, change) {
  const socket = path.join(daemon.dir, 'impostor');
  const open = new Set();
  const server = net.createServer((producer) => {
    const upstream = net.createConnection(daemon.socket);
    for (const end of [producer, upstream]) {
      open.add(end);
      end.on('error', () => {});
      end.on('close', () => [producer, upstream].forEach((other) => other.destroy()));
    }
    producer.pipe(upstream);
    createInterface({ input: upstream }).on('line', (line) => producer.write(`${change(line)}\n`));
  });
  await new Promise((resolve) => server.listen(socket, resolve));
  return {
    socket,
    stop() {
      for (const end of open) end.destroy();
      server.close();
    },
  };
}

/** The samples of a 32-bit float or 24/16-bit WAV, interleaved, and its channel count. Sizes in the header may be
 *  unfinished. */
export function readWav(file) {
  const bytes = fs.readFileSync(file);
  let at = 12;
  let format;
  for (;;) {
    const id = bytes.toString('latin1', at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    if (id === 'fmt ') {
      format = { kind: bytes.readUInt16LE(at + 8), channels: bytes.readUInt16LE(at + 10), bits: bytes.readUInt16LE(at + 22) };
    }
    if (id === 'data') break;
    at += 8 + size + (size & 1);
  }
  if (format.bits !== 32) throw new Error(`${file} has ${format.bits} bits`);
  const from = at + 8;
  const count = Math.floor((bytes.length - from) / 4);
  const samples = new Float32Array(count);
  for (let i = 0; i < count; i++) samples[i] = bytes.readFloatLE(from + 4 * i);
  return { channels: format.channels, samples };
}
