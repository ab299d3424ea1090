// Code made for the voices that play: a call of its own for each, so that the runtime knows whom it calls and may build the
// voice's code into the loop. It does what the general loop does, bit by bit; it is made when a change has settled, for
// code that was just made is slow.

import { takeFrame } from './player.js';

/** Voices per generated function: more than a runtime builds into one. */
const GROUP = 4;

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
    // A double that is handed from function to function is garbage; in an array it is none.
    const time = new Float64Array(2);
    const groups = [];
    for (let i = 0; i < players.length; i += GROUP) groups.push(makeGroup(players.slice(i, i + GROUP), { guard, time, channels }));
    this.#run = makeRun(groups, { cursor, time, channels, rate });
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

function makeGroup(players, { guard, time, channels }) {
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
  const text = `(function (guard, time, takeFrame, ${names}) { return function (b) { const t = time[0], n = time[1]; let v; ${lines.join('\n')} } })//${made++}`;
  return (0, eval)(text)(guard, time, takeFrame, ...values);
}

/** The voice's function and its `this`, not wrapped into another; that of one that failed is its fall. */
function ownCode({ failed, call, spec }) {
  return failed ? { call, self: undefined } : spec;
}

function makeRun(groups, { cursor, time, channels, rate }) {
  const names = groups.map((_, i) => `g${i}`);
  const calls = names.map((name) => `${name}(b);`).join(' ');
  const text = `(function (cursor, time, ${names}) { return function (from, begin, end, at) {
    for (let f = begin; f < end; f++) {
      cursor[0] = f; time[0] = (from + f) / ${rate}; time[1] = from + f; const b = (at + f) * ${channels}; ${calls}
    }
  } })//${made++}`;
  return (0, eval)(text)(cursor, time, ...groups);
}
