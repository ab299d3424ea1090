//! Every control changes the sound, and every change is a ramp.

mod common;

use common::{Rig, channel, open_config, steady};
use forebay_engine::{NoticeKind, VoiceId};
use ring::{EventKind, EventMemory, EventWriter, TimedEvent};
use testkit::golden::{assert_same_bits, largest_step};
use testkit::producer::ProducerSpec;
use testkit::signal::constant;
use units::Pan;

const LEVEL: f32 = 0.2;
/// Ramps of 5 ms at 48 kHz; no control here more than doubles a gain.
const STEEPEST: f32 = LEVEL / 240.0 * 1.01;

struct Bench {
    rig: Rig,
    voice: VoiceId,
    other: VoiceId,
    events: EventWriter,
}

/// One stereo voice of a constant, one silent one beside it, one event queue for both.
fn bench() -> Bench {
    let mut rig = Rig::new(open_config());
    let voice = rig.voice("constant", steady(2, constant(LEVEL)));
    let other = rig.voice("silent", steady(1, constant(0.0)));
    let (events, reader) = ring::events(EventMemory::heap(1024));
    let source = rig.engine.add_events(reader).unwrap();
    rig.engine.map_events(source, 0, Some(voice));
    Bench { rig, voice, other, events }
}

type Turn = fn(&mut Bench);
type Change = (&'static str, Turn);

fn event(bench: &mut Bench, kind: EventKind, value: f32) {
    let at = bench.rig.renderer.frame().0 as u32 + 100;
    bench.events.push(TimedEvent { at, slot: 0, kind, value, ramp_frames: 240 }).unwrap();
}

const CHANGES: &[Change] = &[
    ("gain up", |b| b.rig.engine.set_gain(b.voice, 2.0).unwrap()),
    ("gain down", |b| b.rig.engine.set_gain(b.voice, 0.1).unwrap()),
    ("pan", |b| b.rig.engine.set_pan(b.voice, Pan::new(0.7)).unwrap()),
    ("mute", |b| b.rig.engine.set_mute(b.voice, true).unwrap()),
    ("solo of another", |b| b.rig.engine.set_solo(b.other, true).unwrap()),
    ("hush", |b| b.rig.engine.hush(true)),
    ("removal", |b| b.rig.engine.remove_voice(b.voice, 240).unwrap()),
    ("producer gain", |b| b.rig.producers[0].writer().set_gain(0.3)),
    ("producer pan", |b| b.rig.producers[0].writer().set_pan(-0.4)),
    ("producer mute", |b| b.rig.producers[0].writer().set_mute(true)),
    ("event gain", |b| event(b, EventKind::Gain, 1.5)),
    ("event pan", |b| event(b, EventKind::Pan, 1.0)),
    ("event mute", |b| event(b, EventKind::Mute, 1.0)),
];

/// Each control changes what is heard, without a step, and arrives.
#[test]
fn every_control_changes_the_sound_by_a_ramp() {
    for (name, change) in CHANGES {
        let mut bench = bench();
        bench.rig.run(4800, 64);
        change(&mut bench);
        let out = bench.rig.run(4800, 64);
        for side in 0..2 {
            let heard = channel(&out, side);
            let step = largest_step(&heard);
            assert!(step <= STEEPEST, "{name}: a step of {step}, {STEEPEST} is the ramp");
            let settled = &heard[2400..];
            assert!(settled.iter().all(|x| *x == settled[0]), "{name}: still moves after 50 ms");
        }
        let (before, after) = (&out[..2], &out[out.len() - 2..]);
        assert_eq!(before, [LEVEL; 2], "{name}");
        assert_ne!(before, after, "{name} changes nothing");
    }
}

/// Taking a control back gives the very same bits as before.
#[test]
fn every_control_can_be_taken_back() {
    let back: &[(Change, Turn)] = &[
        (CHANGES[0], |b| b.rig.engine.set_gain(b.voice, 1.0).unwrap()),
        (CHANGES[2], |b| b.rig.engine.set_pan(b.voice, Pan::CENTRE).unwrap()),
        (CHANGES[3], |b| b.rig.engine.set_mute(b.voice, false).unwrap()),
        (CHANGES[4], |b| b.rig.engine.set_solo(b.other, false).unwrap()),
        (CHANGES[5], |b| b.rig.engine.hush(false)),
        (CHANGES[9], |b| b.rig.producers[0].writer().set_mute(false)),
        (CHANGES[12], |b| event(b, EventKind::Mute, 0.0)),
    ];
    for ((name, change), undo) in back {
        let mut bench = bench();
        bench.rig.run(4800, 64);
        change(&mut bench);
        // Undone in the middle of the first ramp, then again from where it had settled.
        for pause in [128, 4800] {
            bench.rig.run(pause, 64);
            undo(&mut bench);
            let out = bench.rig.run(4800, 64);
            assert!(largest_step(&channel(&out, 0)) <= STEEPEST, "{name}");
            assert_eq!(&out[out.len() - 2..], [LEVEL; 2], "{name}");
            change(&mut bench);
        }
    }
}

/// Hush silences main within its 20 ms, look-ahead included, and the voices run on unheard.
#[test]
fn hush_is_silent_in_20_ms() {
    let mut bench = bench();
    bench.rig.run(4800, 64);
    bench.rig.engine.hush(true);
    let out = bench.rig.run(9600, 64);
    assert!(out[2 * 960..].iter().all(|x| *x == 0.0));
    assert!(out[2 * 800] > 0.0);
    assert!(bench.rig.engine.main_stats().hushed);
    assert_eq!(bench.rig.engine.stats(bench.voice).unwrap().ledger.concealed, 0);
}

/// Solo is an OR: un-solo of one of two leaves the other soloed; removing a soloed voice takes its solo along.
#[test]
fn any_solo_is_an_or() {
    let mut rig = Rig::new(open_config());
    let [a, b, c] = ["a", "b", "c"].map(|name| rig.voice(name, steady(2, constant(0.1))));
    let level = |rig: &mut Rig| {
        let out = rig.run(2400, 64);
        (out[out.len() - 1] * 10.0).round() as i32
    };
    assert_eq!(level(&mut rig), 3);
    rig.engine.set_solo(a, true).unwrap();
    rig.engine.set_solo(b, true).unwrap();
    assert_eq!(level(&mut rig), 2);
    rig.engine.set_solo(a, false).unwrap();
    assert_eq!(level(&mut rig), 1);
    rig.engine.set_solo(c, true).unwrap();
    rig.engine.remove_voice(b, 0).unwrap();
    assert_eq!(level(&mut rig), 1);
    rig.engine.set_solo(c, false).unwrap();
    assert_eq!(level(&mut rig), 2);
}

/// The first sound fades in over what was asked, from the frame at which it starts.
#[test]
fn first_sound_fades_in() {
    let mut rig = Rig::new(open_config());
    let producer = ProducerSpec { start_frame: 1000, ..steady(2, constant(LEVEL)) };
    let id = rig.voice_with("slow", producer, |spec| spec.fade_in_frames = 2400);
    let mut tap = rig.engine.tap_voice(id).unwrap();
    rig.run(6400, 64);
    let mut heard = vec![0.0; 6400 * 2];
    assert_eq!(tap.read(&mut heard).frames, 6400);
    let left = channel(&heard, 0);
    assert!(left[..1000].iter().all(|x| *x == 0.0));
    // The ring's own short start fade, times the long one.
    assert!(largest_step(&left) <= 2.02 * LEVEL / 2400.0);
    assert!(left[3399] < LEVEL && left[3400] == LEVEL);
}

/// A removed voice fades, comes back with its Reader and exact figures, and its slot is used again.
#[test]
fn removal_returns_the_reader() {
    let mut bench = bench();
    bench.rig.run(4800, 64);
    bench.rig.engine.remove_voice(bench.voice, 480).unwrap();
    bench.rig.run(512, 64);
    let notices = bench.rig.notices();
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    let (id, name) = notice.voice.clone().unwrap();
    assert_eq!((id, &*name), (bench.voice, "constant"));
    let NoticeKind::Returned(returned) = &notice.kind else { panic!("{notice:?}") };
    assert_eq!(returned.reader.ledger(), returned.stats.ledger);
    assert_eq!(returned.stats.ledger.delivered, 4800 + 512);
    assert!(bench.rig.engine.set_gain(bench.voice, 1.0).is_err());
    let next = bench.rig.voice("next", steady(2, constant(LEVEL)));
    assert_eq!(next.slot(), bench.voice.slot());
    assert_ne!(next, bench.voice);
}

/// At unity and centre a stereo voice reaches its tap bit for bit, and main bit for bit behind the look-ahead.
#[test]
fn unity_is_transparent() {
    let mut rig = Rig::new(common::config());
    let signal = testkit::signal::noise(9);
    let want: Vec<f32> = (0..4800).flat_map(|frame| [signal(frame, 0), signal(frame, 1)]).collect();
    let id = rig.voice("noise", steady(2, signal));
    let (mut tap, mut main) = (rig.engine.tap_voice(id).unwrap(), rig.engine.tap_main());
    let out = rig.run(4800, 64);
    let mut tapped = vec![0.0; want.len()];
    // The ring's own start fade is 240 frames long.
    assert_eq!(tap.read(&mut tapped).frames, 4800);
    assert_same_bits(&tapped[480..], &want[480..]);
    let late = 2 * rig.latency();
    assert_same_bits(&out[late + 480..], &want[480..want.len() - late]);
    assert_eq!(main.read(&mut tapped).frames, 4800);
    assert_same_bits(&tapped, &out);
}

/// The level of main is that of the sum, before the ceiling.
#[test]
fn the_level_of_main() {
    let heard = |gain: f32| {
        let mut config = common::config();
        config.gain = gain;
        let mut rig = Rig::new(config);
        rig.voice("a", steady(2, constant(0.2)));
        rig.voice("b", steady(2, constant(0.1)));
        let out = rig.run(9600, 64);
        out[out.len() - 1]
    };
    assert_eq!(heard(0.5), heard(1.0) * 0.5);
    assert!(heard(100.0) <= 0.966_051, "{}", heard(100.0));
}
