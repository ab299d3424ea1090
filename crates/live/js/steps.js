// Code made for the voices that play: a call of its own for each, so that the runtime knows whom it calls and may build the
// voice's code into the loop. It does what the general loop does, bit by bit; it is made when a change has settled, for
// code that was just made is slow.

import { takeFrame } from './player.js';

/** Voices per generated function: more than a runtime builds into one. */
const GROUP = 8;

/** The same text twice would share what a runtime has learned of the first. */
let made = 0;

export class Steps {
  #players;
  #outs;
  #calls;
  #run;

  /** `players` in step; `rate` in frames per second; word 0 of `cursor` is the frame that runs. */
  constructor(players, { guard, cursor, channels, rate }) {
    this.#players = players;
    this.#outs = players.map((player) => player.out);
    this.#calls = players.map((player) => player.call);
    const groups = [];
    for (let i = 0; i < players.length; i += GROUP) groups.push(makeGroup(players.slice(i, i + GROUP), guard, channels));
    this.#run = makeRun(groups, cursor, channels, rate);
  }

  /** Whether the players still call what they did, and their frames lie where the code writes them. */
  fits() {
    return this.#players.every((player, i) => player.out === this.#outs[i] && player.call === this.#calls[i]);
  }

  /** Frames `begin .. end` of a run that begins at song frame `from` and at frame `at` of `out`. */
  run(from, begin, end, at) {
    this.#run(from, begin, end, at);
  }
}

function makeGroup(players, guard, channels) {
  const lines = players.map(({ place, ...player }, i) => {
    const rest = Array.from({ length: channels }, (_, c) => (c < 2 ? `o${i}[b + ${c}] = v;` : `o${i}[b + ${c}] = 0;`)).join(' ');
    const call = ownCode(player).self === undefined ? `c${i}(a${i})` : `c${i}.call(x${i}, a${i})`;
    return `guard[0] = ${place}; s${i}.n = n; s${i}.t = t; v = ${call};
      if (typeof v === 'number') { ${rest} } else takeFrame(p${i}, v, b, ${channels});`;
  });
  const names = players.flatMap((_, i) => [`c${i}`, `x${i}`, `a${i}`, `s${i}`, `o${i}`, `p${i}`]);
  const values = players.flatMap((player) => {
    const { call, self } = ownCode(player);
    return [call, self, player.argument, player.signal, player.out, player];
  });
  const text = `(function (guard, takeFrame, ${names}) { return function (n, t, b) { let v; ${lines.join('\n')} } })//${made++}`;
  return (0, eval)(text)(guard, takeFrame, ...values);
}

/** The voice's function and its `this`, not wrapped into another; that of one that failed is its fall. */
function ownCode({ failed, call, spec }) {
  return failed ? { call, self: undefined } : spec;
}

function makeRun(groups, cursor, channels, rate) {
  const names = groups.map((_, i) => `g${i}`);
  const calls = names.map((name) => `${name}(n, t, b);`).join(' ');
  const text = `(function (cursor, ${names}) { return function (from, begin, end, at) {
    for (let f = begin; f < end; f++) { cursor[0] = f; const n = from + f, t = n / ${rate}, b = (at + f) * ${channels}; ${calls} }
  } })//${made++}`;
  return (0, eval)(text)(cursor, ...groups);
}
