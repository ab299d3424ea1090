// A voice that hangs in the middle of a piece.

import assert from 'node:assert/strict';
import test from 'node:test';
import { played, skip } from '../testing/played.js';
import { onset } from '../testing/stage.js';

const SECOND = 48000;

/** Nine voices of all kinds on the left, and one on the right, which does `what` after a second. */
function piece(what) {
  const left = [
    "play('a', s => [(s.state[0] = (s.state[0] + 110 / s.sr) % 1) * 0.05, 0]);",
    "play('b', s => [0.05 * Math.sin(600 * s.t), 0]);",
    "play('c', s => [0.02 * s.random(), 0]);",
    "kanon('d', (mem, idx, sr) => ({ update: () => [0.05 * Math.sin(2 * Math.PI * (mem[idx] = (mem[idx] + 330 / sr) % 1)), 0] }));",
    "play('e', { process([l, r], s) { for (let i = 0; i < l.length; i++) l[i] = 0.05 * Math.sin(0.01 * (s.n + i)); r.fill(0); } });",
    "const echo = feedback(s => (s.n % 12000 < 300 ? 0.2 : 0), 1, 0.31, 0.6); play('f', s => s.out(0.05 * echo(s), 0));",
    "const low = lowpass(s => s.random(), 800); play('g', s => s.out(0.05 * low(s), 0));",
    "play('h', s => s.out(s.t % 1 < 0.1 ? 0.05 : 0, 0));",
    "const high = tri(220); play('i', s => s.out(0.02 * high(s), 0));",
  ];
  return [...left.slice(0, 5), `play('wrong', s => { ${what} return [0, 0.05 * Math.sin(900 * s.t)]; });`, ...left.slice(5)].join('\n');
}

function heard(source, told) {
  return played(
    source,
    async (live) => {
      await live.next('edited');
      await told(live);
      // Some seconds more of what plays on.
      for (let n = 0; n < 8; n++) await live.filled(500);
    },
    { lead: 680 },
  );
}

// It is named, with its line; the nine others play on to the last bit, and the sound never stops.
test('a voice that hangs among ten', { skip, timeout: 60000 }, async () => {
  let fault;
  const sound = await heard(piece(`if (s.n > ${SECOND}) for (;;);`), async (live) => (fault = await live.next('fault')));
  assert.deepEqual([fault.what, fault.voice, fault.line], ['hang', 'wrong', 6], fault.message);
  const control = await heard(piece(''), async (live) => {
    for (let n = 0; n < 8; n++) await live.filled(500);
  });
  const [a, b] = [sound, control].map((all) => all.slice(onset(all)));
  const frames = Math.min(...[a, b].map((all) => all.findLastIndex((x) => x !== 0) - SECOND / 10));
  assert.ok(frames > 2 * SECOND, `${frames} frames to compare`);
  assert.equal(a.subarray(0, frames).findIndex((x, i) => x !== b[i]), -1, 'the others are what they would have been');
});
