// Save in an editor -> first changed frame in what the device gets, with a deep lead.
//   node benches/js/save.mjs [block frames = 64] [saves = 50] [voices = 10] [lead ms = 680]
// Runs the live host under the runtime that runs this. The daemon writes a WAV in real time; the changed frame is found
// in that file. The time of a save is the engine frame right after the write call returns.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect } from '../../sdk/js/index.js';
import { startDaemon } from '../../sdk/js/testing/daemon.js';
import { changes, line, mode } from './figures.mjs';

const [block = 64, saves = 50, voices = 10, leadMs = 680] = process.argv.slice(2).map(Number);
const RATE = 48000;
const wav = path.join(os.tmpdir(), `forebay-save-${process.pid}.wav`);
const daemon = await startDaemon(['--backend', 'file', '--device', wav, '--period', String(block)]);
const clock = await connect({ socket: daemon.socket, name: 'clock' });
const piece = path.join(daemon.dir, 'piece.js');

/** One voice is an alternating tone whose level is found again in the file; the others are sines with state. */
function text(n) {
  const level = 0.05 + 0.01 * (n % 9);
  const others = Array.from({ length: voices - 1 }, (_, v) => `play('sine ${v}', s => {
  s.state[0] = (s.state[0] + ${110 * (v + 1)} / s.sr) % 1;
  return 1e-9 * Math.sin(2 * Math.PI * s.state[0]);
});`);
  return `// save ${n}\nplay('tone', s => s.n & 1 ? ${level} : -${level});\n${others.join('\n')}\n`;
}

fs.writeFileSync(piece, text(0));
const main = fileURLToPath(new URL('../../crates/live/js/main.js', import.meta.url));
const options = { file: piece, socket: daemon.socket, lead: leadMs };
const host = spawn(process.execPath, [main, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
const hostEnded = new Promise((resolve) => host.once('exit', resolve));
const waiting = [];
let underruns = 0;
let started;
createInterface({ input: host.stdout }).on('line', (json) => {
  const event = JSON.parse(json);
  if (event.event === 'started') started = event;
  if (event.event === 'status') underruns = event.underruns;
  if (event.event === 'refused' || event.event === 'fatal') throw new Error(json);
  if (event.event === 'edited') waiting.shift()?.(event);
});
const edited = () => new Promise((resolve) => waiting.push(resolve));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const first = await edited();
const edits = [];
for (let n = 1; n <= saves + 5; n++) {
  await sleep(150 + 11 * (n % 7));
  const answer = edited();
  fs.writeFileSync(piece, text(n));
  clock.refreshClock();
  const saved = clock.engineFrame;
  const savedMs = performance.timeOrigin + performance.now();
  const event = await answer;
  const { hand_over: handOver } = event.timings_ms;
  edits.push({ ...event, saved, watch: event.seen_ms - savedMs, handOver });
}
await sleep(300);
host.stdin.write('{"op":"stop","fade_ms":20}\n');
await hostEnded;
await clock.close('fade');
await daemon.stop();

edits.splice(0, 5); // the runtime's own warming
const found = changes(wav, 400);
const shift = mode(edits.flatMap(({ engine_frame: at }) => found.map((frame) => frame - at)).filter((d) => Math.abs(d) < 4800));
const heard = edits.map(({ saved, engine_frame: at }) => {
  const frame = found.find((each) => each - shift >= at - 1 && each - shift < at + RATE / 10);
  return frame === undefined ? undefined : (frame - shift - saved) / (RATE / 1000);
});
const known = heard.filter((ms) => ms !== undefined);
const blockMs = (block / RATE) * 1000;
const firstMs = first.uptime_ms - started.uptime_ms + 2 + blockMs; // its guard
console.log(`save -> first changed frame: ${voices} voices, lead ${leadMs} ms, ${block}-frame blocks, ${process.versions.bun ? 'Bun' : 'Node'}`);
console.log(`${known.length} of ${edits.length} changes found in the file; frame 0 of the engine is frame ${shift} of the file (look-ahead of main); underruns ${underruns}`);
for (const part of ['watch', 'handOver']) console.log(line(part, edits.map((edit) => edit[part])));
for (const part of ['compile', 'warm', 'cover', 'publish', 'guard']) console.log(line(part, edits.map((edit) => edit.timings_ms[part])));
console.log(line('late', edits.map((edit) => edit.late_frames / (RATE / 1000))));
console.log(line('to the changed frame', known));
console.log(line('+ its block', known.map((ms) => ms + blockMs)));
console.log(`first sound ${firstMs.toFixed(0)} ms after the runtime was up (${started.uptime_ms.toFixed(0)} ms after its process began)`);
fs.rmSync(wav, { force: true });
