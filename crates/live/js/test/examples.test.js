import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { binary, readWav } from '../../../../sdk/js/testing/daemon.js';
import { skip } from '../testing/played.js';
import { asText, difference, fromText, spectrum } from '../testing/spectrum.js';
import { Stage, largestStep } from '../testing/stage.js';

const folder = fileURLToPath(new URL('../../../../examples/js/', import.meta.url));
const names = fs.readdirSync(folder).filter((entry) => entry.endsWith('.js'));
const SECONDS = 1.5;
/** What is kept of how each one sounds: written anew with FOREBAY_BLESS=1. */
const golden = (name) => fileURLToPath(new URL(`golden/${name.replace('.js', '.txt')}`, import.meta.url));
const RENDERED_S = 4;

/** What `forebay render` makes of a file, in the middle: by the runtime that runs this. */
function rendered(file) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-examples-'));
  const out = path.join(dir, 'out.wav');
  const args = ['render', file, '-o', out, '--seconds', String(RENDERED_S)];
  const { status, stderr } = spawnSync(binary(), args, { env: { ...process.env, FOREBAY_JS: process.execPath }, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const { channels, samples } = readWav(out);
  fs.rmSync(dir, { recursive: true });
  const middle = Float64Array.from({ length: samples.length / channels }, (_, i) => (samples[i * channels] + samples[i * channels + 1]) / 2);
  return { samples, middle };
}

test('there is something for everyone, and the list says what', () => {
  assert.ok(names.length >= 14);
  const list = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
  const listed = [...list.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual([...listed].sort(), [...names].sort());
});

for (const name of names) {
  // Every example plays: finite, not silent, not loud, restorable, and the same bits in every render.
  test(`examples/js/${name}`, () => {
    const source = fs.readFileSync(path.join(folder, name), 'utf8');
    const render = () => {
      const stage = new Stage({ leadFrames: 4800, blockFrames: 1024, render: true, folder });
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

  // Through all that lies between a file and a file: as loud as music is, and every note as it was.
  test(`examples/js/${name}, rendered`, { skip, timeout: 60000 }, () => {
    const { samples, middle } = rendered(path.join(folder, name));
    const peak = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const loudnessDb = 10 * Math.log10(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
    assert.ok(samples.every(Number.isFinite) && peak > 0.1 && peak < 1, `peak ${peak}`);
    assert.ok(loudnessDb > -32 && loudnessDb < -12, `${loudnessDb} dB`);
    const lines = spectrum(middle);
    if (process.env.FOREBAY_BLESS) fs.writeFileSync(golden(name), asText(lines));
    assert.equal(difference(lines, fromText(fs.readFileSync(golden(name), 'utf8'))), undefined);
  });
}

test('a wrong note, a late one and a louder one are heard', { skip, timeout: 60000 }, () => {
  const source = fs.readFileSync(path.join(folder, 'notes.js'), 'utf8');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'forebay-wrong-'));
  const wanted = fromText(fs.readFileSync(golden('notes.js'), 'utf8'));
  const changes = [['b4 _ |', 'bb4 _ |'], ['g4 e4 ~', 'g4 ~ e4'], ['0.25 * tri', '0.32 * tri'], ['bpm(104)', 'bpm(108)']];
  for (const [from, to] of changes) {
    assert.ok(source.includes(from));
    const file = path.join(dir, 'wrong.js');
    fs.writeFileSync(file, source.replace(from, to));
    assert.match(difference(spectrum(rendered(file).middle), wanted) ?? 'no difference', /MIDI note/, to);
  }
  fs.rmSync(dir, { recursive: true });
});
