// A session in local files and a small model of the engine's reader, so that the producer's side can be tested
// without a daemon. The model follows the rules of the ring for voices that are never late; it is no engine.

import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as layout from '../layout.js';
import { Control, SharedFile } from '../memory.js';
import { RingWriter } from '../ring.js';
import { Session } from '../session.js';

const { ENGINE, MARKER, MARKER_KIND, PRODUCER, STATE } = layout;

export class ModelSession {
  constructor({ rateHz = 48000, crossfadeFrames = 8, blockFrames = 16, engineFrame = 1000 } = {}) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-model-'));
    this.path = path.join(this.dir, 'control');
    this.control = fs.openSync(this.path, 'w+');
    fs.ftruncateSync(this.control, layout.CONTROL_BYTES);
    this.crossfadeFrames = crossfadeFrames;
    this.blockFrames = blockFrames;
    this.engineFrame = engineFrame >>> 0;
    this.rings = [];
    const { HEADER } = layout;
    this.set(HEADER.magic, layout.MAGIC);
    this.set(HEADER.layoutVersion, layout.LAYOUT_VERSION);
    this.set(HEADER.totalBytes, layout.CONTROL_BYTES);
    this.set(HEADER.slots, layout.SLOTS);
    this.set(HEADER.rateHz, rateHz);
    this.set(HEADER.crossfadeFrames, crossfadeFrames);
    this.set(HEADER.eventCapacity, layout.EVENT_CAPACITY);
    this.#tick();
  }

  word(offset) {
    const bytes = Buffer.alloc(4);
    fs.readSync(this.control, bytes, 0, 4, offset);
    return bytes.readUInt32LE(0);
  }

  set(offset, value) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0, 0);
    fs.writeSync(this.control, bytes, 0, 4, offset);
  }

  /** A producer's view of the control memory. */
  attach() {
    return new Control(this.path);
  }

  /** Adds a ring: what the daemon does on `voice.open`. Returns its reply. */
  open({ channels = 1, capacityFrames = 256, first = 0, target = capacityFrames, name = 'voice' } = {}) {
    const slot = this.rings.length;
    const file = path.join(this.dir, `ring-${slot}`);
    fs.writeFileSync(file, Buffer.alloc(channels * capacityFrames * 4));
    const ring = new ModelRing(this, slot, { channels, capacityFrames, first, fd: fs.openSync(file, 'r') });
    this.rings.push(ring);
    this.setEngine(slot, ENGINE.targetLead, target);
    const bytes = channels * capacityFrames * 4;
    return {
      slot,
      name,
      channels,
      capacity_frames: capacityFrames,
      first,
      target_lead_frames: target,
      ring: { handoff: 'path', path: file, bytes },
    };
  }

  setEngine(slot, index, value) {
    this.set(layout.ENGINE_WORDS.offset + slot * layout.ENGINE_WORDS.stride + 4 * index, value);
  }

  producer(slot, index) {
    return this.word(layout.PRODUCER_WORDS.offset + slot * layout.PRODUCER_WORDS.stride + 4 * index);
  }

  /** One block: returns one array of `frames * channels` samples per ring. */
  block(frames = this.blockFrames) {
    const group = this.word(layout.GROUP);
    const out = this.rings.map((ring) => ring.block(frames, group, this.engineFrame));
    this.engineFrame = (this.engineFrame + frames) >>> 0;
    this.blockFrames = frames;
    this.#tick();
    return out;
  }

  /** Blocks until `frames` are played: one long array per ring. */
  play(frames) {
    const all = this.rings.map(() => []);
    for (let done = 0; done < frames; ) {
      const now = Math.min(this.blockFrames, frames - done);
      const size = this.blockFrames;
      this.block(now).forEach((block, i) => all[i].push(...block));
      this.blockFrames = size;
      done += now;
    }
    return all;
  }

  close() {
    fs.closeSync(this.control);
    for (const ring of this.rings) fs.closeSync(ring.fd);
    fs.rmSync(this.dir, { recursive: true });
  }

  #tick() {
    this.set(layout.CLOCK.engineFrame, this.engineFrame);
    this.set(layout.CLOCK.blockFrames, this.blockFrames);
  }
}

class ModelRing {
  constructor(session, slot, { channels, capacityFrames, first, fd }) {
    Object.assign(this, { session, slot, channels, capacityFrames, fd });
    this.position = first >>> 0;
    this.voiceFrame = 0;
    this.anchor = 0;
    this.markerRead = 0;
    this.state = STATE.idle;
    this.fade = undefined;
    this.last = new Array(channels).fill(0);
    this.#store();
  }

  block(frames, group, engineFrame) {
    const write = this.session.producer(this.slot, PRODUCER.write);
    const markers = this.#markers(this.session.producer(this.slot, PRODUCER.markerWrite));
    const out = [];
    for (let i = 0; i < frames; i++) {
      const now = (engineFrame + i) >>> 0;
      if (!this.fade) this.#switch(markers, group, now, write);
      // A future ends where the next marker's begins, committed or not.
      out.push(...this.#frame(markers.length > 0 ? markers[0].to : write));
    }
    this.#store();
    return out;
  }

  #markers(markerWrite) {
    const list = [];
    for (let n = this.markerRead; n !== markerWrite; n = (n + 1) >>> 0) {
      const base = layout.MARKERS.offset + this.slot * layout.MARKERS.stride + (n % 8) * layout.MARKERS.entry;
      const word = (index) => this.session.word(base + 4 * index);
      list.push({
        n,
        at: word(MARKER.at),
        to: word(MARKER.to),
        group: word(MARKER.group),
        anchor: word(MARKER.anchor),
        kind: word(MARKER.kind),
      });
    }
    return list;
  }

  /** Takes the newest committed marker that is due. */
  #switch(markers, group, now, write) {
    const due = markers.filter((marker) => {
      if (layout.distance(group, marker.group) < 0) return false;
      const frame = marker.kind === MARKER_KIND.start ? now : this.voiceFrame;
      const at = marker.kind === MARKER_KIND.start ? marker.at : (marker.at + marker.anchor - this.anchor) >>> 0;
      return layout.distance(frame, at) >= 0;
    });
    const marker = due.at(-1);
    if (!marker) return;
    markers.splice(0, markers.indexOf(marker) + 1);
    this.markerRead = (marker.n + 1) >>> 0;
    const old = this.position;
    if (marker.kind === MARKER_KIND.flush) {
      this.fade = { left: this.session.crossfadeFrames, old, end: marker.to, toSilence: true };
      this.position = marker.to;
      return;
    }
    if (marker.kind === MARKER_KIND.start) this.voiceFrame = now;
    const late = layout.distance(this.voiceFrame, marker.at);
    this.position = (marker.to + Math.max(0, late)) >>> 0;
    this.anchor = (now - this.voiceFrame) >>> 0;
    this.fade = { left: this.session.crossfadeFrames, old, end: marker.to, fromSilence: this.state === STATE.idle };
    this.state = STATE.playing;
    if (layout.distance(write, this.position) < 0) throw new Error('the new future is not covered');
  }

  #frame(end) {
    if (this.state === STATE.idle && !this.fade) return new Array(this.channels).fill(0);
    let fresh = new Array(this.channels).fill(0);
    if (!this.fade?.toSilence) {
      if (layout.distance(end, this.position) <= 0) {
        this.state = STATE.starved;
        return new Array(this.channels).fill(0);
      }
      this.state = STATE.playing;
      fresh = this.#samples(this.position);
      this.position = (this.position + 1) >>> 0;
      this.voiceFrame = (this.voiceFrame + 1) >>> 0;
    }
    if (!this.fade) return fresh;
    return this.#faded(fresh);
  }

  #faded(fresh) {
    const fade = this.fade;
    const length = this.session.crossfadeFrames;
    let old = new Array(this.channels).fill(0);
    if (!fade.fromSilence && layout.distance(fade.end, fade.old) > 0) {
      old = this.#samples(fade.old);
      fade.old = (fade.old + 1) >>> 0;
    }
    const gain = (length - fade.left + 1) / (length + 1);
    fade.left -= 1;
    if (fade.left === 0) {
      this.fade = undefined;
      if (fade.toSilence) this.state = STATE.idle;
    }
    return fresh.map((sample, channel) => Math.fround(old[channel] + gain * (sample - old[channel])));
  }

  #samples(position) {
    const bytes = Buffer.alloc(this.channels * 4);
    const index = (position & (this.capacityFrames - 1)) >>> 0;
    fs.readSync(this.fd, bytes, 0, bytes.length, index * bytes.length);
    return Array.from({ length: this.channels }, (_, channel) => bytes.readFloatLE(4 * channel));
  }

  #store() {
    const set = (index, value) => this.session.setEngine(this.slot, index, value);
    set(ENGINE.read, this.fade && !this.fade.fromSilence ? this.fade.old : this.position);
    set(ENGINE.voiceFrame, this.voiceFrame);
    set(ENGINE.anchor, this.anchor);
    set(ENGINE.markerRead, this.markerRead);
    set(ENGINE.state, this.state);
    set(ENGINE.offset, this.position - this.voiceFrame);
  }
}

/** A producer's ring over what `ModelSession.open` returned. */
export function attachRing(control, opened) {
  const samples = new SharedFile(opened.ring.path, opened.ring.bytes);
  return new RingWriter(control, samples, {
    slot: opened.slot,
    channels: opened.channels,
    capacityFrames: opened.capacity_frames,
    first: opened.first,
  });
}

/** The connection of a session whose daemon is the model: notes every request; `refuse` makes one of a method fail. */
class ModelConnection extends EventEmitter {
  closed = false;
  requests = [];
  refuse = undefined;

  async call(method, params) {
    this.requests.push([method, params]);
    if (this.refuse === method) throw new Error(`${method} is refused`);
    return {};
  }

  close() {
    this.closed = true;
    this.emit('close', undefined);
  }
}

/** The SDK's own session over a model: voices are opened in local files. */
export class LocalSession extends Session {
  #model;

  constructor(model) {
    const connection = new ModelConnection();
    const control = model.attach();
    const { rateHz, crossfadeFrames } = control;
    const hello = { rate_hz: rateHz, channels: 2, crossfade_frames: crossfadeFrames, block_frames: model.blockFrames };
    super(connection, hello, control);
    this.#model = model;
    this.connection = connection;
  }

  async openRing({ name, channels, capacity_frames: capacityFrames, target }) {
    return this.#model.open({ name, channels, capacityFrames, target });
  }
}
