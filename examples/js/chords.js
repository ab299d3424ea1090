// Four chords, one per bar, as pads of detuned saws, and an arpeggio through the same notes.

bpm(88);
const progression = ['a3 m7', 'f3 maj7', 'c3 major', 'g3 6'].map(chord);
const now = s => progression[Math.floor(bar(s)) % progression.length];

// Each voice of the pad plays one note of whatever chord there is; chords of three notes repeat their first.
const pad = [0, 1, 2, 3].map(i => {
  const hz = slew(s => now(s)[i % now(s).length], 0.08);
  return pan(mix(saw(s => hz(s) * 1.003), saw(s => hz(s) * 0.997)), (i - 1.5) / 2);
});
play('pad', gain(reverb(lpf(mix(...pad), s => 700 + 300 * Math.sin(s.t / 3), 0.2), 2.5, 0.5, 0.4), 0.045));

const order = seq([0, 1, 2, 3, 2, 1], 4);
const pluck = env([0, 0.004, 1, 0.2, 0], order.trigger);
play('arpeggio', gain(tri(s => 2 * now(s)[order(s) % now(s).length]), s => 0.12 * pluck(s)));
