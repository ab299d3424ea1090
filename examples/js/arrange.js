// An arrangement by hand and by code. `hand` mutes and unmutes what plays, on the bar; solo('bass') at the top level leaves
// the bass alone. Voices that are muted run on, so they come back in time.

bpm(126);

const four = trigger('x', 1);
const line = seq('a1 a1 c2 a1 ~ a1 e2 d2', { rate: 2, gate: 0.5 });
const chip = seq([0, 4, 7, 12, 7, 4], 4);

play('kick', gain(sin(env([[0, 180], [0.05, 50]], four)), env([0, 0.002, 0.5, 0.2, 0], four)));
play('bass', s => 0.3 * lpf(square(line), 600, 0.2)(s) * adsr(line.gate, 0.005, 0.1, 0.5, 0.05)(s));
play('chip', gain(pulse(note(s => 69 + chip(s)), 0.25), s => 0.06 * env([1, 0.1, 0], chip.trigger)(s)));

// One bar of each: all, without the kick, without the chips.
play('hand', s => {
  const part = Math.floor(bar(s)) % 3;
  if (trigger('x', 0.25)(s)) {
    (part === 1 ? mute : unmute)('kick', 0.01);
    (part === 2 ? mute : unmute)('chip', 0.01);
  }
  return 0;
});

// solo('bass');
