// The instruments: everything that makes and shapes sound in the language, by name.

import { clock } from './clock.js';
import { controls } from './controls.js';
import { delays } from './delays.js';
import { envelopes } from './envelopes.js';
import { filters } from './filters.js';
import { oscillators } from './oscillators.js';
import { pitch } from './pitch.js';
import { rhythm } from './rhythm.js';
import { samples } from './samples.js';
import { shapes } from './shapes.js';

/** All helpers, made with `toolbox`. */
export function instruments(toolbox) {
  const rooms = [oscillators, filters, delays, shapes, envelopes, rhythm, pitch, samples, controls];
  const builders = Object.assign({}, ...rooms.map((room) => room(toolbox)));
  // Who forgets the parentheses is told which ones: what builds a helper is no signal, as the clock's are.
  for (const [name, build] of Object.entries(builders)) build.builds = name;
  return { ...builders, ...clock(toolbox) };
}
