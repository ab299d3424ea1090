//! Every order in which a producer's writes can reach the engine, explored by loom.
//!
//! A producer follows a short script in one thread while the engine renders block after block in the other, over a
//! ring of two or four frames whose counters are all about to wrap. In every order that loom finds the engine must play
//! exactly what the reference model plays that is told the same number of frames and markers, and must see
//! publications in their order. `LOOM_MAX_PREEMPTIONS` (3 unless given) bounds the search.
//!
//! Run with `scripts/loom.sh`, which gives `--cfg loom` to our own crates only.
#![cfg(loom)]

#[path = "../common/mod.rs"]
mod common;
mod session;

use forebay_ring::{
    EventKind, EventMemory, LatePolicy, MarkerKind, Region, State, TimedEvent, broadcast, events,
};
use loom::thread;
use session::{Engine, Producer, playing, playing_with_fade, session};
use units::ChannelCount;

fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000;
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(model);
}

type Script = fn(&mut Producer);

/// Plays `script` beside `blocks`, then two more blocks after its end.
fn beside(setup: fn() -> (Producer, Engine), script: Script, blocks: &'static [usize]) {
    explore(move || {
        let (mut producer, mut engine) = setup();
        let thread = thread::spawn(move || {
            script(&mut producer);
            producer
        });
        for &frames in blocks {
            engine.block(frames);
        }
        drop(thread.join().unwrap());
        engine.block(1);
        engine.block(2);
    });
}

/// Frames one by one through a ring of two, the space of each reused, the counters wrapping.
#[test]
fn push_and_pop() {
    let script: Script = |producer| {
        for _ in 0..4 {
            producer.write(0, 1);
        }
    };
    beside(|| playing(1, 2, LatePolicy::Hold, 0), script, &[1, 1, 1]);
}

/// As above, with a voice that stays on the time line: what is late is shed.
#[test]
fn push_and_pop_skipping() {
    let script: Script = |producer| {
        for _ in 0..3 {
            producer.write(0, 2);
        }
    };
    beside(|| playing(1, 2, LatePolicy::Skip, 0), script, &[1, 2, 1]);
}

/// A splice appended while the engine reads: the marker before its frames, nothing before the commit.
#[test]
fn splice() {
    let script: Script = |producer| {
        producer.mark(0, MarkerKind::Splice, 2);
        producer.write(0, 1);
        producer.write(0, 1);
        producer.bump();
    };
    beside(|| playing(1, 4, LatePolicy::Hold, 1), script, &[1, 1, 1]);
}

/// The space that a splice frees is written again at once, while the engine goes on.
#[test]
fn freed_space_is_reused() {
    let script: Script = |producer| {
        producer.mark(0, MarkerKind::Splice, 2);
        producer.write(0, 2);
        producer.bump();
        producer.write(0, 2);
        producer.write(0, 2);
    };
    beside(|| playing(1, 4, LatePolicy::Skip, 1), script, &[1, 2, 1]);
}

/// A fade over two blocks: the old frames under it are not given back before it ends.
#[test]
fn a_fade_keeps_its_old_frames() {
    let script: Script = |producer| {
        producer.mark(0, MarkerKind::Splice, 2);
        producer.write(0, 2);
        producer.bump();
        producer.write(0, 1);
        producer.write(0, 1);
    };
    beside(|| playing_with_fade(1, 4, LatePolicy::Hold, 2, 2), script, &[1, 1, 1]);
}

/// A voice starts while the engine looks.
#[test]
fn start() {
    let script: Script = |producer| {
        producer.mark(0, MarkerKind::Start, 1);
        producer.write(0, 1);
        producer.write(0, 1);
        producer.bump();
        producer.write(0, 1);
    };
    beside(|| session(1, 4, LatePolicy::Hold, 1), script, &[1, 1, 1]);
    beside(|| session(1, 4, LatePolicy::Skip, 1), script, &[1, 1, 1]);
}

/// A flush, and a new start right behind it.
#[test]
fn flush_and_restart() {
    let script: Script = |producer| {
        producer.mark(0, MarkerKind::Flush, 2);
        producer.bump();
        producer.mark(0, MarkerKind::Start, 3);
        producer.write(0, 2);
        producer.bump();
    };
    beside(|| playing(1, 4, LatePolicy::Hold, 1), script, &[1, 1, 1]);
}

/// Several changes of mind may reach the engine in one block: the newest wins.
#[test]
fn markers_in_one_block() {
    let script: Script = |producer| {
        producer.mark(0, MarkerKind::Splice, 2);
        producer.write(0, 1);
        producer.bump();
        producer.mark(0, MarkerKind::Splice, 2);
        producer.write(0, 1);
        producer.bump();
    };
    beside(|| playing(1, 4, LatePolicy::Hold, 1), script, &[1, 2]);
}

/// A change over two rings: both see the commit in the same block or neither does.
#[test]
fn group_over_two_rings() {
    let script: Script = |producer| {
        for ring in [0, 1] {
            producer.mark(ring, MarkerKind::Splice, 1);
            producer.write(ring, 1);
        }
        producer.bump();
    };
    explore(move || {
        let (mut producer, mut engine) = playing(2, 4, LatePolicy::Hold, 1);
        let thread = thread::spawn(move || {
            script(&mut producer);
            producer
        });
        for _ in 0..2 {
            engine.block(1);
            let played: Vec<u64> =
                engine.voices.iter().map(|(reader, _)| reader.ledger().superseded).collect();
            assert_eq!(played[0], played[1], "one ring without the other");
        }
        drop(thread.join().unwrap());
        engine.block(1);
        assert!(engine.voices.iter().all(|(reader, _)| reader.ledger().superseded > 0));
    });
}

/// The producer dies after each of its steps: before the commit nothing has happened, after it everything does.
#[test]
fn death_at_every_step() {
    const STEPS: [fn(&mut Producer); 5] = [
        |producer| producer.mark(0, MarkerKind::Splice, 2),
        |producer| assert!(producer.write(0, 1) == 1),
        |producer| producer.mark(1, MarkerKind::Flush, 2),
        |producer| assert!(producer.write(1, 1) == 1),
        |producer| producer.bump(),
    ];
    for alive in 0..=STEPS.len() {
        explore(move || {
            let (mut producer, mut engine) = playing(2, 4, LatePolicy::Hold, 1);
            let thread = thread::spawn(move || {
                STEPS[..alive].iter().for_each(|step| step(&mut producer));
            });
            engine.block(1);
            thread.join().unwrap();
            engine.block(1);
            engine.block(2);
            let changed = engine.voices.iter().map(|(reader, _)| reader.ledger().superseded).sum::<u64>() > 0;
            let idle = engine.voices[1].0.state() == State::Idle;
            assert_eq!((changed || idle), alive == STEPS.len());
        });
    }
}

/// A full queue of markers: the slot of a marker that is done with takes a new one.
#[test]
fn marker_slots_are_reused() {
    explore(|| {
        let (mut producer, mut engine) = playing(1, 4, LatePolicy::Hold, 1);
        for _ in 0..8 {
            producer.mark(0, MarkerKind::Splice, 1);
        }
        producer.write(0, 1);
        producer.bump();
        let thread = thread::spawn(move || {
            producer.mark(0, MarkerKind::Flush, 2);
            producer.bump();
            producer
        });
        engine.block(1);
        engine.block(1);
        drop(thread.join().unwrap());
        engine.block(2);
    });
}

/// A reader that is lapped learns how many frames it lost, and never gets a frame that was overwritten under it.
#[test]
fn broadcast_laps_its_reader() {
    explore(|| {
        let (mut writer, mut reader) = broadcast(&Region::heap(64 + 2 * 4), ChannelCount::MONO);
        let thread = thread::spawn(move || {
            for burst in [&[0.0, 1.0][..], &[2.0], &[3.0, 4.0]] {
                writer.write(burst);
            }
        });
        let mut next = 0;
        let mut check = |reader: &mut forebay_ring::BroadcastReader| {
            let mut out = [f32::NAN; 2];
            let read = reader.read(&mut out);
            next += read.gap_frames;
            for sample in &out[..read.frames] {
                assert_eq!(*sample, next as f32);
                next += 1;
            }
            assert_eq!(reader.position(), next);
        };
        check(&mut reader);
        check(&mut reader);
        thread.join().unwrap();
        for _ in 0..3 {
            check(&mut reader);
        }
        assert_eq!(reader.position(), 5);
    });
}

/// Events arrive whole and in order through a queue of two whose counters wrap.
#[test]
fn events_in_order() {
    explore(|| {
        let (mut writer, mut reader) = events(EventMemory::heap(2).with_count(u32::MAX - 1));
        let event = |at: u32| TimedEvent {
            at,
            slot: at + 1,
            kind: EventKind::Pan,
            value: at as f32,
            ramp_frames: at + 2,
        };
        let thread =
            thread::spawn(move || (0..3).filter(|&at| writer.push(event(at)).is_ok()).count() as u32);
        let mut taken = Vec::new();
        let mut check = |reader: &mut forebay_ring::EventReader| {
            reader.begin();
            while let Some(event) = reader.pop() {
                taken.push(event);
            }
            reader.finish();
        };
        check(&mut reader);
        check(&mut reader);
        let pushed = thread.join().unwrap();
        check(&mut reader);
        assert_eq!(taken, (0..pushed).map(event).collect::<Vec<_>>());
        assert_eq!(reader.refused(), 0);
    });
}
