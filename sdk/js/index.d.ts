import { EventEmitter } from 'node:events';

/** Interleaved samples. A Float32Array is written as it is; others are rounded to f32. */
export type Samples = Float32Array | Float64Array | number[];

/** `hold`: a late voice resumes where it stopped. `skip` (default): it stays on the time line. */
export type LatePolicy = 'hold' | 'skip';

/** `drain` plays all that was written, `fade` fades out within 20 ms. */
export type CloseMode = 'drain' | 'fade';

export interface ConnectOptions {
  /** What the program calls itself, 1 to 64 bytes. */
  name?: string;
  /** Path of the daemon's socket; default an inherited one (FOREBAY_SESSION_FD, not on Bun), then FOREBAY_SOCKET, then the
   *  user's runtime directory. */
  socket?: string;
  /** Start `forebay run` (FOREBAY_BIN, then PATH) where no daemon listens. Default true. */
  start?: boolean;
  /** Options of `forebay run` where it is started, such as `['--backend=jack']`. */
  daemonArgs?: string[];
  /** Target lead of the session's voices in milliseconds. */
  leadMs?: number | 'auto';
}

export interface VoiceOptions {
  /** 1 to 64 bytes, unique among the open voices of the session. */
  name?: string;
  /** 1 to 8, default 2. */
  channels?: number;
  policy?: LatePolicy;
  /** 0 to 255, default 128; low ones are shed first under overload. */
  priority?: number;
  gainDb?: number;
  /** -1 (left) to 1 (right). */
  pan?: number;
  leadMs?: number | 'auto';
  /** Least capacity of the ring; rounded up to a power of two. */
  capacityFrames?: number;
}

export interface VoiceStats {
  state: 'idle' | 'playing' | 'starved' | 'faulted';
  leadFrames: number;
  targetLeadFrames: number;
  underruns: number;
  concealedFrames: number;
  supersededFrames: number;
  shedFrames: number;
  lateFrames: number;
  lastStallFrames: number;
  fault: number;
  /** What `tellRender` was told, summed up. */
  renderedFrames: number;
  busyUs: number;
  longestChunkUs: number;
}

export interface SpliceOptions {
  /** Time that the caller needs between asking and the commit (its own rendering), in ms. Default 1. */
  guardMs?: number;
  /** How much of the new future is rendered before the commit, in ms. Default 60. */
  coverMs?: number;
}

/** Renders at most `frames` frames of `voice` from voice frame `at` on, interleaved. */
export type SpliceRender = (voice: Voice, at: number, frames: number) => Samples;

export interface Underrun {
  slot: number;
  name: string;
  /** Engine frame at which the voice ran dry. */
  frame: number;
  /** Frames that the voice has missed so far, in all its underruns; `resumed` says how many were missing in this one. */
  frames: number;
  cause: 'producer_late' | 'producer_dead';
}

/** One voice. Emits 'underrun' (Underrun), 'resumed', 'muted', 'unmuted' and 'target_lead'. */
export class Voice extends EventEmitter {
  readonly name: string;
  readonly slot: number;
  readonly channels: number;
  readonly capacityFrames: number;
  readonly closed: boolean;
  /** Voice frame of the next frame to be written. */
  readonly nextFrame: number;
  /** Frames written and not yet played. */
  readonly leadFrames: number;
  /** Frames to which `write` fills before it waits. */
  readonly targetLeadFrames: number;
  /** Writes all of `samples`, waiting while the ring is at its target lead. The array must not change until then.
   *  A splice or a flush ends the wait: what the ring had not taken belongs to a future that is no more. */
  write(samples: Samples): Promise<void>;
  /** Writes what fits now and returns how many frames were taken. */
  writeSome(samples: Samples): number;
  /** Tells that rendering `frames` frames took `ms` milliseconds: shown to people as the speed of this producer. */
  tellRender(frames: number, ms: number): void;
  /** Latest value wins, smoothed by the engine. */
  set(change: { gainDb?: number; pan?: number; mute?: boolean }): void;
  /** A change at an exact engine frame (default: now), ramped over `rampMs` (default 5). */
  schedule(change: { at?: number; rampMs?: number; gainDb?: number; pan?: number; mute?: boolean }): void;
  /** Replaces the future of this voice. */
  splice(render: SpliceRender, options?: SpliceOptions): { engineFrame: number; coverFrames: number };
  /** Fades out what is left of the future and falls idle; what is written next starts anew. */
  flush(options?: { guardMs?: number }): void;
  /** Ends the voice. Default 'drain'. Of several calls the first decides; all resolve when the voice has ended. */
  close(mode?: CloseMode): Promise<void>;
  stats(): VoiceStats;
}

/** A session. Emits 'device', 'evicted', 'closing', 'notification' (method, params) and 'close' (error or undefined). */
export class Session extends EventEmitter {
  readonly rateHz: number;
  /** Channels of main. */
  readonly channels: number;
  readonly crossfadeFrames: number;
  readonly closed: boolean;
  /** Engine frame of the next block, as of the last look: its low 32 bits, counted on from where they were when the
   *  session began. Notifications have the whole number: compare the two as they wrap. */
  readonly engineFrame: number;
  /** Frames in the engine's last block. */
  readonly blockFrames: number;
  /** Looks at the engine's side of everything; `engineFrame` and `blockFrames` are of then. */
  refresh(): void;
  openVoice(options?: VoiceOptions): Promise<Voice>;
  /** Replaces the future of several voices on one engine frame, all or none: picks the frame, renders every cover
   *  through `render`, then writes markers, frames and the one commit. Throws `ForebayError` with code `no-room`
   *  (try again next turn). A voice that has too little lead to be spliced starts anew at that frame. */
  splice(voices: Voice[], render: SpliceRender, options?: SpliceOptions): { engineFrame: number; coverFrames: number };
  /** Any request of the protocol. */
  call(method: string, params?: object): Promise<any>;
  /** Ends the session, also where a voice refuses to close (what it said is thrown then). Default 'drain'. */
  close(mode?: CloseMode): Promise<void>;
}

/** What went wrong: `code` for programs, `message` with the remedy for people. Codes: no-daemon, no-permission,
 *  place, handoff, layout, message, refused (detail: the daemon's error), closed, samples, faulted, no-room, events-full. */
export class ForebayError extends Error {
  constructor(code: string, message: string, detail?: any);
  readonly code: string;
  readonly detail?: any;
}

/** Connects to the daemon, starting one where none listens, and opens a session. */
export function connect(options?: ConnectOptions): Promise<Session>;

/** Where the daemon listens. */
export function socketPath(env?: Record<string, string | undefined>): string;
