//! Producers that lie, flood, die and freeze, each in a process of its own: nobody else changes by one bit.

mod common;

use common::hostile::Hostile;
use common::{Actor, Honest, Pace, ROLE, Stage, assert_is_signal, frames_of_signal, play, say};
use engine::VoiceId;
use protocol::{EvictReason, Notification, VoiceState};
use ring::sync::{AtomicU64, Ordering};
use rustix::process::Signal;
use session::layout;

/// The other processes of this file; does nothing in a plain run.
#[test]
fn actor() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let socket = std::path::PathBuf::from(std::env::var_os("FOREBAY_SOCKET").unwrap());
    match role.as_str() {
        "counters" => lie_about_counters(Hostile::new(&socket, 3)),
        "control" => scribble_over_control(Hostile::new(&socket, 2)),
        "samples" => write_no_sound(Hostile::new(&socket, 5)),
        "events" => flood_events(Hostile::new(&socket, 1)),
        "truncate" => truncate(Hostile::new(&socket, 1)),
        "holes" => punch_holes(Hostile::new(&socket, 1)),
        "signal" => play_signal(),
        other => panic!("no role {other}"),
    }
}

/// Three honest voices beside whatever happens.
struct Bystanders {
    honest: Vec<Honest>,
    taps: Vec<VoiceId>,
}

impl Bystanders {
    fn new(stage: &mut Stage) -> Self {
        let names = ["first", "second", "third"];
        let honest = names.map(|name| Honest::new(stage, name)).into();
        let taps = names.map(|name| stage.record(name)).into();
        let mut this = Self { honest, taps };
        this.play(stage, 20);
        this
    }

    fn play(&mut self, stage: &mut Stage, blocks: usize) {
        play(stage, &mut self.honest, blocks, Pace::Real);
    }

    /// Plays until `until` holds.
    fn play_until(&mut self, stage: &mut Stage, what: &str, mut until: impl FnMut(&mut Stage) -> bool) {
        let deadline = std::time::Instant::now() + common::PATIENCE;
        while !until(stage) {
            assert!(std::time::Instant::now() < deadline, "never: {what}");
            self.play(stage, 1);
        }
    }

    /// Nothing of what happened was heard in them.
    fn assert_untouched(&self, stage: &Stage) {
        let heard: Vec<_> = self.taps.iter().map(|tap| assert_is_signal(stage.recorded(*tap))).collect();
        assert!(heard.iter().all(|frames| *frames == heard[0]), "{heard:?}");
        assert!(self.honest.iter().all(|one| one.voice.stats().underruns == 0));
    }
}

/// Plays beside an actor until it says `done`, and a while longer.
fn beside(role: &str) -> (Stage, Bystanders, Actor) {
    let mut stage = Stage::new();
    stage.count_faults();
    let mut bystanders = Bystanders::new(&mut stage);
    let mut actor = Actor::new(&stage, role);
    let (said, done) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| said.send(actor.wait_for("done")).unwrap());
        bystanders.play_until(&mut stage, "the actor is done", |_| done.try_recv().is_ok());
    });
    bystanders.play(&mut stage, 30);
    (stage, bystanders, actor)
}

fn lie_about_counters(mut hostile: Hostile) {
    hostile.start(0, 0.25);
    std::thread::sleep(std::time::Duration::from_millis(50));
    for round in 0..20_000_u32 {
        let value = match round % 4 {
            0 => hostile.random(),
            1 => u32::MAX,
            2 => 1 << 31,
            _ => round,
        };
        let slot = hostile.voices[round as usize % 3].0.slot;
        let field = [0, 4, 8, 12, 16][hostile.random() as usize % 5];
        hostile.poke(Hostile::producer_word(slot, field), value);
        let marker = layout::MARKER_WORDS + slot as usize * 256 + (hostile.random() as usize % 64) * 4;
        let lie = hostile.random();
        hostile.poke(marker, lie);
        let group = hostile.random();
        hostile.poke(layout::COMMIT, group);
    }
    say("done");
    hostile.wire.until_hung_up();
}

/// Torn, absurd and backward counters and markers: the liar is muted and named, the others are untouched.
#[test]
fn absurd_counters() {
    let (stage, bystanders, _actor) = beside("counters");
    bystanders.assert_untouched(&stage);
    let lines = stage.told.lines.lock().unwrap().join("\n");
    assert!(lines.contains("hostile 0") && lines.contains("muted"), "{lines}");
}

fn scribble_over_control(mut hostile: Hostile) {
    for _ in 0..200_000 {
        let offset = hostile.random() as usize % (layout::CONTROL_BYTES / 4) * 4;
        let value = hostile.random();
        hostile.poke(offset, value);
    }
    say("done");
    hostile.wire.until_hung_up();
}

/// Random words over the whole control memory, those of the daemon among them: it never reads its own back.
#[test]
fn scribbles_over_the_whole_control_memory() {
    let (stage, bystanders, _actor) = beside("control");
    bystanders.assert_untouched(&stage);
}

fn write_no_sound(mut hostile: Hostile) {
    for (voice, sample) in
        [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0, 1e30, f32::NEG_INFINITY].iter().enumerate()
    {
        hostile.start(voice, *sample);
    }
    let mut muted = 0;
    while muted < 4 {
        if let Notification::Muted(news) = hostile.wire.next_news() {
            say(&format!("muted {} {:?}", news.name, news.reason));
            muted += 1;
        }
    }
    say("done");
    hostile.wire.until_hung_up();
}

/// NaN, infinities and 1e30 are muted with their names, denormals are cleaned away in silence; main stays sound.
#[test]
fn samples_that_are_no_sound() {
    let (stage, bystanders, _actor) = beside("samples");
    bystanders.assert_untouched(&stage);
    assert!(stage.main.iter().all(|sample| sample.is_finite() && sample.abs() <= 1.0));
    let status = stage.status();
    let hostile = status.producers.iter().find(|producer| producer.client == "hostile").unwrap();
    let faulty: Vec<_> = hostile.voices.iter().map(|voice| voice.fault.is_some()).collect();
    assert_eq!(faulty, [true, true, false, true, true]);
    assert_eq!(hostile.voices[2].state, VoiceState::Playing);
}

fn flood_events(mut hostile: Hostile) {
    hostile.start(0, 0.1);
    for round in 0..3_000_u32 {
        for entry in 0..layout::EVENTS {
            if entry % 97 == round as usize % 97 {
                let place = layout::EVENT_ENTRIES + entry * layout::ENTRY_BYTES;
                for field in 0..5 {
                    let value = hostile.random();
                    hostile.poke(place + field * 4, if field == 2 { value % 5 } else { value });
                }
            }
        }
        let ahead = if round % 3 == 0 { hostile.random() } else { round * 1024 };
        hostile.poke(layout::EVENT_WRITE, ahead);
    }
    say("done");
    hostile.wire.until_hung_up();
}

/// A flood of timed events, most of them absurd, for slots that are not its own among them.
#[test]
fn a_flood_of_events() {
    let (stage, bystanders, _actor) = beside("events");
    bystanders.assert_untouched(&stage);
    assert!(stage.main_stats().events_refused > 0);
}

fn truncate(mut hostile: Hostile) {
    hostile.start(0, 0.1);
    let mut refused = 0;
    for file in [&hostile.control, &hostile.voices[0].1] {
        for bytes in [0, 4096, 1 << 30] {
            refused += u32::from(file.set_len(bytes).is_err());
        }
    }
    say(&format!("done {refused}"));
    hostile.wire.until_hung_up();
}

/// Truncation, which would kill every process that maps the memory, is refused by the seals.
#[test]
fn truncation_is_refused() {
    let mut stage = Stage::new();
    let mut bystanders = Bystanders::new(&mut stage);
    let mut actor = Actor::new(&stage, "truncate");
    assert_eq!(actor.wait_for("done"), "6");
    bystanders.play(&mut stage, 50);
    bystanders.assert_untouched(&stage);
    assert_eq!(stage.evicted(), 0);
}

fn punch_holes(mut hostile: Hostile) {
    hostile.start(0, 0.1);
    let news = hostile.punch_until_thrown_out();
    let evicted = news
        .iter()
        .any(|news| matches!(news, Notification::Evicted(evicted) if evicted.reason == EvictReason::Hole));
    say(&format!("done {evicted}"));
}

/// Who takes pages away costs the audio thread faults, but no more than a few, and is thrown out.
#[test]
fn punched_holes() {
    let mut stage = Stage::new();
    stage.count_faults();
    let mut bystanders = Bystanders::new(&mut stage);
    let mut actor = Actor::new(&stage, "holes");
    let (said, done) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| said.send(actor.wait_for("done")).unwrap());
        bystanders.play_until(&mut stage, "thrown out", |_| done.try_recv().is_ok_and(|word| word == "true"));
    });
    bystanders.play_until(&mut stage, "its voices are gone", |stage| stage.status().producers.len() == 3);
    bystanders.play(&mut stage, 20);
    bystanders.assert_untouched(&stage);
    assert_eq!(stage.evicted(), 1);
    let (faults, pages) =
        (stage.main_stats().page_faults, (65_536 * 8 + layout::CONTROL_BYTES as u64) / 4096);
    println!("{faults} faults, {pages} pages");
    assert!(faults <= pages);
}

/// The kernel may take every page of a session away once and bring it back: faults without a hole are no malice. Who costs
/// more than that hides its holes.
#[test]
fn faults_are_no_holes() {
    /// Each look at the counter finds one more.
    fn counter() -> u64 {
        static FAULTS: AtomicU64 = AtomicU64::new(0);
        FAULTS.fetch_add(1, Ordering::Relaxed)
    }
    let mut stage = Stage::new();
    let mut honest = vec![Honest::new(&stage, "one")];
    play(&mut stage, &mut honest, 20, Pace::Free);
    stage.count_faults_by(counter);
    let pages = (65_536 * 8 + layout::CONTROL_BYTES as u64) / 4096;
    while stage.stats("one").is_none_or(|stats| stats.page_faults < pages - 20) {
        play(&mut stage, &mut honest, 1, Pace::Free);
    }
    assert_eq!((stage.evicted(), honest[0].session.closed()), (0, None));
    stage.steps_until("it is thrown out", |stage| stage.evicted() == 1);
}

/// Plays the signal as an ordinary program does, and says how much it has written.
fn play_signal() {
    let session = producer::Connect::new("ordinary").start_daemon(false).session().unwrap();
    let mut voice = session.voice("ordinary", producer::ChannelCount::STEREO).unwrap();
    say("open");
    let mut frame = 0;
    loop {
        if voice.write(&frames_of_signal(frame, 960)).is_err() {
            return;
        }
        frame += 960;
        say(&format!("wrote {frame}"));
    }
}

/// An ordinary program beside the bystanders, with its tap recorded from its first frame on.
fn with_ordinary(stage: &mut Stage, bystanders: &mut Bystanders) -> (Actor, VoiceId) {
    let mut actor = Actor::new(stage, "signal");
    actor.wait_for("open");
    let tap = stage.record("ordinary");
    bystanders.play_until(stage, "its lead is full", |stage| {
        stage.stats("ordinary").is_some_and(|stats| stats.lead_frames > 30_000)
    });
    (actor, tap)
}

/// A producer is killed: what it wrote plays out to the last frame, fades, and its slot returns. The others are
/// untouched.
#[test]
fn sigkill() {
    let mut stage = Stage::new();
    let mut bystanders = Bystanders::new(&mut stage);
    let (actor, tap) = with_ordinary(&mut stage, &mut bystanders);
    actor.signal(Signal::KILL);
    bystanders.play_until(&mut stage, "it is seen to be dead", |stage| {
        stage.status().producers.iter().any(|producer| producer.dead)
    });
    bystanders.play_until(&mut stage, "its slot is free", |stage| stage.status().producers.len() == 3);
    bystanders.play(&mut stage, 20);
    bystanders.assert_untouched(&stage);
    let recorded = stage.recorded(tap);
    let last = recorded.chunks(2).rposition(|frame| frame != [0.0, 0.0]).unwrap();
    let start = recorded.chunks(2).position(|frame| frame != [0.0, 0.0]).unwrap();
    assert!(last - start > 30_000, "its lead was played");
    assert!(stage.evicted() == 0);
}

/// A producer is stopped for 500 ms at a lead of 680 ms: it loses no frame, and neither does anybody else.
#[test]
fn sigstop_for_half_a_second() {
    let mut stage = Stage::new();
    let mut bystanders = Bystanders::new(&mut stage);
    let (mut actor, tap) = with_ordinary(&mut stage, &mut bystanders);
    actor.signal(Signal::STOP);
    bystanders.play(&mut stage, 24_000 / common::BLOCK);
    actor.signal(Signal::CONT);
    // Engine time stands until it has written again: a busy machine proves nothing.
    let written = stage.stats("ordinary").unwrap().ledger.produced;
    while actor.wait_for("wrote").parse::<u64>().unwrap() <= written {}
    bystanders.play(&mut stage, 100);
    bystanders.assert_untouched(&stage);
    assert_is_signal(stage.recorded(tap));
    let stats = stage.stats("ordinary").unwrap();
    assert_eq!((stats.ledger.underruns, stats.ledger.concealed), (0, 0));
    assert_eq!(stage.evicted(), 0);
}
