// The live host as a process of its own, as the forebay binary runs it.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { binary } from '../../../../sdk/js/testing/daemon.js';
import { answer } from './sounds.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** Which runtime hosts live: the one that runs this, unless FOREBAY_TEST_HOST is `quickjs`, the embedded one. */
const embedded = process.env.FOREBAY_TEST_HOST === 'quickjs';
const RUNTIME = embedded ? [binary(), 'quickjs'] : [process.execPath];

export class LiveProcess {
  #waiting = [];

  /** `options` as `main.js` takes them. */
  constructor(options) {
    this.events = [];
    const [program, ...first] = RUNTIME;
    this.child = spawn(program, [...first, MAIN, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
    // 'close' comes when all it said was read.
    this.ended = new Promise((resolve) => this.child.once('close', (code) => resolve(code)));
    this.ended.then((code) => this.#end(code));
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#receive(JSON.parse(line)));
  }

  /** The first event, past or future, that `wanted` (an event's name or a function) accepts and that was not returned
   *  before. */
  next(wanted) {
    const accepts = typeof wanted === 'string' ? ({ event }) => event === wanted : wanted;
    const known = this.events.find((event) => !event.taken && accepts(event));
    if (known) {
      known.taken = true;
      return Promise.resolve(known);
    }
    return new Promise((resolve, reject) => {
      const waiter = { accepts, resolve, reject };
      if (this.code === undefined) this.#waiting.push(waiter);
      else this.#miss(waiter);
    });
  }

  /** The next status, from now on, with `leadMs` of lead. */
  filled(leadMs) {
    for (const event of this.events) if (event.event === 'status') event.taken = true;
    return this.next(({ event, lead_ms: lead }) => event === 'status' && lead >= leadMs);
  }

  send(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** Fades out and resolves with the exit code. */
  stop(fadeMs = 20) {
    this.send({ op: 'stop', fade_ms: fadeMs });
    return this.ended;
  }

  #end(code) {
    this.code = code;
    for (const waiter of this.#waiting.splice(0)) this.#miss(waiter);
  }

  /** What was waited for will not come. */
  #miss({ reject, accepts }) {
    const last = this.events.filter(({ event }) => event !== 'status').slice(-5);
    reject(new Error(`the host ended with ${this.code} before ${accepts} came; last: ${JSON.stringify(last)}`));
  }

  #receive(event) {
    if (event.event === 'decode') this.send(answer(event));
    this.events.push(event);
    const index = this.#waiting.findIndex(({ accepts }) => accepts(event));
    if (index < 0) return;
    event.taken = true;
    this.#waiting.splice(index, 1)[0].resolve(event);
  }
}
