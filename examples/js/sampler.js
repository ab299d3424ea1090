// Sound files as drums. Put files of your own beside this one and name them here: a new file is heard when you save.

bpm(116);

const clap = sample('sounds/clap.wav', { trigger: trigger('....x.......x..x') });
play('clap', gain(reverb(clap, 0.8, 0.3, 0.25), 0.5));

// The same wood at a pitch of its own in every step, now and then backwards.
const steps = seq([1, 1.5, null, 2, 1, null, 0.75, 1.5, null, 1.33, null, -1, 1, null, 2, 2]);
const wood = sample('sounds/wood.wav', { trigger: steps.trigger, speed: steps });
play('wood', pan(gain(feedback(wood, 0.5, 0.75 * 60 / bpm() / 2, 0.35), 0.4), s => 0.6 * Math.sin(s.t)));

play('kick', gain(sin(env([[0, 160], [0.05, 50]], trigger('x...'))), env([0, 0.003, 0.5, 0.25, 0], trigger('x...'))));
