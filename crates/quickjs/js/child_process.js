// Programs that are started and left alone.

import native from 'forebay:native';
import { EventEmitter } from 'node:events';
import { forget, listen } from 'forebay:handles';

class ChildProcess extends EventEmitter {
  #handle;

  /** Emits 'error' once there is somebody to hear it, or 'exit' (code, signal) in the end. */
  constructor(program, args, env) {
    super();
    try {
      this.#handle = listen(native.spawn(program, args, env), (_, ending) => {
        forget(this.#handle);
        if (typeof ending === 'number') this.emit('exit', ending, null);
        else this.emit('exit', null, ending);
      });
    } catch (error) {
      queueMicrotask(() => this.emit('error', error));
    }
  }

  unref() {
    if (this.#handle !== undefined) native.keep(this.#handle, false);
  }
}

/** Only the form that a daemon is started in: detached, its streams ignored. */
export function spawn(program, args, { detached, stdio, env }) {
  if (!detached || stdio !== 'ignore') throw new Error('only detached programs with ignored streams can be started');
  return new ChildProcess(program, args, { ...env });
}

export default { spawn };
