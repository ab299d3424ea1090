// A voice: writing that waits, lead, stats, timed changes, flush and close.

import { EventEmitter } from 'node:events';
import { ForebayError } from './errors.js';
import { ENGINE, EVENT_KIND, FLAG_MUTE, STATE, STATS, extend } from './layout.js';
import { Staging, amplitude } from './samples.js';

/** Time to render a first chunk, for who asks where a voice will start. */
const PLANNED_START_MS = 10;
const STATE_NAMES = ['idle', 'playing', 'starved', 'faulted'];

/** One voice of a session. Emits 'underrun', 'resumed', 'muted', 'unmuted' and 'target_lead' with the daemon's data. */
export class Voice extends EventEmitter {
  #session;
  #ring;
  #policy;
  #staging = new Staging();
  #targetLead;
  #tail = Promise.resolve();
  #nextFrame = 0;
  #flags = 0;
  #startAt;
  #closed = false;
  #freeSince = performance.now();
  #rendered = 0;
  #busyUs = 0;
  #longestUs = 0;

  /** Made by `Session.openVoice`. */
  constructor(session, ring, opened, policy) {
    super();
    this.#policy = policy;
    this.#session = session;
    this.#ring = ring;
    this.#targetLead = opened.target_lead_frames;
    this.name = opened.name;
    this.slot = opened.slot;
    this.channels = opened.channels;
    this.capacityFrames = opened.capacity_frames;
  }

  /** Voice frame of the next frame to be written: engine time, as far as the voice was never late; only a splice sets
   *  it back. Asked before a start, it is where the voice will start if it is written to soon. */
  get nextFrame() {
    if (this.#ring.needsStart) {
      this.#session.refreshClock();
      this.#startAt = this.#session.engineFrame + this.#session.guardFrames(PLANNED_START_MS);
      return this.#startAt;
    }
    this.#remember();
    return this.#nextFrame;
  }

  /** Frames written and not yet played. */
  get leadFrames() {
    this.#session.refresh();
    return this.#ring.leadFrames;
  }

  /** Frames to which `write` fills before it waits: the engine's present wish. */
  get targetLeadFrames() {
    return this.#ring.engine(ENGINE.targetLead) || this.#targetLead;
  }

  get closed() {
    return this.#closed;
  }

  /** Writes interleaved samples (Float32Array, Float64Array or array) and resolves when all of them are in the ring.
   *  A full ring makes it wait; nothing is ever skipped. The array must not change until then. */
  write(samples) {
    this.#countRender(samples.length / this.channels);
    const written = this.#tail.then(() => this.#writeAll(samples));
    this.#tail = written.catch(() => {});
    return written.finally(() => (this.#freeSince = performance.now()));
  }

  /** Writes what fits now, without waiting, and returns how many frames were taken. */
  writeSome(samples) {
    this.#countRender(samples.length / this.channels);
    const { bytes, from, frames } = this.#staging.bytesOf(samples, this.channels);
    this.#session.refresh();
    const taken = this.#take(bytes, from, frames);
    this.#freeSince = performance.now();
    return taken;
  }

  /** Latest value wins, the engine smooths: `{ gainDb, pan, mute }`. */
  set({ gainDb, pan, mute }) {
    this.#checkOpen();
    if (gainDb !== undefined) this.#ring.setGain(amplitude(gainDb));
    if (pan !== undefined) this.#ring.setPan(pan);
    if (mute !== undefined) {
      this.#flags = mute ? this.#flags | FLAG_MUTE : this.#flags & ~FLAG_MUTE;
      this.#ring.setFlags(this.#flags);
    }
  }

  /** A change at an exact engine frame (default: now), ramped over `rampMs`: `{ at, rampMs, gainDb | pan | mute }`. */
  schedule({ at, rampMs = 5, gainDb, pan, mute }) {
    this.#checkOpen();
    this.#session.refreshClock();
    const when = Math.round(at ?? this.#session.engineFrame) >>> 0;
    const rampFrames = Math.round((rampMs / 1000) * this.#session.rateHz);
    const push = (kind, value) => {
      const event = { at: when, slot: this.slot, kind, value, rampFrames };
      if (!this.#session.pushEvent(event)) throw new ForebayError('events-full', '1024 timed events are waiting already');
    };
    if (gainDb !== undefined) push(EVENT_KIND.gain, amplitude(gainDb));
    if (pan !== undefined) push(EVENT_KIND.pan, pan);
    if (mute !== undefined) push(EVENT_KIND.mute, mute ? 1 : 0);
  }

  /** Replaces the future of this voice; see `Session.splice`. */
  splice(render, options) {
    return this.#session.splice([this], render, options);
  }

  /** Fades out what is left of the future and falls idle; what is written next starts anew. */
  flush({ guardMs } = {}) {
    this.#checkOpen();
    if (this.#ring.needsStart) return;
    this.#session.refresh();
    const guard = this.#session.guardFrames(guardMs);
    const at = (this.#session.engineFrame + guard - this.#ring.engine(ENGINE.anchor)) >>> 0;
    this.#remember();
    this.#flushAt(at);
  }

  /** Ends the voice. 'drain' (default) plays all that was written, 'fade' fades out within 20 ms. */
  async close(mode = 'drain') {
    if (this.#closed) return;
    if (mode === 'drain') {
      await this.#tail;
      this.#session.refresh();
      if (!this.#ring.needsStart) this.#flushAt(this.#ring.nextVoiceFrame);
    }
    this.#closed = true;
    this.#session.pacer.wake();
    try {
      await this.#session.call('voice.close', { slot: this.slot, mode });
    } finally {
      this.#session.forget(this);
      this.#ring.close();
    }
  }

  /** What the engine and this side count. Frames are in the units of the ring. */
  stats() {
    this.#session.refresh();
    const word = (index) => this.#ring.engine(index);
    return {
      state: STATE_NAMES[word(ENGINE.state)] ?? 'faulted',
      leadFrames: this.#ring.leadFrames,
      targetLeadFrames: this.targetLeadFrames,
      underruns: word(ENGINE.underruns),
      concealedFrames: word(ENGINE.concealed),
      supersededFrames: word(ENGINE.superseded),
      shedFrames: word(ENGINE.shed),
      lateFrames: word(ENGINE.late),
      lastStallFrames: word(ENGINE.lastStall),
      fault: word(ENGINE.fault),
      renderedFrames: this.#rendered,
      busyUs: this.#busyUs,
      longestChunkUs: this.#longestUs,
    };
  }

  /** Learns from the last refresh what became of the future; for `splice.js` too. */
  settle() {
    this.#ring.noticeIdle();
    if (this.#policy === 'hold') this.#ring.noticeRebase();
  }

  /** The ring, for `splice.js`. */
  get ring() {
    return this.#ring;
  }

  /** The staging area, for `splice.js`. */
  get staging() {
    return this.#staging;
  }

  async #writeAll(samples) {
    const { bytes, from, frames } = this.#staging.bytesOf(samples, this.channels);
    let done = 0;
    for (;;) {
      this.#session.refresh();
      done += this.#take(bytes, from + done * this.channels * 4, frames - done);
      if (done === frames) return;
      const missing = Math.min(frames - done, this.targetLeadFrames / 4);
      await this.#session.pacer.nap((missing * 1000) / this.#session.rateHz);
    }
  }

  /** Stores and publishes what fits under the target lead; starts the voice where it must. */
  #take(bytes, from, frames) {
    this.#checkOpen();
    const ring = this.#ring;
    if (ring.engine(ENGINE.state) === STATE.faulted) {
      throw new ForebayError('faulted', `the engine muted voice ${this.name} (fault ${ring.engine(ENGINE.fault)})`);
    }
    this.settle();
    const room = Math.min(ring.spaceFrames, this.targetLeadFrames - ring.leadFrames, frames);
    if (room <= 0) return 0;
    const starts = ring.needsStart;
    if (starts) {
      const soonest = this.#session.engineFrame + this.#session.guardFrames();
      const at = Math.max(soonest, this.#startAt ?? 0);
      this.#startAt = undefined;
      if (!ring.start(at >>> 0, this.#session.commit.next)) return 0;
    }
    ring.store(bytes, from, room);
    ring.publish();
    if (starts) this.#session.commit.publish();
    this.#remember();
    return room;
  }

  #flushAt(at) {
    if (!this.#ring.flush(at, this.#session.commit.next)) {
      throw new ForebayError('no-room', `voice ${this.name} has 8 changes waiting already: try again next turn`);
    }
    this.#session.commit.publish();
  }

  #remember() {
    if (!this.#ring.needsStart) this.#nextFrame = extend(this.#ring.nextVoiceFrame, this.#nextFrame);
  }

  #checkOpen() {
    if (this.#closed || this.#session.closed) throw new ForebayError('closed', `voice ${this.name} is closed`);
  }

  /** The time between two writes is what rendering took. */
  #countRender(frames) {
    const us = Math.round((performance.now() - this.#freeSince) * 1000);
    this.#freeSince = performance.now();
    this.#rendered += frames;
    this.#busyUs += us;
    this.#longestUs = Math.max(this.#longestUs, us);
    this.#ring.setStat(STATS.framesRendered, this.#rendered);
    this.#ring.setStat(STATS.busyUs, this.#busyUs);
    this.#ring.setStat(STATS.longestChunkUs, this.#longestUs);
    this.#ring.setStat(STATS.chunkFrames, frames);
  }
}
