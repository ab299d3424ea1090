// This process, as Node has it.

import native from 'forebay:native';
import { EventEmitter } from 'node:events';
import { forget, listen } from 'forebay:handles';

const SIGNALS = new Set(['SIGTERM', 'SIGHUP', 'SIGINT']);

class Out extends EventEmitter {
  #put;

  constructor(put) {
    super();
    this.#put = put;
  }

  /** Written at once. A reader that has gone is told as an event, not thrown. */
  write(text, done) {
    try {
      this.#put(text);
    } catch (error) {
      setImmediate(() => this.emit('error', error));
      return false;
    }
    if (done) setImmediate(done);
    return true;
  }
}

class Input extends EventEmitter {
  #begun = false;

  setEncoding() {}

  on(event, listener) {
    super.on(event, listener);
    if (event === 'data' && !this.#begun) this.#begin();
    return this;
  }

  #begin() {
    this.#begun = true;
    const handle = listen(native.stdin(), (what, a) => {
      if (what !== 'data') forget(handle);
      if (what === 'error') this.emit('error', new Error(a));
      else this.emit(what, a);
    });
  }
}

class Process extends EventEmitter {
  pid = native.pid;
  argv = native.argv;
  env = native.environment;
  platform = 'linux';
  versions = Object.freeze({ quickjs: native.version });
  stdin = new Input();
  stdout = new Out(native.print);
  stderr = new Out(native.complain);

  cwd() {
    return native.folder;
  }

  getuid() {
    return native.uid;
  }

  on(event, listener) {
    if (native.isMain && SIGNALS.has(event) && this.listenerCount(event) === 0) {
      listen(native.signal(event), () => this.emit(event, event));
    }
    return super.on(event, listener);
  }

  /** The end of the process; in a worker, of the worker. */
  exit(code = 0) {
    native.exit(code);
    // Nothing runs any more: the interpreter sees it at its next look.
    for (;;);
  }
}

export default new Process();
