// The shared clock as signals: where the piece is, in beats and in bars.

import { UsageError } from './toolbox.js';

/** The clock's signals by name, made with `toolbox`. */
export function clock(toolbox) {
  /** Of the voice that plays, where it does not say which it is: `update` of `kanon` gets no `s`. */
  const frame = (name, s) => {
    const voice = s ?? toolbox.playing()?.signal;
    if (typeof voice?.n === 'number') return voice.n;
    throw new UsageError(`${name}(s) is called inside a voice, with what the voice gets`);
  };

  return {
    beat: (s) => toolbox.transport.beat(frame('beat', s), toolbox.sr),
    bar: (s) => toolbox.transport.bar(frame('bar', s), toolbox.sr),
  };
}
