import assert from 'node:assert/strict';
import test from 'node:test';
import { ENGINE, MARKER, MARKERS, MARKER_KIND, PACING, PRODUCER, PRODUCER_STATS, STATE } from '../layout.js';
import { LocalSession, ModelSession } from '../testing/model.js';

/** Runs `body` with a session whose daemon is a model and a voice on it. */
async function withVoice({ model: modelOptions, voice: voiceOptions }, body) {
  const model = new ModelSession(modelOptions);
  const session = new LocalSession(model);
  const voice = await session.openVoice({ name: 'voice', channels: 1, capacityFrames: 1024, ...voiceOptions });
  try {
    await body({ model, session, voice });
  } finally {
    session.connection.refuse = undefined;
    if (!session.closed) await session.close('fade');
    model.close();
  }
}

const level = (frames, value = 1) => new Float32Array(frames).fill(value);

/** The newest marker of slot 0, as the engine would read it. */
function newestMarker(model) {
  const count = model.producer(0, PRODUCER.markerWrite);
  const entry = MARKERS.offset + ((count - 1) % 8) * MARKERS.entry;
  const word = (index) => model.word(entry + 4 * index);
  return { count, at: word(MARKER.at), kind: word(MARKER.kind) };
}

/** Fills the queue of slot 0 with markers that the engine never takes. */
function fillQueue(model, voice) {
  while (voice.ring.pendingMarkers < 8) voice.ring.start(model.engineFrame + 100000, 1);
}

// The frame counter of a daemon that runs for half a day, or more, is no negative number.
test('next frames go on past 2^31 and 2^32', async () => {
  for (const engineFrame of [0x7fffff00, 0x80000000, 0xffffff00]) {
    await withVoice({ model: { engineFrame } }, async ({ model, session, voice }) => {
      const first = voice.nextFrame;
      assert.ok(first > engineFrame);
      assert.equal(voice.writeSome(level(400)), 400);
      assert.equal(voice.nextFrame, first + 400);
      model.play(256);
      session.splice([voice], (_, at, frames) => {
        assert.ok(at > first && at < first + 400, `${at}`);
        return level(frames);
      }, { coverMs: 1 });
      assert.ok(voice.nextFrame > first && voice.nextFrame < first + 400);
    });
  }
});

// A splice that begins an idle voice sets its clock as well.
test('a splice begins an idle voice on the engine frame', async () => {
  await withVoice({ model: { engineFrame: 0xc0000000 } }, async ({ session, voice }) => {
    const { engineFrame, coverFrames } = session.splice([voice], (_, at, frames) => level(frames), { coverMs: 2 });
    assert.equal(voice.nextFrame, engineFrame + coverFrames);
  });
});

// Nothing of a future is played before its start: a voice fills to its target at once, whatever its voice frame was.
test('a voice fills before it has begun', async () => {
  await withVoice({ model: { engineFrame: 0x90000000 } }, async ({ voice }) => {
    assert.equal(voice.writeSome(level(100)), 100);
    assert.equal(voice.leadFrames, 100);
    assert.equal(voice.writeSome(level(900)), 900);
    assert.equal(voice.leadFrames, 1000);
  });
});

// The engine gives a starved voice up while frames that came too late lie in its ring: the next ones begin it anew.
test('a voice that was given up begins anew over frames that came too late', async () => {
  await withVoice({}, async ({ model, voice }) => {
    voice.writeSome(level(100));
    model.play(96);
    model.setEngine(0, ENGINE.state, STATE.idle);
    model.setEngine(0, ENGINE.read, 60);
    assert.equal(newestMarker(model).count, 1);
    assert.equal(voice.writeSome(level(100)), 100);
    const { count, kind } = newestMarker(model);
    assert.deepEqual([count, kind], [2, MARKER_KIND.start]);
  });
});

// While a cross-fade runs the engine still reads the old future; the lead is that of the new one.
test('the lead during a cross-fade', async () => {
  await withVoice({ model: { crossfadeFrames: 128 } }, async ({ model, session, voice }) => {
    voice.writeSome(level(600));
    model.play(128);
    session.splice([voice], (_, at, frames) => level(frames, 2), { coverMs: 3 });
    model.play(96);
    session.refresh();
    assert.ok(voice.ring.pendingMarkers === 0 && voice.ring.engine(ENGINE.read) < 600, 'it fades');
    assert.equal(voice.leadFrames, voice.nextFrame - session.engineFrame);
  });
});

// What the caller's code throws in the middle of a splice leaves every voice as it was, also one with too little lead.
test('a splice whose rendering throws changes nothing', async () => {
  await withVoice({}, async ({ model, session, voice }) => {
    voice.writeSome(level(60));
    model.play(48);
    const throws = () => session.splice([voice], () => { throw new Error('mine'); }, { coverMs: 2 });
    assert.throws(throws, /mine/);
    assert.ok(!voice.ring.needsStart);
    assert.equal(voice.writeSome(level(10)), 10);
    assert.equal(newestMarker(model).count, 1, 'the same future goes on');
  });
});

// A write that waits for room is of the future that a splice or a flush replaces: it does not go on in the new one.
test('a change ends the writes that wait', async () => {
  await withVoice({}, async ({ model, session, voice }) => {
    model.setEngine(0, ENGINE.targetLead, 200);
    const written = voice.write(level(600));
    await new Promise(setImmediate);
    model.play(64);
    session.splice([voice], (_, at, frames) => level(frames, 2), { coverMs: 1 });
    const end = voice.nextFrame;
    await written;
    assert.equal(voice.nextFrame, end);
    const later = voice.write(level(600));
    await new Promise(setImmediate);
    voice.flush();
    await later;
    assert.ok(voice.ring.needsStart);
  });
});

// What is rendered or offered in between is not what a write that waits goes on with.
test('a write that waits keeps its samples', async () => {
  const inBetween = [
    ({ voice }) => assert.equal(voice.writeSome(new Array(300).fill(0.75)), 0),
    ({ session, voice, other }) => {
      const render = (which, _, frames) => (which === voice ? new Array(frames).fill(0.75) : []);
      assert.throws(() => session.splice([voice, other], render, { coverMs: 5 }), { code: 'samples' });
    },
  ];
  for (const act of inBetween) {
    await withVoice({}, async ({ model, session, voice }) => {
      const other = await session.openVoice({ name: 'other', channels: 1, capacityFrames: 1024 });
      model.setEngine(0, ENGINE.targetLead, 200);
      let done = false;
      voice.write(new Array(400).fill(0.5)).then(() => (done = true));
      await new Promise(setImmediate);
      act({ session, voice, other });
      const heard = [];
      while (!done) {
        heard.push(...model.play(64)[0]);
        session.pacer.wake();
        await new Promise(setImmediate);
      }
      heard.push(...model.play(256)[0]);
      assert.equal(Math.max(...heard), 0.5);
    });
  }
});

// Frames that follow a flush begin when its fade is over: none of them is lost in it.
test('a start waits for the fade of a flush', async () => {
  await withVoice({ model: { crossfadeFrames: 240 } }, async ({ model, voice }) => {
    voice.writeSome(level(1000));
    model.play(64);
    voice.flush();
    const flushed = newestMarker(model);
    assert.equal(flushed.kind, MARKER_KIND.flush);
    model.play(64);
    assert.equal(voice.nextFrame >= flushed.at + 240, true);
    voice.writeSome(level(20));
    const started = newestMarker(model);
    assert.equal(started.kind, MARKER_KIND.start);
    assert.ok(started.at >= flushed.at + 240, `${started.at} ${flushed.at}`);
  });
});

// A voice that has ended takes nothing more, and says so in one way, whoever asks.
test('a closed voice', async () => {
  await withVoice({}, async ({ model, session, voice }) => {
    voice.writeSome(level(100));
    await voice.close('fade');
    const markers = newestMarker(model).count;
    const closed = { code: 'closed' };
    assert.throws(() => voice.splice((_, at, frames) => level(frames)), closed);
    assert.throws(() => voice.writeSome(level(10)), closed);
    assert.throws(() => voice.tellRender(10, 1), closed);
    await assert.rejects(voice.write(level(10)), closed);
    assert.equal(newestMarker(model).count, markers);
    const other = await session.openVoice({ name: 'other', channels: 1, capacityFrames: 1024 });
    await session.close();
    assert.throws(() => other.writeSome(level(10)), closed);
    await assert.rejects(other.write(level(10)), closed);
  });
});

// A voice drains whatever waits in its queue, and is closed once however often it is asked.
test('closing with a full queue, and twice', async () => {
  await withVoice({}, async ({ model, session, voice }) => {
    voice.writeSome(level(100));
    fillQueue(model, voice);
    await Promise.all([voice.close('drain'), voice.close('drain'), voice.close('fade')]);
    assert.deepEqual(session.connection.requests, [['voice.close', { slot: 0, mode: 'drain' }]]);
  });
});

// A session ends though a voice can't be closed: what went wrong is thrown, and nothing keeps the process alive.
test('a session closes whatever its voices say', async () => {
  await withVoice({}, async ({ session }) => {
    session.connection.refuse = 'voice.close';
    await assert.rejects(session.close(), /refused/);
    assert.ok(session.closed);
  });
});

// The speed of a producer is what it tells, and nothing until it does: naps are no rendering.
test('rendering is told, not guessed', async () => {
  await withVoice({}, async ({ model, voice }) => {
    voice.writeSome(level(100));
    const told = () => [0, 4, 8, 12].map((field) => model.word(PRODUCER_STATS.offset + field));
    assert.deepEqual(told(), [0, 0, 0, 0]);
    voice.tellRender(100, 2);
    voice.tellRender(50, 0.5);
    assert.deepEqual(told(), [150, 2500, 2000, 50]);
  });
});

// What a change cost is told as it was: the frames until it is heard, and those that were brought.
test('a splice tells its guard and its cover', async () => {
  await withVoice({}, async ({ model, session, voice }) => {
    voice.writeSome(level(600));
    model.play(64);
    session.refresh();
    const asked = session.engineFrame;
    session.splice([voice], () => level(40), { coverMs: 2, guardMs: 0 });
    const { engineFrame } = session.splice([voice], () => level(50), { coverMs: 2, guardMs: 0 });
    assert.equal(model.word(PACING.guardFrames), engineFrame - asked, 'it waits for the change before');
    assert.equal(model.word(PACING.coverFrames), 50);
    assert.equal(model.word(PACING.splices), 2);
  });
});
