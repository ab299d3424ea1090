// Drums as strings, one sign per sixteenth: x is a hit, o a soft one, . a rest. Try swing 0, 0.33 and 0.6.

bpm(96);
const feel = { rate: 4, swing: 0.33 };

const kick = trigger('x..x..x...x.....', feel);
const snare = trigger('....x..x....x...', feel);
const hats = seq('x.o.x.oox.o.x.ox', feel); // its value is how loud the hit is

// A kick is a sine whose pitch falls.
play('kick', gain(sin(env([[0, 190], [0.04, 70], [0.3, 48]], kick)), env([0, 0.002, 0.5, 0.35, 0], kick)));
play('snare', gain(bpf(noise(), 1900, 0.3), env([0, 0.001, 0.45, 0.16, 0], snare)));
play('hat', pan(gain(hpf(noise(), 7500), s => 0.12 * hats(s) * env([1, 0.05, 0], hats.trigger)(s)), 0.3));

// The bass swings along. A tie (_) keeps the note.
const bass = seq('e1 ~ e2 ~ | g1 _ ~ e1 | ~ e1 d2 ~ | b1 _ g1 ~', { ...feel, gate: 0.6 });
play('bass', s => 0.35 * lpf(saw(bass), 500, 0.3)(s) * adsr(bass.gate, 0.005, 0.1, 0.6, 0.06)(s));
