// Timers, as Node has them.

import native from 'forebay:native';
import { drop, forget, listen } from 'forebay:handles';

class Timer {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  ref() {
    native.keep(this.#handle, true);
    return this;
  }

  unref() {
    native.keep(this.#handle, false);
    return this;
  }

  close() {
    drop(this.#handle);
  }
}

function once(handle, callback, values) {
  listen(handle, () => {
    forget(handle);
    callback(...values);
  });
  return new Timer(handle);
}

export function setTimeout(callback, ms = 1, ...values) {
  return once(native.timer(Number(ms) || 1, false), callback, values);
}

export function setInterval(callback, ms = 1, ...values) {
  const handle = native.timer(Number(ms) || 1, true);
  listen(handle, () => callback(...values));
  return new Timer(handle);
}

export function setImmediate(callback, ...values) {
  return once(native.immediate(), callback, values);
}

export function clearTimeout(timer) {
  timer?.close();
}

export { clearTimeout as clearImmediate, clearTimeout as clearInterval };
