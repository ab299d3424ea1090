import assert from 'node:assert/strict';
import test from 'node:test';
import { SINE, played, skip, sleep } from '../testing/played.js';
import { largestStep, staged } from '../testing/stage.js';

// The strip of a voice is the engine's own: its level and place change at the frame of the save, without a step, and
// what the next save does not say is as usual again.
test('gain and pan of a strip', { skip, timeout: 60000 }, async () => {
  const left = await played(`${SINE}strip('sine').gain(-6);`, async (live, save) => {
    await live.next('edited');
    await sleep(400);
    save(`${SINE}strip('sine').pan(1).gain(-6);`);
    await live.next('edited');
    await sleep(400);
    save(SINE);
    await live.next('edited');
    await sleep(400);
  });
  const peaks = [];
  for (let i = 0; i + 480 < left.length; i += 480) peaks.push(Math.max(...left.slice(i, i + 480)));
  const near = (level) => peaks.filter((peak) => Math.abs(peak - level) < 0.002).length;
  assert.ok(near(0.2 * 10 ** (-6 / 20)) > 10, '6 dB lower at first');
  const from = peaks.findIndex((peak) => peak > 0.09);
  assert.ok(peaks.slice(from, -20).filter((peak) => peak < 1e-4).length > 10, 'then on the right alone');
  assert.ok(near(0.2) > 10, 'then as usual');
  assert.ok(largestStep(left) < 0.2 * 2 * Math.PI * (220 / 48000) * 1.3, 'no step');
});

// What is no level, no place, or no time for it is refused in words that say what is meant.
test('strips that can not be', () =>
  staged((stage) => {
    const refused = (code, words) => assert.throws(() => stage.save(SINE + code), words);
    refused(`strip('sine').gain(30);`, /decibels up to 24/);
    refused(`strip('sine').gain(NaN);`, /decibels/);
    refused(`strip('sine').pan(2);`, /from -1 \(left\) to 1/);
    refused(`strip(3);`, /a voice's name is a string/);
    refused(`play('x', s => { strip('sine').gain(-6); return 0; });`, /at the top level/);
    refused(`strip('sin').gain(-3);`, /there is no voice sin; did you mean sine\?/);
    stage.save(`${SINE}strip('sine').mute().gain(-3).unmute(0.1);`);
  }));
