// A first piece: three slow bells over a breathing bass. Change a number, save, and hear it at once.

const notes = [0, 3, 7, 10, 12, 15, 19]; // semitones above the root
const root = 110;
const hz = semitones => root * 2 ** (semitones / 12);

/** Advances the phase in slot k of s.state and returns a sine. */
function sine(s, k, frequency) {
  s.state[k] = (s.state[k] + frequency / s.sr) % 1;
  return Math.sin(2 * Math.PI * s.state[k]);
}

/** A bell: struck every `every` seconds, each time on another note. */
function bell(name, every, late, side) {
  play(name, s => {
    const t = s.t + every - late;
    const strike = Math.floor(t / every);
    const since = t - strike * every;
    const note = notes[(strike * 5) % notes.length];
    const ring = Math.exp(-2.2 * since) * Math.min(1, since * 400);
    const tone = sine(s, 0, hz(note) * 2) + 0.35 * sine(s, 1, hz(note) * 5.4) * Math.exp(-3 * since);
    const level = 0.12 * ring * tone;
    return s.out(level * (1 - side), level * side);
  });
}

bell('bell left', 1.5, 0, 0.25);
bell('bell right', 2.0, 0.4, 0.75);
bell('bell far', 3.5, 1.1, 0.5);

play('bass', s => {
  const breath = 0.6 + 0.4 * Math.sin(2 * Math.PI * s.t / 8);
  return 0.22 * breath * (sine(s, 0, root / 2) + 0.3 * sine(s, 1, root * 1.003));
});
