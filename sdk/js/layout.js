// The shared-memory contract of a session, version 1, as byte offsets and word indices.
// Everything is little endian; every counter is a u32 that wraps. `crates/session/golden/layout-1.json` is the
// same table as the engine has it, and a test compares the two.

/** Versions that this side speaks; the daemon refuses others with a clear message. */
export const PROTOCOL_VERSION = 1;
export const LAYOUT_VERSION = 1;

/** "FBAY" as the first four bytes of the control memory. */
export const MAGIC = 0x59414246;

/** Voices in one session. */
export const SLOTS = 64;
/** Entries in one ring's marker queue. */
export const MARKERS_PER_RING = 8;
/** Entries in a session's timed-event ring. */
export const EVENT_CAPACITY = 1024;

/** Size of the whole control memory in bytes. */
export const CONTROL_BYTES = 0x11000;

/** Byte offsets of what a session has once. */
export const HEADER = Object.freeze({
  magic: 0x000,
  layoutVersion: 0x004,
  totalBytes: 0x008,
  slots: 0x00c,
  rateHz: 0x010,
  crossfadeFrames: 0x014,
  sessionId: 0x018,
  eventCapacity: 0x01c,
  bytes: 0x020,
});

/** Engine-owned: the engine frame of the next block and the size of the last one. */
export const CLOCK = Object.freeze({ engineFrame: 0x040, blockFrames: 0x044 });
/** Producer-owned: the commit. Every marker whose group is up to it counts. */
export const GROUP = 0x080;
export const EVENT_WRITE = 0x0c0;
export const EVENT_READ = 0x100;
/** Producer-owned, about the producer as a whole: pacing turns (a sign of life), stalls, and its last change. */
export const PACING = Object.freeze({
  turns: 0x140,
  lastStallUs: 0x144,
  worstStallUs: 0x148,
  splices: 0x14c,
  changeUs: 0x150,
  guardFrames: 0x154,
  coverFrames: 0x158,
});

/** Byte offset and stride of the tables that have one line per slot. */
export const PRODUCER_WORDS = Object.freeze({ offset: 0x1000, stride: 64 });
export const ENGINE_WORDS = Object.freeze({ offset: 0x2000, stride: 64 });
export const MARKERS = Object.freeze({ offset: 0x3000, stride: 32 * MARKERS_PER_RING, entry: 32 });
export const PRODUCER_STATS = Object.freeze({ offset: 0x7000, stride: 64 });
export const EVENTS = Object.freeze({ offset: 0x9000, stride: 32 });

/** Word indices (4 bytes each) inside one line of `PRODUCER_WORDS`. */
export const PRODUCER = Object.freeze({ write: 0, markerWrite: 1, gain: 2, pan: 3, flags: 4 });
/** Bit 0 of `PRODUCER.flags`. */
export const FLAG_MUTE = 1;

/** Word indices inside one line of `ENGINE_WORDS`. */
export const ENGINE = Object.freeze({
  read: 0,
  voiceFrame: 1,
  anchor: 2,
  markerRead: 3,
  late: 4,
  superseded: 5,
  state: 6,
  underruns: 7,
  concealed: 8,
  shed: 9,
  fault: 10,
  targetLead: 11,
  lastStall: 12,
  offset: 13,
  jumped: 14,
});

/** Word indices inside one marker. */
export const MARKER = Object.freeze({ at: 0, to: 1, group: 2, anchor: 3, kind: 4 });
export const MARKER_KIND = Object.freeze({ start: 1, splice: 2, flush: 3 });

/** Values of `ENGINE.state`. */
export const STATE = Object.freeze({ idle: 0, playing: 1, starved: 2, faulted: 3 });

/** Word indices inside one line of `PRODUCER_STATS`. */
export const STATS = Object.freeze({
  framesRendered: 0,
  busyUs: 1,
  longestChunkUs: 2,
  chunkFrames: 3,
});

/** Word indices inside one timed event, and the kinds of event. */
export const EVENT = Object.freeze({ at: 0, slot: 1, kind: 2, value: 3, rampFrames: 4 });
export const EVENT_KIND = Object.freeze({ gain: 1, pan: 2, mute: 3 });

/** `a - b` for wrapping u32 counters, as a signed number: negative when `a` is behind `b`. */
export function distance(a, b) {
  return (a - b) | 0;
}

/** The number congruent to the u32 `word` that lies closest to `near`: extends a wrapping counter. */
export function extend(word, near) {
  return near + ((word - near) | 0);
}
