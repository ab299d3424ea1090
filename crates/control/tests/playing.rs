//! Producers that behave: what they write is what is heard.

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::hostile::Hostile;
use common::{BLOCK, Honest, PATIENCE, Pace, Stage, Wire, assert_is_signal, frames_of_signal, play, signal};
use forebay_control::Settings;
use producer::{Part, SpliceError, State};
use protocol::{CloseMode, Hush, Notification, VoiceOpen, VoiceRef, VoiceSet, VoiceState};
use ring::sync::{AtomicU64, Ordering};

/// A voice over a real socket and shared memory: every frame is heard, bit by bit, and accounted for.
#[test]
fn what_is_written_is_heard() {
    let mut stage = Stage::new();
    let mut honest = vec![Honest::new(&stage, "one")];
    let tap = stage.record("one");
    play(&mut stage, &mut honest, 400, Pace::Free);
    let heard = assert_is_signal(stage.recorded(tap));
    assert!(heard > 300 * BLOCK as u64);
    let voice = &honest[0].voice;
    assert_eq!(voice.stats().underruns, 0);
    assert_eq!(voice.stats().target_lead_frames, 32_640, "680 ms unless told otherwise");
    assert_eq!(voice.capacity_frames(), 65_536);
    let ledger = stage.status().producers[0].voices[0].ledger;
    assert_eq!(ledger.produced, ledger.delivered + ledger.superseded + ledger.shed + ledger.in_ring);
}

/// The same bits when every counter of the ring is about to wrap.
#[test]
fn counters_wrap_unheard() {
    let settings = Settings { first_position: u32::MAX - 20_000, ..Settings::default() };
    let mut stage = Stage::with(settings, |config| config.first_frame = (1 << 32) - 30_000);
    let mut honest = vec![Honest::new(&stage, "one")];
    let tap = stage.record("one");
    play(&mut stage, &mut honest, 400, Pace::Free);
    assert!(assert_is_signal(stage.recorded(tap)) > 90_000);
    assert_eq!(honest[0].voice.stats().underruns, 0);
}

/// Two voices change on one engine frame, by one commit; a third plays on untouched; the lead is filled again.
#[test]
fn a_splice_over_two_voices() {
    let mut stage = Stage::new();
    let mut honest: Vec<_> = ["left", "right", "third"].map(|name| Honest::new(&stage, name)).into();
    let third = stage.record("third");
    let taps = [stage.record("left"), stage.record("right")];
    play(&mut stage, &mut honest, 50, Pace::Free);

    let session = &honest[0].session;
    let mut second = session.open(&VoiceOpen::new("right of left", 2)).unwrap();
    while second.try_write(&frames_of_signal(second.clock_frames(), 1920)).unwrap() > 0 {}
    let tap_second = stage.record("right of left");
    for _ in 0..20 {
        while second.try_write(&frames_of_signal(second.clock_frames(), 1920)).unwrap() > 0 {}
        play(&mut stage, &mut honest, 1, Pace::Free);
    }
    let Honest { session, voice } = &mut honest[0];
    let at = session.soonest_change(&[voice, &second], Duration::from_millis(1)).unwrap();
    let lead_before = voice.lead_frames();
    // The new future is the old one turned down by half: phase goes on, so there is nothing but a cross-fade.
    let half = |from: u64, frames| -> Vec<f32> {
        frames_of_signal(from, frames).iter().map(|sample| sample * 0.5).collect()
    };
    let (clock_a, clock_b) = (voice.clock_at(at).unwrap(), second.clock_at(at).unwrap());
    let (cover_a, cover_b) = (half(clock_a, 4800), half(clock_b, 4800));
    session
        .commit(
            &mut [Part::splice(voice, at, &cover_a), Part::splice(&mut second, at, &cover_b)],
            Instant::now(),
        )
        .unwrap();
    assert!(voice.lead_frames() < lead_before);
    assert_eq!(voice.clock_frames(), clock_a + 4800);
    for _ in 0..100 {
        for voice in [&mut honest[0].voice, &mut second] {
            while voice.try_write(&half(voice.clock_frames(), 1920)).unwrap() > 0 {}
        }
        for one in &mut honest[1..] {
            one.feed();
        }
        stage.step();
    }
    assert_eq!(honest[0].voice.stats().underruns + second.stats().underruns, 0);
    assert_eq!(assert_is_signal(stage.recorded(third)), assert_is_signal(stage.recorded(taps[1])));
    for (tap, clock) in [(taps[0], clock_a), (tap_second, clock_b)] {
        let recorded = stage.recorded(tap);
        let start = recorded.chunks(2).position(|frame| frame != [0.0, 0.0]).unwrap() as u64;
        let sample = |frame: u64| recorded[((start + frame) * 2) as usize];
        let last_old = clock - 1;
        assert_eq!(sample(last_old).to_bits(), signal(last_old, 0).to_bits());
        let first_new = clock + 240;
        for frame in first_new..first_new + 5000 {
            assert_eq!(sample(frame).to_bits(), (signal(frame, 0) * 0.5).to_bits(), "frame {frame}");
        }
    }
    // Both changed on one engine frame.
    let ledger = &stage.status().producers[0];
    assert!(ledger.voices.iter().all(|voice| voice.ledger.superseded > 0));
    assert!(ledger.change_latency.is_some());
}

/// What is not possible changes nothing: before the beginning, beyond the lead, with too little cover.
#[test]
fn impossible_changes_are_refused() {
    let mut stage = Stage::new();
    let mut honest = Honest::new(&stage, "one");
    let fresh = honest.session.soonest_change(&[&honest.voice], Duration::ZERO);
    assert!(matches!(fresh, Err(SpliceError::NotPlaying(_))));
    honest.feed();
    stage.step();
    let now = honest.session.engine_frame();
    let before = honest.voice.stats();
    let cover = frames_of_signal(0, 4800);
    let mut commit = |at: u32, cover: &[f32]| {
        honest.session.commit(&mut [Part::splice(&mut honest.voice, at, cover)], Instant::now())
    };
    assert!(matches!(commit(now + 40_000, &cover), Err(SpliceError::TooShallow { .. })));
    assert!(matches!(commit(now + 2000, &cover[..100]), Err(SpliceError::CoverTooShort { frames: 50, .. })));
    assert!(matches!(commit(now.wrapping_sub(100_000), &cover), Err(SpliceError::BeforeEarlier(_))));
    assert_eq!(honest.voice.stats().lead_frames, before.lead_frames);
}

/// Drain plays to the last frame, bit by bit; the voice can begin anew; close gives its slot back.
#[test]
fn drain_then_begin_anew_then_close() {
    let mut stage = Stage::new();
    let session = stage.session("one");
    let mut voice = session.open(&VoiceOpen::new("short", 2)).unwrap();
    let slot = voice.slot();
    let tap = stage.record("short");
    let (done, drained) = std::sync::mpsc::channel();
    let player = std::thread::spawn(move || {
        voice.write(&frames_of_signal(0, 10_000)).unwrap();
        voice.drain().unwrap();
        done.send(()).unwrap();
        voice
    });
    stage.steps_until("drained", |_| drained.try_recv().is_ok());
    let mut voice = player.join().unwrap();
    let recorded = stage.recorded(tap);
    let start = recorded.chunks(2).position(|frame| frame != [0.0, 0.0]).unwrap();
    let last = &recorded[(start + 9_999) * 2..][..2];
    assert_eq!(last, [signal(9_999, 0), signal(9_999, 1)], "the last frame is played as written");
    assert_eq!((voice.stats().state, voice.stats().underruns), (State::Idle, 0));

    assert!(voice.try_write(&frames_of_signal(0, 4_800)).unwrap() > 0);
    stage.steps_until("it plays again", |_| voice.stats().state == State::Playing);
    voice.close(CloseMode::Drain).unwrap();
    stage.steps_until("the slot is free", |stage| stage.status().producers[0].voices.is_empty());
    let again = session.open(&VoiceOpen::new("short", 2)).unwrap();
    assert_eq!(again.slot(), slot);
}

/// A producer that stops writing hears of its underrun, and of its end; the stall is counted and deepens the lead.
#[test]
fn underruns_are_told_and_deepen_the_lead() {
    let mut stage = Stage::new();
    let mut honest = Honest::new(&stage, "one");
    honest.feed();
    let told = |stage: &mut Stage, honest: &Honest, what: &str| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            stage.step();
            assert!(Instant::now() < deadline, "never told: {what}");
            match honest.session.notification(Duration::from_millis(1)) {
                Some(news) => return news,
                None => continue,
            }
        }
    };
    let news = told(&mut stage, &honest, "underrun");
    let Notification::Underrun(underrun) = &news else { panic!("{news:?}") };
    assert_eq!((underrun.slot, underrun.name.as_str()), (0, "one"));
    for _ in 0..100 {
        stage.step();
    }
    honest.feed();
    let mut resumed = None;
    let mut lead = None;
    while resumed.is_none() || lead.is_none() {
        honest.feed();
        match told(&mut stage, &honest, "resumed and target_lead") {
            Notification::Resumed(news) => resumed = Some(news.frames),
            Notification::TargetLead(news) => lead = Some(news.frames),
            _ => {}
        }
    }
    assert!(resumed.unwrap() >= 100 * BLOCK as u64);
    assert!(lead.unwrap() > 32_640, "a stall of more than 533 ms asks for more than 680 ms");
    let status = stage.status();
    assert!(status.producers[0].worst_stall_ms >= 500.0);
    assert_eq!(status.producers[0].stalls.iter().map(|bar| bar.count).sum::<u64>(), 1);
}

/// A start and a mute at given frames, exact to the frame.
#[test]
fn starts_and_events_are_exact_to_the_frame() {
    let mut stage = Stage::new();
    let session = stage.session("one");
    let mut voice = session.open(&VoiceOpen::new("one", 2)).unwrap();
    let tap = stage.record("one");
    stage.step();
    let start = 5_000;
    voice.start_at(start);
    voice.mute_at(start + 10_000, true, 64).unwrap();
    voice.write(&frames_of_signal(0, 30_000)).unwrap();
    for _ in 0..100 {
        stage.step();
    }
    // The tap begins with the block after it was asked for: find engine frame 0 by the length.
    let recorded = stage.recorded(tap);
    let at = |frame: u32| {
        let from_end = (stage.frame() - u64::from(frame)) as usize * 2;
        &recorded[recorded.len() - from_end..][..2]
    };
    assert_eq!(at(start - 1), [0.0, 0.0]);
    assert_eq!(at(start + 9_999), [signal(9_999, 0), signal(9_999, 1)]);
    assert_ne!(at(start + 10_001), [signal(10_001, 0), signal(10_001, 1)]);
    assert_eq!(at(start + 10_064), [0.0, 0.0]);
    assert_eq!(stage.status().producers[0].voices[0].state, VoiceState::Playing);
}

/// The pacing loop of a simple producer: it begins at once, deepens, is heard bit by bit, and tells its speed.
#[test]
fn the_pacing_loop() {
    let mut stage = Stage::new();
    let session = stage.session("loop");
    let mut voice = session.open(&VoiceOpen::new("loop", 2)).unwrap();
    let tap = stage.record("loop");
    let rendered = Arc::new(AtomicU64::new(0));
    let told = rendered.clone();
    let player = std::thread::spawn(move || {
        let mut frame = 0;
        voice
            .play(512, |chunk| {
                let frames = chunk.len() / 2;
                chunk.copy_from_slice(&frames_of_signal(frame, frames));
                told.store(frame, Ordering::Release); // what was rendered before is written
                frame += frames as u64;
                if frame > 100_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        told.store(u64::MAX, Ordering::Release);
        voice.drain().unwrap();
        voice
    });
    // Time never overtakes what is written: this is no test of how busy the machine is.
    let started = Instant::now();
    while !player.is_finished() {
        assert!(started.elapsed() < PATIENCE);
        if stage.frame() + (BLOCK as u64) < rendered.load(Ordering::Acquire) {
            stage.step();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let voice = player.join().unwrap();
    assert_eq!(voice.stats().underruns, 0);
    let recorded = stage.recorded(tap);
    let start = recorded.chunks(2).position(|frame| frame != [0.0, 0.0]).unwrap();
    assert!(start < 8 * BLOCK, "it began at once");
    let last = frames_of_signal(960, 98_000);
    assert!(recorded[(start + 960) * 2..].starts_with(&last[..]), "every frame is heard as written");
    let status = stage.status();
    assert!(status.producers[0].speed.is_some_and(|speed| speed > 0.0), "{status:?}");
}

/// The level of a recorded tap, or main, over its last frames.
fn loudest(recorded: &[f32], frames: usize) -> f32 {
    recorded[recorded.len() - 2 * frames..].iter().fold(0.0, |most, sample| sample.abs().max(most))
}

/// Every knob of `voice.set` is wired: what it changes is heard, and undone by its opposite.
#[test]
fn every_knob_changes_the_sound() {
    let mut stage = Stage::new();
    let mut honest = vec![Honest::new(&stage, "one"), Honest::new(&stage, "two")];
    let (one, two) = (stage.record("one"), stage.record("two"));
    let mut console = Wire::connect(&stage.socket());
    let mut levels = |stage: &mut Stage, set: VoiceSet| {
        console.call(&set);
        play(stage, &mut honest, 20, Pace::Free);
        let left = |recorded: &[f32]| {
            loudest(&recorded.iter().step_by(2).flat_map(|s| [*s, *s]).collect::<Vec<_>>(), 2560)
        };
        let (one, two) = (stage.recorded(one), stage.recorded(two));
        [loudest(one, 2560), loudest(two, 2560), left(one)]
    };
    let set = || VoiceSet::new(VoiceRef::Name("one".into()));
    let near = |is: f32, wanted: f32| (is - wanted).abs() < 0.01 * wanted.max(0.01);
    let [full, other, left] = levels(&mut stage, set());
    assert!(near(full, 0.1) && near(other, 0.1) && near(left, 0.1));
    let quiet = levels(&mut stage, VoiceSet { gain_db: Some(-20.0), ..set() });
    assert!(near(quiet[0], 0.01) && near(quiet[1], 0.1), "{quiet:?}");
    levels(&mut stage, VoiceSet { gain_db: Some(0.0), ..set() });
    let panned = levels(&mut stage, VoiceSet { pan: Some(1.0), ..set() });
    assert_eq!(panned[2], 0.0, "nothing is left on the left");
    levels(&mut stage, VoiceSet { pan: Some(0.0), ..set() });
    let muted = levels(&mut stage, VoiceSet { mute: Some(true), ..set() });
    assert!(muted[0] == 0.0 && near(muted[1], 0.1));
    let unmuted = levels(&mut stage, VoiceSet { mute: Some(false), ..set() });
    assert!(near(unmuted[0], 0.1));
    let solo = levels(&mut stage, VoiceSet { solo: Some(true), ..set() });
    assert!(near(solo[0], 0.1) && solo[1] == 0.0);
    let both = levels(&mut stage, VoiceSet { solo: Some(false), ..set() });
    assert!(near(both[1], 0.1));
    levels(&mut stage, VoiceSet { priority: Some(7), ..set() });
    assert_eq!(stage.status().producers[0].voices[0].priority, 7);
    let all = levels(&mut stage, VoiceSet { mute: Some(true), ..VoiceSet::new(VoiceRef::Name("*".into())) });
    assert_eq!(all, [0.0; 3]);
}

/// Hush silences everything within 20 ms, without a step, and one call brings all of it back.
#[test]
fn hush_silences_everything() {
    let mut stage = Stage::new();
    let mut honest = vec![Honest::new(&stage, "one"), Honest::new(&stage, "two")];
    play(&mut stage, &mut honest, 20, Pace::Free);
    let mut console = Wire::connect(&stage.socket());
    console.call(&Hush {});
    let latency = stage.latency_frames();
    play(&mut stage, &mut honest, (960 + latency).div_ceil(BLOCK), Pace::Free);
    let before = stage.main.len();
    play(&mut stage, &mut honest, 20, Pace::Free);
    assert!(stage.main[before..].iter().all(|sample| *sample == 0.0));
    console.call(&VoiceSet { mute: Some(false), ..VoiceSet::new(VoiceRef::Name("*".into())) });
    play(&mut stage, &mut honest, 20, Pace::Free);
    assert!(loudest(&stage.main, 2560) > 0.1);
}

/// A fade-in is as long as was asked for.
#[test]
fn a_fade_in() {
    let mut stage = Stage::new();
    let session = stage.session("one");
    let mut voice = session.open(&VoiceOpen { fade_in_ms: 50.0, ..VoiceOpen::new("one", 2) }).unwrap();
    let tap = stage.record("one");
    voice.write(&[0.25; 2 * 9_600]).unwrap();
    for _ in 0..30 {
        stage.step();
    }
    let recorded = stage.recorded(tap);
    let start = recorded.chunks(2).position(|frame| frame != [0.0, 0.0]).unwrap();
    let sample = |frame: usize| recorded[(start + frame) * 2];
    assert!(sample(480) < 0.1 && sample(1_200) < 0.2 && sample(2_300) < 0.25);
    assert_eq!(sample(2_410), 0.25);
    assert!((1..2_400).all(|frame| (sample(frame) - sample(frame - 1)).abs() < 0.01), "no step");
}

/// A voice that the guard muted speaks again once a person unmutes it.
#[test]
fn a_muted_voice_is_forgiven() {
    let mut stage = Stage::new();
    let mut hostile = Hostile::new(&stage.socket(), 1);
    hostile.start(0, f32::NAN);
    stage.steps_until("muted", |stage| stage.status().producers[0].voices[0].fault.is_some());
    hostile.fill(0, 0.125);
    let tap = stage.record("hostile 0");
    hostile.wire.call(&VoiceSet { mute: Some(false), ..VoiceSet::new(VoiceRef::Slot(0)) });
    assert_eq!(stage.status().producers[0].voices[0].fault, None);
    stage.steps_until("it speaks", |stage| stage.recorded(tap).last() == Some(&0.125));
}
