import assert from 'node:assert/strict';
import test from 'node:test';
import { RATE } from '../testing/heard.js';
import { assertSame, largestStep, onset, staged } from '../testing/stage.js';

const said = (stage, wanted) => stage.said.filter(({ kind }) => kind === wanted);
/** Small enough to be no blast, and f32 holds it to a thousandth of a beat. */
const BEAT = "play('x', s => beat(s) / 64);";

/** The beat that voice `x` tells at its last frame, and that frame's number in the song. */
function last(stage) {
  const { timeline } = stage.evaluator;
  timeline.refresh();
  return { beat: stage.left('x').at(-1) * 64, frame: timeline.now - timeline.origin - 1 };
}

function assertBeat({ beat }, wanted) {
  assert.ok(Math.abs(beat - wanted) < 1e-4, `beat ${beat}, not ${wanted}`);
}

test('without a word about it a beat is half a second and a bar two', () =>
  staged((stage) => {
    stage.save(`${BEAT} play('y', s => bar(s) / 64); play('z', s => bpm() / 1000);`);
    stage.play(2 * RATE);
    const { beat, frame } = last(stage);
    assertBeat({ beat }, frame / 24000);
    assert.ok(Math.abs(stage.left('y').at(-1) * 64 - beat / 4) < 1e-4);
    assert.ok(Math.abs(stage.left('z').at(-1) - 0.12) < 1e-6);
    assert.equal(stage.evaluator.timeline.transport.barS, 2);
  }));

test('all voices see one beat at a frame, whatever their order and however late they came', () =>
  staged((stage) => {
    const seen = "globalThis.forebaySeen";
    stage.save(`bpm(97.3); ${seen} = new Map();
      const note = s => { const b = beat(s); const known = ${seen}.get(s.n); if (known !== undefined && known !== b) throw new Error('two beats'); ${seen}.set(s.n, b); return 0.1; };
      play('x', note); play('y', note);`);
    stage.play(9600);
    stage.save(`bpm(97.3); const note = s => (${seen}.get(s.n) ?? beat(s)) === beat(s) ? 0.1 : NaN;
      play('late', note); play('y', note); play('x', note); kanon('k', () => ({ update: () => beat() > 0 ? 0.1 : 0 }));`);
    stage.play(9600);
    delete globalThis.forebaySeen;
    assert.deepEqual(said(stage, 'fault'), []);
    assert.ok(stage.left('k').at(-1) > 0.09);
  }));

test('an edit of the tempo keeps the beat, and each tempo has its pace', () =>
  staged((stage) => {
    stage.save(`bpm(90); ${BEAT}`);
    stage.play(RATE);
    let figures;
    let expected = 0;
    let [from, tempo] = [0, 90];
    for (const next of [180, 60, 133, 90.5]) {
      figures = stage.save(`bpm(${next}); ${BEAT}`);
      const song = figures.engineFrame - stage.evaluator.timeline.origin;
      expected += ((song - from) * tempo) / (60 * RATE);
      [from, tempo] = [song, next];
      stage.play(RATE / 2);
      const at = last(stage);
      assertBeat(at, expected + ((at.frame - song) * next) / (60 * RATE));
    }
    const beats = stage.left('x').slice(onset(stage.left('x')) + 4800);
    assert.ok(largestStep(beats) < (2 * 180) / 60 / RATE / 64, `${largestStep(beats)}`);
  }));

test('the beat goes on, bit by bit, over edits of others, refusals and successors', () => {
  const piece = (n) => `bpm(101); ${BEAT} play('y', s => ${n} / 100);`;
  staged((control) => {
    control.save(piece(1));
    control.play(2 * RATE);
    staged((stage) => {
      stage.save(piece(1));
      for (let n = 2; n < 7; n++) {
        stage.play(RATE / 8);
        stage.save(piece(n));
        stage.play(RATE / 8);
        assert.throws(() => stage.save(`bpm(300); ${BEAT} play('y', s => s.t > 0.3 ? 100 : 0);`), /blasts/);
        assert.equal(stage.evaluator.timeline.transport.bpm, 101);
      }
      stage.respawn('y');
      stage.play(RATE / 4);
      stage.respawn();
      assert.equal(stage.evaluator.timeline.transport.bpm, 101);
      stage.play(RATE / 4);
      assertSame(stage, control, 'x');
    });
  });
});

test('a tempo that came with more code stays, and that of a file without one is the usual', () =>
  staged((stage) => {
    const { transport } = stage.evaluator.timeline;
    stage.save(BEAT);
    stage.play(4800);
    stage.save('bpm(60, 3)', { add: true });
    stage.save("play('y', s => 0.1)", { add: true });
    assert.deepEqual([transport.bpm, transport.barS], [60, 3]);
    stage.play(4800);
    stage.save(BEAT);
    assert.deepEqual([transport.bpm, transport.barS], [120, 2]);
  }));

test('also whose state can not be restored is on the new beat at once', () =>
  staged((stage) => {
    stage.save(`let n = 0; play('odd', s => beat(s) / 64 + (n++ % 3) * 1e-5); ${BEAT}`);
    stage.play(RATE / 2);
    stage.save("play('y', s => 0.1)", { add: true });
    stage.play(4800);
    stage.save('bpm(600)', { add: true });
    stage.play(4800);
    const [odd, even] = [stage.left('odd'), stage.left('x')];
    assert.ok(largestStep(odd.slice(9600)) < 2e-4, `${largestStep(odd.slice(9600))}`);
    assert.ok(Math.abs(odd.at(-1) - even.at(-1)) < 3e-5, `${odd.at(-1)}, ${even.at(-1)}`);
  }));

test('another number of beats per bar keeps the first beat of the bar', () =>
  staged((stage) => {
    const { transport } = stage.evaluator.timeline;
    const bars = (n) => transport.bar(n, RATE);
    transport.retime(0, { bpm: 120, beatsPerBar: 4 }, RATE);
    assert.equal(bars(24000 * 10), 2.5);
    transport.retime(24000 * 10, { bpm: 120, beatsPerBar: 3 }, RATE);
    // Beat 10 is the third one of bar 2, which began at beat 8.
    assert.equal(bars(24000 * 10), 2 + 2 / 3);
    assert.equal(bars(24000 * 11), 3);
    transport.retime(24000 * 12, { bpm: 60, beatsPerBar: 3 }, RATE);
    assert.equal(bars(24000 * 12), 3 + 1 / 3);
    assert.equal(bars(24000 * 12 + 48000 * 2), 4);
  }));

test('mistakes about the clock are told with their place', () => {
  const refused = (source, words) =>
    staged((stage) => assert.throws(() => stage.save(`\n${source}`), (error) => words.test(error.message) && error.line === 2));
  for (const wrong of ["'fast'", '0', '-1', 'NaN', 'Infinity', '1001', 's => 100']) refused(`bpm(${wrong}); ${BEAT}`, /bpm\(tempo\): the tempo is a number/);
  for (const wrong of ['0', '2.5', '65', "'4'"]) refused(`bpm(100, ${wrong}); ${BEAT}`, /beats per bar are a whole number/);
  refused("play('x', s => bpm(100))", /bpm\(\) belongs at the top level, not inside a voice/);
  refused("beat(); play('x', s => 0)", /beat\(s\) is called inside a voice/);
});

// The beat is a signal itself, wherever a signal is asked for.
test('beat and bar as signals', () =>
  staged((stage) => {
    stage.save("play('a', gain(beat, 0.1)); play('b', slew(bar, 0.01)); play('c', mix(beat, bar)); play('d', bar);");
    stage.play(9600);
    assert.deepEqual(stage.said.filter(({ kind }) => kind === 'fault'), []);
    assert.ok(stage.left('c').at(-1) > 0);
  }));
