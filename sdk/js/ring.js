// The producer's end of one splicing ring: positions, markers, frames. No socket, no waiting, no policy.
//
// Order of publication, everywhere in this SDK: marker, frames, `write` counter, commit. The write counter never moves
// back: a new future is appended behind the old one and a marker tells the engine where to jump.

import {
  ENGINE,
  ENGINE_WORDS,
  GROUP,
  MARKER,
  MARKERS,
  MARKERS_PER_RING,
  MARKER_KIND,
  PRODUCER,
  PRODUCER_STATS,
  PRODUCER_WORDS,
  STATE,
  distance,
} from './layout.js';

const ENGINE_STRIDE_WORDS = ENGINE_WORDS.stride / 4;

/** The commit of a session: one word that makes markers on any number of rings count at once. */
export class Commit {
  #control;

  constructor(control) {
    this.#control = control;
    this.value = control.word(GROUP);
  }

  /** The group that markers written before the next `publish` carry. */
  get next() {
    return (this.value + 1) >>> 0;
  }

  /** Makes every marker written so far count. */
  publish() {
    this.value = this.next;
    this.#control.setWord(GROUP, this.value);
  }
}

/** What a ring is: `{ slot, channels, capacityFrames, first }`, as the daemon's reply to `voice.open` says. */
export class RingWriter {
  #control;
  #samples;
  #mask;
  #frameBytes;
  #line;
  #queue;
  #marker = new Uint32Array(8);
  #markerBytes = new Uint8Array(this.#marker.buffer);
  #markerWrite;
  #engineBase;
  /** Position at which the newest future begins. */
  #to;
  /** Number of the newest start marker. */
  #startMarker;

  constructor(control, samples, shape) {
    this.#control = control;
    this.#samples = samples;
    this.slot = shape.slot;
    this.channels = shape.channels;
    this.capacityFrames = shape.capacityFrames;
    this.#mask = shape.capacityFrames - 1;
    this.#frameBytes = shape.channels * 4;
    this.#line = PRODUCER_WORDS.offset + shape.slot * PRODUCER_WORDS.stride;
    this.#queue = MARKERS.offset + shape.slot * MARKERS.stride;
    this.#engineBase = shape.slot * ENGINE_STRIDE_WORDS;
    /** Position one past the last frame stored, published or not (u32). */
    this.position = shape.first >>> 0;
    this.#to = this.position;
    this.#markerWrite = control.word(this.#line + 4 * PRODUCER.markerWrite);
    /** `position - voice frame` within the newest future; undefined while a start marker is needed. */
    this.offset = undefined;
  }

  /** An engine-owned word of this ring as of the control's last refresh; `index` is one of `ENGINE`. */
  engine(index) {
    return this.#control.engine[this.#engineBase + index];
  }

  /** Whether what comes next needs a start marker: nothing was started yet, or the last future was flushed. */
  get needsStart() {
    return this.offset === undefined;
  }

  /** The engine let go of a future that starved for a whole capacity (policy `skip`): a start is needed again, also
   *  where frames that came too late for that future still lie in the ring. */
  noticeIdle() {
    if (this.pendingMarkers === 0 && this.engine(ENGINE.state) === STATE.idle) this.offset = undefined;
  }

  /** The engine re-based the future that plays after an underrun (policy `hold`). */
  noticeRebase() {
    if (this.needsStart || this.pendingMarkers !== 0 || this.engine(ENGINE.state) === STATE.idle) return;
    this.offset = this.engine(ENGINE.offset) | 0;
  }

  /** Engine frame - voice frame (u32); 0 behind a start that waits, which is on time. */
  get anchor() {
    const startWaits = this.#startMarker !== undefined && distance(this.engine(ENGINE.markerRead), this.#startMarker) <= 0;
    return startWaits ? 0 : this.engine(ENGINE.anchor);
  }

  /** Voice frame of the next frame to be stored (u32). Only within a future. */
  get nextVoiceFrame() {
    return (this.position - this.offset) >>> 0;
  }

  /** Frames that fit before the ring is full, as of the last refresh. */
  get spaceFrames() {
    const used = distance(this.position, this.engine(ENGINE.read));
    return Math.max(0, this.capacityFrames - Math.max(0, used));
  }

  /** Frames between where the voice is and the end of its newest future, as of the last refresh. Not `position - read`:
   *  while a cross-fade runs, `read` stays with the old future. */
  get leadFrames() {
    if (this.needsStart) return 0;
    // Before its start an idle voice has a voice frame of no meaning, and nothing of the future is played.
    if (this.pendingMarkers > 0 && this.engine(ENGINE.state) === STATE.idle) return distance(this.position, this.#to);
    // In engine frames: behind a start that waits, voice frames count anew.
    const now = this.engine(ENGINE.voiceFrame) + this.engine(ENGINE.anchor);
    return Math.max(0, distance(this.nextVoiceFrame + this.anchor, now));
  }

  /** Markers that the engine has not taken yet. */
  get pendingMarkers() {
    return distance(this.#markerWrite, this.engine(ENGINE.markerRead));
  }

  /** Begins a future at engine frame `at`; frames stored from now on belong to it. False: the marker queue is full. */
  start(at, group) {
    return this.#mark(MARKER_KIND.start, at, group, 0, this.position - at);
  }

  /** Begins a future that replaces the newest one from voice frame `at` on. False: the marker queue is full. */
  splice(at, group) {
    return this.#mark(MARKER_KIND.splice, at, group, this.anchor, this.position - at);
  }

  /** Ends the voice at voice frame `at` with a fade; what follows needs a start. False: the marker queue is full. */
  flush(at, group) {
    return this.#mark(MARKER_KIND.flush, at, group, this.anchor, undefined);
  }

  /** Stores `frames` interleaved frames from byte `from` of `bytes` behind the last one, without publishing them.
   *  The caller has checked `spaceFrames`. */
  store(bytes, from, frames) {
    const index = this.position & this.#mask;
    const first = Math.min(frames, this.capacityFrames - index);
    this.#samples.write(index * this.#frameBytes, bytes, from, first * this.#frameBytes);
    if (first < frames) {
      this.#samples.write(0, bytes, from + first * this.#frameBytes, (frames - first) * this.#frameBytes);
    }
    this.position = (this.position + frames) >>> 0;
  }

  /** Position one past the last frame that was published, by whomever (u32). */
  get published() {
    return this.#control.word(this.#line + 4 * PRODUCER.write);
  }

  /** Publishes everything stored so far. */
  publish() {
    this.#control.setWord(this.#line + 4 * PRODUCER.write, this.position);
  }

  /** Linear gain, pan (-1..1) and flags: latest value wins, the engine smooths. */
  setGain(linear) {
    this.#control.setFloat(this.#line + 4 * PRODUCER.gain, linear);
  }

  setPan(pan) {
    this.#control.setFloat(this.#line + 4 * PRODUCER.pan, pan);
  }

  setFlags(flags) {
    this.#control.setWord(this.#line + 4 * PRODUCER.flags, flags);
  }

  /** Stores one word of the producer's stats line; `index` is one of `STATS`. */
  setStat(index, value) {
    this.#control.setWord(PRODUCER_STATS.offset + this.slot * PRODUCER_STATS.stride + 4 * index, value);
  }

  close() {
    this.#samples.close();
  }

  #mark(kind, at, group, anchor, offset) {
    if (this.pendingMarkers >= MARKERS_PER_RING) return false;
    const marker = this.#marker;
    marker[MARKER.at] = at;
    marker[MARKER.to] = this.position;
    marker[MARKER.group] = group;
    marker[MARKER.anchor] = anchor;
    marker[MARKER.kind] = kind;
    const entry = this.#queue + (this.#markerWrite % MARKERS_PER_RING) * MARKERS.entry;
    this.#control.write(entry, this.#markerBytes);
    this.#to = this.position;
    if (kind === MARKER_KIND.start) this.#startMarker = this.#markerWrite;
    this.#markerWrite = (this.#markerWrite + 1) >>> 0;
    this.#control.setWord(this.#line + 4 * PRODUCER.markerWrite, this.#markerWrite);
    this.offset = offset === undefined ? undefined : offset | 0;
    return true;
  }
}
