import assert from 'node:assert/strict';
import test from 'node:test';
import { RATE, heard, most, settled } from '../testing/heard.js';
import { assertSame, dice, largestStep, staged } from '../testing/stage.js';

/** What voice `x` gives behind its fade-in, from song frame 4800 on. */
function shape(source, seconds) {
  let left;
  staged((stage) => {
    const from = stage.save(source).engineFrame - 5000;
    stage.play(seconds * RATE);
    left = stage.left('x').slice(from + 4800);
  }, { render: true });
  return left;
}

const GATE = 's => (s.n >= 9600 && s.n < 28800 ? 1 : 0)';
const frame = (n) => n - 4800;
const near = (got, want, within = 0.002) => assert.ok(Math.abs(got - want) < within, `${got}, not ${want}`);

test('an envelope of four parts takes its times and holds its level', () => {
  for (const kind of ['exponential', 'linear']) {
    const level = shape(`play('x', adsr(${GATE}, 0.1, 0.2, 0.5, 0.3, '${kind}'))`, 1);
    assert.equal(level[frame(9599)], 0);
    near(level[frame(14400)], 1);
    near(level[frame(24001)], 0.5);
    assert.equal(level[frame(28700)], 0.5);
    assert.ok(level[frame(28800 + 12000)] > 0 || kind === 'exponential');
    assert.equal(level[frame(28800 + 14402)], 0);
    assert.ok(largestStep(level) < 0.005);
  }
  const straight = shape(`play('x', adsr(${GATE}, 0.1, 0.2, 0.5, 0.3, 'linear'))`, 1);
  near(straight[frame(12000)], 0.5);
  near(straight[frame(19200)], 0.75);
  near(straight[frame(28800 + 7200)], 0.25);
  const bent = shape(`play('x', adsr(${GATE}, 0.1, 0.2, 0.5, 0.3))`, 1);
  assert.ok(bent[frame(19200)] < 0.6 && bent[frame(28800 + 7200)] < 0.05);
});

// Whatever the gate does, at whatever moment: the way up takes a millisecond at least, and every other is no faster.
test('no envelope has a step, whatever interrupts it', { timeout: 60000 }, () => {
  const roll = dice(3);
  const edges = Array.from({ length: 200 }, () => 4800 + roll(40000)).sort((a, b) => a - b);
  const gate = `(edges => s => edges.filter(n => n <= s.n).length % 2)([${edges}])`;
  const steepest = 1.5 / 48;
  for (const args of ['0, 0, 0, 0', '0.05, 0.05, 0.3, 0.05', '0.3, 0, 1, 2', '0.001, 0.001, 0.5, 0.001, "linear"', '0.02, 0.1, s => s.n % 100 / 100, 0.1, "linear"']) {
    const level = shape(`play('x', adsr(${gate}, ${args}))`, 1);
    assert.ok(largestStep(level) <= steepest && most(level) <= 1 && Math.min(...level.slice(0, 9600)) >= 0, `${args}: ${largestStep(level)}`);
  }
  for (const points of ['[[0, 1], [0.3, 0]]', '[0, 0.01, 1, 0.2, 0.5, 0.1, 0]', '[[0, 0.2], [0, 1], [0.1, 0.4], [0.5, 0]]', '[0.7]']) {
    const level = shape(`play('x', env(${points}, ${gate}))`, 1);
    assert.ok(largestStep(level) <= steepest, `${points}: ${largestStep(level)}`);
  }
});

test('an envelope goes through its points, from each trigger on', () => {
  const at = 's => s.n === 9600 || s.n === 33600 ? 1 : 0';
  for (const points of ['[[0, 0], [0.1, 1], [0.3, 0.2], [0.4, 0]]', '[0, 0.1, 1, 0.2, 0.2, 0.1, 0]']) {
    const level = shape(`play('x', env(${points}, ${at}))`, 1.2);
    for (const begin of [9600, 33600]) {
      near(level[frame(begin + 2400)], 0.5);
      near(level[frame(begin + 4800)], 1);
      near(level[frame(begin + 9600)], 0.6);
      near(level[frame(begin + 14400)], 0.2);
      assert.equal(level[frame(begin + 19300)], 0);
    }
  }
  const pluck = shape(`play('x', env([[0, 1], [0.2, 0]], ${at}))`, 1);
  assert.equal(pluck[frame(9599)], 0);
  near(pluck[frame(9600 + 96)], 0.99);
  const bent = shape(`play('x', env([[0, 0], [0.2, 1, 4], [0.3, 0]], ${at}))`, 1);
  near(bent[frame(9600 + 4800)], (1 - Math.exp(2)) / (1 - Math.exp(4)));
  near(shape(`play('x', env([[0, 0], [0.2, 1, -1e9], [0.3, 0]], ${at}))`, 1)[frame(9600 + 4800)], 1);
  near(shape("play('x', env([1, 0.5, 0.25]))", 1).at(-1), 0.25);
});

test('hold keeps what it has taken, channel by channel', () => {
  const level = shape("play('x', hold(s => s.t / 2, 10))", 1);
  const values = [...new Set(level)];
  assert.ok(Math.abs(values.length - 9) <= 1, `${values.length}`);
  for (let i = 1; i < values.length; i++) near(values[i] - values[i - 1], 0.05, 1e-3);
  assert.equal(new Set(shape("play('x', hold(s => s.t / 2, 0))", 0.5)).size, 1);
  staged((stage) => {
    stage.save("play('x', hold(s => [0.5, -0.25], 5))");
    stage.play(RATE / 4);
    assert.deepEqual(stage.heard.get('x').slice(-2), [0.5, -0.25]);
  });
});

test('envelopes stay finite and within bounds whatever they are given', { timeout: 60000 }, () => {
  const wild = ['s => NaN', 's => Infinity', 's => -Infinity', '-1', '0', '1e9', 's => s.n % 3 ? NaN : s.random()', "s => [0.5, 'x']"];
  for (const x of wild) {
    for (const source of [`adsr(${x}, 0.01, 0.01, 0.5, 0.01)`, `adsr(1, ${x}, ${x}, ${x}, ${x})`, `adsr(s => s.n % 500 > 250, ${x}, ${x}, ${x}, ${x}, 'linear')`, `env([0, 0.01, 1], ${x})`, `hold(0.5, ${x})`, `hold(s => 0.5, ${x})`]) {
      const level = heard(`play('x', s => 0.1 + 0.5 * ${source}(s))`, 0.15);
      assert.ok(settled(level).every((v) => Number.isFinite(v) && v >= 0.09 && v <= 0.61), `${source}: ${level.find((v) => !(v >= 0 && v <= 0.61))}`);
    }
  }
  assert.equal(heard("play('x', s => 0.1 + hold(s => s.n % 2 ? NaN : Infinity, 1000)(s))", 0.2).at(-1), Math.fround(0.1));
});

test('an edit or a successor goes on in the middle of an envelope', () => {
  const piece = (n) => `const g = s => s.n % 30000 < 15000;
    play('x', s => 0.5 * adsr(g, 0.1, 0.1, 0.5, 0.2)(s) + 0.3 * env([0, 0.3, 1, 0.2, 0], g)(s) + 0.1 * hold(noise(), 30)(s)); play('y', s => ${n})`;
  staged((control) => {
    control.save(piece(0));
    control.play(RATE * 1.5);
    staged((stage) => {
      stage.save(piece(0));
      for (let n = 1; n < 12; n++) {
        stage.play(RATE / 12);
        stage.save(piece(n / 100));
      }
      stage.respawn('y');
      stage.play(RATE / 4);
      assertSame(stage, control, 'x');
    });
  });
});

test('mistakes about envelopes are told with their place', () => {
  const refused = (source, words) =>
    staged((stage) => assert.throws(() => stage.save(`\n${source}`), (error) => (assert.match(error.message, words), error.line === 2)));
  refused("play('x', adsr())", /the gate is a number or a signal.*not undefined/);
  refused("play('x', adsr(1, 'slow'))", /the attack is a number or a signal.*not 'slow'/);
  refused("play('x', adsr(1, 0, 0, 0, 0, 'round'))", /the shape is 'exponential' or 'linear', not round/);
  for (const wrong of ["'up'", '[]', '[1, 2]', '[[0, 1], [0.5]]', '[[0.5, 1], [0.2, 1]]', '[[-1, 0]]', '[0, -1, 1]', '[[0, NaN]]', '[[0, 1, 2, 3]]', '[s => 1]']) {
    refused(`play('x', env(${wrong}))`, /env\(points, trigger\): points are/);
  }
  refused("play('x', env([0], 'now'))", /the trigger is a number or a signal/);
  refused("play('x', hold(1))", /hold\(sig, hz\): the frequency/);
});
