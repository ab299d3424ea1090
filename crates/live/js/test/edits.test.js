// Edits of every kind, good and bad, under a voice that is never touched.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { played, skip } from '../testing/played.js';
import { dice, onset } from '../testing/stage.js';

const EDITS = Math.round(40 * Number(process.env.FOREBAY_PROVE_FACTOR ?? 1));
const LEAD_MS = 680;
/** Frames at both ends that hold fades. */
const FADES = 4800;
/** A runtime takes memory as it likes; what grows with each save would pass this with the thousandth. */
const MOST_GROWTH_MIB = 40;
/** Main is held below this. */
const CEILING = 10 ** (-0.3 / 20);

/** The reference is heard on the left alone, what is edited on the right. */
const REFERENCE = `play('reference', s => {
  s.state[0] = (s.state[0] + 220 / s.sr) % 1;
  return [0.2 * Math.sin(2 * Math.PI * s.state[0]), 0];
});
`;

/** Code by what becomes of it, with something of its own in each. */
const KINDS = {
  good: (n) => `play('edited', s => [0, 0.1 * Math.sin(${n} * s.t)]);`,
  helpers: (n) => `const low = lpf(saw(${50 + (n % 400)}), 900, 0.3), echo = feedback(sin(${n}), 0.5, 0.2, 0.5);
play('edited', s => [0, 0.1 * low(s)]);play('more${n % 3}', s => [0, 0.02 * echo(s)]);`,
  throws: (n) => `play('edited', s => { throw new Error('${n}'); });`,
  throwsAtTop: (n) => `throw new Error('${n}');`,
  throwsLater: (n) => `play('edited', s => { if (s.n % 9000 === ${n % 9000}) throw new Error('later'); return 0; });`,
  nan: (n) => `play('edited', s => NaN * ${n});`,
  blasts: (n) => `play('edited', s => [0, ${9 + n} * Math.sin(s.n)]);`,
  nothing: (n) => `play('edited', s => { ${n}; });`,
  syntax: (n) => `play('edited', s => ${n} +* 2);`,
  half: (n) => `play('edited', s => [0, 0.1 * Math.sin(${n} * s.`,
  hangs: (n) => `play('edited', s => { for (;;) s.state[1] += ${n}; });`,
  hangsAtTop: (n) => `for (let i = ${n}; ; i++);`,
};
/** What throws later may do so while it is tried. */
const EXPECTED = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, ['refused']]));
Object.assign(EXPECTED, { good: ['edited'], helpers: ['edited'], throwsLater: ['edited', 'refused'] });
/** A hang takes as long as the watchdog's patience: fewer of them. */
const RARE = 8;

function choose(roll) {
  const names = Object.keys(KINDS).filter((name) => !name.startsWith('hangs') || roll(RARE) === 0);
  return names[roll(names.length)];
}

/** A save in one step: what a runtime writes in two would be two edits. */
function replace(file, text) {
  fs.writeFileSync(`${file}.new`, text);
  fs.renameSync(`${file}.new`, file);
}

function residentMib(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

/** What the reference is, sample by sample, from its fade-in on. */
function reference(frames) {
  let phase = 0;
  return Float32Array.from({ length: frames }, () => {
    phase = (phase + 220 / 48000) % 1;
    return 0.2 * Math.sin(2 * Math.PI * phase);
  });
}

// Whatever is saved, the voice that nobody touches keeps its bits, nothing is louder than the ceiling, each save is answered,
// and memory does not grow with the number of saves.
test(`${EDITS} edits of every kind`, { skip, timeout: 60000 + EDITS * 4000 }, async (t) => {
  const roll = dice(7);
  const answers = new Map();
  const memory = [];
  let loudest;
  let events;
  const left = await played(
    REFERENCE,
    async (live, _, { file }) => {
      await live.next('edited');
      await live.filled(0.9 * LEAD_MS);
      for (let n = 1; n <= EDITS; n++) {
        const kind = choose(roll);
        replace(file, `${REFERENCE}${KINDS[kind](n)}\n// ${n}`);
        const answer = await live.next(({ event }) => event === 'edited' || event === 'refused');
        assert.ok(EXPECTED[kind].includes(answer.event), `${kind} is ${answer.event}: ${answer.message}`);
        if (kind.startsWith('hangs')) assert.equal(answer.what, 'hang');
        answers.set(kind, (answers.get(kind) ?? 0) + 1);
        if (kind.startsWith('hangs')) await live.filled(0.9 * LEAD_MS);
        if (n % 10 === 0) memory.push(residentMib(live.child.pid));
      }
      await live.filled(0.9 * LEAD_MS);
      events = live.events;
    },
    { lead: LEAD_MS, onEach: (samples) => (loudest = samples.reduce((most, x) => (Math.abs(x) <= most ? most : Math.abs(x)), 0)) },
  );
  const lost = events.filter(({ event }) => event === 'underrun' || event === 'lost');
  t.diagnostic?.(`${JSON.stringify(Object.fromEntries(answers))}, resident ${memory.map((mib) => mib.toFixed(0)).join(' ')} MiB`);
  const from = onset(left);
  const heard = left.slice(from, left.findLastIndex((x) => x !== 0) - FADES);
  const expected = reference(heard.length);
  const wrong = heard.findIndex((x, i) => i >= FADES && x !== expected[i]);
  assert.equal(wrong, -1, `the reference is the same to the last bit: ${JSON.stringify(lost)}`);
  assert.ok(loudest <= CEILING, `finite and below the ceiling: ${loudest}`);
  const [first, last] = [memory[Math.floor(memory.length / 4)], memory.at(-1)];
  assert.ok(last < first + MOST_GROWTH_MIB, `${last - first} MiB more after ${EDITS} edits`);
});
