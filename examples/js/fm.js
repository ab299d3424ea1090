// Two sines, one bending the pitch of the other: bells when the ratio is odd (1.41, 3.5), brass when it is whole (1, 2).

bpm(100);
const ratio = 3.5;
const brightness = 4; // how far the pitch is bent, in multiples of the bending frequency

const line = seq('c5 ~ g4 a4 ~ e5 ~ d5', { rate: 2, gate: 0.4 });
const body = env([0, 0.002, 1, 1.2, 0], line.trigger);
const edge = env([[0, 1], [0.4, 0.1, -3], [1, 0]], line.trigger);

const bend = s => sin(line(s) * ratio)(s) * line(s) * ratio * brightness * edge(s);
play('bell', reverb(s => 0.2 * body(s) * sin(line(s) + bend(s))(s), 2, 0.3, 0.3));
