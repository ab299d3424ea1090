//! Nothing that one voice does hurts another, and who did it is named.

mod common;

use common::{Rig, config, open_config, steady};
use forebay_engine::{Blame, NoticeKind};
use testkit::golden::{assert_same_bits, largest_step};
use testkit::producer::{Behaviour, Lie, ProducerSpec};
use testkit::signal::{Signal, noise, sine};

const FRAMES: usize = 96_000;

/// Name, engine frame and reason.
type Blamed = (String, u64, String);

/// Two honest voices and, between them, one of `middle`; the taps of the honest ones, main, and who was blamed.
fn run(middle: ProducerSpec) -> (Vec<Vec<f32>>, Vec<f32>, Vec<Blamed>) {
    let mut config = open_config();
    config.tap_frames = 1 << 17;
    let mut rig = Rig::new(config);
    let first = rig.voice("first", steady(2, noise(1)));
    rig.voice("middle", middle);
    let last = rig.voice("last", steady(1, noise(2)));
    let taps = [first, last].map(|id| rig.engine.tap_voice(id).unwrap());
    let out = rig.run(FRAMES, 64);
    let heard = taps.map(|mut tap| {
        let mut heard = vec![0.0; FRAMES * 2];
        assert_eq!(tap.read(&mut heard).frames, FRAMES);
        heard
    });
    let blamed = rig
        .notices()
        .into_iter()
        .filter_map(|notice| {
            let reason = match notice.kind {
                NoticeKind::Muted(blame) => format!("{blame:?}"),
                NoticeKind::Corrupt(fault) => format!("{fault:?}"),
                _ => return None,
            };
            Some((notice.voice.unwrap().1.to_string(), notice.frame.0, reason))
        })
        .collect();
    (heard.to_vec(), out, blamed)
}

/// Every kind of lie: the liar alone is named, with reason and frame, and the others have the bits of a run in which
/// it is honest. Denormals are replaced and nobody is blamed for them.
#[test]
fn liars_are_named_and_hurt_nobody() {
    let (honest, _, blamed) = run(steady(2, noise(3)));
    assert_eq!(blamed, []);
    for lie in Lie::ALL {
        let behaviour = Behaviour::Lying { at_frame: 10_000, lie };
        let (heard, main, blamed) = run(steady(2, noise(3)).behaving(behaviour));
        for (heard, honest) in heard.iter().zip(&honest) {
            assert_same_bits(heard, honest);
        }
        assert!(main.iter().all(|x| x.abs() <= 1.0), "{lie:?}: main stays sane");
        let reason = match lie {
            Lie::NotANumber | Lie::Infinite | Lie::Huge => "NotSound",
            Lie::Dc => "Dc",
            Lie::Denormal => {
                assert_eq!(blamed, [], "{lie:?}");
                continue;
            }
            Lie::WriteFarAhead | Lie::WriteBack => "Write",
            Lie::MarkerFlood => "MarkerCount",
            Lie::MarkerOutside => "MarkerTo",
            Lie::MarkerFarAway => "MarkerAt",
            Lie::MarkerOfNoKind => "MarkerKind",
        };
        let [(name, frame, why)] = &blamed[..] else { panic!("{lie:?}: {blamed:?}") };
        assert_eq!((name.as_str(), why.as_str()), ("middle", reason), "{lie:?}");
        assert!((10_000..90_000).contains(frame), "{lie:?} at {frame}");
    }
}

/// A voice that never writes anything but garbage leaves main with the bits it has without that voice.
#[test]
fn garbage_from_the_start_is_nothing() {
    let run = |garbage: Option<Signal>| {
        let mut rig = Rig::new(config());
        rig.voice("first", steady(2, noise(1)));
        if let Some(garbage) = garbage {
            rig.voice("garbage", steady(2, garbage));
        }
        rig.voice("last", steady(1, sine(440.0, 0.3, 48_000.0)));
        rig.run(20_000, 64)
    };
    let without = run(None);
    for garbage in [f32::NAN, f32::INFINITY, -1e30, 1e-40, 5e5] {
        assert_same_bits(&run(Some(Box::new(move |_, _| garbage))), &without);
    }
}

/// A blasting voice never gets past the ceiling, is faded out without a step beyond it, and named within a cell.
#[test]
fn a_blast_is_held_and_muted() {
    let mut rig = Rig::new(config());
    let blast: Signal =
        Box::new(|frame, _| if frame >= 6000 { 900.0 * (frame as f32 * 0.1).sin() } else { 0.1 });
    rig.voice("blaster", steady(2, blast));
    let out = rig.run(48_000, 64);
    let ceiling = units::Decibels(-0.3).amplitude();
    assert!(out.iter().all(|x| x.abs() <= ceiling));
    assert!(out[2 * 7000..].iter().all(|x| *x == 0.0));
    let notices = rig.notices();
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    assert!(matches!(notice.kind, NoticeKind::Muted(Blame::Blast)));
    assert!((6000..=6064).contains(&notice.frame.0), "{notice:?}");
}

/// After forgiveness a voice that is honest again is heard again, by a ramp, and its figures show what happened.
#[test]
fn forgiven_voices_come_back() {
    let mut rig = Rig::new(open_config());
    let signal: Signal = Box::new(|frame, _| if frame == 5000 { f32::NAN } else { 0.2 });
    let id = rig.voice("once", steady(2, signal));
    rig.run(9600, 64);
    let stats = rig.engine.stats(id).unwrap();
    assert!(stats.muted_by_guard);
    assert_eq!(stats.bad_samples, 2);
    rig.engine.set_mute(id, false).unwrap();
    let out = rig.run(9600, 64);
    assert_eq!(out[out.len() - 1], 0.2);
    assert!(largest_step(&common::channel(&out, 0)) <= 1.01 * 0.2 / 240.0);
    assert!(!rig.engine.stats(id).unwrap().muted_by_guard);
}

/// The guard's limits belong to the configuration: a stricter blast limit blames what the usual one lets pass.
#[test]
fn limits_are_configurable() {
    let muted = |blast: f32| {
        let mut config = open_config();
        config.guard.blast = blast;
        let mut rig = Rig::new(config);
        rig.voice("hot", steady(1, sine(440.0, 3.0, 48_000.0)));
        rig.run(4800, 64);
        rig.notices().iter().any(|notice| matches!(notice.kind, NoticeKind::Muted(Blame::Blast)))
    };
    assert!(!muted(8.0));
    assert!(muted(2.0));
}

/// Notices that nobody takes are counted, not waited for.
#[test]
fn lost_notices_are_counted() {
    let mut rig = Rig::new(open_config());
    let underruns = Behaviour::Bursty { every_frames: 640, pause_frames: 620 };
    let mut ids = vec![];
    for k in 0..8 {
        let mut spec = steady(1, noise(k)).behaving(underruns);
        spec.lead_frames = 256;
        // With `hold` it comes back after every pause.
        spec.reader = ring::ReaderConfig { policy: ring::LatePolicy::Hold, crossfade_frames: 8 };
        ids.push(rig.voice("dry", spec));
    }
    rig.run(640 * 600, 64);
    for id in ids {
        rig.engine.remove_voice(id, 0).unwrap();
    }
    rig.run(64, 64);
    let (mut told, mut lost, mut happened) = (0, 0, 0);
    for notice in rig.notices() {
        match notice.kind {
            NoticeKind::Underrun | NoticeKind::Resumed { .. } => told += 1,
            NoticeKind::NoticesLost(count) => lost += count,
            NoticeKind::Returned(returned) => {
                // Every underrun is told, and the end of every one that has ended.
                let stats = returned.stats;
                happened += 2 * stats.ledger.underruns - u64::from(stats.state == ring::State::Starved);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(lost > 0);
    assert_eq!(lost + told, happened);
}
