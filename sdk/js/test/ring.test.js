import assert from 'node:assert/strict';
import test from 'node:test';
import { ENGINE, STATE, distance, extend } from '../layout.js';
import { Commit } from '../ring.js';
import { pickFrame, publishFutures } from '../splice.js';
import { ModelSession, attachRing } from '../testing/model.js';

/** A ramp of whole numbers, exact in f32, as bytes. */
function ramp(from, frames, step = 1) {
  const samples = Float32Array.from({ length: frames }, (_, i) => from + i * step);
  return new Uint8Array(samples.buffer);
}

function begin(options, ringOptions) {
  const session = new ModelSession(options);
  const control = session.attach();
  const ring = attachRing(control, session.open(ringOptions));
  return { session, control, ring, commit: new Commit(control), close: () => (control.close(), ring.close(), session.close()) };
}

// Frames come out in order, once each, across the ring's end and across the wrap of every counter.
test('frames arrive in order over the wrap of positions and engine frames', () => {
  const { session, control, ring, commit, close } = begin(
    { engineFrame: 0xffffff80, crossfadeFrames: 4 },
    { capacityFrames: 64, first: 0xffffffe0 },
  );
  ring.start((session.engineFrame + 16) >>> 0, commit.next);
  let sent = 0;
  let heard = [];
  for (let turn = 0; turn < 40; turn++) {
    control.refresh(1);
    const frames = Math.min(ring.spaceFrames, 24);
    ring.store(ramp(sent + 1, frames), 0, frames);
    ring.publish();
    sent += frames;
    if (turn === 0) commit.publish();
    heard = heard.concat(session.play(16)[0]);
  }
  const first = heard.findIndex((sample) => sample !== 0);
  assert.equal(first, 16, 'the voice begins at the frame of its start marker');
  const steady = heard.slice(first + 4);
  steady.forEach((sample, i) => assert.equal(sample, i + 5));
  assert.ok(steady.length > 500);
  close();
});

// Until the commit nothing happens; after it the new future is heard from `at` on, faded in over the old one.
test('a splice counts from its commit and from its frame', () => {
  const { session, control, ring, commit, close } = begin({}, { capacityFrames: 256 });
  ring.start(1016, commit.next);
  ring.store(ramp(1, 200), 0, 200);
  ring.publish();
  commit.publish();
  session.play(48);
  control.refresh(1);
  const at = (control.engineFrame + 20) >>> 0;
  ring.splice(at, commit.next);
  const before = session.play(16)[0];
  ring.store(ramp(5001, 40), 0, 40);
  ring.publish();
  commit.publish();
  const after = session.play(32)[0];
  assert.deepEqual(before, Array.from({ length: 16 }, (_, i) => 33 + i), 'uncommitted: the old future plays on');
  assert.deepEqual(after.slice(0, 4), [49, 50, 51, 52]);
  assert.equal(after[3 + 8 + 1], 5001 + 8, 'after the cross-fade only the new future is heard');
  control.refresh(1);
  assert.equal(ring.pendingMarkers, 0);
  assert.equal(ring.leadFrames, 12);
  close();
});

// Playing and idle voices land on one engine frame with one commit.
test('a group of playing and idle rings changes on one frame', () => {
  const session = new ModelSession();
  const control = session.attach();
  const commit = new Commit(control);
  const rings = [0, 1, 2].map(() => attachRing(control, session.open({ capacityFrames: 256 })));
  for (const ring of rings.slice(0, 2)) {
    ring.start(1000, commit.next);
    ring.store(ramp(1, 150, 0), 0, 150);
    ring.publish();
  }
  commit.publish();
  session.play(32);
  control.refresh(3);
  const { frame, short } = pickFrame(rings, { engineFrame: control.engineFrame, guardFrames: 21, crossfadeFrames: 8 });
  publishFutures(commit, frame, rings.map((ring) => ({ ring, starts: ring.needsStart, bytes: ramp(2, 60, 0), from: 0, frames: 60 })));
  const heard = session.play(48);
  const changes = heard.map((samples) => samples.findIndex((sample) => sample !== 1 && sample !== 0));
  assert.deepEqual(changes, [21, 21, 21]);
  assert.equal(frame, 1053);
  assert.deepEqual(short, []);
  session.close();
});

// A ring whose queue holds eight markers refuses the ninth and says so.
test('a full marker queue is an answer, not an overwrite', () => {
  const { control, ring, commit, close } = begin();
  for (let i = 0; i < 8; i++) assert.ok(ring.start(2000 + i, commit.next));
  assert.equal(ring.start(2008, commit.next), false);
  control.refresh(1);
  assert.equal(ring.pendingMarkers, 8);
  close();
});

// A flush falls idle; the ring then asks for a start.
test('a flush ends the future', () => {
  const { session, control, ring, commit, close } = begin({ crossfadeFrames: 4 });
  ring.start(1000, commit.next);
  ring.store(ramp(1, 64, 0), 0, 64);
  ring.publish();
  commit.publish();
  session.play(16);
  control.refresh(1);
  ring.flush(1020, commit.next);
  commit.publish();
  assert.ok(ring.needsStart);
  const heard = session.play(32)[0];
  assert.equal(heard[3], 1);
  assert.equal(heard.at(-1), 0);
  control.refresh(1);
  assert.equal(ring.engine(ENGINE.state), STATE.idle);
  assert.equal(ring.engine(ENGINE.read), ring.position);
  close();
});

// Counters compare and extend over their wrap.
test('wrapping counters', () => {
  assert.equal(distance(3, 0xfffffffe), 5);
  assert.equal(distance(0xfffffffe, 3), -5);
  assert.equal(extend(3, 0xfffffffe), 0x100000003);
  assert.equal(extend(0xfffffffe, 0x100000003), 0xfffffffe);
});

// A ring whose future ends before the change has nothing to splice into; it is told apart.
test('a ring with too little lead is short', () => {
  const { session, control, ring, commit, close } = begin();
  ring.start(1000, commit.next);
  ring.store(ramp(1, 40), 0, 40);
  ring.publish();
  commit.publish();
  session.play(16);
  control.refresh(1);
  const pick = (guardFrames) => pickFrame([ring], { engineFrame: control.engineFrame, guardFrames, crossfadeFrames: 8 });
  assert.deepEqual(pick(16), { frame: 1032, short: [] });
  assert.deepEqual(pick(17), { frame: 1033, short: [ring] });
  close();
});
