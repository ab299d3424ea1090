// An echo in a voice's own memory: ask for as many slots as the longest delay needs. They survive every edit.

const seconds = 0.31;
const again = 0.55;
const longest = 48000;

play('echo', s => {
  const beat = s.t / 0.62;
  const since = (beat % 1) * 0.62;
  const note = [0, 7, 3, 10][Math.floor(beat) % 4];
  const pluck = Math.exp(-9 * since) * Math.sin(2 * Math.PI * 220 * 2 ** (note / 12) * since);

  // A circular delay line: slot 0 is where it writes.
  const line = s.state;
  const length = Math.min(longest, Math.round(seconds * s.sr));
  const at = 1 + (line[0] % length);
  const back = line[at];
  line[at] = pluck + again * back;
  line[0] = (line[0] + 1) % length;
  return s.out(0.3 * pluck + 0.2 * back, 0.3 * pluck - 0.2 * back);
}, { slots: longest + 1 });
