//! The same parts between real threads, as fast as they go; also what ThreadSanitizer looks at. Threads are joined by
//! hand: the sanitizer sees a join, and not how a scope waits.
#![cfg(not(loom))]

#[path = "common/dice.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod dice;

use dice::{Dice, prove_factor};
use forebay_ring::sync::{AtomicBool, Ordering};
use forebay_ring::{
    Commit, EventKind, EventMemory, GroupMemory, Marker, MarkerKind, ReaderConfig, Region, RingMemory,
    RingShape, State, TimedEvent, Writer, broadcast, events, group, ring,
};
use std::thread;
use units::ChannelCount;

/// What the voice sounds like at frame `frame` of its own time, whoever renders it and how often.
fn sound(frame: u32) -> f32 {
    (frame % 65_521) as f32
}

/// A producer that renders its voice by voice frame and changes its mind all the time, into the same sound.
struct Producer {
    writer: Writer,
    commit: Commit,
    /// Voice frame of the next frame that it renders.
    made: u32,
}

impl Producer {
    fn render(&mut self, frames: u32) {
        let chunk: Vec<f32> = (self.made..self.made + frames).map(sound).collect();
        self.made += self.writer.write(&chunk) as u32;
    }

    fn splice(&mut self, dice: &mut Dice) {
        let engine = self.writer.engine();
        let lead = self.made.wrapping_sub(engine.voice_frame);
        if engine.state != State::Playing || lead < 400 || self.writer.space_frames() < 300 {
            return;
        }
        let at = engine.voice_frame + dice.within(0, 300) as u32;
        let (to, anchor, group) = (self.writer.position(), engine.anchor, self.commit.next());
        let marker = Marker { kind: MarkerKind::Splice, at, to, group, anchor };
        if self.writer.mark(marker).is_ok() {
            self.made = at;
            self.render(300);
            self.commit.bump();
        }
    }
}

/// Hundreds of changes of mind into the same sound: the engine hears what it would have heard without them, bit for
/// bit, and the account is exact.
#[test]
fn splices_between_threads() {
    let shape = RingShape { channels: ChannelCount::MONO, capacity_frames: 2048, first: u32::MAX - 5000 };
    let memory = RingMemory::heap(shape).expect("a possible shape");
    let config = ReaderConfig { crossfade_frames: 16, ..ReaderConfig::default() };
    let (mut writer, mut reader) = ring(memory.clone(), config);
    let (commit, group) = group(GroupMemory::heap());
    writer
        .mark(Marker { kind: MarkerKind::Start, at: 0, to: writer.position(), group: 0, anchor: 0 })
        .expect("an empty queue");
    let mut producer = Producer { writer, commit, made: 0 };
    producer.render(2000);
    let done = AtomicBool::new(false);
    let mut now = 0;
    thread::scope(|scope| {
        let done = &done;
        let thread = scope.spawn(move || {
            let mut dice = Dice(3);
            while !done.load(Ordering::Relaxed) {
                match dice.below(3) {
                    0 => producer.splice(&mut dice),
                    _ => producer.render(dice.within(1, 200) as u32),
                }
            }
        });
        let mut dice = Dice(4);
        while reader.ledger().superseded < 200_000 * prove_factor() {
            // The engine's clock waits for the producer, so that nothing is ever missing and there is always
            // enough lead for another change of mind. (While it fades, the old future fills the ring, too.)
            reader.begin(group.load(), now);
            let lead_frames = reader.lead_frames();
            let full = reader.is_fading() || reader.ledger().in_ring > 1800;
            // A producer that was kept from its core before a commit may leave less lead than a block.
            let frames = (dice.within(1, 128) as usize).min(lead_frames as usize);
            if (lead_frames < 700 && !full) || frames == 0 {
                thread::yield_now();
                continue;
            }
            let mut out = vec![f32::NAN; frames];
            reader.read(&mut out, frames);
            reader.finish();
            let expected: Vec<f32> = (now as u32..).take(frames).map(sound).collect();
            let fading_in = if now < 16 { frames.min(16) } else { 0 };
            assert_eq!(out[fading_in..], expected[fading_in..], "{reader:?}");
            now += frames as u64;
        }
        done.store(true, Ordering::Relaxed);
        thread.join().expect("the producer");
    });
    let ledger = reader.ledger();
    assert_eq!((reader.fault(), ledger.concealed, ledger.underruns), (None, 0, 0));
    assert_eq!(ledger.produced, ledger.delivered + ledger.superseded + ledger.shed + ledger.in_ring);
}

/// A writer that never looks back, and readers that keep up, doze and crawl: each gets frames in order or the exact
/// number of those that it lost.
#[test]
fn broadcast_between_threads() {
    let (mut writer, reader) = broadcast(&Region::heap(64 + 256 * 8), ChannelCount::STEREO);
    let frames = 400_000 * prove_factor().min(40);
    thread::scope(|scope| {
        let crowd = [1, 40, 256].map(|pace| {
            let mut reader = reader.clone();
            scope.spawn(move || {
                let (mut next, mut out) = (0_u64, [0.0; 512]);
                while next < frames {
                    let read = reader.read(&mut out[..2 * pace]);
                    next += read.gap_frames;
                    for frame in out[..2 * read.frames].chunks_exact(2) {
                        let expected = (next % 65_521) as f32;
                        assert_eq!(frame, [expected, -expected]);
                        next += 1;
                    }
                    if read.frames == 0 {
                        thread::yield_now();
                    }
                }
                assert_eq!(next, frames);
            })
        });
        let mut chunk = Vec::new();
        let mut dice = Dice(5);
        while writer.written_frames() < frames {
            let first = writer.written_frames();
            let count = (dice.within(1, 64) as u64).min(frames - first);
            chunk.clear();
            chunk.extend((first..first + count).flat_map(|k| [(k % 65_521) as f32, -((k % 65_521) as f32)]));
            writer.write(&chunk);
        }
        crowd.into_iter().for_each(|thread| thread.join().expect("a reader"));
    });
}

/// Events arrive whole and in order, across the wrap of their counters.
#[test]
fn events_between_threads() {
    let (mut writer, mut reader) = events(EventMemory::heap(64).with_count(u32::MAX - 50_000));
    let count = 100_000 * prove_factor().min(40) as u32;
    let event =
        |at: u32| TimedEvent { at, slot: !at, kind: EventKind::Gain, value: at as f32, ramp_frames: at / 3 };
    thread::scope(|scope| {
        let thread = scope.spawn(move || {
            let mut next = 0;
            while next < count {
                if writer.push(event(next)).is_ok() {
                    next += 1;
                } else {
                    thread::yield_now();
                }
            }
        });
        let mut next = 0;
        while next < count {
            if reader.begin() == 0 {
                thread::yield_now();
            }
            while let Some(taken) = reader.pop() {
                assert_eq!(taken, event(next));
                next += 1;
            }
            reader.finish();
        }
        thread.join().expect("the producer");
    });
    assert_eq!(reader.refused(), 0);
}
