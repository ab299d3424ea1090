// The instruments: everything that makes and shapes sound in the language, by name.

import { delays } from './delays.js';
import { filters } from './filters.js';
import { oscillators } from './oscillators.js';
import { shapes } from './shapes.js';

/** All helpers, made with `toolbox`. */
export function instruments(toolbox) {
  return { ...oscillators(toolbox), ...filters(toolbox), ...delays(toolbox), ...shapes(toolbox) };
}
