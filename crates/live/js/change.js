// The splice of a whole session: every voice of a new score is heard from one frame on.
//
// Restore the newest snapshot at or before the frame, replay up to it with the old code, change over, render the cover
// with the new code; then all markers, all frames, all counters, one commit.

import { MARKERS_PER_RING } from '../../../sdk/js/layout.js';
import { fadeTo } from './render.js';

/** The cover: at least 50 ms; where this thread has stalled for longer, that long, if it can be rendered in 5 ms. */
const LEAST_COVER_S = 0.05;
const MOST_COVER_S = 0.2;
const COVER_MS = 5;
/** Cover of the first sound, when nothing is warm yet, and its guard. */
const FIRST_COVER_S = 0.1;
const FIRST_GUARD_S = 0.002;
/** Fades where the code names none: the first sound, a voice that joins, a voice that leaves, mute and solo. */
const FADE_S = { first: 0.05, join: 0.02, leave: 0.03, change: 0.02 };
/** What publishing costs per voice: five small file calls. */
const PUBLISH_MS_PER_VOICE = 0.03;
/** The guard never grows beyond this: a change that comes a little late is still one change on one frame. */
const MOST_GUARD_MS = 12;

/** Frames of every ring that are kept free of lead, so that a change finds room for its cover. */
export function reserveFrames({ setup }) {
  return Math.min(MOST_COVER_S * setup.rateHz, setup.capacityFrames / 4);
}

/** Whether every ring, of what plays and of `names`, can take a change now. The timeline is fresh. */
export function roomForChange(timeline, names) {
  const rings = new Set([...timeline.players.map((player) => player.name), ...names].map((name) => timeline.rings.get(name)));
  const cover = inChunks(timeline.origin === undefined ? FIRST_COVER_S : LEAST_COVER_S, timeline) + timeline.chunk;
  return [...rings].every((ring) => ring.pendingMarkers < MARKERS_PER_RING - 2 && ring.spaceFrames >= cover);
}

/** Makes `trial` audible. `lastChange` is the engine frame of the change before. Returns figures for people. */
export function enter(timeline, trial, { lastChange, onFailure }) {
  const began = performance.now();
  timeline.refresh();
  const asked = timeline.now;
  const beginning = timeline.origin === undefined;
  let frame = pick(timeline, trial, { lastChange, onFailure });
  const song = frame - timeline.origin;
  rewind(timeline, song, onFailure);
  const before = timeline.players.filter((player) => player.endAt > song);
  const names = new Set(before.map((player) => player.name));
  const joined = trial.players.filter((player) => !names.has(player.name));
  const leaving = timeline.players.filter((player) => !trial.score.voices.has(player.name));
  trial.adopt();
  fadePresent(timeline, trial, joined, song);
  fadeOut(timeline, trial.score, leaving, song);
  for (const player of leaving) if (player.endAt <= song) timeline.arena.release(player.window);
  timeline.players = [...trial.players, ...leaving.filter((player) => player.endAt > song)];
  timeline.beginSnapshots(song);
  const cover = renderCover(timeline, song, began, onFailure);
  const coverMs = performance.now() - began;
  if (beginning) frame = beginNow(timeline);
  publish(timeline, frame, cover);
  timeline.head = song + cover;
  const lateFrames = Math.max(0, timeline.control.refreshClock() - (frame >>> 0) | 0);
  return {
    engineFrame: frame,
    coverFrames: cover,
    coverMs,
    publishMs: performance.now() - began - coverMs,
    guardMs: ((frame - asked) / timeline.setup.rateHz) * 1000,
    lateFrames,
    joined: joined.map((player) => player.name),
    left: leaving.map((player) => player.name),
  };
}

/** The engine frame of the change. Brings the time line there where it is short or was lost. */
function pick(timeline, trial, { lastChange, onFailure }) {
  const { control, setup } = timeline;
  const now = timeline.now;
  if (setup.render) return firstFrame(timeline, now);
  const voices = trial.players.length + timeline.players.length;
  const coverFrames = LEAST_COVER_S * setup.rateHz;
  const replayFrames = 2 * timeline.chunk;
  const workMs = 1.3 * trial.costMsPerFrame * (coverFrames + replayFrames) + PUBLISH_MS_PER_VOICE * voices + 0.5;
  const needMs = Math.min(workMs, MOST_GUARD_MS);
  let frame = now + control.blockFrames + Math.ceil((needMs / 1000) * setup.rateHz);
  if (lastChange !== undefined) frame = Math.max(frame, lastChange + setup.crossfadeFrames);
  if (timeline.origin === undefined || timeline.players.length === 0) return firstFrame(timeline, frame);
  if (timeline.lead < 0) moveOrigin(timeline, frame);
  while (timeline.head + timeline.origin < frame + setup.crossfadeFrames && timeline.space >= timeline.chunk) {
    timeline.advance(onFailure);
    timeline.refresh();
  }
  return Math.min(frame, timeline.head + timeline.origin - setup.crossfadeFrames);
}

/** Nothing plays: the song goes on at `frame` on its own time line, or begins there. */
function firstFrame(timeline, frame) {
  if (timeline.origin === undefined) {
    timeline.origin = frame;
    timeline.head = 0;
  } else if (timeline.players.length === 0) {
    timeline.head = frame - timeline.origin;
  }
  return frame;
}

/** The first sound: what is rendered begins as soon as it can be published, so it is never late. */
function beginNow(timeline) {
  const { setup, control } = timeline;
  timeline.refresh();
  const frame = setup.render ? timeline.now : timeline.now + control.blockFrames + Math.ceil(FIRST_GUARD_S * setup.rateHz);
  timeline.origin = frame;
  return frame;
}

/** The song was not rendered in time: it goes on where it stopped, at engine frame `frame`. */
export function moveOrigin(timeline, frame) {
  timeline.origin = frame - timeline.head;
  for (const player of timeline.players) {
    const ring = timeline.rings.get(player.name);
    if (player.endAt <= timeline.head) continue;
    ring.start(frame >>> 0, timeline.commit.next);
    timeline.noteRing(ring);
  }
}

/** The state as it is at song frame `song` under the code that played until now. */
function rewind(timeline, song, onFailure) {
  const { snapshots, arena, chunk, players } = timeline;
  if (players.length === 0) return;
  let at = snapshots.restore(song, arena);
  if (at === undefined) throw new Error(`no snapshot at or before song frame ${song}`);
  while (at < song) {
    const frames = Math.min(chunk, song - at);
    timeline.render(players, at, frames, 0, onFailure);
    at += frames;
  }
}

/** Fades in who joins; who stays is faded to where mute and solo want it. */
function fadePresent(timeline, { players, score }, joined, song) {
  const rate = timeline.setup.rateHz;
  for (const player of players) {
    const { spec, head } = player;
    const seconds = joined.includes(player)
      ? spec.fade ?? (song === 0 ? FADE_S.first : FADE_S.join)
      : spec.changeFade ?? FADE_S.change;
    fadeTo(head, score.audible(spec) ? 1 : 0, seconds * rate);
  }
}

/** Who is no longer in the score fades out and then ends. A fade that runs already goes on. */
function fadeOut(timeline, score, leaving, song) {
  for (const player of leaving) {
    if (player.endAt < Infinity) continue;
    const seconds = score.stops.get(player.name) ?? score.clearFade ?? FADE_S.leave;
    const frames = Math.max(1, Math.round(seconds * timeline.setup.rateHz));
    fadeTo(player.head, 0, frames);
    player.endAt = song + frames;
  }
}

/** Renders the first frames of the new future, with a snapshot per chunk, and returns how many. */
function renderCover(timeline, song, began, onFailure) {
  const { setup, chunk, players } = timeline;
  const least = inChunks(song === 0 ? FIRST_COVER_S : LEAST_COVER_S, timeline);
  const wanted = setup.render ? least : inChunks(timeline.stallS, timeline);
  const most = Math.min(inChunks(MOST_COVER_S, timeline), timeline.space - chunk);
  for (const player of players) player.reserve(Math.max(least, most), setup.channels);
  let done = 0;
  while (done < least || (done + chunk <= Math.min(wanted, most) && performance.now() - began < COVER_MS)) {
    if (done > 0) timeline.snapshot(song + done);
    timeline.render(players, song + done, chunk, done, onFailure);
    done += chunk;
  }
  return done;
}

function inChunks(seconds, { setup, chunk }) {
  return Math.ceil((seconds * setup.rateHz) / chunk) * chunk;
}

function publish(timeline, frame, cover) {
  const { commit, players, rings } = timeline;
  const group = commit.next;
  for (const player of players) {
    const ring = rings.get(player.name);
    if (ring.needsStart) ring.start(frame >>> 0, group);
    else ring.splice(frame >>> 0, group);
  }
  for (const player of players) {
    const ring = rings.get(player.name);
    const frames = Math.min(cover, player.endAt + timeline.origin - frame);
    ring.store(player.bytes, 0, frames);
    ring.publish();
    timeline.noteRing(ring);
    if (frames < cover || player.endAt + timeline.origin === frame + cover) timeline.end(player);
  }
  commit.publish();
}
