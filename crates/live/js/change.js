// The splice of a whole session: every voice of a new score is heard from one frame on.
//
// Restore the newest snapshot at or before the frame, replay up to it with the old code, change over, render the cover
// with the new code; then all markers, all frames, all counters, one commit. Until then nothing has happened: new code
// that fails in its cover is refused, and one that hangs there leaves a successor the old future and its snapshots.

import { MARKERS_PER_RING } from '../../../sdk/js/layout.js';
import { audible, fadeTo } from './finish.js';
import { GUARD, NOBODY, PLAYING } from './guard.js';
import { QUANTUM } from './player.js';
import { HEAD } from './state.js';

/** The cover: at least 50 ms; where this thread has stalled for longer, that long, if it can be rendered in 5 ms. */
const LEAST_COVER_S = 0.05;
const MOST_COVER_S = 0.2;
const COVER_MS = 5;
/** Cover of the first sound, when nothing is warm yet, and its guard. */
const FIRST_COVER_S = 0.1;
const FIRST_GUARD_S = 0.01;
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

/** Makes `trial` audible, at engine frame `at` if that is given. `lastChange` is the engine frame of the change before. Throws a `SourceError`, with everything
 *  as before, when the new code fails in its first frames. Returns figures for people. */
export function enter(timeline, trial, { at, lastChange, onFailure }) {
  const began = performance.now();
  timeline.refresh();
  const asked = timeline.now;
  const beginning = timeline.origin === undefined;
  let frame = at ?? pick(timeline, trial, { lastChange, onFailure });
  const song = beginning ? 0 : frame - timeline.origin;
  const change = plan(timeline, trial, song);
  const cover = rehearse(timeline, change, { song, began, onFailure });
  const coverMs = performance.now() - began;
  take(timeline, change);
  if (beginning) frame = beginNow(timeline);
  publish(timeline, frame, cover);
  timeline.snapshots.keep();
  timeline.head = song + cover;
  const lateFrames = Math.max(0, timeline.control.refreshClock() - (frame >>> 0) | 0);
  return {
    engineFrame: frame,
    coverFrames: cover,
    coverMs,
    publishMs: performance.now() - began - coverMs,
    guardMs: ((frame - asked) / timeline.setup.rateHz) * 1000,
    lateFrames,
    joined: change.joined.map((player) => player.name),
    left: change.leaving.map((player) => player.name),
  };
}

/** Who stays, joins and leaves, and when the leaving ones end. Who ends within a cross-fade, as is written, is left to it:
 *  there is no room for another future. */
function plan(timeline, trial, song) {
  const least = song + timeline.setup.crossfadeFrames;
  const goesOn = ({ name, endAt }) => endAt > least || (endAt > song && !timeline.rings.get(name).needsStart);
  const names = new Set(timeline.players.filter(goesOn).map((player) => player.name));
  const joined = trial.players.filter((player) => !names.has(player.name));
  const leaving = timeline.players.filter((player) => !trial.score.voices.has(player.name));
  const staying = leaving.filter(goesOn);
  const before = timeline.players.map(({ endAt, heldUntil }) => ({ endAt, heldUntil }));
  return { trial, joined, leaving, staying, players: [...trial.players, ...staying], before };
}

/** Renders the cover of the new future and returns how many frames it has. Where the new code fails, all is as before. */
function rehearse(timeline, change, { song, began, onFailure }) {
  const { trial, staying, players } = change;
  const answersFor = new Set(trial.players.filter((player) => trial.answersFor(player)));
  try {
    rewind(timeline, song, onFailure);
    trial.prepare(song);
    keepHeld(timeline, change);
    fadePresent(timeline, change, song);
    fadeOut(timeline, trial.score, staying, song);
    timeline.beginSnapshots(song);
    trial.announce(players);
    const cover = renderCover(timeline, players, { song, began }, (player, error) => {
      if (answersFor.has(player)) trial.failed(player, error);
      onFailure(player, error);
    });
    trial.judge([...answersFor]);
    return cover;
  } catch (error) {
    undo(timeline, change, onFailure);
    throw error;
  } finally {
    timeline.guard[GUARD.voice] = NOBODY;
    timeline.guard[GUARD.trial] = PLAYING;
  }
}

/** The old future goes on. */
function undo(timeline, { trial, before }, onFailure) {
  trial.withdraw();
  for (const [i, player] of timeline.players.entries()) Object.assign(player, before[i]);
  timeline.guard[GUARD.trial] = PLAYING;
  timeline.snapshots.drop();
  timeline.rewind(timeline.players, timeline.head, onFailure);
  // A song that was lost has been started anew: that counts by itself.
  timeline.commit.publish();
}

/** The new code is what plays. */
function take(timeline, { trial, leaving, staying, players }) {
  trial.adopt();
  for (const player of leaving) if (!staying.includes(player)) timeline.arena.releaseVoice(player.name);
  timeline.players = players;
  timeline.sinceChange = 0;
}

/** The engine frame of the change. Brings the time line there where it is short or was lost. */
function pick(timeline, trial, { lastChange, onFailure }) {
  const { control, setup } = timeline;
  const now = timeline.now;
  if (setup.render) return now;
  const voices = trial.players.length + timeline.players.length;
  const coverFrames = inChunks(LEAST_COVER_S, timeline);
  const replayFrames = 2 * timeline.chunk;
  const workMs = 1.3 * trial.costMsPerFrame * (coverFrames + replayFrames) + PUBLISH_MS_PER_VOICE * voices + 0.5;
  const needMs = Math.min(workMs, MOST_GUARD_MS);
  let frame = now + control.blockFrames + Math.ceil((needMs / 1000) * setup.rateHz);
  if (lastChange !== undefined) frame = Math.max(frame, lastChange + setup.crossfadeFrames);
  // The song goes on at `frame` on its own time line, or begins there.
  if (timeline.origin === undefined) return frame;
  if (timeline.players.length === 0) return onGrid(frame, timeline, Math.ceil);
  if (timeline.lead < 0) moveOrigin(timeline, frame);
  frame = onGrid(frame, timeline, Math.ceil);
  const room = coverFrames + timeline.chunk;
  while (timeline.head + timeline.origin < frame + setup.crossfadeFrames && timeline.space >= room) {
    timeline.advance(onFailure);
    timeline.refresh();
  }
  return Math.min(frame, onGrid(timeline.head + timeline.origin - setup.crossfadeFrames, timeline, Math.floor));
}

/** The engine frame at the nearest border of quanta of the song. */
function onGrid(frame, { origin }, round) {
  return origin + round((frame - origin) / QUANTUM) * QUANTUM;
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
    // What was written further than the rest lies on the time line before.
    player.heldUntil = -Infinity;
    ring.start(frame >>> 0, timeline.commit.next);
    timeline.noteRing(ring);
  }
}

/** The state as it is at song frame `song` under the code that played until now. */
function rewind(timeline, song, onFailure) {
  if (timeline.players.length === 0) return;
  if (!timeline.rewind(timeline.players, song, onFailure)) throw new Error(`no snapshot at or before song frame ${song}`);
}

/** Of those whose state can't be restored only who plays on as before is held: what is written of it stays. */
function keepHeld(timeline, { trial, players }) {
  const { score } = trial;
  for (const { name, head } of trial.players) {
    const { muted, solo } = score.voices.get(name);
    head[HEAD.muted] = muted ? 1 : 0;
    head[HEAD.solo] = solo ? 1 : 0;
  }
  for (const player of players) {
    const target = audible(player, trial.players) ? 1 : 0;
    const isAsBefore = score.voices.get(player.name)?.position === undefined && player.head[HEAD.target] === target;
    // At another tempo what is written of a voice lies on another beat.
    if (!trial.players.includes(player) || !timeline.players.includes(player) || !isAsBefore || trial.isRetimed) player.heldUntil = -Infinity;
  }
}

/** Fades in who joins; who stays is faded to where mute and solo want it. */
function fadePresent(timeline, { trial, joined }, song) {
  const { players, score } = trial;
  for (const player of players) {
    const { fade, changeFade, position } = score.voices.get(player.name);
    if (position !== undefined || joined.includes(player)) player.head[HEAD.begun] = song - (position ?? 0) * timeline.setup.rateHz;
    const seconds = joined.includes(player)
      ? fade ?? (song === 0 ? FADE_S.first : FADE_S.join)
      : changeFade ?? score.soloFade ?? FADE_S.change;
    fadeTo(player.head, audible(player, players) ? 1 : 0, seconds * timeline.setup.rateHz);
  }
}

/** Who is no longer in the score fades out and then ends. A fade that runs already goes on, unless the score asks for a
 *  shorter one. */
function fadeOut({ setup: { crossfadeFrames, rateHz } }, score, staying, song) {
  for (const player of staying) {
    const asked = score.stops.get(player.name) ?? score.clearFade;
    if (player.endAt < Infinity && asked === undefined) continue;
    const frames = Math.max(crossfadeFrames, Math.round((asked ?? FADE_S.leave) * rateHz));
    if (player.endAt <= song + frames) continue;
    player.head[HEAD.left] = 0;
    fadeTo(player.head, 0, frames);
    player.endAt = song + frames;
  }
}

/** Renders the first frames of the new future, with a snapshot per chunk, and returns how many. */
function renderCover(timeline, players, { song, began }, onFailure) {
  const { setup, chunk, rings } = timeline;
  const least = inChunks(song === 0 ? FIRST_COVER_S : LEAST_COVER_S, timeline);
  const wanted = setup.render ? least : inChunks(timeline.stallS, timeline);
  const space = Math.min(...players.map((player) => rings.get(player.name).spaceFrames));
  const most = Math.min(inChunks(MOST_COVER_S, timeline), space - chunk);
  for (const player of players) player.reserve(Math.max(least, most) + chunk, setup.channels);
  let done = 0;
  while (done < least || (done + chunk <= Math.min(wanted, most) && performance.now() - began < COVER_MS)) {
    if (done > 0) timeline.snapshot(song + done);
    const frames = timeline.stretch(players, song + done);
    timeline.render(players, song + done, frames, done, onFailure);
    done += frames;
  }
  return done;
}

function inChunks(seconds, { setup, chunk }) {
  return Math.ceil((seconds * setup.rateHz) / chunk) * chunk;
}

function publish(timeline, frame, cover) {
  const { commit, players, rings } = timeline;
  const group = commit.next;
  const song = frame - timeline.origin;
  for (const player of players) {
    const ring = rings.get(player.name);
    if (ring.needsStart) ring.start(frame >>> 0, group);
    else if (player.heldUntil <= song) ring.splice(frame >>> 0, group);
    timeline.setStrip(player.name, player.spec.strip, frame);
  }
  for (const player of players) {
    const ring = rings.get(player.name);
    const frames = Math.min(cover, player.endAt - song);
    const written = Math.min(frames, Math.max(0, player.heldUntil - song));
    ring.store(player.bytes, written * ring.channels * 4, frames - written);
    ring.publish();
    timeline.noteRing(ring);
    if (frames < cover || player.endAt === song + cover) timeline.end(player);
  }
  commit.publish();
}
