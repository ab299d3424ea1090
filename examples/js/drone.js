// A drone of detuned saws through a slow filter: seven phases and a filter, all in s.state.

const root = 55;
const detune = [-0.11, -0.06, -0.02, 0, 0.03, 0.07, 0.12]; // semitones

function drone(name, ratio, side) {
  play(name, s => {
    const p = s.state;
    let sum = 0;
    for (let i = 0; i < detune.length; i++) {
      p[i] = (p[i] + root * ratio * 2 ** (detune[i] / 12) / s.sr) % 1;
      sum += 2 * p[i] - 1;
    }
    // Two one-pole low-passes; their cutoff moves like a tide.
    const cutoff = 300 + 250 * Math.sin(2 * Math.PI * s.t / (11 + ratio));
    const a = 1 - Math.exp(-2 * Math.PI * cutoff / s.sr);
    p[10] += a * (sum - p[10]);
    p[11] += a * (p[10] - p[11]);
    const level = 0.09 * p[11];
    return s.out(level * (1 - side), level * side);
  });
}

drone('root', 1, 0.5);
drone('fifth', 1.5, 0.3);
drone('octave', 2, 0.7);
drone('tenth', 2.4, 0.45);
