// A tune by the names of its notes. Every step is half a beat; ~ is a rest, _ holds the note, [ ] are two in one step.
// Change a note and save; then another tempo: the tune goes on from where it is.

bpm(104);

const tune = seq('e4 [g4 a4] b4 _ | a4 g4 e4 ~ | d4 e4 g4 a4 | [b4 a4] g4 e4 _', { rate: 2, gate: 0.7 });

// The gate opens with each note: up in 10 ms, down to half, and out in 0.2 s when the note ends.
play('tune', s => 0.25 * tri(tune)(s) * adsr(tune.gate, 0.01, 0.15, 0.5, 0.2)(s));

// The same an octave lower, half as loud, gliding from note to note.
play('shadow', s => 0.12 * sin(slew(tune, 0.15)(s) / 2)(s));
