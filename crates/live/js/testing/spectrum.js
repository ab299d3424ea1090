// What is heard when, coarse enough to be the same on every machine and fine enough to show a wrong note: levels of semitones,
// twice per second.

const WINDOW = 16384;
const RATE = 48000;
const EVERY = RATE / 2;
/** MIDI notes of the bands: from the E of a bass to what is only noise. */
const LOWEST = 28;
const BANDS = 92;
/** Below this nothing is told apart, in dB. */
const FLOOR_DB = -70;

const hann = Float64Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));

/** For each half second of `samples` a list of levels in dB, one per semitone. */
export function spectrum(samples) {
  const lines = [];
  for (let from = 0; from + WINDOW <= samples.length; from += EVERY) {
    const re = Float64Array.from({ length: WINDOW }, (_, i) => hann[i] * samples[from + i]);
    const im = new Float64Array(WINDOW);
    transform(re, im);
    const power = new Float64Array(BANDS);
    for (let bin = 1; bin < WINDOW / 2; bin++) {
      const midi = 69 + 12 * Math.log2((bin * RATE) / WINDOW / 440);
      const band = Math.round(midi) - LOWEST;
      if (band >= 0 && band < BANDS) power[band] += (re[bin] ** 2 + im[bin] ** 2) * (16 / (3 * WINDOW * WINDOW)) * 2;
    }
    lines.push([...power].map((x) => Math.max(FLOOR_DB, Math.round(10 * 10 * Math.log10(x / 2 + 1e-12)) / 10)));
  }
  return lines;
}

/** Where two spectra differ by more than `within` dB in what is heard, in words; undefined where they agree. */
export function difference(one, other, within = 0.5, heardDb = -50) {
  if (one.length !== other.length) return `${one.length} half seconds, not ${other.length}`;
  for (const [i, levels] of one.entries()) {
    for (const [band, level] of levels.entries()) {
      const wanted = other[i][band];
      if (Math.max(level, wanted) > heardDb && Math.abs(level - wanted) > within) {
        return `at ${i / 2} s MIDI note ${band + LOWEST} has ${level} dB, not ${wanted}`;
      }
    }
  }
  return undefined;
}

/** A spectrum as text, a line per half second, and back. */
export const asText = (lines) => lines.map((levels) => `${levels.join(' ')}\n`).join('');
export const fromText = (text) => text.trim().split('\n').map((line) => line.split(' ').map(Number));

/** The Fourier transform in place (Cooley and Tukey, radix 2). */
function transform(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const angle = (-2 * Math.PI * k) / size;
      const [wr, wi] = [Math.cos(angle), Math.sin(angle)];
      for (let i = k; i < n; i += size) {
        const j = i + half;
        const [xr, xi] = [re[j] * wr - im[j] * wi, re[j] * wi + im[j] * wr];
        re[j] = re[i] - xr;
        im[j] = im[i] - xi;
        re[i] += xr;
        im[i] += xi;
      }
    }
  }
}
