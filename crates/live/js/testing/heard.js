// What a piece sounds like on a stage, and measures of it.

import { onset, staged } from './stage.js';

export const RATE = 48000;

/** Left channel of voice `x` over `seconds`, from its first frame on; its fade-in is over at `from`. */
export function heard(source, seconds, options) {
  let left;
  staged((stage) => {
    stage.save(source);
    stage.play(seconds * RATE);
    left = stage.left('x').slice(onset(stage.left('x')));
  }, options);
  return left;
}

export const settled = (samples) => samples.slice(4800);
export const most = (samples) => samples.reduce((peak, x) => Math.max(peak, Math.abs(x)), 0);
export const rms = (samples) => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);

/** Level of `hz` in `samples`, whole periods of it. */
export function level(samples, hz) {
  const frames = Math.floor((Math.floor((samples.length * hz) / RATE) * RATE) / hz);
  let [re, im] = [0, 0];
  for (let i = 0; i < frames; i++) {
    re += samples[i] * Math.cos((2 * Math.PI * hz * i) / RATE);
    im += samples[i] * Math.sin((2 * Math.PI * hz * i) / RATE);
  }
  return (2 * Math.hypot(re, im)) / frames;
}
