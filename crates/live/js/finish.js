// From what a voice's code gave to what is heard of it: what is no sound is cut and counted, fades are applied.

import { HEAD } from './state.js';

/** Beyond this a sample is no sound: it is cut there and counted. */
const LOUDEST = 64;

/** Finishes frames `begin .. end` of a player's `out`; `song` is the song frame of `begin`. What a block voice gave is scrubbed
 *  already. */
export function finish(player, begin, end, song, channels) {
  if (begin === end) return;
  if (!player.spec.block) scrub(player, begin, end, song, channels);
  for (let c = 0; c < channels; c++) player.last[c] = player.out[(end - 1) * channels + c];
  const { head } = player;
  if (head[HEAD.left] > 0 || head[HEAD.gain] !== 1) applyGain(player.out, head, begin, end, channels);
}

function scrub(player, begin, end, song, channels) {
  const { out } = player;
  let { peak } = player;
  const stop = end * channels;
  for (let i = begin * channels; i < stop; i++) {
    const x = out[i];
    if (x <= peak && x >= -peak) continue;
    const loud = Math.abs(x);
    if (loud <= LOUDEST) peak = loud;
    else out[i] = cut(player, x, song + Math.floor(i / channels) - begin);
  }
  player.peak = player.peak === LOUDEST ? LOUDEST : peak;
}

/** Takes the `frames` frames that a block voice has filled, from song frame `song` on. */
export function takeBlock(player, base, frames, song, channels) {
  const { out, planes } = player;
  const [left, right] = planes;
  let { peak } = player;
  for (let f = 0, i = base; f < frames; f++, i += channels) {
    let x = left[f];
    let y = right[f];
    if (!(x <= peak && x >= -peak && y <= peak && y >= -peak)) {
      x = louder(player, x, song + f);
      y = louder(player, y, song + f);
      peak = player.peak;
    }
    out[i] = x;
    out[i + 1] = y;
  }
  for (let c = 2; c < channels; c++) {
    const plane = planes[c];
    for (let f = 0; f < frames; f++) out[base + f * channels + c] = louder(player, plane[f], song + f);
  }
}

/** A sample that may be louder than any before it. */
function louder(player, x, frame) {
  const loud = Math.abs(x);
  if (!(loud <= LOUDEST)) return cut(player, x, frame);
  if (loud > player.peak) player.peak = loud;
  return x;
}

function cut(player, value, frame) {
  player.badFrames += 1;
  player.firstBad ??= frame;
  if (value !== value) return 0;
  player.peak = LOUDEST;
  return value > 0 ? LOUDEST : -LOUDEST;
}

function applyGain(out, head, begin, end, channels) {
  let gain = head[HEAD.gain];
  let left = head[HEAD.left];
  const step = head[HEAD.step];
  for (let f = begin; f < end; f++) {
    if (left > 0) {
      left -= 1;
      gain = left === 0 ? head[HEAD.target] : gain + step;
    }
    for (let i = f * channels; i < (f + 1) * channels; i++) out[i] *= gain;
  }
  head[HEAD.gain] = gain;
  head[HEAD.left] = left;
}

/** Moves the gain of a voice to `target` over `frames`, from wherever it is. */
export function fadeTo(head, target, frames) {
  if (head[HEAD.target] === target && (head[HEAD.left] > 0 || head[HEAD.gain] === target)) return;
  head[HEAD.target] = target;
  head[HEAD.left] = Math.max(1, Math.round(frames));
  head[HEAD.step] = (target - head[HEAD.gain]) / head[HEAD.left];
}

/** Whether a voice is heard among `players`: not muted, and solo where any is that stays. */
export function audible({ head }, players) {
  if (head[HEAD.muted] === 1) return false;
  return head[HEAD.solo] === 1 || !players.some((player) => player.endAt === Infinity && player.head[HEAD.solo] === 1);
}
