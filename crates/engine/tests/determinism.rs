//! The same sound, bit for bit, whatever the block size and the CPU path.

mod common;

use common::{Rig, config, hash, steady};
use dsp::simd::Cpu;
use forebay_engine::EngineConfig;
use ring::{EventKind, EventMemory, LatePolicy, Marker, MarkerKind, TimedEvent};
use testkit::golden::assert_same_bits;
use testkit::producer::{Behaviour, Lie, ProducerSpec};
use testkit::signal::{noise, sine};
use units::{ChannelCount, Pan};

const FRAMES: usize = 20_000;

/// A piece with everything in it that does not come from the control side in the middle of a block: mono, stereo and
/// six channels, starts at odd frames, a fade-in, pans, timed events, a splice, a flush, a soloed and a muted voice, a
/// voice that is blamed for NaN and one that blasts, all loud enough for the limiter.
fn piece(config: EngineConfig) -> (Rig, Vec<ring::EventWriter>) {
    let mut rig = Rig::new(config);
    let rate = 48_000.0;
    let late = |channels, start_frame, signal| ProducerSpec {
        start_frame,
        lead_frames: 30_000,
        ..steady(channels, signal)
    };
    let a = rig.voice("sine", late(1, 0, sine(441.0, 0.9, rate)));
    let b = rig.voice_with("noise", late(2, 777, noise(1)), |spec| {
        spec.fade_in_frames = 2400;
        spec.pan = Pan::new(0.3);
        spec.gain = 1.7;
    });
    rig.voice("six", late(6, 1234, noise(2)));
    let muted = rig.voice("muted", late(2, 0, noise(3)));
    rig.engine.set_mute(muted, true).unwrap();
    let lie = Behaviour::Lying { at_frame: 0, lie: Lie::NotANumber };
    rig.voice("nan", late(1, 5000, noise(4)).behaving(lie));
    rig.voice("blast", late(2, 3001, Box::new(|frame, _| if frame > 2000 { 60.0 } else { 0.2 })));
    let spliced =
        rig.voice("spliced", ProducerSpec { lead_frames: 8192, ..late(1, 10, sine(330.0, 0.5, rate)) });
    rig.engine.set_pan(spliced, Pan::new(-0.5)).unwrap();
    let splicer = rig.producers.last_mut().unwrap();
    splicer.turn(0);
    let group = splicer.commit().next();
    let to = splicer.writer().position();
    let at = 10 + 4000;
    let splice = Marker { at, to, group, anchor: 0, kind: MarkerKind::Splice };
    splicer.writer().mark(splice).unwrap();
    let fresh: Vec<f32> = (0..8000).map(|k| (k as f32 * 0.05).sin() * 0.4).collect();
    splicer.writer().write(&fresh);
    let flush = Marker { at: at + 7000, to: splicer.writer().position(), kind: MarkerKind::Flush, ..splice };
    splicer.writer().mark(flush).unwrap();
    splicer.commit().bump();

    let (mut writer, reader) = ring::events(EventMemory::heap(1024));
    let source = rig.engine.add_events(reader).unwrap();
    rig.engine.map_events(source, 0, Some(a));
    rig.engine.map_events(source, 1, Some(b));
    let kinds =
        [(EventKind::Gain, 0.2), (EventKind::Pan, -0.9), (EventKind::Mute, 1.0), (EventKind::Mute, 0.0)];
    for k in 0..60u32 {
        let (kind, value) = kinds[k as usize % 4];
        let event = TimedEvent { at: 100 + k * 307, slot: k % 2, kind, value, ramp_frames: k * 13 % 500 };
        writer.push(event).unwrap();
    }
    (rig, vec![writer])
}

fn play(config: EngineConfig, block: usize) -> Vec<f32> {
    let (mut rig, events) = piece(config);
    let out = rig.run(FRAMES, block);
    assert_eq!(rig.engine.main_stats().events_applied, 60);
    drop(events);
    out
}

/// Blocks of 1, 17, 64, 441 and of the whole piece, on every CPU path: the same bits on main.
#[test]
fn blocks_and_cpu_paths() {
    let reference = play(config(), 64);
    assert!(reference.iter().any(|x| x.abs() > 0.5));
    for cpu in Cpu::all() {
        for block in [1, 17, 64, 441, FRAMES] {
            let mut config = config();
            config.cpu = cpu;
            assert_same_bits(&play(config, block), &reference);
        }
    }
}

/// Long blocks may be rendered in pieces of any length.
#[test]
fn pieces_of_a_block() {
    let reference = play(config(), 64);
    for piece in [1, 100, 8192] {
        let mut config = config();
        config.max_block_frames = piece;
        assert_same_bits(&play(config, FRAMES), &reference);
    }
}

/// Main in 1 to 8 channels, with an odd number of them, too.
#[test]
fn every_channel_count() {
    for channels in 1..=8 {
        let with = |cpu| {
            let mut config =
                EngineConfig::new(units::SampleRate::DEFAULT, ChannelCount::new(channels).unwrap());
            config.cpu = cpu;
            config
        };
        let reference = play(with(Cpu::portable()), 64);
        assert!(reference.iter().any(|x| *x != 0.0));
        for block in [17, 441] {
            assert_same_bits(&play(with(Cpu::best()), block), &reference);
        }
    }
}

/// The engine frame at which everything begins has no influence but on the grid: a shift by whole cells, also across
/// the wrap of the low word, changes nothing.
#[test]
fn far_along_the_time_line() {
    let run = |first: u64| {
        let mut config = config();
        config.first_frame = first;
        let mut rig = Rig::new(config);
        let start = |delay: u64, signal| ProducerSpec {
            start_frame: first + delay,
            reader: ring::ReaderConfig { policy: LatePolicy::Skip, ..Default::default() },
            ..steady(2, signal)
        };
        rig.voice("a", start(100, noise(1)));
        rig.voice_with("b", start(5000, noise(2)), |spec| spec.fade_in_frames = 1000);
        rig.run(10_000, 64)
    };
    let reference = run(0);
    assert!(reference.iter().any(|x| *x != 0.0));
    assert_same_bits(&run((1 << 32) - 64 * 100), &reference);
    assert_same_bits(&run((1 << 40) + 64), &reference);
}

/// The bits themselves: they only change with the sound, and a change of the sound is told in the changelog.
#[test]
fn golden_bits() {
    assert_eq!(format!("{:016x}", hash(&play(config(), 64))), include_str!("golden/piece.txt").trim());
}
