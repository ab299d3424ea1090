// A bass line through a resonant filter, with an echo: helpers are signals, and signals are arguments.
// Change a number and save: the phase, the filter and the echo go on.

const notes = [33, 33, 45, 33, 36, 48, 43, 31];
const hz = note => 440 * 2 ** ((note - 69) / 12);
const step = s => Math.floor(s.t * 8) % notes.length;
const since = s => (s.t * 8) % 1;

const pitch = slew(s => hz(notes[step(s)]), 0.03);
const sweep = s => 300 + 1800 * Math.exp(-5 * since(s)) * (1 + 0.6 * Math.sin(s.t * 0.7));
const bass = lpf(saw(pitch), sweep, 0.85);

play('bass', gain(feedback(bass, 0.5, 0.28, 0.35), 0.16));
play('hat', pan(gain(hpf(noise(), 7000, 0.2), s => 0.06 * Math.exp(-40 * (s.t * 8 % 1))), 0.3));
