// The block form, for what is heavy: 64 frames at a time into one Float32Array per channel. Forty sines of a bell spectrum,
// each with its phase in s.state; together they cost what a few voices in the usual form do.

const partials = 40;
const root = 62;

play('cloud', {
  process([left, right], s) {
    left.fill(0);
    right.fill(0);
    for (let k = 0; k < partials; k++) {
      const step = root * (k + 1) ** 1.02 * s.dt;
      // Every partial comes and goes at a pace of its own.
      const level = 0.09 / (k + 1) ** 0.7 * (1 + Math.sin(s.t * (0.3 + 0.17 * k) + k));
      const place = 0.5 + 0.5 * Math.sin(k * 2.4);
      let phase = s.state[k];
      for (let i = 0; i < left.length; i++) {
        phase = (phase + step) % 1;
        const x = level * Math.sin(2 * Math.PI * phase);
        left[i] += (1 - place) * x;
        right[i] += place * x;
      }
      s.state[k] = phase;
    }
  },
});
