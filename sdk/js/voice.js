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
  /** A write that waits keeps what is staged: what comes in between has a place of its own. */
  #staging = { write: new Staging(), some: new Staging(), cover: new Staging() };
  #targetLead;
  #tail = Promise.resolve();
  #nextFrame = 0;
  #flags = 0;
  #startAt;
  /** Counts splices and flushes: a write that waits belongs to the future that it was rendered for. */
  #future = 0;
  #closing;
  #closed = false;
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
      this.#startAt = this.#soonestChange(PLANNED_START_MS);
      return this.#startAt;
    }
    this.#remember();
    return this.#nextFrame;
  }

  /** Frames written and not yet played. */
  get leadFrames() {
    this.#session.refresh();
    this.settle();
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
   *  A full ring makes it wait; nothing is ever skipped. The array must not change until then. A splice or a flush ends
   *  the wait: what the ring had not taken belongs to a future that is no more. */
  write(samples) {
    const future = this.#future;
    const written = this.#tail.then(() => this.#writeAll(samples, future));
    this.#tail = written.catch(() => {});
    return written;
  }

  /** Writes what fits now, without waiting, and returns how many frames were taken. */
  writeSome(samples) {
    const { bytes, from, frames } = this.#staging.some.bytesOf(samples, this.channels);
    this.#session.refresh();
    return this.#take(bytes, from, frames);
  }

  /** Tells the daemon that rendering `frames` frames took `ms`: shown to people as the speed of this producer, which is
   *  unknown until it is told. */
  tellRender(frames, ms) {
    this.checkOpen();
    const us = Math.round(ms * 1000);
    this.#rendered += frames;
    this.#busyUs += us;
    this.#longestUs = Math.max(this.#longestUs, us);
    this.#ring.setStat(STATS.framesRendered, this.#rendered);
    this.#ring.setStat(STATS.busyUs, this.#busyUs);
    this.#ring.setStat(STATS.longestChunkUs, this.#longestUs);
    this.#ring.setStat(STATS.chunkFrames, frames);
  }

  /** Latest value wins, the engine smooths: `{ gainDb, pan, mute }`. */
  set({ gainDb, pan, mute }) {
    this.checkOpen();
    if (gainDb !== undefined) this.#ring.setGain(amplitude(gainDb));
    if (pan !== undefined) this.#ring.setPan(pan);
    if (mute !== undefined) {
      this.#flags = mute ? this.#flags | FLAG_MUTE : this.#flags & ~FLAG_MUTE;
      this.#ring.setFlags(this.#flags);
    }
  }

  /** A change at an exact engine frame (default: now), ramped over `rampMs`: `{ at, rampMs, gainDb | pan | mute }`. */
  schedule({ at, rampMs = 5, gainDb, pan, mute }) {
    this.checkOpen();
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
    this.checkOpen();
    this.#session.refresh();
    this.settle();
    if (this.#ring.needsStart) return;
    const frame = this.#soonestChange(guardMs);
    this.#remember();
    if (!this.#flushAt((frame - this.#ring.anchor) >>> 0)) {
      throw new ForebayError('no-room', `voice ${this.name} has 8 changes waiting already: try again next turn`);
    }
    this.#session.lastChange.set(this.#ring, frame);
    this.#dropWaiting();
  }

  /** Ends the voice. 'drain' (default) plays all that was written, 'fade' fades out within 20 ms. The first call decides. */
  close(mode = 'drain') {
    this.#closing ??= this.#end(mode);
    return this.#closing;
  }

  /** What the engine and this side count. Frames are in the units of the ring. */
  stats() {
    this.#session.refresh();
    this.settle();
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

  /** A future that `splice.js` has published began at voice frame `at`, on `engineFrame`. */
  replaced(at, engineFrame) {
    this.#begin(at, engineFrame);
    this.#dropWaiting();
  }

  /** Throws where the voice has ended: its slot may have gone to another. */
  checkOpen() {
    if (this.#closed || this.#session.closed) throw new ForebayError('closed', `voice ${this.name} is closed`);
  }

  /** The ring, for `splice.js`. */
  get ring() {
    return this.#ring;
  }

  /** The staging area of covers, for `splice.js`. */
  get coverStaging() {
    return this.#staging.cover;
  }

  async #writeAll(samples, future) {
    const { bytes, from, frames } = this.#staging.write.bytesOf(samples, this.channels);
    let done = 0;
    for (;;) {
      if (this.#future !== future) return;
      this.#session.refresh();
      done += this.#take(bytes, from + done * this.channels * 4, frames - done);
      if (done === frames) return;
      const missing = Math.min(frames - done, this.targetLeadFrames / 4);
      await this.#session.pacer.nap((missing * 1000) / this.#session.rateHz);
    }
  }

  /** Stores and publishes what fits under the target lead; starts the voice where it must. */
  #take(bytes, from, frames) {
    this.checkOpen();
    const ring = this.#ring;
    if (ring.engine(ENGINE.state) === STATE.faulted) {
      throw new ForebayError('faulted', `the engine muted voice ${this.name} (fault ${ring.engine(ENGINE.fault)})`);
    }
    this.settle();
    const room = Math.min(ring.spaceFrames, this.targetLeadFrames - ring.leadFrames, frames);
    if (room <= 0) return 0;
    const startAt = ring.needsStart ? Math.max(this.#soonestChange(), this.#startAt ?? 0) : undefined;
    if (startAt !== undefined && !ring.start(startAt >>> 0, this.#session.commit.next)) return 0;
    ring.store(bytes, from, room);
    ring.publish();
    if (startAt === undefined) {
      this.#remember();
    } else {
      this.#session.commit.publish();
      this.#begin(startAt, startAt);
    }
    return room;
  }

  #begin(at, engineFrame) {
    this.#nextFrame = at;
    this.#startAt = undefined;
    this.#remember();
    this.#session.lastChange.set(this.#ring, engineFrame);
  }

  #dropWaiting() {
    this.#future += 1;
    this.#session.pacer.wake();
  }

  /** The first engine frame at which a change that is written now is seen in time and falls into no fade. */
  #soonestChange(guardMs) {
    const soonest = this.#session.engineFrame + this.#session.guardFrames(guardMs);
    const last = this.#session.lastChange.get(this.#ring) ?? -Infinity;
    return Math.max(soonest, last + this.#session.crossfadeFrames);
  }

  /** False: the marker queue is full. */
  #flushAt(at) {
    if (!this.#ring.flush(at, this.#session.commit.next)) return false;
    this.#session.commit.publish();
    return true;
  }

  async #end(mode) {
    if (mode === 'drain') {
      await this.#tail;
      this.#session.refresh();
      this.settle();
      // With a full queue the voice ends in an underrun, which fades as well.
      if (!this.#ring.needsStart && !this.#session.closed) this.#flushAt(this.#ring.nextVoiceFrame);
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

  #remember() {
    if (!this.#ring.needsStart) this.#nextFrame = extend(this.#ring.nextVoiceFrame, this.#nextFrame);
  }
}
