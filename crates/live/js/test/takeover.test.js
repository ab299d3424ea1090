// What a terminated evaluator's successor makes of what it finds.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { SESSION } from '../arena.js';
import { SINE, assertSame, onset, residual, staged } from '../testing/stage.js';

const faults = (stage) => stage.said.filter(({ kind }) => kind === 'fault');

// A voice that threw, before or now, is left alone by it; the others keep their bits.
test('a voice that throws does not stand in the way', () =>
  staged((stage) =>
    staged((control) => {
      const piece = `${SINE}play('thrown', s => { if (s.t > 0.2) throw new Error('once'); return 0.1; });
play('throws', s => { if (s.n > 16000) throw new Error('soon'); return 0.1; });play('hangs', s => 0);`;
      for (const each of [stage, control]) {
        each.save(piece);
        each.play(6400);
      }
      assert.deepEqual(faults(stage).map(({ voice }) => voice), ['thrown']);
      stage.respawn('hangs');
      for (const each of [stage, control]) each.play(24000);
      assertSame(stage, control, 'sine');
      assert.deepEqual(faults(stage).map(({ voice }) => voice), ['thrown', 'throws'], 'each is told once');
      assert.ok(stage.left('throws').slice(8000, 9600).some((sample) => sample > 0.09), 'not before its time');
      assert.deepEqual(stage.evaluator.closeParked(Infinity).map(({ name }) => name).sort(), ['hangs', 'thrown']);
    }),
  ));

// A top level that throws now leaves silence, and the next save is heard.
test('a top level that throws leaves silence', () =>
  staged((stage) => {
    globalThis.forebayRuns = 0;
    stage.save(`if (globalThis.forebayRuns++ > 0) throw new Error('not twice');\n${SINE}`);
    stage.play(4800);
    stage.respawn('nobody');
    delete globalThis.forebayRuns;
    stage.play(14400);
    const [fault] = faults(stage);
    assert.deepEqual([fault.line, /nothing plays until the next save/.test(fault.message)], [1, true]);
    assert.ok(stage.left('sine').slice(-960).every((sample) => sample === 0));
    stage.save(SINE);
    stage.play(9600);
    assert.ok(Math.max(...stage.left('sine').slice(-960)) > 0.49);
  }));

// Much state means few snapshots: they still reach back as far as an edit needs.
test('a save after a take-over, with much state', () =>
  staged((stage) => {
    const piece = (gain) => `${SINE.replace('0.5', gain)}play('delay', s => s.state[7] += 0, { slots: 400000 });play('x', s => 0);`;
    stage.save(piece('0.5'));
    stage.play(40000);
    stage.respawn('x');
    stage.play(24000);
    stage.save(piece('0.25'));
    stage.play(4800);
    assert.ok(Math.max(...stage.left('sine').slice(-2400)) < 0.2501);
    assert.ok(residual(stage.left('sine').slice(-2400)) < 1e-6);
  }, { leadFrames: 20000 }));

// The engine's counter wraps during the session; the successor has never seen another one.
test('a take-over behind the wrap of the engine frame', () =>
  staged((stage) => {
    stage.save(`${SINE}play('x', s => 0);`);
    stage.play(24000);
    stage.respawn('x');
    assert.ok(stage.evaluator.timeline.lead < 48000, `lead ${stage.evaluator.timeline.lead}`);
    stage.play(24000);
    assert.ok(residual(stage.left('sine').slice(-24000)) < 1e-6);
    stage.save(SINE.replace('0.5', '0.25'));
    stage.play(9600);
    assert.ok(Math.max(...stage.left('sine').slice(-4800)) < 0.2501);
  }, { engineFrame: 2 ** 32 - 12000 }));

// A voice in a long fade-out is in no source: it ends where it was written to, and its name can return.
test('a voice that was fading out ends', () =>
  staged((stage) => {
    const two = `${SINE}play('low', s => 0.3);play('x', s => 0);`;
    stage.save(two);
    stage.play(4800);
    stage.save(`${SINE}play('x', s => 0);stop('low', 20);`);
    stage.play(4800);
    stage.respawn('x');
    assert.deepEqual(stage.evaluator.timeline.arena.describe().map(({ name }) => name), [SESSION, 'sine'], 'no state is left behind');
    stage.play(24000);
    assert.ok(stage.left('low').slice(-4800).every((sample) => sample === 0));
    stage.save(two);
    stage.play(9600);
    assert.ok(stage.left('low').at(-1) > 0.29, 'it is heard again');
    assert.ok(residual(stage.left('sine').slice(onset(stage.left('sine')) + 2400)) < 1e-6);
  }));

// What was found of voices before holds for a successor, and for one after that: what others change leaves alone who keeps
// what can't be restored.
test('what can not be restored is known to a successor', () =>
  staged((stage) => {
    const own = "let phase = 0;play('own', s => { phase = (phase + 220 / s.sr) % 1; return 0.3 * Math.sin(2 * Math.PI * phase); });";
    stage.save(`${own}play('level', gain(s => 1, knob('level', 0, 2, 0.5)));play('x', s => 0);play('y', s => 0);`);
    stage.play(9600);
    for (const guilty of ['x', 'y']) {
      stage.respawn(guilty);
      assert.deepEqual(stage.said.filter(({ kind }) => kind === 'players').at(-1).unrewindable, ['own']);
      stage.play(14400);
      const from = stage.left('own').length;
      for (let i = 1; i <= 20; i++) {
        stage.evaluator.turn(new Map([['knob:level', i / 20]]));
        stage.play(960);
      }
      assert.ok(residual(stage.left('own').slice(from)) < 1e-6);
      assert.ok(Math.abs(stage.left('level').at(-1) - 1) < 1e-6);
    }
  }));

// A ring that was parked when the evaluator ended goes on behind its last frame.
test('a parked ring is used again by the successor', () =>
  staged((stage) => {
    const two = `${SINE}play('low', s => 0.3);`;
    stage.save(two);
    stage.play(4800);
    stage.save(SINE);
    stage.play(14400);
    stage.respawn('nobody');
    stage.play(640);
    const before = stage.evaluator.timeline.rings.get('low').position;
    assert.ok(before > 4800);
    stage.save(two);
    stage.play(9600);
    assert.ok(stage.left('low').at(-1) > 0.29);
    assert.ok(stage.evaluator.timeline.rings.get('low').position > before);
  }));

// What plays on is what played: not what its files have become meanwhile.
test('imported files are taken over as they were', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-takeover-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const part = path.join(dir, 'part.js');
  fs.writeFileSync(part, 'export const level = 0.3;\n');
  staged((stage) => {
    stage.save(`import { level } from ${JSON.stringify(part)};\nplay('low', s => level);\nplay('x', s => 0);`);
    stage.play(4800);
    fs.writeFileSync(part, 'export const level = ;\n');
    stage.respawn('x');
    stage.play(14400);
    assert.ok(stage.left('low').at(-1) > 0.29);
    assert.deepEqual(faults(stage), []);
  });
});
