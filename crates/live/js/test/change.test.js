// A change is whole or not at all, whatever happens while it is tried, waits for its rings, or renders its cover.

import assert from 'node:assert/strict';
import test from 'node:test';
import { SESSION } from '../arena.js';
import { SourceError } from '../places.js';
import { FILE, SINE, assertSame, largestStep, onset, residual, staged } from '../testing/stage.js';

const refusal = (act) => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof SourceError, String(error?.stack));
    return error;
  }
  return assert.fail('it was not refused');
};

/** A voice that fails in its cover and not before: the shadow run is at the head, the cover lies before it. */
const failsInCover = (failure) => `let last = 0;
play('late', s => {
  if (s.n < last - 5000) ${failure};
  last = s.n;
  return 0;
});`;

// What fails in the cover is refused by name and place, and everything else is as if it had never been tried.
test('code that fails in its cover is refused', () => {
  const low = (gain) => `play('low', s => ${gain} * Math.sin(2 * Math.PI * 55 * s.t));\n`;
  const cases = [
    ['throw', `throw new Error('too late')`, 3],
    ['nan', 'return NaN', 2],
    ['return', 'return "loud"', 2],
    ['blast', 'return 9', 2],
  ];
  for (const [kind, failure, line] of cases) {
    staged((stage) =>
      staged((control) => {
        for (const each of [stage, control]) {
          each.save(SINE + low(0.3));
          each.play(9600);
        }
        // It stops one voice, changes the other, adds memory, and fails.
        const edit = `${failsInCover(failure)}\n${low(0.1)}kanon('mem', mem => { mem[0] = 1; return { update: () => 0 }; });`;
        const error = refusal(() => stage.save(edit));
        assert.deepEqual([error.kind, error.file, error.line, error.voice], [kind, FILE, line, 'late'], error.message);
        for (const each of [stage, control]) each.play(24000);
        for (const name of ['sine', 'low']) assertSame(stage, control, name);
        assert.ok(stage.left('late').every((sample) => sample === 0));
        assert.deepEqual(stage.evaluator.timeline.arena.describe().map(({ name }) => name), [SESSION, 'sine', 'low']);
        // And the next save is heard.
        stage.save(SINE);
        stage.play(4800);
        assert.ok(stage.left('low').slice(-960).every((sample) => sample === 0));
      }, { leadFrames: 14400 }),
    { leadFrames: 14400 });
  }
});

// The first save is no different: the piece begins with the next one, at its first frame.
test('a first save that fails in its cover leaves a fresh session', () =>
  staged((stage) => {
    const zeros = `let zeros = 0;\nplay('x', s => { if (s.n === 0 && ++zeros === 3) throw new Error('no'); return 0; });`;
    assert.equal(refusal(() => stage.save(zeros)).line, 2);
    stage.play(6400);
    stage.save(`play('ramp', s => s.n / 1e6);`);
    stage.play(9600);
    const ramp = stage.left('ramp');
    const from = onset(ramp);
    assert.ok(Math.abs(ramp[from + 4800] - 4801 / 1e6) < 2e-6, `frame 4801 sounds: ${ramp[from + 4800]}`);
  }));

// While an edit waits for its rings the song goes on: what it counts on stays, also a voice that has just left.
test('nothing that a waiting edit counts on is let go of', () =>
  staged((stage) => {
    const both = `${SINE}play('back', s => { s.state[0] += 1; return 0.2; });`;
    stage.save(both);
    stage.play(4800);
    stage.save(SINE);
    stage.play(64);
    // It returns while it fades out; by the time the rings are there it is long gone.
    const trial = stage.evaluator.try(`${both}play('new', s => 0);play('more', s => 0);`, FILE);
    stage.play(14400);
    for (const name of stage.evaluator.missingRings(trial)) stage.openRing(name);
    assert.deepEqual(stage.evaluator.closeParked(Infinity), [], 'no ring of it is closed');
    stage.enter(trial);
    stage.play(9600);
    const windows = stage.evaluator.timeline.arena.describe().sort((a, b) => a.offset - b.offset);
    for (let i = 1; i < windows.length; i++) {
      assert.ok(windows[i - 1].offset + windows[i - 1].slots < windows[i].offset, 'no two voices share state');
    }
    stage.save(`${both}play('third', s => { s.state.fill(0.5); return 0; });`);
    stage.play(9600);
    assert.ok(residual(stage.left('sine').slice(-4800)) < 1e-6);
    assert.ok(Math.abs(stage.left('back').at(-1) - 0.2) < 1e-6);
  }));

// A parked ring that an edit waits with is kept; one whose edit was refused is closed in its time.
test('a parked ring is kept for the edit that wants it', () =>
  staged((stage) => {
    const both = `${SINE}play('back', s => 0.2);`;
    stage.save(both);
    stage.play(4800);
    stage.save(SINE);
    stage.play(14400);
    const trial = stage.evaluator.try(both, FILE);
    assert.deepEqual(stage.evaluator.closeParked(Infinity), []);
    stage.evaluator.abandon(trial);
    assert.deepEqual(stage.evaluator.closeParked(Infinity).map(({ name }) => name), ['back']);
  }));

// A ring is parked whatever became of its voice: also when it had ended but for the engine, as the next save came.
test('no ring is forgotten', () =>
  staged((stage) => {
    const low = `play('low', s => 0.3);`;
    stage.save(SINE + low);
    stage.play(4800);
    stage.save(`${SINE}stop('low', 0);`);
    stage.play(192);
    stage.save(`${SINE}// again`);
    stage.play(4800);
    assert.deepEqual(stage.evaluator.closeParked(Infinity).map(({ name }) => name), ['low']);
  }));

// A fade that runs goes on over other saves; one who ends it all does not wait for it.
test('a stop shortens a long fade', () =>
  staged((stage) => {
    const low = `play('low', s => 0.3 * Math.sin(2 * Math.PI * 55 * s.t));`;
    stage.save(SINE + low);
    stage.play(4800);
    stage.save(`${low}stop('sine', 5);`);
    stage.play(4800);
    stage.save(`${low}play('other', s => 0);`);
    stage.play(9600);
    assert.ok(Math.max(...stage.left('sine').slice(-960)) > 0.4, 'it fades slowly');
    stage.evaluator.stop(0.05);
    stage.play(9600);
    for (const name of ['sine', 'low']) {
      assert.ok(stage.left(name).slice(-4800).every((sample) => sample === 0), `${name} has ended`);
      assert.ok(largestStep(stage.left(name)) < 0.02);
    }
  }));

// The phase of an untouched voice is that of its frame, to 1e-9, over every edit beside it.
test('an untouched phase is continuous to 1e-9', () =>
  staged((stage) => {
    const other = (hz) => `play('other', s => 0.2 * Math.sin(2 * Math.PI * ${hz} * s.t));`;
    stage.save(SINE + other(330));
    for (let turn = 0; turn < 50; turn++) {
      stage.play(1280 + 64 * (turn % 7));
      stage.save(SINE + other(331 + turn));
      const { head, arena } = stage.evaluator.timeline;
      const off = Math.abs(arena.window('sine').state[0] - ((head * 220) / 48000) % 1);
      assert.ok(Math.min(off, 1 - off) < 1e-9, `edit ${turn}: off by ${off}`);
    }
  }));

// Sizes are tried, one save after the other, as long as one likes; what is too large is refused at its line.
test('state that is resized again and again', () =>
  staged((stage) => {
    const delay = (slots) => `${SINE}play('delay', s => s.state[1] = 0.1, { slots: ${slots} });`;
    for (let n = 0; n < 20; n++) {
      stage.save(delay(480000 + n));
      stage.play(640);
    }
    assert.ok(Math.abs(stage.left('delay').at(-1) - 0.1) < 1e-6);
    const error = refusal(() => stage.save(`${SINE}\nplay('huge', s => 0, { slots: 5000000 });`));
    assert.deepEqual([error.kind, error.line, error.voice], ['state', 6, 'huge']);
    stage.play(4800);
    assert.ok(residual(stage.left('sine').slice(-3200)) < 1e-6);
  }));

// A voice that the code stops again takes nothing with it, whatever becomes of the code and of the evaluator.
test('windows of voices that are stopped again are given back', () =>
  staged((stage) => {
    const used = () => stage.evaluator.timeline.arena.used;
    const factory = 'mem => ({ update: () => 0 })';
    const padded = (end, n) => `${SINE}kanon('pad', ${factory}, { slots: ${500 + n} });${end}`;
    stage.save(SINE);
    stage.play(4800);
    const before = used();
    for (const end of [`stop('pad');`, `stop('pad');nothing();`, `clear();${SINE}`]) {
      for (let n = 0; n < 50; n++) {
        try {
          stage.save(padded(end, n));
        } catch (error) {
          assert.match(error.message, /nothing is not defined/);
        }
        stage.play(640);
      }
      assert.equal(used(), before, end);
    }
    stage.save(`kanon('more', ${factory});stop('more');`, { add: true });
    stage.respawn();
    assert.equal(used(), before);
  }));
