// A session: the connection, the control memory, and the voices on it.

import { EventEmitter } from 'node:events';
import { reach } from './connection.js';
import { ForebayError } from './errors.js';
import { EventWriter } from './events.js';
import { LAYOUT_VERSION, PACING, PROTOCOL_VERSION, extend } from './layout.js';
import { Control, SharedFile, checkHandOff } from './memory.js';
import { Pacer } from './pacer.js';
import { Commit, RingWriter } from './ring.js';
import { spliceVoices } from './splice.js';
import { Voice } from './voice.js';

/** Time between picking a frame and the commit, on top of one block, unless a caller knows better. */
const DEFAULT_GUARD_MS = 1;

/** Connects to the daemon (starting one where none listens) and opens a session. */
export async function connect(options = {}) {
  const { name = 'js', socket, start = true, daemonArgs, leadMs } = options;
  const connection = await reach(socket, { start, daemonArgs });
  try {
    const reply = await connection.call('hello', {
      protocol: PROTOCOL_VERSION,
      layout: LAYOUT_VERSION,
      client: name,
      pid: process.pid,
      handoff: ['path'],
      ...(leadMs === undefined ? {} : { lead_ms: leadMs }),
    });
    if (!reply.control) {
      throw new ForebayError('handoff', 'the daemon opened no session: it could not hand over its memory by path');
    }
    checkHandOff(reply.control, reply.pid);
    return new Session(connection, reply, new Control(reply.control.path, reply.control.bytes));
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Emits 'doorbell', 'device', 'evicted', 'closing', 'notification' (method, params) and 'close' (error or undefined). */
export class Session extends EventEmitter {
  #connection;
  #control;
  #events;
  #voices = new Map();
  #slots = 0;
  #engineFrame;
  #splices = 0;

  /** Made by `connect`. */
  constructor(connection, hello, control) {
    super();
    this.#connection = connection;
    this.#control = control;
    this.#events = new EventWriter(control);
    this.hello = hello;
    this.rateHz = hello.rate_hz;
    this.channels = hello.channels;
    this.crossfadeFrames = hello.crossfade_frames;
    /** The commit word; for `voice.js` and `splice.js`. */
    this.commit = new Commit(control);
    this.pacer = new Pacer(control);
    /** Engine frame of each ring's last start, splice or flush: nothing else may change while it fades. */
    this.lastChange = new WeakMap();
    this.#engineFrame = control.engineFrame;
    connection.on('doorbell', () => {
      this.pacer.wake();
      this.emit('doorbell');
    });
    connection.on('notification', (method, params) => this.#notify(method, params));
    connection.on('close', (error) => {
      this.pacer.wake();
      this.emit('close', error);
    });
  }

  get closed() {
    return this.#connection.closed;
  }

  /** Engine frame of the next block, as of the last refresh; extended beyond 32 bits. */
  get engineFrame() {
    this.#engineFrame = extend(this.#control.engineFrame, this.#engineFrame);
    return this.#engineFrame;
  }

  /** Frames in the engine's last block, as of the last refresh. */
  get blockFrames() {
    return this.#control.blockFrames || this.hello.block_frames;
  }

  /** Opens a voice: `{ name, channels, policy, priority, gainDb, pan, leadMs, capacityFrames }`. */
  async openVoice(options = {}) {
    const opened = await this.openRing(openParams(options));
    const samples = await this.#orClose(opened, () => {
      return new SharedFile(opened.ring.path, opened.channels * opened.capacity_frames * 4);
    });
    const ring = new RingWriter(this.#control, samples, {
      slot: opened.slot,
      channels: opened.channels,
      capacityFrames: opened.capacity_frames,
      first: opened.first,
    });
    const voice = new Voice(this, ring, opened, options.policy);
    this.#voices.set(opened.slot, voice);
    this.#slots = Math.max(this.#slots, opened.slot + 1);
    return voice;
  }

  /** `voice.open` with the protocol's own params: its reply, once the ring that it names is the daemon's memory. */
  async openRing(params) {
    const opened = await this.call('voice.open', params);
    await this.#orClose(opened, () => checkHandOff(opened.ring, this.hello.pid));
    return opened;
  }

  /** Does `take` with a voice that the daemon has opened; where it throws, the voice is closed again. */
  async #orClose({ slot }, take) {
    try {
      return take();
    } catch (error) {
      await this.call('voice.close', { slot, mode: 'fade' }).catch(() => {});
      throw error;
    }
  }

  /** Replaces the future of `voices` on one engine frame; see index.d.ts. */
  splice(voices, render, options) {
    return spliceVoices(this, voices, render, options);
  }

  /** Any request of the protocol. */
  call(method, params) {
    return this.#connection.call(method, params);
  }

  /** Ends the session. 'drain' plays out what was written, 'fade' fades out. A voice that does not close does not keep the
   *  session open. */
  async close(mode = 'drain') {
    const open = this.closed ? [] : [...this.#voices.values()];
    const outcomes = await Promise.allSettled(open.map((voice) => voice.close(mode)));
    this.#connection.close();
    this.#control.close();
    const failed = outcomes.find(({ status }) => status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Reads the engine's side of all rings: two file calls. */
  refresh() {
    if (!this.closed) this.#control.refresh(this.#slots);
  }

  refreshClock() {
    if (!this.closed) this.#control.refreshClock();
  }

  /** Frames from now that a change needs to be in time: one block and `guardMs`. */
  guardFrames(guardMs = DEFAULT_GUARD_MS) {
    return this.blockFrames + Math.round((guardMs / 1000) * this.rateHz);
  }

  /** Notes a splice on the pacing line, where `status` finds it: how long it took, and what it had until its frame. */
  countChange(us, guardFrames, coverFrames) {
    this.#splices += 1;
    this.#control.setWord(PACING.splices, this.#splices);
    this.#control.setWord(PACING.changeUs, Math.round(us));
    this.#control.setWord(PACING.guardFrames, guardFrames);
    this.#control.setWord(PACING.coverFrames, coverFrames);
  }

  pushEvent(event) {
    return this.#events.push(event);
  }

  forget(voice) {
    this.#voices.delete(voice.slot);
  }

  #notify(method, params) {
    this.emit('notification', method, params);
    const voice = typeof params.slot === 'number' ? this.#voices.get(params.slot) : undefined;
    if (voice) voice.emit(method, params);
    else this.emit(method, params);
  }
}

/** The params of `voice.open`. Absent members keep the daemon's defaults. */
export function openParams(options) {
  const { name = 'voice', channels = 2, policy, priority, gainDb, pan, leadMs, capacityFrames } = options;
  const params = { name, channels };
  if (policy !== undefined) params.policy = policy;
  if (priority !== undefined) params.priority = priority;
  if (gainDb !== undefined) params.gain_db = gainDb;
  if (pan !== undefined) params.pan = pan;
  if (leadMs !== undefined) params.lead_ms = leadMs;
  if (capacityFrames !== undefined) params.capacity_frames = capacityFrames;
  return params;
}
