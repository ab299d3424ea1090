import { Worker } from 'node:worker_threads';
import { finish, same } from './checks.js';

const WORKER = new URL('./worker.js', import.meta.url);

/** What a worker says and does until it ends, when it is told `message`. */
function life(message, limit, after) {
  const worker = new Worker(WORKER);
  const told = [];
  const over = new Promise((resolve) => {
    worker.on('message', (value) => told.push(value));
    worker.on('error', (error) => told.push(error.message.split('\n')[0]));
    for (const end of ['exit', 'hang']) worker.on(end, () => resolve([...told, end]));
  });
  if (limit) worker.limit(limit);
  worker.postMessage(message);
  after?.(worker);
  return over;
}

const shared = new SharedArrayBuffer(16);
const words = new Int32Array(shared);
const value = { shared, map: new Map([['a', { b: [1, undefined, NaN, 'x'] }]]), floats: new Float32Array([1, 2]) };
same(await life({ op: 'echo', value }), [{ map: 'a', b: 4, isNaN: true, floats: [1, 2] }, 'exit']);
same(words[0], 7);

same(await life({ op: 'throw' }), ['Error: thrown', 'exit']);
same(await life({ op: 'reject' }), ['Error: rejected', 'exit']);
same(await life({ op: 'endless' }, undefined, (worker) => setTimeout(() => worker.terminate(), 5)), ['exit']);

// While code of the piece runs the shorter patience counts, else the longer one.
const limit = { somebody: 40, nobody: 80 };
for (const op of ['loop', 'piece', 'job', 'jobs', 'asyncs', 'swallow']) same(await life({ op }, limit), ['hang']);
same(await life({ op: 'pulses' }, limit), ['survived', 'exit']);

// A worker that takes all memory there is can't take it from others.
for (let n = 0; n < 2; n++) same((await life({ op: 'hoard' })).at(-1), 'exit');
same(new Array(1000).fill('x').join('').length, 1000);
same(await life({ op: 'exit', value: shared }), ['exit']);
same(words[1], 0);
same((await life({ op: 'deep' })).slice(0, 1), ['RangeError']);
finish();
