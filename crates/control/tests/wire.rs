//! The socket under attack: garbage, floods, silence, limits; and what each method answers.

mod common;

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use common::hostile::Hostile;
use common::{Honest, Pace, Stage, Wire, assert_is_signal, hello, play};
use forebay_control::Settings;
use protocol::{
    CloseMode, Closing, Devices, ErrorWord, EvictReason, FromDaemon, Hello, Hush, LeadSetting,
    MAX_LINE_BYTES, MainSet, Notification, Ping, RecordBegin, RecordStart, RecordStop,
    Shutdown as ShutdownRequest, StatusRequest, StatusWatch, VoiceClose, VoiceOpen, VoiceRef, VoiceSet,
};

fn word<T: std::fmt::Debug>(outcome: Result<T, protocol::ErrorObject>) -> ErrorWord {
    outcome.expect_err("must be refused").word().expect("our errors have a word")
}

/// Every method answers what the protocol page says, also without a session where it needs none.
#[test]
fn every_method_answers() {
    let stage = Stage::new();
    let mut wire = Wire::connect(&stage.socket());
    wire.call(&Ping {});
    assert_eq!(wire.call(&StatusRequest::default()).daemon.pid, std::process::id());
    assert_eq!(wire.call(&Devices {}).devices, []);
    assert_eq!(word(wire.ask(&VoiceOpen::new("a", 1))), ErrorWord::HelloFirst);
    assert_eq!(word(wire.ask(&VoiceClose { slot: 0, mode: CloseMode::Fade })), ErrorWord::HelloFirst);
    let console = wire.call(&Hello { handoff: vec![], ..hello("console") });
    assert_eq!((console.session, console.control), (0, None));
    let session = wire.call(&hello("test"));
    assert!(session.session > 0 && session.control.is_some());
    assert_eq!(word(wire.ask(&hello("test"))), ErrorWord::HelloAgain);
    let voice = wire.call(&VoiceOpen::new("a", 1));
    assert_eq!((voice.slot, voice.channels, voice.first), (0, 1, 0));
    wire.call(&VoiceSet {
        gain_db: Some(-6.0),
        mute: Some(true),
        ..VoiceSet::new(VoiceRef::Name("a".into()))
    });
    wire.call(&Hush {});
    wire.call(&VoiceSet { mute: Some(false), ..VoiceSet::new(VoiceRef::Name("test/a".into())) });
    let set = &wire.call(&StatusRequest::default()).producers[0].voices[0];
    assert_eq!((set.gain_db, set.mute), (-6.0, false));
    wire.call(&VoiceClose { slot: 0, mode: CloseMode::Fade });
    assert_eq!(word(wire.ask(&VoiceClose { slot: 0, mode: CloseMode::Fade })), ErrorWord::NoSuchVoice);
    wire.call(&StatusWatch { interval_ms: 20 });
    assert!(matches!(wire.next_news(), Notification::Status(_)));
    wire.call(&StatusWatch { interval_ms: 0 });
    wire.call(&MainSet { ceiling_db: Some(-6.0), ..MainSet::default() });
    assert!(matches!(wire.news.pop(), Some(Notification::Main(news)) if news.ceiling_db == Some(-6.0)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("take.wav").display().to_string();
    let start = RecordStart { path, format: None, overwrite: false, hold: true };
    let record = wire.call(&start).record;
    wire.call(&RecordBegin { record, frame: 0, frames: None });
    assert_eq!(wire.call(&RecordStop { record }).frames, 0);
    assert_eq!(word(wire.ask(&RecordStop { record })), ErrorWord::NoSuchRecording);
    wire.call(&ShutdownRequest::default());
    assert_eq!(*stage.told.shutdown.lock().unwrap(), 1);
    assert_eq!(common::methods().len(), 14, "this test walks over all of them");
}

/// Wrong values are refused one by one, each with the word for it and a sentence.
#[test]
fn wrong_values_are_refused() {
    let stage = Stage::new();
    let mut wire = Wire::connect(&stage.socket());
    let older = wire.ask(&Hello { protocol: 2, ..hello("newer") }).unwrap_err();
    assert_eq!(older.word(), Some(ErrorWord::VersionMismatch));
    assert!(older.message.contains("forebay restart"), "{older}");
    assert_eq!(word(wire.ask(&Hello { layout: 0, ..hello("x") })), ErrorWord::VersionMismatch);
    assert_eq!(word(wire.ask(&hello(""))), ErrorWord::InvalidParams);
    assert_eq!(word(wire.ask(&hello("a\nb"))), ErrorWord::InvalidParams);
    assert_eq!(word(wire.ask(&hello(&"x".repeat(65)))), ErrorWord::InvalidParams);
    let lead = Some(LeadSetting::Ms(1e9));
    assert_eq!(word(wire.ask(&Hello { lead_ms: lead, ..hello("x") })), ErrorWord::InvalidParams);
    wire.call(&hello("test"));
    let open = VoiceOpen::new("a", 2);
    let wrong = [
        VoiceOpen::new("a", 0),
        VoiceOpen::new("a", 9),
        VoiceOpen::new("", 1),
        VoiceOpen { gain_db: 25.0, ..open.clone() },
        VoiceOpen { pan: -1.1, ..open.clone() },
        VoiceOpen { lead_ms: Some(LeadSetting::Ms(-1.0)), ..open.clone() },
        VoiceOpen { capacity_frames: Some(0), ..open.clone() },
        VoiceOpen { capacity_frames: Some(u32::MAX), ..open.clone() },
    ];
    for wrong in wrong {
        assert_eq!(word(wire.ask(&wrong)), ErrorWord::InvalidParams, "{wrong:?}");
    }
    wire.call(&open);
    assert_eq!(word(wire.ask(&open)), ErrorWord::NameTaken);
    let nobody = VoiceSet::new(VoiceRef::Name("nobody".into()));
    assert_eq!(word(wire.ask(&nobody)), ErrorWord::NoSuchVoice);
    let loud = VoiceSet { gain_db: Some(99.0), ..VoiceSet::new(VoiceRef::Slot(0)) };
    assert_eq!(word(wire.ask(&loud)), ErrorWord::InvalidParams);
    assert_eq!(word(wire.ask(&StatusWatch { interval_ms: 5 })), ErrorWord::InvalidParams);
    let status = stage.status();
    assert_eq!((status.producers.len(), status.producers[0].voices.len()), (1, 1), "nothing is left behind");
}

/// Each limit holds, and what it refuses works again once there is room.
#[test]
fn limits_hold() {
    let settings = Settings {
        max_sessions: 2,
        max_session_ring_bytes: 2 * 65_536 * 8,
        max_ring_bytes: 3 * 65_536 * 8,
        ..Settings::default()
    };
    let mut stage = Stage::with(settings, |config| config.max_voices = 3);
    let mut first = Hostile::new(&stage.socket(), 2);
    assert_eq!(word(first.wire.ask(&VoiceOpen::new("third", 2))), ErrorWord::MemoryFull);
    let mut second = Hostile::new(&stage.socket(), 1);
    let small = |name: &str| VoiceOpen { capacity_frames: Some(1024), ..VoiceOpen::new(name, 1) };
    assert_eq!(word(second.wire.ask(&small("small"))), ErrorWord::MemoryFull);
    let mut third = Wire::connect(&stage.socket());
    assert_eq!(word(third.ask(&hello("third"))), ErrorWord::ConnectionsFull);
    first.wire.call(&VoiceClose { slot: 1, mode: CloseMode::Fade });
    stage.steps_until("the ring is unmapped", |stage| stage.status().producers[0].voices.len() == 1);
    second.wire.call(&small("small"));
    assert_eq!(word(second.wire.ask(&small("smaller"))), ErrorWord::VoicesFull);
    drop(first);
    stage.steps_until("the session is over", |stage| stage.status().producers.len() == 1);
    third.call(&hello("third"));
}

/// All 64 slots of a session, and not one more; its whole status fits into a line.
#[test]
fn sixty_four_voices() {
    let stage = Stage::new();
    let mut wire = Wire::connect(&stage.socket());
    wire.call(&hello(&"\"".repeat(64)));
    for number in 0..64 {
        let name = format!("{}{number:02}", "\\".repeat(62));
        wire.call(&VoiceOpen {
            capacity_frames: Some(1024),
            gain_db: -123.45,
            pan: -0.99,
            ..VoiceOpen::new(name, 8)
        });
    }
    assert_eq!(word(wire.ask(&VoiceOpen::new("one more", 1))), ErrorWord::SlotsFull);
    let others = [0, 1].map(|_| {
        let mut other = Wire::connect(&stage.socket());
        other.call(&hello("other"));
        for number in 0..64 {
            other.call(&VoiceOpen { capacity_frames: Some(1024), ..VoiceOpen::new(format!("{number}"), 1) });
        }
        other
    });
    let (mut from, mut sessions) = (None, Vec::new());
    loop {
        let page = wire.call(&StatusRequest { from });
        assert!(page.producers.iter().all(|producer| producer.voices.len() == 64), "none is cut");
        sessions.extend(page.producers.iter().map(|producer| producer.session));
        match page.more_from {
            Some(more) => from = Some(more),
            None => break,
        }
    }
    assert!(from.is_some(), "192 voices need more than a line");
    assert_eq!(sessions, [1, 2, 3]);
    drop(others);
}

/// A line of 64 KiB passes, one byte more is refused and ends the connection, as do lines that are no requests.
#[test]
fn long_lines_and_garbage() {
    let stage = Stage::new();
    let mut wire = Wire::connect(&stage.socket());
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    wire.send(&format!("{ping}{}\n", " ".repeat(MAX_LINE_BYTES - 1 - ping.len())));
    wire.reply().unwrap();
    wire.send(&format!("{ping}{}\n", " ".repeat(MAX_LINE_BYTES - ping.len())));
    assert_eq!(word(wire.reply()), ErrorWord::LineTooLong);
    let news = wire.until_hung_up();
    assert!(matches!(&news[..], [Notification::Evicted(evicted)] if evicted.reason == EvictReason::Garbage));

    let mut wire = Wire::connect(&stage.socket());
    for _ in 0..15 {
        wire.send("garbage\n");
        assert_eq!(word(wire.reply()), ErrorWord::ParseError);
    }
    wire.call(&Ping {});
    for _ in 0..16 {
        wire.send("[]\n");
        assert_eq!(word(wire.reply()), ErrorWord::InvalidRequest);
    }
    assert_eq!(wire.until_hung_up().len(), 1);
    let mut binary = Wire::connect(&stage.socket());
    let _hung_up_meanwhile = binary.stream.write_all(&[0xFF; 200_000]);
    assert!(binary.until_hung_up().len() <= 1);
    assert_eq!(stage.status().daemon.evicted, 3);
}

/// Who closes only its sending half still gets its answers; a producer that does so is dead.
#[test]
fn half_closed_connections() {
    let mut stage = Stage::new();
    let mut wire = Wire::connect(&stage.socket());
    wire.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"status\"}\n");
    wire.stream.shutdown(Shutdown::Write).unwrap();
    assert!(wire.reply().is_ok() && wire.reply().is_ok());
    assert!(wire.next().is_none());
    let producer = Hostile::new(&stage.socket(), 1);
    producer.wire.stream.shutdown(Shutdown::Write).unwrap();
    stage.steps_until("the producer is gone", |stage| stage.status().producers.is_empty());
}

/// Connections that say nothing push each other out, never somebody who has spoken; a newcomer always gets in.
#[test]
fn silent_connections_hurt_nobody() {
    let settings = Settings { max_connections: 16, ..Settings::default() };
    let mut stage = Stage::with(settings, |_| {});
    let mut honest = vec![Honest::new(&stage, "one")];
    let tap = stage.record("one");
    let silent: Vec<_> = (0..200).map(|_| UnixStream::connect(stage.socket()).unwrap()).collect();
    play(&mut stage, &mut honest, 50, Pace::Free);
    let mut speaker = Wire::connect(&stage.socket());
    speaker.call(&Ping {});
    assert!(stage.status().daemon.connections <= 16);
    assert!(honest[0].session.closed().is_none());
    drop(silent);
    speaker.call(&Ping {});
    assert_is_signal(stage.recorded(tap));

    // Only those who have spoken are left: one more is told so.
    let mut speakers: Vec<_> = Vec::new();
    for _ in 0..14 {
        let mut one = Wire::connect(&stage.socket());
        one.call(&Ping {});
        speakers.push(one);
    }
    let mut one_more = Wire::connect(&stage.socket());
    let refused = one_more.next();
    assert!(
        matches!(&refused, Some(FromDaemon::Reply { outcome: Err(error), .. }) if error.word() == Some(ErrorWord::ConnectionsFull)),
        "{refused:?}"
    );
}

/// A flood of requests from somebody who does not read the answers is thrown out; others are served meanwhile.
#[test]
fn a_flood_without_reading() {
    let mut stage = Stage::new();
    let mut honest = vec![Honest::new(&stage, "one")];
    let tap = stage.record("one");
    let flood = UnixStream::connect(stage.socket()).unwrap();
    let line = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n".repeat(500);
    let writer = std::thread::spawn(move || while (&flood).write_all(&line).is_ok() {});
    let mut other = Wire::connect(&stage.socket());
    while !writer.is_finished() {
        other.call(&Ping {});
        play(&mut stage, &mut honest, 5, Pace::Free);
    }
    writer.join().unwrap();
    stage.steps_until("it is thrown out", |stage| stage.evicted() == 1);
    play(&mut stage, &mut honest, 50, Pace::Free);
    assert_is_signal(stage.recorded(tap));
}

/// Voices that open and close as fast as they can leave slots, memory and the others as they were.
#[test]
fn a_flood_of_voices() {
    let mut stage = Stage::new();
    let mut honest = vec![Honest::new(&stage, "one")];
    let tap = stage.record("one");
    let mut flood = Hostile::new(&stage.socket(), 0);
    for round in 0..300 {
        let open = VoiceOpen { capacity_frames: Some(4096), ..VoiceOpen::new(format!("{round}"), 2) };
        if let Ok(voice) = flood.wire.ask(&open) {
            flood.wire.call(&VoiceClose {
                slot: voice.slot,
                mode: if round % 2 == 0 { CloseMode::Fade } else { CloseMode::Drain },
            });
        }
        play(&mut stage, &mut honest, 1, Pace::Free);
    }
    stage.steps_until("all are gone", |stage| {
        honest[0].feed();
        stage.status().engine.voices == 1
    });
    assert_is_signal(stage.recorded(tap));
}

/// The daemon's end: everybody is told, and whether it is for good; everything fades, every connection closes, the engine
/// comes back.
#[test]
fn the_end_is_told() {
    let asked = [None, Some(false), Some(true)];
    for (is_final, asked) in asked.into_iter().map(|asked| (asked == Some(true), asked)) {
        let mut stage = Stage::new();
        let honest = Honest::new(&stage, "one");
        let mut wire = Wire::connect(&stage.socket());
        match asked {
            Some(is_final) => wire.call(&ShutdownRequest { is_final }),
            None => wire.call(&Ping {}),
        };
        assert!(stage.server.take().unwrap().stop().is_some());
        assert!(wire.until_hung_up().contains(&Notification::Closing(Closing { is_final })));
        let why = std::iter::repeat_with(|| honest.session.closed()).find_map(|why| {
            std::thread::yield_now();
            why
        });
        assert_eq!(why.unwrap().contains("forebay stop"), is_final);
    }
}

/// Another user who gets to the socket all the same is hung up on before a word.
#[test]
fn another_user_is_not_served() {
    use std::os::unix::fs::PermissionsExt;
    if session::os::own_uid() != 0 {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let stage = Stage::new();
    let open = |path: &std::path::Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    };
    open(stage.socket().parent().unwrap());
    open(&stage.socket());
    let socket = stage.socket();
    let other = std::thread::spawn(move || {
        // Of this thread alone.
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65_534)).unwrap();
        let mut wire = Wire::connect(&socket);
        wire.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shutdown\"}\n");
        wire.next()
    });
    assert_eq!(other.join().unwrap(), None);
    assert_eq!(*stage.told.shutdown.lock().unwrap(), 0);
    assert!(stage.told.lines.lock().unwrap().iter().any(|line| line.contains("user 65534")));
}

/// Who opens voice after voice to lie with it is thrown out in the end, by name.
#[test]
fn a_notorious_liar_is_thrown_out() {
    let mut stage = Stage::new();
    let mut honest = vec![Honest::new(&stage, "one")];
    let tap = stage.record("one");
    let mut liar = Hostile::new(&stage.socket(), 0);
    let mut lies = 0;
    while stage.evicted() == 0 {
        assert!(lies < 40, "it gets away with it");
        let open = VoiceOpen { capacity_frames: Some(1024), ..VoiceOpen::new(format!("{lies}"), 1) };
        let Ok(voice) = liar.wire.ask(&open) else { continue };
        liar.poke(Hostile::producer_word(voice.slot, 0), voice.first.wrapping_add(1 << 31));
        lies += 1;
        for _ in 0..4 {
            play(&mut stage, &mut honest, 1, Pace::Free);
        }
        stage.steps_until("it is muted", |stage| {
            honest[0].feed();
            let lines = stage.told.lines.lock().unwrap();
            lines.iter().filter(|line| line.contains("counters")).count() >= lies
        });
        if lies < 32 {
            liar.wire.call(&VoiceClose { slot: voice.slot, mode: CloseMode::Fade });
        }
    }
    assert_eq!(lies, 32);
    let news = liar.wire.until_hung_up();
    assert!(news.iter().any(|news| {
        matches!(news, Notification::Evicted(evicted) if evicted.reason == EvictReason::Counters)
    }));
    assert_is_signal(stage.recorded(tap));
}
