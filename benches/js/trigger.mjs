// Trigger in a Node or Bun producer -> first changed frame in what the device gets, with a deep lead.
//   node benches/js/trigger.mjs [block frames = 64] [triggers = 100] [voices = 10] [lead ms = 680]
// The daemon writes a WAV in real time; the changed frame is found in that file, not taken from our own figures.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { connect } from '../../sdk/js/index.js';
import { startDaemon } from '../../sdk/js/testing/daemon.js';
import { changes, line, mode } from './figures.mjs';

const [block = 64, triggers = 100, voiceCount = 10, leadMs = 680] = process.argv.slice(2).map(Number);
const RATE = 48000;
const CHUNK = 512;
const wav = path.join(os.tmpdir(), `forebay-trigger-${process.pid}.wav`);
const daemon = await startDaemon(['--backend', 'file', '--device', wav, '--period', String(block)]);
const session = await connect({ socket: daemon.socket, name: 'trigger', leadMs });

let level = 0.05;
/** The first voice is the one that is measured: an alternating tone whose level is the knob. The others are sines. */
const renders = Array.from({ length: voiceCount }, (_, v) => {
  const out = new Float32Array(8192);
  const step = (2 * Math.PI * 110 * (v + 1)) / RATE;
  return v === 0
    ? (from, frames) => {
        for (let i = 0; i < frames; i++) out[i] = (from + i) & 1 ? level : -level;
        return out.subarray(0, frames);
      }
    : (from, frames) => {
        for (let i = 0; i < frames; i++) out[i] = 1e-9 * Math.sin(step * (from + i)) * level;
        return out.subarray(0, frames);
      };
});

const voices = [];
for (let v = 0; v < voiceCount; v++) voices.push(await session.openVoice({ name: `v${v}`, channels: 1, pan: 0 }));

/** Fills every voice to its target; a turn never writes more than a chunk per voice at a time. */
function fill() {
  for (let more = true; more; ) {
    more = false;
    for (const [v, voice] of voices.entries()) {
      const from = voice.nextFrame;
      const taken = voice.writeSome(renders[v](from, CHUNK));
      if (taken === CHUNK) more = true;
    }
  }
}
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

fill();
for (let warm = 0; warm < 30; warm++) {
  fill();
  session.splice(voices, (voice, at, frames) => renders[voices.indexOf(voice)](at, frames));
  await sleep(20);
}

const asked = [];
for (let n = 0; n < triggers; n++) {
  fill();
  await sleep(60 + 7 * (n % 5));
  fill();
  await sleep(2 * Math.random());
  level = 0.05 + 0.01 * ((n % 9) + 1);
  session.refreshClock();
  const trigger = session.engineFrame;
  const began = performance.now();
  const { engineFrame } = session.splice(voices, (voice, at, frames) => renders[voices.indexOf(voice)](at, frames), {
    guardMs: 1,
    coverMs: 50,
  });
  asked.push({ trigger, engineFrame, tookMs: performance.now() - began });
}
fill();
await sleep(300);

const many = asked.length;
let splices = 0;
const began = performance.now();
const before = voices.reduce((sum, voice) => sum + voice.stats().underruns, 0);
while (performance.now() - began < 10000) {
  level = 0.05 + 0.01 * (splices % 9);
  session.splice(voices, (voice, at, frames) => renders[voices.indexOf(voice)](at, frames), { coverMs: 160 });
  splices += 1;
  await sleep(began + splices * 20 - performance.now());
}
const dry = voices.reduce((sum, voice) => sum + voice.stats().underruns, 0) - before;
await session.close('fade');
await daemon.stop();

const found = changes(wav, 400);
const shift = mode(asked.flatMap(({ engineFrame }) => found.map((frame) => frame - engineFrame)).filter((d) => Math.abs(d) < 4800));
const heard = asked.map(({ trigger, engineFrame }) => {
  const frame = found.find((at) => at - shift >= engineFrame - 1 && at - shift < engineFrame + RATE / 20);
  return frame === undefined ? undefined : (frame - shift - trigger) / (RATE / 1000);
});
const known = heard.filter((ms) => ms !== undefined);
const blockMs = (block / RATE) * 1000;
console.log(`trigger -> first changed frame: ${voiceCount} voices, lead ${leadMs} ms, ${block}-frame blocks, ${process.versions.bun ? 'Bun' : 'Node'}`);
console.log(`${known.length} of ${many} changes found in the file; frame 0 of the engine is frame ${shift} of the file (look-ahead of main)`);
console.log(line('render and publish', asked.map(({ tookMs }) => tookMs)));
console.log(line('to the changed frame', known));
console.log(line('+ its block', known.map((ms) => ms + blockMs)));
console.log(`50 splices a second for 10 s: ${splices} splices, ${dry} underruns`);
fs.rmSync(wav, { force: true });
