// Changing the future of one or many voices on one engine frame.

import { ForebayError } from './errors.js';
import { ENGINE, MARKERS_PER_RING, extend } from './layout.js';

/** Frames written before the commit: what survives a stall right after the change. */
export const DEFAULT_COVER_MS = 60;

/** Picks the engine frame at which rings change: at least `guardFrames` from now and a cross-fade after each ring's
 *  last change. `short` are the rings whose future ends before that: they have nothing to splice into and start anew. */
export function pickFrame(rings, { engineFrame, guardFrames, crossfadeFrames, lastAt }) {
  let frame = engineFrame + guardFrames;
  for (const ring of rings) {
    const last = lastAt?.(ring);
    if (last !== undefined) frame = Math.max(frame, last + crossfadeFrames);
  }
  const short = rings.filter((ring) => {
    if (ring.needsStart) return false;
    const end = extend((ring.nextVoiceFrame + ring.engine(ENGINE.anchor)) >>> 0, engineFrame);
    return end - crossfadeFrames < frame;
  });
  return { frame, short };
}

/** Writes the new futures and commits them: all markers, then all frames, then all counters, then the one commit.
 *  `covers` holds `{ ring, bytes, from, frames }`, rendered beforehand so that nothing slow lies in between. */
export function publishFutures(commit, engineFrame, covers) {
  const group = commit.next;
  for (const { ring } of covers) {
    const marked = ring.needsStart
      ? ring.start(engineFrame >>> 0, group)
      : ring.splice((engineFrame - ring.engine(ENGINE.anchor)) >>> 0, group);
    if (!marked) throw new ForebayError('no-room', 'a marker queue is full');
  }
  for (const { ring, bytes, from, frames } of covers) {
    ring.store(bytes, from, frames);
    ring.publish();
  }
  commit.publish();
}

/** `Session.splice`: see index.d.ts. */
export function spliceVoices(session, voices, render, { guardMs, coverMs = DEFAULT_COVER_MS } = {}) {
  session.refresh();
  const began = performance.now();
  const rings = voices.map((voice) => voice.ring);
  for (const voice of voices) voice.settle();
  const cover = Math.round((coverMs / 1000) * session.rateHz);
  for (const voice of voices) {
    if (voice.ring.spaceFrames < cover || voice.ring.pendingMarkers >= MARKERS_PER_RING) {
      throw new ForebayError('no-room', `voice ${voice.name} has no room for another future yet: try again next turn`);
    }
  }
  const { frame: engineFrame, short } = pickFrame(rings, {
    engineFrame: session.engineFrame,
    guardFrames: session.guardFrames(guardMs),
    crossfadeFrames: session.crossfadeFrames,
    lastAt: (ring) => session.lastChange.get(ring),
  });
  for (const ring of short) ring.offset = undefined;
  const covers = voices.map((voice) => {
    const at = voice.ring.needsStart
      ? engineFrame
      : extend((engineFrame - voice.ring.engine(ENGINE.anchor)) >>> 0, voice.nextFrame);
    const { bytes, from, frames } = voice.staging.bytesOf(render(voice, at, cover), voice.channels);
    if (frames < Math.min(cover, session.crossfadeFrames) || frames > voice.ring.spaceFrames) {
      throw new ForebayError('samples', `voice ${voice.name}: the new future has ${frames} frames where ${cover} were asked for`);
    }
    return { ring: voice.ring, bytes, from, frames };
  });
  publishFutures(session.commit, engineFrame, covers);
  for (const ring of rings) session.lastChange.set(ring, engineFrame);
  session.countChange((performance.now() - began) * 1000, session.guardFrames(guardMs), cover);
  return { engineFrame, coverFrames: cover };
}
