// The evaluator's thread, told by hand what the host tells it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { CONTROL_BYTES } from '../../../../sdk/js/layout.js';
import { ModelSession } from '../../../../sdk/js/testing/model.js';
import { makeShared } from '../state.js';

/** A thread that has begun as evaluator number `generation` on `model`. */
class Thread {
  #said = [];
  #waiting = [];

  constructor(model, generation) {
    this.worker = new Worker(new URL('../worker.js', import.meta.url));
    this.worker.on('message', (message) => {
      this.#said.push(message);
      for (const look of this.#waiting.splice(0)) look();
    });
    const control = { path: model.path, bytes: CONTROL_BYTES };
    const frames = { crossfadeFrames: 32, leadFrames: 4096, capacityFrames: 32768 };
    const successor = { generation, rings: [], windows: [], sources: [], without: [] };
    const setup = { control, rateHz: 48000, channels: 2, ...frames, ...successor };
    this.send({ op: 'begin', setup, shared: makeShared() });
    this.send({ op: 'source', revision: 1, source: `play('x', s => 0);`, file: '/song/piece.js', add: false, seen_ms: 0 });
  }

  send(message) {
    this.worker.postMessage(message);
  }

  /** The first message of one of `kinds`. */
  async first(...kinds) {
    for (;;) {
      const found = this.#said.find(({ kind }) => kinds.includes(kind));
      if (found) return found;
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
  }
}

// An evaluator may be told what the one before it has asked for: that is no answer to its own question.
test('the answer to a predecessor is not taken for one', { timeout: 60000 }, async () => {
  const model = new ModelSession({ crossfadeFrames: 32, blockFrames: 64 });
  const [before, after] = [0, 1].map((generation) => new Thread(model, generation));
  try {
    const { request: earlier } = await before.first('open');
    const { request } = await after.first('open');
    after.send({ op: 'rings', request: earlier, rings: [], error: 'nobody waits for this' });
    after.send({ op: 'rings', request, rings: [model.open({ channels: 2, capacityFrames: 32768, name: 'x' })] });
    const answer = await after.first('edited', 'refused');
    assert.deepEqual(answer.voices, ['x'], answer.message);
  } finally {
    for (const { worker } of [before, after]) await worker.terminate();
    model.close();
  }
});
