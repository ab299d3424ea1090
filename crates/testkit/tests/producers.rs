//! Producers in virtual time do to a ring what their names say.

use forebay_testkit::clock::VirtualClock;
use forebay_testkit::golden::assert_same_bits;
use forebay_testkit::producer::{Behaviour, Lie, ProducerSpec};
use forebay_testkit::signal::{noise, noise_at};
use ring::{Group, Reader, State};
use units::{FramePos, Frames, SampleRate};

const BLOCK: usize = 64;

/// Renders `blocks` blocks of a producer with a turn before each; returns what came out.
fn play(spec: ProducerSpec, blocks: usize) -> (Vec<f32>, Reader, Group) {
    let mut clock = VirtualClock::new(SampleRate::DEFAULT, FramePos(0));
    let (mut producer, mut reader, group) = spec.open();
    let mut out = vec![0.0; 2 * BLOCK * blocks];
    for block in out.chunks_mut(2 * BLOCK) {
        producer.turn(clock.now().0);
        reader.begin(group.load(), clock.now().0);
        reader.read(block, BLOCK);
        reader.finish();
        clock.advance(Frames(BLOCK as u64));
    }
    (out, reader, group)
}

fn expected(blocks: usize) -> Vec<f32> {
    (0..(BLOCK * blocks) as u64).flat_map(|i| [noise_at(3, i, 0), noise_at(3, i, 1)]).collect()
}

/// A steady producer, and a bursty one that pauses less than its lead, deliver every frame, also over the wrap of
/// the counters. (The first frames are the voice's fade-in.)
#[test]
fn steady_and_bursty_deliver_all() {
    let bursty = Behaviour::Bursty { every_frames: 20_000, pause_frames: 8000 };
    for behaviour in [Behaviour::Steady, bursty] {
        let spec =
            ProducerSpec { first: u32::MAX - 9000, ..ProducerSpec::steady(noise(3)).behaving(behaviour) };
        let (out, reader, _group) = play(spec, 1000);
        assert_same_bits(&out[2 * 240..], &expected(1000)[2 * 240..]);
        assert_eq!(reader.ledger().underruns, 0);
    }
}

/// A slow producer and a dying one run dry; the ring's account stays exact.
#[test]
fn slow_and_dying_run_dry() {
    for behaviour in [Behaviour::Slow { speed: 0.5 }, Behaviour::Dying { at_frame: 20_000 }] {
        let (out, reader, _group) = play(ProducerSpec::steady(noise(3)).behaving(behaviour), 1000);
        let ledger = reader.ledger();
        assert!(ledger.underruns > 0, "{behaviour:?}");
        assert_eq!(ledger.produced, ledger.delivered + ledger.superseded + ledger.shed + ledger.in_ring);
        assert!(out.contains(&0.0));
    }
}

/// Every lie about counters and markers is found out; lies in the samples pass the ring, which judges no sound.
#[test]
fn lies_are_told() {
    for lie in Lie::ALL {
        let behaviour = Behaviour::Lying { at_frame: 10_000, lie };
        let (out, reader, _group) = play(ProducerSpec::steady(noise(3)).behaving(behaviour), 1000);
        let odd = out.iter().any(|x| !x.is_finite() || x.is_subnormal() || x.abs() >= 1.0);
        let found_out = reader.state() == State::Faulted;
        assert!(odd != found_out, "{lie:?}: odd samples {odd}, fault {:?}", reader.fault());
    }
}
