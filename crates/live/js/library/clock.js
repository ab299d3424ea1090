// The shared clock as signals: where the piece is, in beats and in bars.

import { UsageError } from './toolbox.js';

/** The clock's signals by name, made with `toolbox`. */
export function clock(toolbox) {
  /** Of the voice that plays, where it does not say which it is: `update` of `kanon` gets no `s`. */
  const frame = (name, s) => {
    if (typeof s?.n === 'number') return s.n;
    const voice = s ?? toolbox.playing()?.signal;
    if (typeof voice?.n === 'number') return voice.n;
    throw new UsageError(`${name}(s) is called inside a voice, with what the voice gets`);
  };

  const { transport, sr } = toolbox;
  return {
    beat: (s) => transport.beat(frame('beat', s), sr),
    bar: (s) => transport.bar(frame('bar', s), sr),
  };
}
