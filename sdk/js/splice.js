// Changing the future of one or many voices on one engine frame.

import { ForebayError } from './errors.js';
import { MARKERS_PER_RING, extend } from './layout.js';

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
    const end = extend((ring.nextVoiceFrame + ring.anchor) >>> 0, engineFrame);
    return end - crossfadeFrames < frame;
  });
  return { frame, short };
}

/** Writes the new futures and commits them: all markers, then all frames, then all counters, then the one commit.
 *  `covers` holds `{ ring, starts, bytes, from, frames }`, rendered beforehand so that nothing slow lies in between. */
export function publishFutures(commit, engineFrame, covers) {
  const group = commit.next;
  for (const { ring, starts } of covers) {
    const marked = starts
      ? ring.start(engineFrame >>> 0, group)
      : ring.splice((engineFrame - ring.anchor) >>> 0, group);
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
  for (const voice of voices) voice.checkOpen();
  session.refresh();
  const [began, asked] = [performance.now(), session.engineFrame];
  const rings = voices.map((voice) => voice.ring);
  const cover = Math.round((coverMs / 1000) * session.rateHz);
  for (const voice of voices) {
    voice.settle();
    if (voice.ring.spaceFrames < cover || voice.ring.pendingMarkers >= MARKERS_PER_RING) {
      throw new ForebayError('no-room', `voice ${voice.name} has no room for another future yet: try again next turn`);
    }
  }
  const { frame, short } = pickFrame(rings, {
    engineFrame: asked,
    guardFrames: session.guardFrames(guardMs),
    crossfadeFrames: session.crossfadeFrames,
    lastAt: (ring) => session.lastChange.get(ring),
  });
  const covers = voices.map((voice) => {
    const starts = voice.ring.needsStart || short.includes(voice.ring);
    const at = starts ? frame : extend((frame - voice.ring.anchor) >>> 0, voice.nextFrame);
    return { ring: voice.ring, starts, at, ...renderCover(session, voice, render, at, cover) };
  });
  publishFutures(session.commit, frame, covers);
  voices.forEach((voice, i) => voice.replaced(covers[i].at, frame));
  const given = Math.min(...covers.map(({ frames }) => frames));
  session.countChange((performance.now() - began) * 1000, frame - asked, given);
  return { engineFrame: frame, coverFrames: cover };
}

/** The first frames of a new future as bytes. What `render` throws has changed nothing. */
function renderCover(session, voice, render, at, cover) {
  const rendered = voice.coverStaging.bytesOf(render(voice, at, cover), voice.channels);
  const { frames } = rendered;
  if (frames < Math.min(cover, session.crossfadeFrames) || frames > voice.ring.spaceFrames) {
    throw new ForebayError('samples', `voice ${voice.name}: the new future has ${frames} frames where ${cover} were asked for`);
  }
  return rendered;
}
