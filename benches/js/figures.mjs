// Percentiles and the WAV side of the latency benches.

import { readWav } from '../../sdk/js/testing/daemon.js';

/** The value below which `part` of the values lie. */
export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

/** One line: p50, p95 and the most, in ms. */
export function line(name, values) {
  const ms = (value) => value.toFixed(2).padStart(8);
  return `${name.padEnd(22)} p50 ${ms(percentile(values, 0.5))}  p95 ${ms(percentile(values, 0.95))}  max ${ms(Math.max(...values))} ms`;
}

/** Frames of the WAV's first channel at which the loudness of an alternating tone (+x, -x, +x, ..) begins to change.
 *  Changes within `still` frames of the one before belong to the same cross-fade. */
export function changes(wav, still) {
  const { channels, samples } = readWav(wav);
  const found = [];
  let quiet = 0;
  for (let i = channels; i < samples.length; i += channels) {
    const moved = Math.abs(Math.abs(samples[i]) - Math.abs(samples[i - channels])) > 1e-6;
    if (moved && quiet > still) found.push(i / channels);
    quiet = moved ? 0 : quiet + 1;
  }
  return found;
}

/** The most frequent value. */
export function mode(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0][0];
}
