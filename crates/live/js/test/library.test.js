import assert from 'node:assert/strict';
import test from 'node:test';
import { RATE, heard, level, most, rms, settled } from '../testing/heard.js';
import { assertSame, largestStep, onset, residual, staged } from '../testing/stage.js';

test('oscillators have their pitch and level', () => {
  // The level of the fundamental, by the Fourier series of each shape.
  const shapes = { sin: 1, saw: 2 / Math.PI, tri: 8 / Math.PI ** 2, square: 4 / Math.PI };
  for (const [name, fundamental] of Object.entries(shapes)) {
    const samples = settled(heard(`play('x', ${name}(200))`, 0.5));
    assert.ok(Math.abs(level(samples, 200) - fundamental) < 0.01, `${name}: ${level(samples, 200)}`);
    assert.ok(level(samples, 300) < 0.01 && most(samples) < 1.1, name);
  }
  const phase = settled(heard("play('x', phasor(100))", 0.3));
  assert.ok(phase.every((x) => x >= 0 && x <= 1));
  assert.ok(Math.abs(rms(settled(heard("play('x', noise())", 0.5))) - Math.sqrt(1 / 3)) < 0.02);
});

test('edges are rounded: what a saw folds back is far below what a naive one does', () => {
  const hz = 3100;
  const naive = settled(heard(`play('x', s => 2 * ((s.n * ${hz / RATE}) % 1) - 1)`, 0.5));
  const ours = settled(heard(`play('x', saw(${hz}))`, 0.5));
  // The tenth harmonic folds back to 17 kHz, the fifteenth to 1.5 kHz.
  const folded = 48000 - 15 * hz;
  assert.ok(level(ours, folded) < 0.2 * level(naive, folded), `${level(ours, folded)} of ${level(naive, folded)}`);
});

test('a frequency may be a signal, and wave steps through values', () => {
  const swept = settled(heard("play('x', sin(add => 200 + 50 * Math.sin(add.t)))", 0.3));
  assert.ok(largestStep(swept) < 0.04 && most(swept) > 0.99);
  const steps = settled(heard("play('x', wave(1, [0.1, 0.2, 0.3, 0.4]))", 0.9));
  assert.deepEqual([...new Set(steps.map((x) => x.toFixed(3)))], ['0.100', '0.200', '0.300', '0.400']);
});

// The very points of the filter's design: -6 dB with a Q of 0.5 at the cutoff, 12 dB an octave beyond, a gain of 1 at the top of
// a band, nothing in a notch.
test('filters do what their names say', () => {
  const gain = (filter, hz) => level(settled(heard(`play('x', ${filter.replace('IN', `sin(${hz})`)})`, 0.4)), hz);
  const near = (got, want) => assert.ok(Math.abs(got - want) < 0.02 * Math.max(want, 0.2), `${got}, not ${want}`);
  near(gain('lpf(IN, 1000, 0)', 1000), 0.5);
  near(gain('lpf(IN, 1000, 0)', 50), 1);
  assert.ok(gain('lpf(IN, 500, 0)', 8000) < 0.01);
  near(gain('hpf(IN, 1000, 0)', 12000), 1);
  assert.ok(gain('hpf(IN, 4000, 0)', 100) < 0.01);
  near(gain('bpf(IN, 1000, 0.9)', 1000), 1);
  assert.ok(gain('bpf(IN, 1000, 0.9)', 4000) < 0.1);
  assert.ok(gain('notch(IN, 1000, 0.5)', 1000) < 0.01);
  near(gain('lowpass(IN, 1000)', 50), 1);
  near(gain('highpass(IN, 50)', 10000), 1);
  assert.ok(gain('lpf(gain(IN, 0.01), 1000, 1)', 1000) > 0.2, 'resonance');
});

test('filters stay finite whatever they are given', { timeout: 60000 }, () => {
  for (const cutoff of ['-100', '0', '23999', '1e9', 's => s.n % 2 ? NaN : -Infinity', 's => 12000 * (1 + Math.sin(s.n))']) {
    for (const name of ['lpf', 'hpf', 'bpf', 'notch']) {
      const source = `const dirty = s => s.n % 1000 === 7 ? NaN : s.n % 1000 === 9 ? Infinity : s.random() - 0.5;
        play('x', s => 0.01 * ${name}(dirty, ${cutoff}, 1)(s))`;
      const samples = heard(source, 0.2);
      assert.ok(samples.every(Number.isFinite) && most(samples) < 8, `${name} at ${cutoff}`);
    }
  }
});

test('a tail that has faded out is silence, not denormal numbers', () => {
  staged((stage) => {
    const once = 's => s.t < 0.01 ? 1 : 0';
    stage.save(`play('x', feedback(lpf(${once}, 3000, 0.9), 0.1, 0.02, 0.8))`);
    stage.play(4.5 * RATE);
    const { all, lines, used } = stage.evaluator.timeline.arena;
    const isDenormal = (x) => x !== 0 && Math.abs(x) < 1e-37;
    assert.ok(!all.subarray(0, used).some(isDenormal) && !lines.subarray(0, 200000).some(isDenormal));
    assert.equal(stage.left('x').at(-1), 0);
  });
});

test('a delay is late by its time to the frame, between two frames by their mean', () => {
  const click = (seconds) => `play('x', delay(s => s.n === 9600 ? 1 : 0, 0.5, ${seconds}))`;
  const at = (samples) => samples.findIndex((x) => x > 0);
  staged((stage) => {
    stage.save(click('100 / 48000'));
    stage.play(RATE / 2);
    const delayed = at(stage.left('x'));
    staged((other) => {
      other.save(click('0'));
      other.play(RATE / 2);
      assert.equal(delayed - at(other.left('x')), 100);
    });
  });
  const half = heard(click('100.5 / 48000'), 0.5).filter((x) => x > 0);
  assert.deepEqual(half, [0.5, 0.5]);
});

test('feedback falls by its amount at every turn', () => {
  const source = "play('x', feedback(s => s.n === 9600 ? 1 : 0, 0.1, 0.01, 0.5))";
  staged((stage) => {
    stage.save(source);
    stage.play(RATE / 2);
    const clicks = stage.left('x').filter((x) => x > 0.01);
    assert.deepEqual(clicks, [1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625]);
  });
});

test('a reverb falls by 60 dB in its time', () => {
  for (const rt60 of [0.4, 1.2]) {
    const tail = heard(`play('x', reverb(s => s.t > 0.1 && s.t < 0.15 ? s.random() - 0.5 : 0, ${rt60}, 0, 1))`, 0.4 + rt60);
    const slope = (from) => 20 * Math.log10(rms(tail.slice(from * RATE, (from + 0.1) * RATE)));
    const fall = (slope(0.1) - slope(0.1 + rt60 / 2)) * 2;
    assert.ok(Math.abs(fall - 60) < 6, `${rt60} s: ${fall} dB`);
  }
});

test('shapes', () => {
  const of = (source) => heard(`play('x', ${source})`, 0.2).at(-1);
  const near = (got, want) => assert.ok(Math.abs(got - want) < 1e-6, `${got}, not ${want}`);
  near(of('gain(0.5, 0.5)'), 0.25);
  near(of('pan(1, 0)'), Math.SQRT1_2);
  near(of('pan(1, -1)'), 1);
  near(of('pan(s => [0.5, 0.25], -0.3)'), 0.5);
  near(of('fold(0.75, 1)'), 0.75);
  near(of('fold(0.75, 2)'), 0.5);
  near(of('fold(-0.75, 2)'), -0.5);
  near(of('decay(2, 0.5)'), Math.exp(-1));
  near(of('mix(0.1, s => [0.2, 0.3], s => 0.3)'), 0.6);
  near(of('pipe(0.5, sig => gain(sig, 0.5), sig => gain(sig, 0.5))'), 0.125);
  const shared = "const once = share(s => (s.state[0] += 0.001)); play('x', s => once(s) - once(s) + 0.5)";
  assert.ok(settled(heard(shared, 0.2)).every((x) => x === 0.5));
  const steps = heard("play('x', slew(s => s.t > 0.1 ? 0.5 : 0, 0.05))", 0.3);
  assert.ok(largestStep(steps) < 0.01 && Math.abs(steps.at(-1) - 0.5) < 0.001);
  const deep = settled(heard("play('x', tremolo(0.8, 10, 1))", 0.5));
  assert.ok(Math.min(...deep) < 0.001 && Math.max(...deep) > 0.799);
});

test('channels are followed', () => {
  staged((stage) => {
    stage.save("play('x', lpf(delay(s => [0.5, -0.25], 0.1, 0.01), 5000, 0))");
    stage.play(RATE / 4);
    const [left, right] = stage.heard.get('x').slice(-2);
    assert.ok(Math.abs(left - 0.5) < 1e-4 && Math.abs(right + 0.25) < 1e-4);
  });
});

test('helpers that are built in every frame are the same ones', () => {
  const outside = heard("const low = lpf(saw(110), 900, 0.4); play('x', s => 0.5 * low(s))", 0.4);
  const inside = heard("play('x', s => 0.5 * lpf(saw(110), 900, 0.4)(s))", 0.4);
  assert.deepEqual(inside, outside);
  staged((stage) => {
    stage.save("play('x', s => 0.2 * sin(200 + s.t)(s) + 0.2 * sin(300)(s))");
    stage.play(RATE);
    const { arena, players } = stage.evaluator.timeline;
    assert.equal(players[0].cells.length, 2);
    assert.ok(arena.used < 200);
  });
});

test('one signal in two voices is two', () => {
  staged((stage) => {
    stage.save("const tone = sin(220); play('x', s => 0.5 * tone(s)); play('y', s => 0.25 * tone(s))");
    stage.play(RATE / 2);
    assert.ok(residual(stage.left('x').slice(9600)) < 1e-6 && residual(stage.left('y').slice(9600)) < 1e-6);
  });
});

test('an edit keeps the phase, the filter and what a delay remembers', () => {
  staged((stage) => {
    stage.save("play('x', s => 0.5 * sin(220)(s))");
    stage.play(RATE / 2);
    stage.save("const tone = sin(220); play('x', s => 0.5 * tone(s) + 0 * saw(3)(s))");
    stage.play(RATE / 2);
    assert.ok(residual(stage.left('x').slice(9600)) < 1e-6, `${residual(stage.left('x').slice(9600))}`);
  });
  staged((stage) => {
    const piece = (again) => `const click = s => s.n === 24000 ? 1 : 0; play('x', feedback(click, 0.5, 0.3, ${again}))`;
    stage.save(piece(0.5));
    stage.play(RATE);
    stage.save(piece(0.25));
    stage.play(RATE);
    // The second turn was in the line when the amount changed.
    const clicks = stage.left('x').filter((x) => x > 0.01).map((x) => Number(x.toFixed(4)));
    assert.deepEqual(clicks.slice(0, 2), [1, 0.5]);
    assert.ok(clicks.slice(2).every((x, i) => Math.abs(x - 0.5 * 0.25 ** (i + 1)) < 1e-4 || Math.abs(x - 0.25 * 0.25 ** (i + 1)) < 1e-4), `${clicks}`);
    assert.ok(clicks.length >= 4);
  });
});

const WET = "play('wet', reverb(feedback(s => s.n % 12000 < 200 ? sin(330)(s) : 0, 0.4, 0.21, 0.6), 1.5, 0.3, 0.4))";

test('what has memory is bit-identical over edits, refusals and successors of others', () => {
  staged((alone) => {
    alone.save(WET);
    alone.play(2 * RATE);
    staged((stage) => {
      stage.save(`${WET}; play('x', sin(100))`);
      for (let n = 0; n < 8; n++) {
        stage.play(RATE / 8);
        stage.save(`${WET}; play('x', saw(${100 + n}))`);
        stage.play(RATE / 8);
        assert.throws(() => stage.save(`${WET}; play('x', gain(s => 100, 1))`), /blasts/);
      }
      assertSame(stage, alone, 'wet');
    });
    staged((stage) => {
      stage.save(`${WET}; play('x', sin(100))`);
      stage.play(RATE / 2);
      stage.respawn('x');
      stage.play(RATE / 2);
      stage.respawn();
      stage.play(RATE / 2);
      assertSame(stage, alone, 'wet');
    });
  });
});

test('a helper that is first called later begins then, also when the time before it is played again', () => {
  const late = (other) => `const on = sin(220); play('x', s => s.n > 30000 ? 0.5 * on(s) : 0); play('y', saw(${other}))`;
  staged((alone) => {
    alone.save(late(50));
    alone.play(RATE);
    staged((stage) => {
      stage.save(late(50));
      // The lead is rendered past the first call; the change goes back to before it.
      stage.play(22000);
      stage.save(late(60));
      stage.play(RATE - 22000);
      assertSame(stage, alone, 'x');
    });
  }, { leadFrames: 9600 });
});

test('edits and stops leave no state behind', () => {
  staged((stage) => {
    const { arena } = stage.evaluator.timeline;
    const rich = (n) => `play('a', lpf(delay(saw(${100 + n}), 1, 0.2), 800, 0.3)); play('a_b', reverb(sin(${200 + n}), 1, 0.2, 0.3))`;
    const uses = [];
    for (let n = 0; n < 30; n++) {
      stage.save(rich(n));
      stage.play(4800);
      uses.push(arena.used);
    }
    assert.ok(Math.max(...uses.slice(10)) <= Math.max(...uses.slice(0, 10)), `${uses}`);
    const kept = arena.of('a_b').map(({ key }) => key);
    stage.save("play('a_b', reverb(sin(200), 1, 0.2, 0.3)); stop('a')");
    stage.play(RATE / 2);
    assert.deepEqual([arena.of('a').length, arena.of('a_b').map(({ key }) => key)], [0, kept]);
  });
});

test('mistakes are told with their place', () => {
  const refused = (source, words) =>
    staged((stage) => {
      assert.throws(() => stage.save(`\n${source}`), (error) => words.test(error.message) && error.line === 2 && error.file === '/song/piece.js');
    });
  refused("play('x', sin('loud'))", /sin\(hz\): the frequency is a number or a signal.*not 'loud'/);
  refused("play('x', lpf(sin(100)))", /lpf\(sig, hz, resonance\): the cutoff .* not undefined/);
  refused("play('x', delay(sin(1), 0, 0))", /delay.*the longest time is a number of seconds above 0/);
  refused("play('x', wave(1, []))", /the values are an array that is not empty/);
  refused("play('x', pipe(sin(1), 3))", /argument 2 is a function/);
  refused("play('x', mix())", /needs a signal/);
  refused("const tone = sin(100); play('x', s => tone())", /called with what the voice gets/);
});

// A beginner's slips are refused with the words for them, not heard as silence.
test('what is no signal is refused', () => {
  const refused = {
    "play('x', noise)": /needs a signal, not noise itself: write noise\(\.\.\.\)/,
    "play('x', lpf(noise, 800))": /the first argument is a number or a signal, not noise itself/,
    "play('x', sin(wave(2, ['c4', 'e4'])))": /value 1 is a number or a signal, a function of s, not 'c4'/,
    "const d = {}; play('x', sin(s => d.freq * 2))": /voice x has an oscillator whose frequency is no number/,
    "play('x', gain(saw(s => 'a4'), 0.1))": /a signal gives a number, or an array of one per channel, not 'a4'/,
    "play('x', sin(s => undefined))": /a signal gives a number, .* not undefined/,
    "play('x', pan(sin(220), 'left'))": /an argument of a helper is a number or a signal, a function of s, not 'left'/,
    "play('x', lpf(sin(220), 800, 'x'))": /not 'x'/,
    "play('x', { process(out, s) { for (let i = 0; i < 64; i++) out[0][i] = sin(440)(s); } })": /sin\(\) in a block voice: build it once, outside of process/,
    "const o = sin(220); kanon('x', () => ({ update: (sr) => [o(sr)] }))": /An update of kanon gets none: helpers belong in a play/,
  };
  for (const [source, words] of Object.entries(refused)) {
    staged((stage) => assert.throws(() => stage.save(source), (error) => words.test(error.message) && error.line === 1, source));
  }
});

// While it plays, it is told once with the voice and its line.
test('a frequency that is no number later', () =>
  staged((stage) => {
    stage.save("\nplay('x', gain(sin(s => (s.n > 9600 && s.n < 12000 ? NaN : 220)), 0.1))");
    stage.play(24000);
    const faults = stage.said.filter(({ kind }) => kind === 'fault');
    assert.deepEqual(faults.map(({ voice, line, what }) => [voice, line, what]), [['x', 2, 'amiss']]);
    assert.ok(Math.max(...stage.left('x').slice(-4800)) > 0.09, 'it plays on');
  }));

// A place in the room for one channel and for two; what there is beyond has none.
test('pan of one channel, of two and of four', () =>
  staged((stage) => {
    stage.save(`play('one', pan(s => [0.5], 0)); play('mono', pan(s => 0.5, 0));
      play('two', pan(s => [0.5, 0.25], 1)); play('four', pan(s => [0.1, 0.2, 0.3, 0.4], -1));`);
    stage.play(9600);
    const last = (name) => stage.heard.get(name).slice(-4).map((x) => Number(x.toFixed(4)));
    assert.deepEqual(last('one'), [0.3536, 0.3536, 0, 0]);
    assert.deepEqual(last('mono'), last('one'));
    assert.deepEqual(last('two'), [0, 0.25, 0, 0]);
    assert.deepEqual(last('four'), [0.1, 0, 0.3, 0.4]);
  }, { channels: 4 }));
