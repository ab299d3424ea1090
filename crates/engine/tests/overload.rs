//! When the engine is late it drops the least important voices, keeps their time line, and takes them back.

mod common;

use common::{Rig, open_config, steady};
use forebay_engine::{LossCause, NEVER_SHED, NoticeKind, VoiceId};
use testkit::golden::{assert_same_bits, largest_step};
use testkit::signal::{noise, sine};

fn rig(voices: u32) -> (Rig, Vec<VoiceId>) {
    let mut config = open_config();
    config.tap_frames = 1 << 18;
    let mut rig = Rig::new(config);
    let ids = (0..voices)
        .map(|k| {
            rig.voice_with(&format!("v{k}"), steady(1, noise(k)), |spec| {
                spec.priority = [10, 128, 200, NEVER_SHED][k as usize % 4];
            })
        })
        .collect();
    (rig, ids)
}

fn changes(rig: &mut Rig) -> (Vec<usize>, Vec<usize>) {
    let mut shed = vec![];
    let mut restored = vec![];
    for notice in rig.notices() {
        match notice.kind {
            NoticeKind::Shed => shed.push(notice.voice.unwrap().0.slot()),
            NoticeKind::Restored => restored.push(notice.voice.unwrap().0.slot()),
            _ => {}
        }
    }
    (shed, restored)
}

/// The lowest priority goes first, voices that must stay do stay, and all come back when it is calm.
#[test]
fn lowest_priority_first() {
    let (mut rig, _) = rig(16);
    rig.run(4800, 64);
    rig.load = 1.1;
    rig.run(896, 64);
    assert_eq!(changes(&mut rig).0, []);
    rig.run(64, 64);
    assert_eq!(changes(&mut rig).0, [12, 8]);
    rig.run(48_000, 64);
    let (shed, _) = changes(&mut rig);
    assert_eq!(&shed[..2], [4, 0]);
    assert_eq!(shed.len(), 10);
    assert!(shed.iter().all(|slot| slot % 4 != 3), "never these: {shed:?}");
    assert_eq!(rig.engine.main_stats().shed_voices, 12);
    rig.load = 0.2;
    let out = rig.run(48_000 * 8, 64);
    assert_eq!(changes(&mut rig).1.len(), 12);
    assert_eq!(rig.engine.main_stats().shed_voices, 0);
    assert!(out.iter().any(|x| *x != 0.0));
}

/// One block that took ten times its period, as when the machine takes the core away for a moment, drops nobody.
#[test]
fn a_hiccup_drops_nobody() {
    let (mut rig, _) = rig(16);
    for _ in 0..50 {
        rig.load = 10.0;
        rig.run(256, 256);
        rig.load = 0.1;
        rig.run(4800, 256);
    }
    assert_eq!(changes(&mut rig), (vec![], vec![]));
}

/// However long the overload lasts, one voice of equals always plays.
#[test]
fn main_is_never_silent() {
    let mut rig = Rig::new(open_config());
    for k in 0..5 {
        rig.voice("equal", steady(2, sine(440.0 + f64::from(k), 0.1, 48_000.0)));
    }
    rig.load = 5.0;
    let out = rig.run(96_000, 64);
    assert_eq!(rig.engine.main_stats().shed_voices, 4);
    assert!(out.chunks(2 * 480).skip(1).all(|ms10| ms10.iter().any(|x| x.abs() > 0.05)));
}

/// Whoever is silenced anyway is dropped before the one that is soloed, although that has the lowest priority.
#[test]
fn a_soloed_voice_is_not_dropped_for_silent_ones() {
    let mut rig = Rig::new(open_config());
    let ids: Vec<_> = (0..4).map(|_| rig.voice("equal", steady(2, sine(440.0, 0.1, 48_000.0)))).collect();
    rig.engine.set_solo(ids[3], true).unwrap();
    rig.engine.set_priority(ids[3], 0).unwrap();
    rig.run(4800, 64);
    rig.load = 5.0;
    let out = rig.run(96_000, 64);
    assert_eq!(changes(&mut rig).0.len(), 3);
    assert!(out.chunks(2 * 480).all(|ms10| ms10.iter().any(|x| x.abs() > 0.05)));
    // Taken back, the solo gives its turn to who is heard then.
    rig.engine.set_solo(ids[3], false).unwrap();
    let out = rig.run(9600, 64);
    assert_eq!(rig.engine.main_stats().shed_voices, 3);
    assert!(out.chunks(2 * 480).skip(1).all(|ms10| ms10.iter().any(|x| x.abs() > 0.05)));
}

/// The one voice that was kept falls silent: another is taken back for it, however long the overload lasts. And whoever
/// begins during an overload takes its place in the order at once.
#[test]
fn the_order_follows_what_is_heard() {
    let mut rig = Rig::new(open_config());
    let bad = Box::new(|frame: u64, _| if frame == 60_000 { f32::NAN } else { 0.1 });
    let kept = rig.voice_with("kept", steady(2, bad), |spec| spec.priority = 200);
    for _ in 0..3 {
        rig.voice_with("low", steady(2, sine(440.0, 0.1, 48_000.0)), |spec| spec.priority = 100);
    }
    rig.load = 5.0;
    rig.run(48_000, 64);
    assert_eq!(changes(&mut rig).0.len(), 3);
    rig.load = 0.75;
    let out = rig.run(48_000, 64);
    assert!(rig.engine.stats(kept).unwrap().muted_by_guard);
    let after = &out[2 * 13_000..];
    assert!(after.chunks(2 * 480).all(|ms10| ms10.iter().any(|x| x.abs() > 0.05)), "somebody plays");
    // A lower one that begins now is dropped, and not the one that plays.
    let start = testkit::producer::ProducerSpec { start_frame: 100_000, ..steady(2, noise(9)) };
    let late = rig.voice_with("late", start, |spec| spec.priority = 0);
    rig.run(9600, 64);
    assert!(rig.engine.stats(late).unwrap().shed);
    assert_eq!(rig.engine.main_stats().shed_voices, 3);
}

/// A dropped voice fades, stays on its time line while it is away, and comes back exactly where it would be; a voice that
/// was not dropped does not change by a bit.
#[test]
fn dropped_voices_keep_their_time() {
    let run = |overload: bool| {
        let (mut rig, ids) = rig(8);
        let taps: Vec<_> = ids.iter().map(|id| rig.engine.tap_voice(*id).unwrap()).collect();
        rig.run(9600, 64);
        rig.load = if overload { 1.0 } else { 0.0 };
        rig.run(1024, 64);
        rig.load = 0.1;
        rig.run(96_000, 64);
        let frames = 9600 + 1024 + 96_000;
        let heard = taps.into_iter().map(|mut tap| {
            let mut heard = vec![0.0; 2 * frames];
            assert_eq!(tap.read(&mut heard).frames, frames);
            heard
        });
        (heard.collect::<Vec<_>>(), rig, ids)
    };
    let (calm, ..) = run(false);
    let (heard, rig, ids) = run(true);
    let dropped = ids[4];
    for (slot, (heard, calm)) in heard.iter().zip(&calm).enumerate() {
        if slot == dropped.slot() {
            let away = 2 * 20_000;
            assert!(heard[away..away + 2000].iter().all(|x| *x == 0.0));
            assert_same_bits(&heard[2 * 60_000..], &calm[2 * 60_000..]);
        } else {
            assert_same_bits(heard, calm);
        }
    }
    let stats = rig.engine.stats(dropped).unwrap();
    let lost = stats.losses.of(LossCause::Overload);
    assert!(lost.frames > 20_000 && lost.frames == stats.ledger.shed);
    assert_eq!(stats.ledger.concealed, 0);
}

/// Being dropped and taken back is a ramp, too.
#[test]
fn shedding_does_not_click() {
    let mut rig = Rig::new(open_config());
    rig.voice("a", steady(2, testkit::signal::constant(0.1)));
    rig.voice("b", steady(2, testkit::signal::constant(0.1)));
    rig.run(4800, 64);
    rig.load = 1.0;
    let mut out = rig.run(2400, 64);
    rig.load = 0.0;
    out.extend(rig.run(30_000, 64));
    assert!(largest_step(&common::channel(&out, 0)) <= 1.01 * 0.1 / 240.0);
    assert_eq!(out[2 * 2000], 0.1);
    assert_eq!(out[out.len() - 1], 0.2);
}
