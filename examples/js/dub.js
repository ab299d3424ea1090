// A chord on the offbeat, thrown into an echo of three eighths. Turn `again` up to 0.8, save, and bring it down in time.

bpm(74);
const again = 0.55;
const beatS = 60 / bpm();

const stab = trigger('..x...x...x..xx.');
const keys = mix(...chord('c4 m7').map(f => pulse(f, 0.3)));
const dry = gain(lpf(keys, env([2600, 0.2, 500], stab), 0.3), env([0, 0.005, 0.12, 0.16, 0], stab));

// The echo loses its highs with every turn, as tape does.
const wet = lowpass(feedback(highpass(dry, 200), 2, 0.75 * beatS, again), 1800);
play('stab', pan(dry, -0.2));
play('echo', pan(gain(reverb(wet, 2, 0.6, 0.3), 0.7), 0.3));

const line = seq('c2 _ ~ c2 | ~ ~ eb2 _ | ~ c2 ~ g1 | _ ~ bb1 ~', { gate: 0.9 });
play('bass', s => 0.4 * sin(line)(s) * adsr(line.gate, 0.01, 0.2, 0.7, 0.1)(s));
play('rim', gain(bpf(noise(), 2400, 0.6), env([0.25, 0.03, 0], trigger('....x...'))));
