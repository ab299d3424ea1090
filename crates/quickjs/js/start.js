// The first module of every realm: globals, and the doors by which the loop calls in.

import native from 'forebay:native';
import { dispatch } from 'forebay:handles';
import { structuredClone } from 'forebay:copy';
import * as timers from 'forebay:timers';
import process from 'node:process';
import { URL } from 'node:url';

class TextEncoder {
  encode(text = '') {
    return native.encode(String(text));
  }
}

/** Bytes that become text at once: a call takes no more arguments. */
const MOST_BYTES = 8192;

class TextDecoder {
  decode(bytes) {
    let units = '';
    for (let at = 0; at < bytes.length; at += MOST_BYTES) {
      units += String.fromCharCode.apply(undefined, bytes.subarray(at, at + MOST_BYTES));
    }
    return decodeURIComponent(escape(units));
  }
}

const Buffer = Object.freeze({ byteLength: (text) => native.encode(String(text)).length });

const line = (...values) => native.complain(`${values.map(String).join(' ')}\n`);
const console = { log: line, info: line, debug: line, warn: line, error: line };

const globals = {
  Buffer,
  TextDecoder,
  TextEncoder,
  URL,
  console,
  performance: Object.freeze({ timeOrigin: native.originMs, now: native.nowMs }),
  process,
  structuredClone,
  ...timers,
};
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
// What is this runtime's alone: `pulse(somebody)` for its watchdog, and an indirect eval that gives its text a name in stacks.
Object.defineProperty(globalThis, 'forebayPulse', { value: native.pulse });
Object.defineProperty(globalThis, 'forebayEvaluate', { value: native.evaluate });

/** What nothing has caught ends the realm, unless somebody listens. */
const unheard = (event) => (error) => {
  if (process.listenerCount(event) > 0) process.emit(event, error);
  else if (process.listenerCount('uncaughtException') > 0) process.emit('uncaughtException', error);
  else native.fail(error?.stack ? `${error}\n${error.stack}` : `uncaught: ${String(error)}`);
};

native.doors(dispatch, unheard('uncaughtException'), unheard('unhandledRejection'));
