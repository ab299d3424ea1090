// Warming the evaluator itself before any user code is there: a cold hot loop would make the first sound late.

import { GUARD, NOBODY } from './guard.js';
import { Player, Signal } from './player.js';
import { Loop } from './render.js';
import { HEAD } from './state.js';

const VOICES = 6;
const FRAMES = 128;
const ROUNDS = 24;

/** Runs the hot loop over a few voices of different kinds until the runtime has compiled it. */
export function warmLoop() {
  const guard = new Int32Array(16);
  const loop = new Loop(guard, 2, 48000);
  const kinds = [
    (s) => Math.sin((s.state[0] += 0.01)),
    (s) => [s.t % 1, s.dt],
    (s) => s.out(s.n & 1, 0),
    (s) => (s.state[1] = (s.state[1] + 110 / s.sr) % 1),
  ];
  const players = Array.from({ length: VOICES }, (_, i) => {
    const window = { head: new Float64Array(HEAD.slots), state: new Float64Array(8) };
    window.head[HEAD.gain] = 1;
    const player = new Player({ name: `warm ${i}`, call: kinds[i % kinds.length] }, window, new Signal('', i, { sr: 48000, ...window }));
    player.reserve(FRAMES, 2);
    return player;
  });
  for (let round = 0; round < ROUNDS; round++) loop.run(players, round * FRAMES, FRAMES, 0, () => {});
  guard[GUARD.voice] = NOBODY;
}
