// What a host that was started again makes of what the one before has kept.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { readWav, startDaemon } from '../../../../sdk/js/testing/daemon.js';
import { SINE, skip } from '../testing/played.js';
import { LiveProcess } from '../testing/process.js';
import { onset, residual } from '../testing/stage.js';

const ECHO = `${SINE}
const click = s => s.n % 9600 < 480 ? 0.3 * sin(880)(s) : 0;
play('echo', feedback(click, 1, 0.31, 0.7));
play('room', reverb(click, 6, 0.1, 1));
play('random', s => 0.01 * s.random());
`;
const SECOND = 48000;

/** What was heard on the left while `body(start, save)` ran, where `start()` starts a host for `source`. */
async function heard(source, body) {
  const dir = fs.mkdtempSync('/tmp/forebay-live-test-');
  const [wav, file, keep] = ['played.wav', 'piece.js', 'keep'].map((name) => path.join(dir, name));
  const daemon = await startDaemon(['--backend', 'file', '--device', wav, '--period', '1024']);
  fs.writeFileSync(file, source);
  fs.writeFileSync(keep, '');
  const hosts = [];
  const start = () => hosts[hosts.push(new LiveProcess({ file, socket: daemon.socket, lead: 400, keep })) - 1];
  try {
    await body(start, { file, keep });
  } finally {
    for (const host of hosts) host.child.kill('SIGKILL');
    await daemon.stop();
  }
  const { channels, samples } = readWav(wav);
  fs.rmSync(dir, { recursive: true });
  return samples.filter((_, i) => i % channels === 0);
}

/** Some statuses later: what is kept is kept with each, four times a second. */
async function later(host) {
  for (let i = 0; i < 4; i++) await host.filled(300);
}

/** Plays `source` for a while, kills the host, and starts another, which stops after a while. `between` is done while nobody
 *  runs, `meanwhile` when the second plays. */
async function killed(source, { between = () => {}, meanwhile = later } = {}) {
  let news;
  const sound = await heard(source, async (start, files) => {
    const victim = start();
    await victim.next('edited');
    await later(victim);
    victim.child.kill('SIGKILL');
    await victim.ended;
    between(files);
    const second = start();
    news = await second.next(({ event }) => ['rejoined', 'problem', 'edited'].includes(event));
    await later(second);
    await meanwhile(second);
    await second.stop();
  });
  return { sound, news };
}

// A host that is killed leaves its lead, and all it knew: the next one plays on in phase, echoes and random numbers
// included, bit by bit what it would have been.
test('a killed host is followed by one that goes on in phase', { skip, timeout: 60000 }, async (t) => {
  const { sound, news } = await killed(ECHO);
  assert.equal(news.event, 'rejoined', news.message);
  assert.deepEqual(news.voices, ['sine', 'echo', 'room', 'random']);
  t.diagnostic?.(`${news.silent_ms.toFixed(0)} ms of silence, there ${news.uptime_ms.toFixed(0)} ms after its start`);
  const control = await heard(ECHO, async (start) => {
    const host = start();
    await host.next('edited');
    for (let i = 0; i < 3; i++) await later(host);
    await host.stop();
  });
  const [a, b] = [sound, control].map((all) => all.slice(onset(all)));
  const differs = Array.from(a, (x, i) => x !== b[i]);
  const first = differs.indexOf(true);
  assert.ok(first > SECOND / 4, `the same for ${first} frames up to where the first host has ended`);
  const again = first + differs.slice(first, first + SECOND / 2).lastIndexOf(true) + 1;
  // Both may have been stopped at one frame: then nothing differs any more.
  const other = differs.indexOf(true, again);
  const stop = other < 0 ? a.length : other;
  assert.ok(stop - again > SECOND / 4, `from ${first} to ${again} another sound, then the same up to ${stop}`);
});

// What the first host found of its voices, the second knows: turns of a knob leave alone who keeps what can't be restored. It
// knows the text, too.
test('what can not be restored is known to a successor', { skip, timeout: 60000 }, async () => {
  const own = "let n = 0;play('own', s => 0.2 * Math.sin((2 * Math.PI * 220 * n++) / s.sr));play('x', gain(s => 0, knob('k')));";
  const turns = async (host) => {
    host.send({ op: 'names' });
    assert.deepEqual((await host.next('names')).names, ['n']);
    for (let i = 1; i <= 12; i++) {
      host.send({ op: 'set', values: { 'knob:k': i / 12 } });
      await host.next('turned');
    }
  };
  const { sound } = await killed(own, { meanwhile: turns });
  // Without the fade at the end, and the joint, which lies before the statuses.
  const last = sound.slice(0, sound.findLastIndex((x) => x !== 0) - 4800).slice(-SECOND / 2);
  assert.ok(residual(last) < 1e-6);
});

// What was saved while nobody ran is an edit like any other.
test('saved in between', { skip, timeout: 60000 }, async () => {
  const louder = SINE.replace('0.2 *', '0.4 *');
  const { sound, news } = await killed(SINE, { between: ({ file }) => fs.writeFileSync(file, louder) });
  assert.equal(news.event, 'rejoined', news.message);
  assert.ok(Math.max(...sound.slice(-SECOND / 2)) > 0.39, 'the newer text plays');
});

// What is damaged is told, and the piece begins anew.
test('a damaged keep', { skip, timeout: 60000 }, async () => {
  const damage = ({ keep }) => {
    const fd = fs.openSync(keep, 'r+');
    for (const place of [1, 33]) fs.writeSync(fd, '{"sources": 3', place * 1024 * 1024);
    fs.closeSync(fd);
  };
  const { sound, news } = await killed(SINE, { between: damage });
  assert.equal(news.event, 'problem');
  assert.match(news.message, /begins anew/);
  assert.ok(Math.max(...sound.slice(-SECOND / 2)) > 0.19, 'it plays');
});
