// The smallest piece: one sine. s.state keeps the phase over every edit, so a new pitch glides in without a click.

const frequency = 220;

play('sine', s => {
  s.state[0] = (s.state[0] + frequency / s.sr) % 1;
  return 0.2 * Math.sin(2 * Math.PI * s.state[0]);
});
