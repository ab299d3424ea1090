//! Futures that change: many splices, starts and splices together, long pauses.

mod common;

use std::time::{Duration, Instant};

use common::{
    BLOCK, Honest, Pace, Stage, assert_is_signal, assert_is_signal_from, frames_of_signal, play, signal,
};
use engine::VoiceId;
use producer::{Part, State, Voice};
use protocol::{LatePolicy, Notification, VoiceOpen};

/// What is heard of a tap at an engine frame.
fn heard(stage: &Stage, tap: VoiceId, at: u64) -> [f32; 2] {
    let recorded = stage.recorded(tap);
    let from_end = (stage.frame() - at) as usize * 2;
    [recorded[recorded.len() - from_end], recorded[recorded.len() - from_end + 1]]
}

/// Fills a voice with the signal, scaled.
fn fill(voice: &mut Voice, scale: f32) {
    loop {
        let chunk: Vec<f32> =
            frames_of_signal(voice.clock_frames(), 1920).iter().map(|sample| sample * scale).collect();
        if voice.try_write(&chunk).unwrap() == 0 {
            return;
        }
    }
}

/// 50 splices a second for ten seconds, each over 60 ms of cover and a lead that is refilled at once: no underrun, every
/// frame accounted for, every change where it was asked for, and a voice beside it untouched.
#[test]
fn fifty_splices_a_second() {
    let mut stage = Stage::new();
    let mut others = vec![Honest::new(&stage, "untouched")];
    let untouched = stage.record("untouched");
    let mut one = Honest::new(&stage, "one");
    let tap = stage.record("one");
    // As deep as knobs that move allow.
    one.voice.keep_shallow(Some(9_600));
    for _ in 0..20 {
        fill(&mut one.voice, 1.0);
        play(&mut stage, &mut others, 1, Pace::Free);
    }
    let mut changes = 0;
    while changes < 500 {
        let scale = if changes % 2 == 0 { 0.5 } else { 1.0 };
        let at = one.session.soonest_change(&[&one.voice], Duration::from_millis(1)).unwrap();
        let clock = one.voice.clock_at(at).unwrap();
        let cover: Vec<f32> = frames_of_signal(clock, 2880).iter().map(|sample| sample * scale).collect();
        one.session.commit(&mut [Part::splice(&mut one.voice, at, &cover)], Instant::now()).unwrap();
        changes += 1;
        fill(&mut one.voice, scale);
        // 20 ms: 3.75 blocks.
        play(&mut stage, &mut others, 3 + usize::from(changes % 4 != 0), Pace::Free);
        let after_fade = u64::from(at) + 240;
        if after_fade < stage.frame() {
            let want = signal(clock + 240, 0) * scale;
            assert_eq!(heard(&stage, tap, after_fade)[0].to_bits(), want.to_bits(), "change {changes}");
        }
    }
    assert_eq!(one.voice.stats().underruns, 0);
    one.voice.keep_shallow(None);
    fill(&mut one.voice, 1.0);
    assert!(one.voice.lead_frames() > 30_000, "deep again when still");
    play(&mut stage, &mut others, 4, Pace::Free);
    let ledger = stage.stats("one").unwrap().ledger;
    assert_eq!(ledger.produced, ledger.delivered + ledger.superseded + ledger.shed + ledger.in_ring);
    assert!(ledger.superseded > 400 * 2880, "{ledger:?}");
    assert_is_signal(stage.recorded(untouched));
}

/// One commit starts two idle voices and changes a third, on one engine frame.
#[test]
fn a_start_and_a_splice_on_one_frame() {
    let mut stage = Stage::new();
    let mut playing = Honest::new(&stage, "playing");
    let session = &playing.session;
    let mut idle: Vec<_> =
        ["first", "second"].map(|name| session.open(&VoiceOpen::new(name, 2)).unwrap()).into();
    let taps = ["playing", "first", "second"].map(|name| stage.record(name));
    fill(&mut playing.voice, 1.0);
    for _ in 0..20 {
        stage.step();
        fill(&mut playing.voice, 1.0);
    }
    let session = &playing.session;
    let at = session.soonest_change(&[&playing.voice], Duration::from_millis(1)).unwrap();
    let clock = playing.voice.clock_at(at).unwrap();
    let silence = vec![0.0; 2 * 4800];
    let sound = frames_of_signal(0, 4800);
    let (one, other) = idle.split_at_mut(1);
    let mut parts = [
        Part::splice(&mut playing.voice, at, &silence),
        Part::start(&mut one[0], at, &sound),
        Part::start(&mut other[0], at, &sound),
    ];
    session.commit(&mut parts, Instant::now()).unwrap();
    assert_eq!(playing.voice.clock_frames(), clock + 4800);
    for _ in 0..12 {
        stage.step();
    }
    let at = u64::from(at);
    assert_eq!(heard(&stage, taps[0], at - 1)[0].to_bits(), signal(clock - 1, 0).to_bits());
    assert_eq!(heard(&stage, taps[0], at + 240), [0.0, 0.0]);
    for tap in &taps[1..] {
        assert_eq!(heard(&stage, *tap, at - 1), [0.0, 0.0]);
        assert_ne!(heard(&stage, *tap, at + 1), [0.0, 0.0]);
        assert_eq!(heard(&stage, *tap, at + 240)[0].to_bits(), signal(240, 0).to_bits());
    }
}

/// A voice that holds resumes where it stopped: no frame is lost, its clock knows the pause, and it can be spliced on
/// the frame afterwards.
#[test]
fn hold_resumes_where_it_stopped() {
    let mut stage = Stage::new();
    let session = stage.session("one");
    let mut voice =
        session.open(&VoiceOpen { policy: LatePolicy::Hold, ..VoiceOpen::new("one", 2) }).unwrap();
    let tap = stage.record("one");
    voice.write(&frames_of_signal(0, 9_600)).unwrap();
    stage.steps_until("starved", |_| voice.stats().state == State::Starved);
    for _ in 0..30 {
        stage.step();
    }
    for _ in 0..40 {
        fill(&mut voice, 1.0);
        stage.step();
    }
    let now = session.engine_frame();
    let clock = voice.clock_at(now - 1).unwrap();
    assert_eq!(heard(&stage, tap, u64::from(now) - 1)[0].to_bits(), signal(clock, 0).to_bits());
    let stats = stage.stats("one").unwrap();
    assert_eq!((stats.ledger.underruns, stats.ledger.shed), (1, 0));
    let at = session.soonest_change(&[&voice], Duration::ZERO).unwrap();
    let clock = voice.clock_at(at).unwrap();
    let cover: Vec<f32> = frames_of_signal(clock, 4_800).iter().map(|sample| sample * 0.5).collect();
    session.commit(&mut [Part::splice(&mut voice, at, &cover)], Instant::now()).unwrap();
    for _ in 0..12 {
        stage.step();
    }
    let at = u64::from(at);
    assert_eq!(heard(&stage, tap, at - 1)[0].to_bits(), signal(clock - 1, 0).to_bits());
    assert_eq!(heard(&stage, tap, at + 240)[0].to_bits(), (signal(clock + 240, 0) * 0.5).to_bits());
}

/// A breakpoint of a minute is a long stall, not a death: nobody is thrown out, and the next frames begin the voice anew.
#[test]
fn a_breakpoint_of_a_minute() {
    let mut stage = Stage::new();
    let mut stopped = Honest::new(&stage, "stopped");
    let mut others = vec![Honest::new(&stage, "other")];
    let (tap, other) = (stage.record("stopped"), stage.record("other"));
    stopped.feed();
    play(&mut stage, &mut others, 60 * 48_000 / BLOCK, Pace::Free);
    assert_eq!(stopped.voice.stats().state, State::Idle);
    assert!(stopped.session.closed().is_none());
    let told = |session: &producer::Session| session.notification(Duration::from_millis(10));
    assert!(matches!(told(&stopped.session), Some(Notification::Underrun(_))));
    let early = told(&stopped.session);
    assert!(early.is_none(), "it is silent still: {early:?}");
    let before = stage.recorded(tap).len();
    for _ in 0..100 {
        stopped.feed();
        play(&mut stage, &mut others, 1, Pace::Free);
    }
    stage.steps_until("it hears that it plays", |_| {
        stopped.feed();
        matches!(told(&stopped.session), Some(Notification::Resumed(news)) if news.frames >= 65_536)
    });
    assert_is_signal_from(&stage.recorded(tap)[before..], 32_640);
    assert_is_signal(stage.recorded(other));
    assert_eq!(stage.evicted(), 0);
}

/// Plays until the control side has looked at everything: what ends at its turn has ended.
fn turn(stage: &mut Stage) {
    let before = stage.status().producers.len();
    drop(stage.session("turn").open(&VoiceOpen::new("turn", 1)).unwrap());
    stage.steps_until("a turn", |stage| stage.status().producers.len() == before);
}

/// A stall in which the engine gave the voice up is counted whole: until the voice is written to again.
#[test]
fn the_longest_stalls_count() {
    let mut stage = Stage::new();
    let session = stage.session("stopped");
    // It starves for 22 seconds before it is given up: for longer than a turn, whatever the machine does.
    let open = VoiceOpen { capacity_frames: Some(1 << 20), ..VoiceOpen::new("one", 2) };
    let mut voice = session.open(&open).unwrap();
    fill(&mut voice, 1.0);
    stage.steps_until("it has run dry", |_| voice.stats().state == State::Starved);
    turn(&mut stage);
    let late = stage.frame();
    assert_eq!(voice.stats().state, State::Starved);
    stage.steps_until("it is given up", |_| voice.stats().state == State::Idle);
    turn(&mut stage);
    let stalled_ms = (stage.frame() - late) as f64 / 48.0;
    fill(&mut voice, 1.0);
    turn(&mut stage);
    let told = &stage.status().producers[0];
    assert!(told.worst_stall_ms >= stalled_ms && told.last_stall_ms >= stalled_ms, "{stalled_ms}: {told:?}");
}
