// The clock itself: a high tick for the first beat of a bar, low ones for the others. Try bpm(90, 3).

bpm(120, 4);

play('tick', s => {
  const within = beat(s) % 1; // how far this beat is
  const first = bar(s) % 1 < 1 / 8; // only the first beat of four begins so early in its bar
  return 0.3 * Math.exp(-40 * within) * sin(first ? 1760 : 880)(s);
});

// A note that swells over the bar.
play('swell', gain(sin(220), s => 0.12 * (bar(s) % 1)));
