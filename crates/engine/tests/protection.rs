//! What keeps ears from harm can be set, and spelled out of force, without a step.

mod common;

use common::{Rig, channel, config, steady};
use forebay_engine::{NoticeKind, Protection, UNLIMITED};
use testkit::golden::{assert_same_bits, largest_step};
use testkit::signal::{Signal, sine};
use units::Decibels;

/// Far above full scale and, from frame 24000 on, above what a guard lets pass; in between once no number.
fn loud() -> Signal {
    let wave = sine(200.0, 1.0, 48_000.0);
    Box::new(move |frame, channel| match frame {
        20_000 => f32::NAN,
        0..24_000 => 3.0 * wave(frame, channel),
        _ => 20.0 * wave(frame, channel),
    })
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |most, sample| sample.abs().max(most))
}

/// A ceiling is what nothing passes, from the look-ahead after the change on, and the whole level below it is used.
#[test]
fn a_ceiling_holds() {
    let mut rig = Rig::new(config());
    rig.voice("sine", steady(2, sine(440.0, 0.9, 48_000.0)));
    rig.run(9_600, 64);
    assert!((peak(&rig.run(9_600, 64)) - 0.9).abs() < 1e-3);
    for db in [-0.3, -12.0, -60.0, -6.0] {
        rig.engine.protect(Protection::On { ceiling_db: db });
        rig.run(64, 64);
        let loudest = peak(&rig.run(96_000, 441));
        let ceiling = Decibels(db).amplitude();
        assert!(loudest <= ceiling && loudest > 0.93 * ceiling.min(0.9), "{db} dB: {loudest}");
        assert_eq!(rig.engine.main_stats().ceiling, ceiling);
    }
}

/// Without protection a voice is as loud as it is and nobody is muted; what is no number is kept out. With it again, the
/// guard acts and the ceiling holds, and there is no step on the way.
#[test]
fn protection_is_off_and_on() {
    let run = |block: usize| {
        let mut rig = Rig::new(config());
        rig.voice("loud", steady(2, loud()));
        rig.engine.protect(Protection::Off);
        let open = rig.run(28_224, block);
        assert_eq!(rig.notices().len(), 0);
        let stats = rig.engine.main_stats();
        assert_eq!((stats.guarded, stats.ceiling), (false, UNLIMITED));
        rig.engine.protect(Protection::On { ceiling_db: -0.3 });
        let held = rig.run(28_224, block);
        let muted =
            rig.notices().into_iter().filter(|notice| matches!(notice.kind, NoticeKind::Muted(_))).count();
        assert_eq!((muted, rig.engine.main_stats().guarded), (1, true));
        (open, held)
    };
    let (open, held) = run(441);
    assert!(open.iter().all(|sample| sample.is_finite()));
    let side = channel(&open, 0);
    assert!((peak(&side[..20_000]) - 3.0).abs() < 1e-2 && (peak(&side[25_000..]) - 20.0).abs() < 1e-1);
    assert!(peak(&held[2 * 64..]) <= Decibels(-0.3).amplitude());
    assert_eq!(peak(&held[2 * 20_000..]), 0.0, "the guard has muted it");
    // A sine of 200 Hz that swings to 20 moves by 0.53 a frame; the limiter may add its own slope.
    let border: Vec<f32> = side[28_000..].iter().chain(&channel(&held, 0)[..2_000]).copied().collect();
    assert!(largest_step(&border) < 2.0, "{}", largest_step(&border));
    for block in [1, 17, 64] {
        let (again_open, again_held) = run(block);
        assert_same_bits(&again_open, &open);
        assert_same_bits(&again_held, &held);
    }
}
