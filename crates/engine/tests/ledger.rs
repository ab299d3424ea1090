//! Every frame is accounted for, with its cause.

mod common;

use common::{Rig, open_config, steady};
use forebay_engine::{LossCause, NoticeKind, VoiceId, VoiceStats};
use ring::{LatePolicy, ReaderConfig};
use testkit::producer::{Behaviour, ProducerSpec};
use testkit::signal::noise;

/// Removes the voice at once, so that its figures are those of its last frame.
fn last_stats(rig: &mut Rig, id: VoiceId) -> VoiceStats {
    rig.engine.remove_voice(id, 0).unwrap();
    rig.run(64, 64);
    let returned = rig.notices().into_iter().find_map(|notice| match notice.kind {
        NoticeKind::Returned(returned) => Some(returned),
        _ => None,
    });
    returned.unwrap().stats
}

fn check(stats: &VoiceStats) {
    let ledger = stats.ledger;
    assert_eq!(
        ledger.produced,
        ledger.delivered + ledger.superseded + ledger.shed + ledger.in_ring,
        "{ledger:?}"
    );
    let frames = |cause| stats.losses.of(cause).frames;
    assert_eq!(
        frames(LossCause::ProducerLate) + frames(LossCause::ProducerGone) + frames(LossCause::Overload),
        ledger.concealed + ledger.shed,
        "{:?}",
        stats.losses
    );
}

/// Slow, bursty and dying producers under both policies and in several block sizes: produced = delivered + superseded +
/// shed + still in the ring, and every concealed or shed frame has a cause.
#[test]
fn exact_for_late_producers() {
    let behaviours = [
        Behaviour::Steady,
        Behaviour::Slow { speed: 0.7 },
        Behaviour::Bursty { every_frames: 12_000, pause_frames: 9000 },
        Behaviour::Dying { at_frame: 20_000 },
    ];
    for behaviour in behaviours {
        for policy in [LatePolicy::Hold, LatePolicy::Skip] {
            for block in [17, 64, 441] {
                let mut rig = Rig::new(open_config());
                let spec = ProducerSpec {
                    lead_frames: 2048,
                    reader: ReaderConfig { policy, ..ReaderConfig::default() },
                    ..steady(2, noise(1)).behaving(behaviour)
                };
                let id = rig.voice("late", spec);
                rig.run(48_000, block);
                let stats = last_stats(&mut rig, id);
                check(&stats);
                assert_eq!(stats.ledger.produced, rig.producers[0].made_frames());
                let late = stats.losses.of(LossCause::ProducerLate);
                assert_eq!(late.frames > 0, behaviour != Behaviour::Steady, "{behaviour:?} {policy:?}");
                assert_eq!(late.last.0 > 0, late.frames > 0);
            }
        }
    }
}

/// What a ring lacks after its producer is known to be gone is not booked as lateness.
#[test]
fn a_dead_producer_is_not_late() {
    let mut rig = Rig::new(open_config());
    let id = rig.voice("dying", steady(2, noise(1)).behaving(Behaviour::Dying { at_frame: 5000 }));
    rig.run(6400, 64);
    rig.engine.producer_gone(id).unwrap();
    rig.run(20_000, 64);
    let stats = last_stats(&mut rig, id);
    check(&stats);
    assert_eq!(stats.losses.of(LossCause::ProducerLate).frames, 0);
    assert!(stats.losses.of(LossCause::ProducerGone).frames > 10_000);
}

/// Frames that no device heard, and frames of a voice that the guard muted, are booked to them, exactly.
#[test]
fn unheard_frames_have_a_cause() {
    let mut rig = Rig::new(open_config());
    let bad = rig.voice("bad", steady(1, Box::new(|frame, _| if frame == 1000 { f32::NAN } else { 0.1 })));
    let good = rig.voice("good", steady(1, noise(1)));
    rig.run(6400, 64);
    rig.heard = false;
    rig.run(3200, 64);
    rig.heard = true;
    rig.run(3200, 64);
    let good = last_stats(&mut rig, good);
    assert_eq!(good.losses.of(LossCause::Device).frames, 3200);
    assert_eq!(good.losses.of(LossCause::Device).last.0, 9600);
    assert_eq!(good.losses.of(LossCause::Guard).frames, 0);
    let bad = last_stats(&mut rig, bad);
    // Muted at frame 1024, where its cell ends.
    assert_eq!(bad.losses.of(LossCause::Guard).frames, 12_800 + 128 - 1024 - 3200);
}

/// What nobody hears and was not there is booked once, as what it is: late.
#[test]
fn a_lack_is_not_booked_twice() {
    let mut rig = Rig::new(open_config());
    let spec = steady(1, Box::new(|frame, _| if frame == 1000 { f32::NAN } else { 0.1 }));
    let bad = rig.voice("bad", spec.behaving(Behaviour::Dying { at_frame: 5000 }));
    rig.run(6400, 64);
    rig.heard = false;
    rig.run(48_000, 64);
    let stats = last_stats(&mut rig, bad);
    check(&stats);
    let lost = |cause| stats.losses.of(cause).frames;
    let unheard = lost(LossCause::Guard) + lost(LossCause::Device);
    assert_eq!(unheard, stats.ledger.delivered - 1024, "all since the guard has acted");
    assert!(lost(LossCause::Device) > 0 && lost(LossCause::ProducerLate) > 30_000);
}

/// In a long block the guard's share begins where it has acted.
#[test]
fn the_guard_books_from_its_cell_on() {
    let mut rig = Rig::new(open_config());
    let id = rig.voice("bad", steady(1, Box::new(|frame, _| if frame == 1000 { f32::NAN } else { 0.1 })));
    rig.run(4096, 4096);
    let stats = last_stats(&mut rig, id);
    assert_eq!(stats.losses.of(LossCause::Guard).frames, 4096 - 1024 + 64);
}

/// What was late before the producer was known to be gone stays lateness, to the block.
#[test]
fn lateness_before_the_end_stays_lateness() {
    let mut rig = Rig::new(open_config());
    let id = rig.voice("dying", steady(1, noise(1)).behaving(Behaviour::Dying { at_frame: 64 }));
    rig.run(9600, 64);
    let before = rig.engine.stats(id).unwrap().ledger;
    assert!(before.in_ring == 0 && before.concealed > 0);
    rig.run(320, 64);
    rig.engine.producer_gone(id).unwrap();
    rig.run(640, 64);
    let stats = last_stats(&mut rig, id);
    let lost = |cause| stats.losses.of(cause).frames;
    assert_eq!(lost(LossCause::ProducerGone), 640 + 64);
    assert_eq!(lost(LossCause::ProducerLate) + 704, stats.ledger.concealed);
}

/// Underruns and their ends are events, with the frame and the length.
#[test]
fn underruns_are_told() {
    let mut rig = Rig::new(open_config());
    let spec = steady(2, noise(1)).behaving(Behaviour::Bursty { every_frames: 48_000, pause_frames: 40_000 });
    // With `skip` a voice that misses its whole ring would go idle.
    let reader = ReaderConfig { policy: LatePolicy::Hold, ..ReaderConfig::default() };
    let id = rig.voice("bursty", ProducerSpec { lead_frames: 4096, reader, ..spec });
    rig.run(60_000, 64);
    let notices = rig.notices();
    let told: Vec<String> = notices.iter().map(|notice| format!("{:?}", notice.kind)).collect();
    let dry = &notices[0];
    assert!(matches!(dry.kind, NoticeKind::Underrun), "{told:?}");
    assert_eq!(&*dry.voice.as_ref().unwrap().1, "bursty");
    let NoticeKind::Resumed { frames } = notices[1].kind else { panic!("{told:?}") };
    let stats = rig.engine.stats(id).unwrap();
    assert_eq!(stats.ledger.underruns, 1);
    assert_eq!(frames, stats.ledger.concealed);
    assert!((12_000..13_000).contains(&dry.frame.0), "{}", dry.frame.0);
    assert!((48_000..48_100).contains(&notices[1].frame.0), "{}", notices[1].frame.0);
}
