// Collections of garbage in a minute of a piece of ten voices: on Node, which tells of them, in a thread as evaluators are.

import { PerformanceObserver } from 'node:perf_hooks';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { tuneV8 } from '../v8.js';
import { Stage } from '../testing/stage.js';

const CHUNK = 256;
const CHUNKS_PER_MINUTE = (60 * 48000) / CHUNK;

const PIECES = {
  'plain sines': (hz) => `s => { s.state[0] = (s.state[0] + ${hz} * s.dt) % 1; return 0.01 * Math.sin(2 * Math.PI * s.state[0]); }`,
  'library: sin(hz)': (hz) => `sin(${hz})`,
  'library: gain(lpf(saw(hz), 800), 0.1)': (hz) => `gain(lpf(saw(${hz}), 800), 0.1)`,
};

const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

/** Prints how many there are. */
export async function collections() {
  if (process.versions.bun) return;
  await tuneV8();
  const worker = new Worker(new URL(import.meta.url));
  worker.on('message', (line) => console.log(line));
  await new Promise((resolve) => worker.on('exit', resolve));
}

async function count(kind, make) {
  const stage = new Stage();
  stage.save(Array.from({ length: 10 }, (_, i) => `play('v${i}', ${make(100 + i)});`).join('\n'));
  const { timeline } = stage.evaluator;
  const minute = (chunks) => {
    for (let i = 0; i < chunks; i++) {
      timeline.snapshot(timeline.head);
      timeline.render(timeline.players, timeline.head, CHUNK, 0);
      timeline.head += CHUNK;
    }
  };
  minute(2000);
  timeline.loop.specialise(timeline.players);
  minute(6000);
  await pause();
  const seen = [];
  const observer = new PerformanceObserver((list) => seen.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  minute(CHUNKS_PER_MINUTE);
  await pause();
  observer.disconnect();
  stage.close();
  const took = seen.reduce((sum, { duration }) => sum + duration, 0);
  return `ten voices for a minute, ${kind}: ${seen.length} collections, ${took.toFixed(1)} ms together`;
}

if (!isMainThread) for (const [kind, make] of Object.entries(PIECES)) parentPort.postMessage(await count(kind, make));
