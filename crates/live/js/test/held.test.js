import assert from 'node:assert/strict';
import test from 'node:test';
import { HOLD_MS, HeldRefusal } from '../held.js';

/** Refusals under a clock that is moved by hand. */
function held() {
  let time = 1000;
  let timer;
  const told = [];
  const timers = {
    now: () => time,
    later: (work, ms) => (timer = { work, at: time + ms }),
    never: (given) => given === timer && (timer = undefined),
  };
  const pass = (ms) => {
    time += ms;
    if (timer === undefined || timer.at > time) return;
    const { work } = timer;
    timer = undefined;
    work();
  };
  return { told, pass, now: () => time, refusal: new HeldRefusal((what) => told.push(what), timers) };
}

// A mistake in a file that has been quiet is told at once; one that was just written, when it has been quiet.
test('a mistake waits for quiet', () => {
  const { told, pass, now, refusal } = held();
  refusal.hold('old', now() - HOLD_MS);
  assert.deepEqual(told, ['old']);
  refusal.hold('new', now() - 10);
  pass(HOLD_MS - 11);
  assert.deepEqual(told, ['old']);
  pass(1);
  assert.deepEqual(told, ['old', 'new']);
});

// Half a file is no mistake: the other half came in time.
test('a newer file drops it', () => {
  const { told, pass, now, refusal } = held();
  refusal.hold('half', now());
  pass(HOLD_MS - 1);
  refusal.drop();
  pass(10 * HOLD_MS);
  assert.deepEqual(told, []);
});
