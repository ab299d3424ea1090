// Taking over from an evaluator that had to be terminated: the same code and state, from the shared memory that it left.

import { Score } from './surface.js';

/** Makes `sources`, the code that played, play on where it was written to; `rehearse(source, add)` gives its trial,
 *  `announce()` tells who plays. A voice that is not there any more ends where it was written to. Returns `{ score,
 *  players }`. */
export function takeOver(timeline, { sources, rehearse, announce, onFailure }) {
  timeline.refresh();
  timeline.rehearsing = true;
  const trials = [];
  try {
    for (const [i, source] of sources.entries()) trials.push(rehearse(source, i > 0));
  } catch (error) {
    for (const trial of trials) trial.abandon();
    throw error;
  } finally {
    timeline.rehearsing = false;
  }
  const made = trials.at(-1) ?? { score: new Score(), players: [] };
  const { score } = made;
  const players = made.players.filter(({ name }) => timeline.rings.get(name)?.needsStart === false);
  timeline.players = players;
  // A voice that stays out is no part of what more code adds to.
  for (const name of [...score.voices.keys()]) if (!players.some((player) => player.name === name)) score.voices.delete(name);
  keepWindows(timeline, trials);
  announce();
  timeline.rewind(players, timeline.head, onFailure);
  for (const [name, ring] of timeline.rings) {
    if (ring.needsStart) continue;
    ring.position = (timeline.head + timeline.origin + ring.offset) >>> 0;
    if (!players.some((player) => player.name === name)) leaveOut(timeline, ring);
  }
  // Also what the evaluator before had marked and could not commit: a song that was lost has been started anew.
  timeline.commit.publish();
  return { score, players };
}

/** The windows are those of who plays: what else the trials took, or an evaluator before had, is given back. */
function keepWindows({ arena, players }, trials) {
  for (const { window, cells } of players) for (const taken of [window, ...cells]) arena.adopt(taken);
  for (const trial of trials) trial.settle();
  for (const name of arena.names()) if (!players.some((player) => player.name === name)) arena.releaseVoice(name);
}

/** The future of a voice that does not go on ends with what is written of it. */
function leaveOut(timeline, ring) {
  ring.flush((timeline.head + timeline.origin) >>> 0, timeline.commit.next);
  timeline.noteRing(ring);
}
