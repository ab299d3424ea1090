// Entry of the live host: `main.js '{"file": .., "socket": .., "name": .., "lead": .., "render": ..}'`.
// Speaks newline JSON with the forebay binary over stdin and stdout; see `messages.js` and `host.js`.

import path from 'node:path';
import { listen, tell } from './messages.js';
import { EvaluatorThread } from './thread.js';
import { tuneV8 } from './v8.js';

const options = JSON.parse(process.argv[2] ?? '{}');
if (typeof options.file !== 'string') {
  process.stderr.write('usage: main.js \'{"file": "song.js"}\'; `forebay live song.js` starts this\n');
  process.exit(2);
}
options.file = path.resolve(options.file);
options.name ??= path.basename(options.file);

/** Lets the last messages out before the process ends. */
function exit(code) {
  process.stdout.write('', () => process.exit(code));
}

const { bun, node, quickjs } = process.versions;
const runtime = bun ? 'bun' : node ? 'node' : 'quickjs';
const uptime = performance.now();
tell({ event: 'started', runtime, version: bun ?? node ?? quickjs, pid: process.pid, uptime_ms: uptime });
let host;
// Before there is a host nothing sounds.
const stop = () => (host ? host.stop(50) : exit(0));
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, stop);
// Ctrl-C reaches the parent, which says what it means.
process.on('SIGINT', () => {});
await tuneV8();
// The evaluator loads and warms up on its own thread while this one loads the rest and connects.
const thread = new EvaluatorThread();
const { Host } = await import('./host.js');
host = new Host(options, thread, tell, exit);
listen((message) => host.receive(message), stop);
await host.begin();
