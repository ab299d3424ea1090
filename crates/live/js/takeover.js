// Going on with code that has played: after an evaluator that had to be terminated, from the shared memory that it left;
// after a whole process that has ended, from what it kept (`rejoin`).

import { distance } from '../../../sdk/js/layout.js';
import { enter } from './change.js';
import { HEAD } from './state.js';
import { Score } from './surface.js';

/** What the first cover of a process that rejoins may take. */
const REJOIN_GUARD_S = 0.03;
/** How long it renders unheard at most to be in phase. */
const MOST_CHASE_MS = 1000;

/** Makes `sources`, the code that played, play on where it was written to; `rehearse(source, add)` gives its trial,
 *  `announce()` tells who plays. A voice that is not there any more ends where it was written to. Returns `{ score,
 *  players }`. */
export function takeOver(timeline, { sources, rehearse, announce, onFailure }) {
  timeline.refresh();
  const trials = rehearseAll(timeline, sources, rehearse);
  const made = trials.at(-1) ?? { score: new Score(), players: [] };
  const { score } = made;
  const players = made.players.filter(({ name }) => timeline.rings.get(name)?.needsStart === false);
  timeline.players = players;
  // A voice that stays out is no part of what more code adds to.
  for (const name of [...score.voices.keys()]) if (!players.some((player) => player.name === name)) score.voices.delete(name);
  keepWindows(timeline, trials);
  announce();
  timeline.rewind(players, timeline.head, onFailure);
  // Not before: what their closures held is gone, so up to here they begin anew like all others.
  for (const trial of trials) trial.hold();
  for (const [name, ring] of timeline.rings) {
    if (ring.needsStart) continue;
    goOn(timeline, ring);
    if (!players.some((player) => player.name === name)) leaveOut(timeline, ring);
  }
  // Also what the evaluator before had marked and could not commit: a song that was lost has been started anew.
  timeline.commit.publish();
  return { score, players };
}

/** The trials of all `sources`, in order. */
export function rehearseAll(timeline, sources, rehearse) {
  timeline.rehearsing = true;
  const trials = [];
  try {
    for (const [i, source] of sources.entries()) trials.push(rehearse(source, i > 0));
    return trials;
  } catch (error) {
    for (const trial of trials) trial.abandon();
    throw error;
  } finally {
    timeline.rehearsing = false;
  }
}

/** Makes `trials`, the code of a process that has ended, play on its time line from where its sound ends (engine frame
 *  `end`), or from as soon as that can be. The state is that of the timeline's head, and every voice has a ring. Returns the
 *  figures of the change. */
export function rejoin(timeline, trials, { end, onFailure }) {
  const { players, score } = trials.at(-1);
  timeline.players = players;
  keepWindows(timeline, trials);
  const song = catchUp(timeline, { end, onFailure });
  for (const { name, head } of players) {
    Object.assign(score.voices.get(name), { muted: head[HEAD.muted] === 1, solo: head[HEAD.solo] === 1 });
    // The sound before ends in a fade: this one begins in one.
    head[HEAD.gain] = head[HEAD.target] = head[HEAD.left] = 0;
  }
  timeline.head = song;
  timeline.beginSnapshots(song);
  timeline.snapshots.keep();
  return enter(timeline, trials.at(-1), { at: song + timeline.origin, onFailure });
}

/** Renders from the head up to a song frame that can be begun with in time, unheard, and returns it. What renders hardly
 *  faster than it plays would chase the clock for ever: after a while it goes on where it is. */
function catchUp(timeline, { end, onFailure }) {
  const { control, origin, setup, chunk } = timeline;
  const guard = control.blockFrames + Math.ceil(REJOIN_GUARD_S * setup.rateHz);
  const earliest = () => {
    timeline.refresh();
    return Math.max(end, timeline.now + guard);
  };
  const until = performance.now() + MOST_CHASE_MS;
  let song = timeline.head;
  let due = earliest();
  timeline.rehearsing = true;
  for (; song + origin < due && performance.now() < until; due = earliest()) {
    timeline.render(timeline.players, song, chunk, 0, onFailure);
    song += chunk;
  }
  timeline.rehearsing = false;
  if (song + origin < due) timeline.origin = due - song;
  return song;
}

/** The windows are those of who plays: what else the trials took, or an evaluator before had, is given back. */
function keepWindows({ arena, players }, trials) {
  for (const { window, cells } of players) for (const taken of [window, ...cells]) arena.adopt(taken);
  for (const trial of trials) trial.settle();
  for (const name of arena.names()) if (!players.some((player) => player.name === name)) arena.releaseVoice(name);
}

/** A ring goes on at the head. What is written beyond it, of a voice that was held, another future replaces. */
function goOn(timeline, ring) {
  ring.position = (timeline.head + timeline.origin + ring.offset) >>> 0;
  if (distance(ring.published, ring.position) <= 0) return;
  ring.position = ring.published;
  ring.splice((timeline.head + timeline.origin) >>> 0, timeline.commit.next);
  timeline.noteRing(ring);
}

/** The future of a voice that does not go on ends with what is written of it. */
function leaveOut(timeline, ring) {
  ring.flush((timeline.head + timeline.origin) >>> 0, timeline.commit.next);
  timeline.noteRing(ring);
}
