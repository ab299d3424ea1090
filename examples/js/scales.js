// A melody that nobody wrote: chance picks degrees of a scale, so that no note is wrong. The chance is the same in every run.
// Try 'd dorian', 'c whole tone', 'f# blues'.

bpm(80);
const name = 'd minor pentatonic';

// A new degree twice per beat, from 0 to 9; the melody leaves some out.
const degree = hold(s => Math.floor(s.random() * 10), 2 * bpm() / 60);
const strike = gate(euclid(11, 16), { rate: 2, gate: 0.5 });

const melody = s => 0.2 * tri(scale(name, degree))(s) * adsr(strike, 0.004, 0.25, 0.2, 0.5)(s);
play('melody', reverb(feedback(melody, 1, 0.75 * 60 / bpm(), 0.4), 2, 0.4, 0.3));

// Two notes of the same scale, an octave or two lower, breathe below.
play('ground', gain(mix(sin(scale(name, -10)), sin(scale(name, -7))), s => 0.1 + 0.05 * Math.sin(beat(s) * Math.PI / 8)));
