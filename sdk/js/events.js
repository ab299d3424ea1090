// The session's timed-event ring: gain, pan and mute at an exact engine frame.

import { EVENT, EVENTS, EVENT_CAPACITY, EVENT_READ, EVENT_WRITE, distance } from './layout.js';

/** The producer's end of the timed-event ring. */
export class EventWriter {
  #control;
  #write;
  #words = new Uint32Array(EVENTS.stride / 4);
  #floats = new Float32Array(this.#words.buffer);
  #bytes = new Uint8Array(this.#words.buffer);

  constructor(control) {
    this.#control = control;
    this.#write = control.word(EVENT_WRITE);
  }

  /** Appends `{ at, slot, kind, value, rampFrames }`. False: 1024 events are waiting already. */
  push(event) {
    if (distance(this.#write, this.#control.word(EVENT_READ)) >= EVENT_CAPACITY) return false;
    this.#words.fill(0);
    this.#words[EVENT.at] = event.at;
    this.#words[EVENT.slot] = event.slot;
    this.#words[EVENT.kind] = event.kind;
    this.#floats[EVENT.value] = event.value;
    this.#words[EVENT.rampFrames] = event.rampFrames;
    this.#control.write(EVENTS.offset + (this.#write % EVENT_CAPACITY) * EVENTS.stride, this.#bytes);
    this.#write = (this.#write + 1) >>> 0;
    this.#control.setWord(EVENT_WRITE, this.#write);
    return true;
  }
}
