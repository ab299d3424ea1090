import assert from 'node:assert/strict';
import test from 'node:test';
import { Pattern } from '../library/patterns.js';
import { RATE, heard } from '../testing/heard.js';
import { assertSame, staged } from '../testing/stage.js';

const EUCLID = { // As G. Toussaint lists them: "The Euclidean algorithm generates traditional musical rhythms", 2005.
  '1,4': 'x...', '2,5': 'x.x..', '3,4': 'x.xx', '3,7': 'x.x.x..', '3,8': 'x..x..x.', '4,7': 'x.x.x.x', '4,9': 'x.x.x.x..',
  '5,6': 'x.xxxx', '5,7': 'x.xx.xx', '5,8': 'x.xx.xx.', '5,9': 'x.x.x.x.x', '5,12': 'x..x.x..x.x.', '5,16': 'x..x..x..x..x...',
  '7,8': 'x.xxxxxx', '7,12': 'x.xx.x.xx.x.', '9,16': 'x.xx.x.x.xx.x.x.', '0,4': '....', '4,4': 'xxxx',
};

test('euclidean rhythms are those of the literature', () => {
  for (const [args, want] of Object.entries(EUCLID)) {
    const got = heard(`const p = euclid(${args}); if (p.map(x => x ? 'x' : '.').join('') !== '${want}') throw new Error(p.join('')); play('x', s => 0.1)`, 0.1);
    assert.ok(got.length > 0);
  }
  heard("if (euclid(3, 8, 3).join('') !== '10010100' || euclid(3, 8, -2).join('') !== '10100100') throw new Error(euclid(3, 8, 3) + ' ' + euclid(3, 8, -2)); play('x', s => 0.1)", 0.1);
});

const laid = (steps, zeros) => {
  const { length, starts, lengths, values } = new Pattern(steps, zeros);
  return [length, values.map((value, i) => [starts[i], Number(lengths[i].toFixed(6)), value])];
};

test('patterns are read as musicians write them', () => {
  assert.deepEqual(laid('x..x'), [4, [[0, 1, 1], [3, 1, 1]]]);
  assert.deepEqual(laid('x[xo].'), [3, [[0, 1, 1], [1, 0.5, 1], [1.5, 0.5, 0.5]]]);
  assert.deepEqual(laid('x.-~ | o_x_'), [8, [[0, 1, 1], [4, 2, 0.5], [6, 2, 1]]]);
  assert.deepEqual(laid('1 [2 3] ~ 4 _'), [5, [[0, 1, 1], [1, 0.5, 2], [1.5, 0.5, 3], [3, 2, 4]]]);
  assert.deepEqual(laid([1, [2, [3, 4]], null, '5 6']), [4, [[0, 1, 1], [1, 0.5, 2], [1.5, 0.25, 3], [1.75, 0.25, 4], [3, 0.5, 5], [3.5, 0.5, 6]]]);
  assert.deepEqual(laid('a4 _ ~ _'), [4, [[0, 2, 440]]]);
  // What begins with a tie goes on from the end.
  assert.deepEqual(laid('_ 1 ~ 2'), [4, [[1, 1, 1], [3, 2, 2]]]);
  assert.deepEqual(laid([1, 0, 1]), [3, [[0, 1, 1], [1, 1, 0], [2, 1, 1]]]);
  assert.deepEqual(laid([1, 0, 1], true), [3, [[0, 1, 1], [2, 1, 1]]]);
  assert.deepEqual(laid('~ ~'), [2, []]);
  const deep = Array.from({ length: 10 }).reduce((inner) => [inner], 1);
  for (const wrong of [[], '', '[1', '1]', '[]', 'c4 quack', [{}], [[]], [NaN], ['h9'], deep, '[[[[[[[[[[1]]]]]]]]]]', Array(2000).fill(1)]) {
    assert.throws(() => new Pattern(wrong), /step|closed/, JSON.stringify(wrong));
  }
});

/** Song frames in which voice `x`, given as 0 or 1, was 1. */
const strikes = (stage, name = 'x') => {
  const from = stage.firstFrame;
  return stage.left(name).flatMap((x, i) => (x > 0.5 ? [i - from] : []));
};

/** Plays `source` in a render, whose song begins at the first frame that is heard, and beyond its fade-in. */
function struck(source, seconds) {
  let frames;
  staged((stage) => {
    const figures = stage.save(`${source}; play('first', s => 1)`);
    stage.play(seconds * RATE);
    stage.firstFrame = figures.engineFrame - 5000;
    frames = strikes(stage).filter((frame) => frame >= 2400);
  }, { render: true });
  return frames;
}

test('a trigger strikes in the frame of its step', () => {
  assert.deepEqual(struck("play('x', trigger('x..x', 4))", 1.01), [18000, 24000, 42000, 48000]);
  assert.deepEqual(struck("bpm(60); play('x', trigger(euclid(3, 8), { rate: 8 }))", 1.01), [18000, 36000, 48000]);
  assert.deepEqual(struck("play('x', trigger('x [x x x] _ ~', 2))", 1.01), [12000, 16000, 20000, 48000]);
  assert.deepEqual(struck("play('x', trigger('....'))", 1.01), []);
});

// The song fades in: the strike in its first frame is there, and small.
test('the first step of a song strikes', () => {
  for (const source of ["trigger('x...')", "seq('c4 e4').trigger"]) {
    staged((stage) => {
      const from = stage.save(`play('x', ${source})`).engineFrame - 5000;
      stage.play(2400);
      assert.ok(stage.left('x')[from] > 0, source);
      assert.ok(stage.left('x')[from + 1] === 0, source);
    }, { render: true });
  }
});

test('swing makes every second step late by its part', () => {
  assert.deepEqual(struck("play('x', trigger('x', { rate: 4, swing: 0.5 }))", 0.55), [9000, 12000, 21000, 24000]);
  assert.deepEqual(struck("play('x', trigger('x', { rate: 4, swing: s => 0.5 }))", 0.55), [9000, 12000, 21000, 24000]);
  // More than that would be none.
  const [late, next] = struck("play('x', trigger('x', { rate: 4, swing: 7 }))", 0.3);
  assert.ok(Math.abs(late - 11400) <= 1 && next === 12000, `${late}, ${next}`);
});

test('a gate is open for its part of a note, ties included', () => {
  const openings = (source) => {
    const frames = struck(source, 1);
    return frames.filter((frame, i) => frame !== frames[i - 1] + 1).map((first) => [first, frames.find((frame) => frame >= first && !frames.includes(frame + 1))]);
  };
  assert.deepEqual(openings("play('x', gate('~ x _ x', { rate: 2, gate: 0.5 }))"), [[12000, 23999], [36000, 41999]]);
  assert.deepEqual(openings("const m = seq('~ c4 c4 ~', { rate: 2, gate: 1 }); play('x', m.gate)"), [[12000, 35999]]);
});

test('a sequence has the value of its note, held over rests, and notes of a rhythm come in turn', () => {
  const steps = (source, at) => {
    let values;
    staged((stage) => {
      const from = stage.save(source).engineFrame - 5000;
      stage.play(RATE * 2);
      values = at.map((beat) => Number(stage.left('x')[from + beat * 24000 + 6000].toFixed(4)));
    }, { render: true });
    return values;
  };
  assert.deepEqual(steps("play('x', seq([0.1, null, 0.3, '_'], 1))", [0, 1, 2, 3]), [0.1, 0.1, 0.3, 0.3]);
  assert.deepEqual(steps("play('x', seq([null, 0.2, 0.3], 1))", [0, 1, 2, 3]), [0.3, 0.2, 0.3, 0.3]);
  assert.deepEqual(steps("play('x', seq([0.1, 0.2, 0.3], { rate: 1, rhythm: 'xx.' }))", [0, 1, 2, 3]), [0.1, 0.2, 0.2, 0.3]);
  assert.deepEqual(steps("play('x', seq([s => 0.4, () => 0.5], 1))", [0, 1]), [0.4, 0.5]);
  assert.deepEqual(steps("play('x', gain(seq('a4 [a5 a3]', 1), 0.001))", [0, 1, 2, 3]), [0.44, 0.88, 0.44, 0.88]);
  assert.deepEqual(steps("play('x', s => 0.5 + seq('~', 1)(s))", [0, 1]), [0.5, 0.5]);
});

test('a voice that joins late is on the beat, and edits neither lose nor repeat a strike', () => {
  const piece = (n) => `const t = trigger('x.xx', { rate: 4, swing: 0.2 }); play('x', s => t(s) * (1 + 0 * ${n}));`;
  staged((control) => {
    control.save(`${piece(0)}; play('y', s => 0.1)`);
    control.play(2 * RATE);
    staged((stage) => {
      stage.save("play('y', s => 0.1)");
      stage.play(RATE / 4);
      for (let n = 0; n < 40; n++) {
        stage.save(`${piece(n)}; play('y', s => 0.1)`);
        stage.play(1600 + 64 * n);
      }
      const [song, other] = [stage, control].map((each) => {
        // The voice that came later has heard less.
        const first = each.left('y').findIndex((x) => x > 0) - each.left('y').length + each.left('x').length;
        return each.left('x').flatMap((x, i) => (x > 0.5 ? [i - first] : [])).filter((frame) => frame > 24000);
      });
      const shared = Math.min(song.at(-1), other.at(-1));
      assert.ok(song.length > 8);
      assert.deepEqual(song.filter((frame) => frame <= shared), other.filter((frame) => frame <= shared));
    });
  });
});

test('a change of tempo or rate strikes nothing twice', () =>
  staged((stage) => {
    const count = () => stage.left('x').filter((x) => x > 0.4).length;
    const piece = (bpm, rate) => `bpm(${bpm}); play('x', s => 0.5 * trigger('x', ${rate})(s))`;
    stage.save(piece(120, 1));
    stage.play(14400);
    const before = count();
    // Within the same beat, whatever its pace.
    for (const [bpm, rate] of [[30, 1], [30, 0.25], [10, 3], [10, 1]]) {
      stage.save(piece(bpm, rate));
      stage.play(960);
    }
    assert.equal(count(), before);
  }));

test('what a trigger was in a frame it stays, however often it is asked', () =>
  staged((stage) => {
    stage.save("const t = trigger('x', 4); play('x', s => t(s) === t(s) ? 0.25 : 100); play('y', s => t(s))");
    stage.play(RATE);
    assert.ok(stage.left('x').slice(9600).every((x) => x === 0.25));
    assert.ok(stage.left('y').filter((x) => x > 0.9).length >= 6);
  }));

test('built in every frame a sequence is the same one, over edits and successors', () => {
  const inside = "play('x', s => { const m = seq(['c4', ['e4', 'g4'], null, 'c5'], { rate: 4, swing: 0.1 }); return 0.4 * sin(m)(s) * adsr(m.gate, 0.01, 0.05, 0.5, 0.05)(s) + 0.1 * trigger([1, 0, 1], 4)(s); })";
  staged((control) => {
    control.save(`${inside}; play('y', s => 0)`);
    control.play(RATE);
    staged((stage) => {
      stage.save(`${inside}; play('y', s => 0)`);
      stage.play(RATE / 4);
      stage.save(`${inside}; play('y', s => 0.1)`);
      stage.play(RATE / 4);
      stage.respawn('y');
      stage.play(RATE / 2);
      assertSame(stage, control, 'x');
      const player = stage.evaluator.timeline.players.find(({ name }) => name === 'x');
      assert.equal(player.cells.length, 3);
    });
  });
});

test('mistakes about steps are told with their place', () => {
  const refused = (source, words) =>
    staged((stage) => assert.throws(() => stage.save(`\n${source}`), (error) => (assert.match(error.message, words), error.line === 2)));
  refused("play('x', seq())", /seq\(steps, options\): the steps are an array or a string/);
  refused("play('x', trigger(3))", /trigger\(steps, options\): the steps are an array or a string.*not 3/);
  refused("play('x', seq([]))", /a pattern has a step at least/);
  refused("play('x', seq('c4 zz'))", /'c4 zz': no step: zz/);
  refused("play('x', seq('c4', { rat: 3 }))", /the options are steps per beat, or \{ rate, swing, gate, rhythm \}, not rat/);
  for (const wrong of ['0', '-1', 'NaN', 'Infinity', "'4'", '{ rate: 1e9 }']) refused(`play('x', gate('x', ${wrong}))`, /rate is a number of steps|the options are steps/);
  for (const wrong of ['5, 4', '-1, 4', '1.5, 4', '1, 0', '1, 1000', "'1', 4", '1, 4, 0.5']) refused(`euclid(${wrong})`, /euclid\(hits, steps, rotate\): whole numbers/);
});
