// Kanon style: a factory gets memory of its own and returns update(). Four voices sing one line, each later and
// higher than the one before. mem survives every edit.

const line = [0, 4, 7, 12, 11, 7, 4, 2];
const seconds = 0.42;

const singers = [
  { id: 'dux', late: 0, octave: 0, left: 0.8, right: 0.3 },
  { id: 'comes', late: 2, octave: 1, left: 0.3, right: 0.8 },
  { id: 'third', late: 4, octave: 0, left: 0.6, right: 0.5 },
  { id: 'fourth', late: 6, octave: -1, left: 0.5, right: 0.6 },
];

for (const { id, late, octave, left, right } of singers) {
  kanon(id, (mem, idx, sr) => ({
    update() {
      const frame = mem[idx]++;
      const beat = frame / sr / seconds - late;
      if (beat < 0) return [0, 0];
      const note = line[Math.floor(beat) % line.length];
      const frequency = 196 * 2 ** (octave + note / 12);
      mem[idx + 1] = (mem[idx + 1] + frequency / sr) % 1;
      const envelope = Math.min(1, (beat % 1) * 40) * Math.exp(-2.5 * (beat % 1));
      const voice = 0.16 * envelope * Math.sin(2 * Math.PI * mem[idx + 1]);
      return [left * voice, right * voice];
    },
  }));
}

// The two-argument form gets the rate in update.
kanon('ground', (mem, idx) => ({
  update(sr) {
    mem[idx] = (mem[idx] + 49 / sr) % 1;
    return [0.12 * Math.sin(2 * Math.PI * mem[idx])];
  },
}));
