// Values from outside as signals: knobs, OSC messages, MIDI controllers. What they are is in `desk.js`.

import { UsageError, clamped } from './toolbox.js';

/** Besides the number of a controller, 0 to 127. */
const MIDI_WORDS = ['note', 'gate', 'bend', 'pressure'];
/** Until something is played: A4, nothing held, the wheel in its middle. */
const MIDI_USUAL = Object.freeze({ note: 69, gate: 0, bend: 0, pressure: 0 });

/** The signals by name, made with `toolbox`. */
export function controls(toolbox) {
  const { state, desk } = toolbox;

  /** A helper whose value lies under `key(args)`, and is `read(x, args)` once it is turned. */
  const outside = (name, { check, key, spec, read }) =>
    toolbox.define(
      name,
      (node) => {
        let [at, usual] = [0, 0];
        let [a, b, c, d] = [];
        node.settle = () => {
          if (node.a === a && node.b === b && node.c === c && node.d === d) return;
          ({ a, b, c, d } = node);
          const said = spec(node);
          usual = said.usual;
          at = desk.at(key(node), said);
        };
        return () => {
          const x = state[at];
          return x === x ? read(x, node) : usual;
        };
      },
      check,
    );

  const knob = outside('knob', {
    check: (name, least = 0, most = 1, usual = least) => {
      if (typeof name !== 'string' || name === '') throw new UsageError('knob(name, min, max, value): the name is a string');
      checkRange(`knob('${name}')`, least, most, usual);
    },
    key: (node) => `knob:${node.a}`,
    spec: range,
    read: (x, node) => clamped(x, node.b ?? 0, node.c ?? 1),
  });

  const osc = outside('osc', {
    check: (address, usual = 0) => {
      if (typeof address !== 'string' || !address.startsWith('/')) throw new UsageError(`osc(address, value): the address is a string like '/fader/1', not ${String(address)}`);
      if (!Number.isFinite(usual)) throw new UsageError(`osc('${address}', value): the value is a number, not ${String(usual)}`);
    },
    key: (node) => `osc:${node.a}`,
    spec: (node) => ({ usual: node.b ?? 0 }),
    read: (x) => x,
  });

  const controller = outside('midi', {
    check: (number, least = 0, most = 1, usual = least) => {
      if (!Number.isInteger(number) || number < 0 || number > 127) {
        throw new UsageError(`midi(controller): a controller is a number from 0 to 127, or one of ${MIDI_WORDS.join(', ')}, not ${String(number)}`);
      }
      checkRange(`midi(${number})`, least, most, usual);
    },
    key: (node) => `midi:${node.a}`,
    spec: range,
    read: (x, node) => (node.b ?? 0) + ((node.c ?? 1) - (node.b ?? 0)) * clamped(x, 0, 1),
  });

  const played = outside('midi', {
    key: (node) => `midi:${node.a}`,
    spec: (node) => ({ usual: MIDI_USUAL[node.a] }),
    read: (x) => x,
  });

  /** A controller in a range of one's own, or what of the keys is played. */
  const midi = (what, least, most, usual) => (MIDI_WORDS.includes(what) ? played(what) : controller(what, least, most, usual));

  return { knob, osc, midi };
}

function range(node) {
  const least = node.b ?? 0;
  return { least, most: node.c ?? 1, usual: node.d ?? least };
}

function checkRange(call, least, most, usual) {
  if (![least, most, usual].every(Number.isFinite)) throw new UsageError(`${call}: min, max and value are numbers`);
  if (!(most > least)) throw new UsageError(`${call}: max (${most}) is above min (${least})`);
  if (usual < least || usual > most) throw new UsageError(`${call}: the value (${usual}) lies between min (${least}) and max (${most})`);
}
