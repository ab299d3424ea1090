import assert from 'node:assert/strict';
import test from 'node:test';
import { Arena } from '../arena.js';
import { Snapshots } from '../snapshots.js';
import { HEAD, makeShared } from '../state.js';
import { dice } from '../testing/stage.js';

const ends = ({ offset, slots }) => offset + HEAD.slots + slots;

// Whatever comes and goes: windows never overlap, and what a snapshot copies ends with the last of them.
test('windows share nothing, and holes are filled', () => {
  const shared = makeShared();
  let arena = new Arena(shared);
  const roll = dice(7);
  for (let turn = 0; turn < 3000; turn++) {
    const name = `voice ${roll(12)}`;
    if (roll(3) > 0) arena.adopt(arena.plan(name, 'play', 1 + roll(200)));
    else if (arena.window(name)) arena.release(arena.window(name));
    // A successor knows the windows and finds the holes between them.
    if (roll(20) === 0) arena = new Arena(shared, arena.describe());
    const windows = arena.describe().sort((a, b) => a.offset - b.offset);
    for (const [i, window] of windows.entries()) assert.ok(i === 0 || ends(windows[i - 1]) <= window.offset);
    assert.equal(arena.used, windows.length === 0 ? 0 : ends(windows.at(-1)));
  }
  assert.ok(arena.used < 12 * 220 * 2, `${arena.used} slots for twelve small windows`);
});

// Trying one size after the other, as a person does who tunes a delay line, costs no more than the largest two.
test('a window that grows leaves nothing behind', () => {
  const arena = new Arena(makeShared());
  for (let n = 0; n < 40; n++) arena.adopt(arena.plan('delay', 'play', 480000 + n));
  assert.ok(arena.used < 3 * 480100, `${arena.used} slots`);
});

// What would not leave room for two snapshots is refused, and nothing is taken.
test('too much state is refused', () => {
  const arena = new Arena(makeShared());
  arena.adopt(arena.plan('large', 'play', 3000000));
  const { used } = arena;
  assert.throws(() => arena.plan('larger', 'play', 3000000), /no room for 3000000 slots/);
  assert.equal(arena.used, used);
});

// A window that is given back twice makes room for one other.
test('a window is given back once', () => {
  const arena = new Arena(makeShared());
  const [twice] = ['twice', 'behind it'].map((name) => arena.plan(name, 'play', 10));
  arena.release(twice);
  arena.release(twice);
  assert.notEqual(arena.plan('one', 'play', 10).offset, arena.plan('two', 'play', 10).offset);
});

// With little and with much state, snapshots reach as far back as was asked for, also for a successor.
test('snapshots reach back', () => {
  const reach = 56000;
  for (const slots of [100, 70000, 700000, 4000000]) {
    const shared = makeShared();
    const arena = new Arena(shared);
    const window = arena.plan('voice', 'play', slots);
    arena.adopt(window);
    let snapshots = new Snapshots(shared);
    snapshots.begin(arena.used, reach, 256);
    snapshots.keep();
    for (let frame = 0; frame <= 4 * reach; frame += 256) {
      window.state[0] = frame;
      if (snapshots.due(frame)) snapshots.take(frame, arena);
      if (frame === 2 * 256) snapshots = new Snapshots(shared);
    }
    for (const back of [0, 1000, reach]) {
      const frame = 4 * reach - back;
      const found = snapshots.restore(frame, arena);
      assert.ok(found <= frame && found > frame - 2 * reach, `${slots} slots, ${back} back: ${found}`);
      assert.equal(window.state[0], found);
    }
  }
});

// A new future's snapshots count when it is published; until then, and when it comes to nothing, the old ones do.
test('a new future keeps its snapshots apart', () => {
  const shared = makeShared();
  const arena = new Arena(shared);
  const { state } = arena.plan('voice', 'play', 4);
  const snapshots = new Snapshots(shared);
  const begin = (frame, value) => {
    snapshots.begin(arena.used, 10000, 256);
    state[0] = value;
    snapshots.take(frame, arena);
  };
  const found = (each) => [each.restore(5000, arena), state[0]];
  begin(1000, 1);
  snapshots.keep();
  begin(2000, 2);
  assert.deepEqual(found(snapshots), [2000, 2]);
  assert.deepEqual(found(new Snapshots(shared)), [1000, 1]);
  snapshots.drop();
  assert.deepEqual(found(snapshots), [1000, 1]);
  begin(3000, 3);
  snapshots.keep();
  assert.deepEqual(found(new Snapshots(shared)), [3000, 3]);
});
