import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { Stage, largestStep } from '../testing/stage.js';

const folder = new URL('../../../../examples/js/', import.meta.url);
const SECONDS = 1.5;

for (const name of fs.readdirSync(folder).filter((entry) => entry.endsWith('.js'))) {
  // Every example plays: finite, not silent, not loud, restorable, and the same bits in every render.
  test(`examples/js/${name}`, () => {
    const source = fs.readFileSync(new URL(name, folder), 'utf8');
    const render = () => {
      const stage = new Stage({ leadFrames: 4800, blockFrames: 1024, render: true });
      stage.save(source);
      stage.play(SECONDS * 48000);
      const faults = stage.said.filter(({ kind }) => kind === 'fault');
      const trial = stage.evaluator.try(source, name);
      trial.abandon();
      stage.close();
      return { heard: stage.heard, faults, unrewindable: trial.unrewindable };
    };
    const first = render();
    assert.deepEqual(first.faults, []);
    assert.deepEqual(first.unrewindable, []);
    const length = Math.min(...[...first.heard.values()].map((samples) => samples.length));
    const sum = new Float64Array(length);
    for (const samples of first.heard.values()) for (let i = 0; i < length; i++) sum[i] += samples[i];
    const peak = sum.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    assert.ok(peak > 0.05 && peak < 1, `peak ${peak}`);
    assert.ok([...first.heard.values()].every((samples) => samples.every(Number.isFinite)));
    assert.deepEqual(render().heard, first.heard);
    assert.ok(largestStep(sum.filter((_, i) => i % 2 === 0)) < 0.6);
  });
}
