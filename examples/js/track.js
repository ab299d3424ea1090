// A small track: drums that swing, a bass, chords that change with the bar, a lead with an echo, all on one clock.
// Things to try while it plays: bpm(100) — another name in `progression` — swing 0 — mute('drums') — 'x.xx' for the hats.

bpm(112);
const feel = { rate: 4, swing: 0.2 };
const progression = ['d3 m7', 'g3 7', 'c3 maj7', 'a3 m7'].map(chord);
const now = s => progression[Math.floor(bar(s)) % progression.length];

// Drums share a voice: mix them, squash them a little.
const kick = trigger('x...x...x..xx...', feel);
const hats = seq('x.o.x.oo', feel);
const drums = mix(
  gain(sin(env([[0, 170], [0.05, 50]], kick)), env([0, 0.002, 0.8, 0.25, 0], kick)),
  gain(sample('sounds/clap.wav', { trigger: trigger('....x.......x...', feel) }), 0.9),
  gain(hpf(noise(), 8000), s => 0.2 * hats(s) * env([1, 0.04, 0], hats.trigger)(s)),
);
play('drums', s => 0.45 * Math.tanh(1.2 * drums(s)));

// The root of the chord, an octave down; the second eighth of each pair is the octave.
const steps = seq([1, null, 2, 1, null, 1, 2, 1.5], { ...feel, gate: 0.6 });
play('bass', s => 0.3 * lpf(saw(now(s)[0] * steps(s) / 2), 550, 0.3)(s) * adsr(steps.gate, 0.005, 0.1, 0.5, 0.05)(s));

const pad = [1, 2, 3].map(i => pan(tri(slew(s => now(s)[i], 0.05)), i - 2));
play('pad', gain(reverb(mix(...pad), 2, 0.5, 0.4), s => 0.07 * (0.4 + 0.6 * (beat(s) % 1)))); // it breathes with the beat

const melody = seq([5, null, 4, 2, null, [4, 5], 1, null], { rate: 2, rhythm: euclid(5, 8) });
const lead = s => 0.15 * pulse(scale('c5', melody), 0.4)(s) * adsr(melody.gate, 0.01, 0.1, 0.3, 0.1)(s);
play('lead', pan(feedback(lead, 1, 0.75 * 60 / bpm(), 0.4), 0.2));
