// Workers. Each is a realm of its own on this thread, in turn with all others; what hangs in one is interrupted.

import native from 'forebay:native';
import { structuredClone } from 'forebay:copy';
import { EventEmitter } from 'node:events';
import { forget, listen } from 'forebay:handles';
import { fileURLToPath } from 'node:url';

/** The handle by which a worker hears of its parent. */
const PARENT = 0;

/** Emits 'message' (value), then one of 'exit', 'error' (and 'exit'), or 'hang': its turn took longer than `limit` says. */
export class Worker extends EventEmitter {
  #handle;
  #ended;

  constructor(address) {
    super();
    this.#ended = new Promise((resolve) => {
      this.#handle = listen(native.worker(fileURLToPath(address)), (what, about) => {
        if (what === 'message') {
          this.emit('message', structuredClone(about));
          return;
        }
        forget(this.#handle);
        resolve();
        if (what === 'hang') this.emit('hang');
        if (what === 'failed') this.emit('error', new Error(about));
        if (what !== 'hang') this.emit('exit', what === 'failed' ? 1 : 0);
      });
    });
  }

  postMessage(value) {
    native.post(this.#handle, structuredClone(value));
  }

  /** From now on a turn that takes longer ends the worker: in ms, while the piece's own code runs and else. */
  limit({ somebody, nobody }) {
    native.limit(this.#handle, somebody, nobody);
  }

  terminate() {
    native.terminate(this.#handle);
    return this.#ended;
  }
}

class ParentPort extends EventEmitter {
  on(event, listener) {
    if (event === 'message' && this.listenerCount(event) === 0) {
      listen(PARENT, (_, value) => this.emit('message', structuredClone(value)));
    }
    return super.on(event, listener);
  }

  postMessage(value) {
    native.postParent(structuredClone(value));
  }
}

export const isMainThread = native.isMain;
export const parentPort = native.isMain ? null : new ParentPort();

export default { Worker, isMainThread, parentPort };
