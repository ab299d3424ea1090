// What a voice may say and do, and what becomes of it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { SINE, largestStep, onset, residual, staged } from '../testing/stage.js';

const said = (stage, wanted) => stage.said.filter(({ kind }) => kind === wanted);

// A shadow run is ahead of its time and a replay behind it: what a voice mutes there is not muted.
test('a mute inside a voice comes at its frame', () =>
  staged((stage) => {
    const piece = (n) => `${SINE}play('hand', s => { if (s.n === 12000) mute('sine', 0.01); return 0; });// ${n}`;
    stage.save(piece(0));
    for (let n = 1; n < 4; n++) {
      stage.play(1920);
      stage.save(piece(n));
    }
    stage.play(19200);
    const sine = stage.left('sine');
    const from = onset(sine);
    assert.ok(residual(sine.slice(from + 2400, from + 11900)) < 1e-6, 'not before');
    assert.ok(sine.slice(from + 12500).every((sample) => sample === 0), 'and then it is');
  }));

// Code that is sent can mute and unmute what plays, and what a voice has muted stays so.
test('sent code mutes', () =>
  staged((stage) => {
    const level = () => Math.max(...stage.left('sine').slice(-960));
    stage.save(`${SINE}play('hand', s => { if (s.n === 20000) mute('sine'); return 0; });`);
    stage.play(4800);
    stage.save(`mute('sine');`, { add: true });
    stage.play(4800);
    assert.equal(level(), 0);
    stage.save(`unmute('sine');`, { add: true });
    stage.play(4800);
    assert.ok(level() > 0.49);
    stage.play(14400);
    assert.equal(level(), 0);
    stage.save(`play('more', s => 0);`, { add: true });
    stage.play(4800);
    assert.equal(level(), 0);
  }));

// What befalls a playing voice in the shadow of other code, ahead of its time, has not befallen it.
test('a playing voice survives a shadow run', () =>
  staged((stage) => {
    stage.save(`play('kept', s => { if (s.n === 18700) throw new Error('then'); return 0.1; });`);
    stage.play(9600);
    const { head } = stage.evaluator.timeline;
    assert.ok(head <= 18700 && head + 128 > 18700, `the first round of a shadow run at ${head} comes by`);
    assert.throws(() => stage.save(`play('more', s => nothing);`, { add: true }));
    stage.save(`play('more', s => 0);`, { add: true });
    stage.play(640);
    assert.deepEqual(said(stage, 'fault').map(({ voice, frame }) => [voice, frame]), [['kept', 18700]]);
  }));

// A forgotten return is told while it plays, too, and does not stand in the way of other code.
test('a voice that returns nothing is told once', () =>
  staged((stage) => {
    stage.save(`${SINE}play('forgets', s => { if (s.n < 9600) return 0.1; });`);
    stage.play(19200);
    assert.deepEqual(said(stage, 'fault').map(({ what, voice }) => [what, voice]), [['return', 'forgets']]);
    stage.save(`play('more', s => 0.1);`, { add: true });
    stage.play(4800);
    assert.ok(stage.left('more').at(-1) > 0.09);
  }));

// What goes wrong is told with the frame on which it first does, within whatever chunk.
test('faults have their frame', () =>
  staged((stage) => {
    stage.save(`play('nan', s => s.n >= 9610 && s.n < 9900 ? NaN : 0.1);play('odd', s => s.n >= 9700 ? undefined : 0.1);`);
    stage.play(19200);
    const faults = said(stage, 'fault').map(({ what, voice, frame }) => [what, voice, frame]);
    assert.deepEqual(faults, [['nan', 'nan', 9610], ['return', 'odd', 9700]]);
  }));

// So is the place where the voice is declared, in the file or in what was sent.
test('faults have their place', () =>
  staged((stage) => {
    stage.save(`${SINE}  play('p', s => s.n === 20000 ? NaN : 0.1);`);
    stage.openRing('q');
    const sent = stage.evaluator.try(`\nplay('q', s => s.n < 20100 ? 0.1 : undefined);`, '<send>', { add: true });
    stage.enter(sent, { add: true });
    stage.play(33600);
    const faults = said(stage, 'fault').map(({ voice, file, line, source_line: text }) => [voice, file, line, text]);
    const [nan, odd] = ["  play('p', s => s.n === 20000 ? NaN : 0.1);", "play('q', s => s.n < 20100 ? 0.1 : undefined);"];
    assert.deepEqual(faults, [['p', '/song/piece.js', 5, nan], ['q', '<send>', 2, odd]]);
  }));

// Every channel is looked at, not only the first two; who returns nothing is silent on all of them.
test('voices of four channels', () =>
  staged((stage) => {
    stage.save(`play('four', s => s.n < 9600 ? [0.1, 0.2, 0.3, 0.4] : s.n < 14400 ? [0, 0, NaN, 1e9] : undefined);`);
    stage.play(7200);
    const frame = (at) => stage.heard.get('four').slice(4 * at, 4 * at + 4);
    const from = stage.heard.get('four').findIndex((sample) => sample !== 0) / 4;
    assert.deepEqual(frame(Math.floor(from) + 4800), [0.1, 0.2, 0.3, 0.4].map(Math.fround));
    stage.play(19200);
    assert.ok(stage.heard.get('four').every((sample) => Math.abs(sample) <= 64));
    assert.ok(stage.heard.get('four').slice(-4000).every((sample) => sample === 0));
    assert.deepEqual(said(stage, 'fault').map(({ what }) => what), ['nan', 'return']);
  }, { channels: 4 }));

// A voice that throws falls silent without a step on every channel.
test('four channels fall silent together', () =>
  staged((stage) => {
    stage.save(`play('four', s => { if (s.n > 9600) throw new Error('enough'); return [0.1, 0.2, 0.3, 0.4]; });`);
    stage.play(19200);
    const fourth = stage.heard.get('four').filter((_, i) => i % 4 === 3);
    for (let i = 1; i < fourth.length; i++) assert.ok(Math.abs(fourth[i] - fourth[i - 1]) < 0.01);
    assert.equal(fourth.at(-1), 0);
  }, { channels: 4 }));

// What a voice logs is told once, when its frame is rendered for good, and never more of it than a person can read.
test('a voice that logs', () =>
  staged((stage) => {
    const logs = () => said(stage, 'log').map(({ text }) => text);
    stage.save(`console.log('top');\nplay('x', s => { if (s.n === 6000) console.log('now', [s.n]); return 0; });`);
    stage.play(6464);
    stage.save(`play('x', s => { if (s.n === 6000) console.log('now', [s.n]); return 0; });`);
    stage.play(9600);
    assert.deepEqual(logs(), ['top', 'now [6000]']);
    stage.save(`play('x', s => { console.log(s.n); return 0; });`);
    stage.play(9600);
    assert.ok(logs().length < 60, `${logs().length} lines`);
    stage.evaluator.status();
    assert.match(logs().at(-1), /^\d+ more lines were logged at once$/);
  }));

// A render begins with fresh closures, whatever the shadow run did with those before, and knows no speed.
test('a render does not depend on its shadow run', (t) => {
  const own = performance.now;
  t.after(() => (performance.now = own));
  let time = 0;
  // Each look at the clock is an hour later: nothing in the world is slower.
  performance.now = () => (time += 3.6e6);
  staged((stage) => {
    stage.save(`let calls = 0;
const seed = Math.random();
kanon('ramp', mem => { mem[0] += 5; return { update: () => (mem[1] = mem[0]++) * 0 + calls++ / 1e5 }; });
play('slots', s => s.state[0]++ / 1e5);`);
    stage.play(4800);
    const ramp = stage.left('ramp');
    const from = onset(ramp) - 1;
    for (const n of [2500, 3000, 4000]) assert.ok(Math.abs(ramp[from + n] - n / 1e5) < 1e-7, `${n}: ${ramp[from + n]}`);
    const { head, arena } = stage.evaluator.timeline;
    assert.equal(arena.window('ramp').state[0], 5 + head);
    assert.equal(arena.window('slots').state[0], head);
  }, { render: true });
});

// An error that comes when nobody called is told with its place, once.
test('what is thrown late is told once', () =>
  staged((stage) => {
    stage.save(`${SINE}globalThis.forebayLate = () => new Error('late');`);
    const error = globalThis.forebayLate();
    delete globalThis.forebayLate;
    for (let n = 0; n < 5; n++) stage.evaluator.late(error);
    assert.deepEqual(said(stage, 'fault').map(({ line, what }) => [line, what]), [[5, 'throw']]);
    for (let n = 0; n < 1000; n++) stage.evaluator.late(new Error(`another: ${n}`));
    assert.ok(said(stage, 'fault').length <= 10);
  }));

// What a promise says when the file has run would be heard at an unrelated change, or never: it is refused.
test('a file that has run says nothing any more', () =>
  staged((stage) => {
    const calls = ["play('x', s => 0)", "kanon('x', mem => ({ update: () => 0 }))", "stop('sine')", "mute('sine')", 'clear()'];
    stage.save(`${SINE}globalThis.forebayLate = [${calls.map((call) => `() => ${call}`)}];`);
    const late = globalThis.forebayLate;
    delete globalThis.forebayLate;
    const { used } = stage.evaluator.timeline.arena;
    for (const call of late) assert.throws(call, /comes too late/);
    assert.equal(stage.evaluator.timeline.arena.used, used);
    stage.save(`play('more', s => 0);`, { add: true });
    assert.deepEqual(stage.evaluator.timeline.players.map(({ name }) => name), ['sine', 'more']);
  }));

// Also a fade of no time at all has no step that is larger than a cross-fade makes it.
test('a mute inside a voice without a fade is no step', () =>
  staged((stage) => {
    stage.save(`play('a', s => 0.5); play('b', s => { if (s.n === 4800) mute('a', 0); return 0; });`);
    stage.play(9600);
    assert.equal(stage.left('a').at(-1), 0);
    assert.ok(largestStep(stage.left('a')) <= 0.5 / 32 + 1e-6, `${largestStep(stage.left('a'))}`);
  }));
