// A producer for the system tests: one voice of exact noise in one channel of main.
// node --expose-gc noise.mjs VOICE CHANNELS SECONDS LEAD_MS [GC_MS: collect garbage for that long, once, after a second]
// Says `opened`, waits for a line on its standard input (or its end), says `started` when its first frames are written, and
// at the end `stats`.
import process from 'node:process';

import { connect } from '../../sdk/js/index.js';

const [voice, channels, seconds, leadMs, gcMs] = process.argv.slice(2).map(Number);

/** Frame n of the voice; the same integers as `noise` in tests/system/support/audio.rs. */
function noise(n) {
  let x = (Math.imul(n, 0x9e3779b1) + Math.imul(voice + 1, 0x85ebca77)) >>> 0;
  x ^= x >>> 15;
  x = Math.imul(x, 0x2c1b3c6d) >>> 0;
  x = (x ^ (x >>> 12)) >>> 0;
  return ((x >>> 8) - (1 << 23)) / (1 << 26);
}

const session = await connect({ name: `noise ${voice}`, start: false });
// `hold`: however late a busy machine lets it begin, its first frame is heard. An underrun would show as silence within.
const ring = await session.openVoice({ name: `noise${voice}`, channels, leadMs, policy: 'hold' });
console.log('opened');
await new Promise((resolve) => process.stdin.once('data', resolve).once('end', resolve));
process.stdin.destroy();
const total = Math.round(seconds * session.rateHz);
// The first write begins the voice: at its full lead, so that a machine that starts many of these at once does not let
// it run dry at its beginning.
const first = Math.round((leadMs / 1000) * session.rateHz);
const chunk = new Float32Array(first * channels);
const collect = globalThis.gc ?? (() => globalThis.Bun.gc(true));
let live = gcMs > 0 ? Array.from({ length: 1e6 }, (_, i) => ({ i })) : null;
for (let at = 0, frames; at < total; at += frames) {
  frames = Math.min(at === 0 ? first : 480, total - at);
  const began = performance.now();
  for (let i = 0; i < frames; i++) chunk[i * channels + (voice % channels)] = noise(at + i);
  ring.tellRender(frames, performance.now() - began);
  await ring.write(chunk.subarray(0, frames * channels));
  if (at === 0) console.log('started');
  if (live && at >= session.rateHz) {
    const start = performance.now();
    while (performance.now() - start < gcMs) collect();
    console.log(`collected ${live.length} kept ${(performance.now() - start).toFixed(0)} ms`);
    live = null;
  }
}
await ring.close('drain');
console.log(`stats ${JSON.stringify(ring.stats())}`);
await session.close();
