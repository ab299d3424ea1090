// What is open in this realm: who listens to which handle.

import native from 'forebay:native';

const listeners = new Map();

/** `listener(what, a, b)` hears what befalls `handle`. */
export function listen(handle, listener) {
  listeners.set(handle, listener);
  return handle;
}

/** Nothing more is heard of `handle`; it is closed. */
export function drop(handle) {
  listeners.delete(handle);
  native.drop(handle);
}

/** The loop calls this. A handle that is over is forgotten by its listener. */
export function dispatch(handle, what, a, b) {
  listeners.get(handle)?.(what, a, b);
}

export function forget(handle) {
  listeners.delete(handle);
}

/** An error of the system, as Node has them. */
export function systemError(code, message) {
  return Object.assign(new Error(message), { code });
}
