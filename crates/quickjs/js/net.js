// Unix sockets.

import native from 'forebay:native';
import { EventEmitter } from 'node:events';
import { drop, listen, systemError } from 'forebay:handles';

export class Socket extends EventEmitter {
  #handle;

  /** Emits 'connect' or 'error' once there is somebody to hear it. */
  open(path) {
    queueMicrotask(() => {
      try {
        this.#handle = listen(native.connect(path), (what, a, b) => this.#heard(what, a, b));
      } catch (error) {
        this.emit('error', error);
        return;
      }
      this.emit('connect');
    });
    return this;
  }

  /** Data is always text. */
  setEncoding() {
    return this;
  }

  write(text) {
    try {
      native.send(this.#handle, text);
    } catch (error) {
      queueMicrotask(() => this.#end(error));
    }
  }

  end() {
    this.destroy();
  }

  destroy() {
    if (this.#handle !== undefined) drop(this.#handle);
    this.#handle = undefined;
  }

  #heard(what, a, b) {
    if (what === 'data') this.emit('data', a);
    else this.#end(what === 'error' ? systemError(a, b) : undefined);
  }

  #end(error) {
    this.destroy();
    if (error) this.emit('error', error);
    else this.emit('end');
    this.emit('close', error !== undefined);
  }
}

export const createConnection = (path) => new Socket().open(path);

export default { Socket, createConnection };
