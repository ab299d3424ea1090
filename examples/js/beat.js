// A beat: kick, snare, hats and a bass line, all computed from s.t. Try other patterns while it plays.

const bpm = 118;
const step = 60 / bpm / 4; // a sixteenth

const patterns = {
  kick: 'x...x...x..xx...',
  snare: '....x.......x..x',
  hat: 'x.xxx.xxx.xxx.x.',
};

/** Seconds since the last hit of a pattern, or -1 before the first. */
function since(pattern, t) {
  const now = Math.floor(t / step);
  for (let back = 0; back < 16; back++) {
    const at = now - back;
    if (at >= 0 && pattern[at % pattern.length] === 'x') return t - at * step;
  }
  return -1;
}

play('kick', s => {
  const t = since(patterns.kick, s.t);
  if (t < 0) return 0;
  // The pitch falls from 180 to 45 Hz; the phase is its integral, so no state is needed.
  const phase = 45 * t + (135 / 28) * (1 - Math.exp(-28 * t));
  return 0.55 * Math.exp(-7 * t) * Math.sin(2 * Math.PI * phase);
});

play('snare', s => {
  const t = since(patterns.snare, s.t);
  if (t < 0) return 0;
  const noise = 2 * s.random() - 1;
  return 0.2 * Math.exp(-18 * t) * noise + 0.12 * Math.exp(-25 * t) * Math.sin(2 * Math.PI * 190 * t);
});

play('hat', s => {
  const t = since(patterns.hat, s.t);
  if (t < 0) return 0;
  const noise = 2 * s.random() - 1;
  const bright = noise - s.state[0];
  s.state[0] = noise;
  return 0.06 * Math.exp(-60 * t) * bright;
});

const line = [0, 0, 12, 0, 3, 0, 10, 7];

play('bass', s => {
  const beat = s.t / (2 * step);
  const note = line[Math.floor(beat) % line.length];
  s.state[0] = (s.state[0] + 41.2 * 2 ** (note / 12) / s.sr) % 1;
  const saw = 2 * s.state[0] - 1;
  s.state[1] += 0.06 * (saw - s.state[1]);
  return 0.3 * s.state[1] * Math.exp(-2 * (beat % 1));
});
