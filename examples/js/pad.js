// Four detuned voices of a chord in a large room, slowly opened and closed by a filter.

const chord = [220, 261.63, 329.63, 392];
const strings = chord.map((hz, i) => pan(mix(saw(hz * 1.003), saw(hz * 0.997)), (i - 1.5) / 2));
const open = s => 700 + 500 * Math.sin(s.t * 0.4);

play('pad', gain(reverb(lpf(mix(...strings), open, 0.2), 3, 0.4, 0.5), 0.05));
