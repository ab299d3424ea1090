// Rhythms that spread their hits as evenly as they can: euclid(hits, steps, rotate). Three of different lengths meet again
// only after a long while. Change one number.

bpm(110);

/** A struck bar: a sine and an overtone that dies sooner. */
function chime(name, hz, rhythm, place) {
  const hit = trigger(rhythm, 4);
  const ring = env([0, 0.003, 1, 0.45, 0], hit);
  const ping = env([0, 0.001, 0.4, 0.08, 0], hit);
  play(name, pan(s => 0.2 * (ring(s) * sin(hz)(s) + ping(s) * sin(hz * 3.93)(s)), place));
}

chime('low', note('a3'), euclid(3, 8), -0.5);
chime('middle', note('e4'), euclid(5, 13, 2), 0);
chime('high', note('b4'), euclid(7, 16), 0.5);

play('pulse', gain(sin(55), env([0, 0.01, 0.3, 0.3, 0], trigger(euclid(2, 16)))));
