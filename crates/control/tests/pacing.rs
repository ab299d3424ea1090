//! Leads, bells and hand-offs as producers see them.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use common::hostile::Hostile;
use common::{Pace, Stage, Wire, assert_is_signal, frames_of_signal, hello, play};
use forebay_control::Settings;
use producer::{CallError, ChannelCount, Connect, OpenError};
use protocol::{FromDaemon, HandOff, Hello, LeadSetting, LeadWord, Notification, StatusRequest, VoiceOpen};

/// A lead is the voice's own, else the session's, else the daemon's; a ring has room for it and a cover.
#[test]
fn whose_lead_counts() {
    let settings = Settings { lead: LeadSetting::Ms(400.0), ..Settings::default() };
    let stage = Stage::with(settings, |_| {});
    let connect = |lead: Option<LeadSetting>| {
        let connect = Connect::new("one").socket(stage.socket()).start_daemon(false);
        match lead {
            Some(lead) => connect.lead(lead).session().unwrap(),
            None => connect.session().unwrap(),
        }
    };
    let plain = connect(None);
    assert_eq!(plain.hello().target_lead_ms, 400.0);
    let auto = connect(Some(LeadSetting::Auto(LeadWord::Auto)));
    let deep = connect(Some(LeadSetting::Ms(5_000.0)));
    let own = VoiceOpen { lead_ms: Some(LeadSetting::Ms(50.0)), ..VoiceOpen::new("own", 1) };
    let target = |session: &producer::Session, open: &VoiceOpen| {
        let voice = session.open(open).unwrap();
        (voice.stats().target_lead_frames, voice.capacity_frames())
    };
    assert_eq!(target(&plain, &VoiceOpen::new("a", 1)), (19_200, 65_536));
    assert_eq!(target(&plain, &own), (2_400, 65_536));
    assert_eq!(target(&auto, &VoiceOpen::new("a", 1)), (32_640, 65_536));
    assert_eq!(target(&deep, &VoiceOpen::new("a", 1)), (240_000, 262_144));
    let tight = VoiceOpen { capacity_frames: Some(1_500), ..VoiceOpen::new("tight", 1) };
    assert_eq!(target(&deep, &tight), (2_048 - 256, 2_048), "a lead is never deeper than its ring allows");
}

/// A producer plays the same through memory that was opened by its path as through a descriptor that was sent.
#[test]
fn both_hand_offs_play() {
    let mut stage = Stage::new();
    for way in [HandOff::Scm, HandOff::Path] {
        let name = format!("{way:?}");
        let connect = Connect::new(&name).socket(stage.socket()).start_daemon(false).hand_off(&[way]);
        let session = connect.session().unwrap();
        assert_eq!(session.hello().control.as_ref().unwrap().handoff, way);
        let mut voice = session.open(&VoiceOpen::new(&name, 2)).unwrap();
        let tap = stage.record(&name);
        for _ in 0..40 {
            while voice.try_write(&frames_of_signal(voice.clock_frames(), 960)).unwrap() > 0 {}
            play(&mut stage, &mut [], 1, Pace::Free);
        }
        assert_is_signal(stage.recorded(tap));
    }
}

/// Where the daemon can do both, it sends the descriptor.
#[test]
fn a_descriptor_is_preferred() {
    let stage = Stage::new();
    let mut wire = Wire::connect(&stage.socket());
    let hello = wire.call(&Hello { handoff: vec![HandOff::Path, HandOff::Scm], ..hello("test") });
    assert_eq!(hello.control.unwrap().handoff, HandOff::Scm);
}

/// A producer that sleeps is rung while half of its target lead is left, once until it writes again, and before any
/// underrun.
#[test]
fn the_doorbell_rings_in_time() {
    let mut stage = Stage::new();
    let mut sleeper = Hostile::new(&stage.socket(), 1);
    sleeper.start(0, 0.1);
    stage.steps_until("its lead is low", |stage| {
        stage.stats("hostile 0").is_some_and(|stats| stats.lead_frames > 0 && stats.lead_frames < 16_000)
    });
    assert_eq!(sleeper.wire.next(), Some(FromDaemon::Doorbell));
    let stats = stage.stats("hostile 0").unwrap();
    assert!(stats.lead_frames > 12_000 && stats.ledger.underruns == 0, "{stats:?}");
    stage.steps_until("it has run dry", |stage| stage.stats("hostile 0").unwrap().ledger.underruns == 1);
    let underrun = loop {
        match sleeper.wire.next().unwrap() {
            FromDaemon::Notification(Notification::Underrun(underrun)) => break underrun,
            FromDaemon::Doorbell => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((underrun.slot, underrun.name.as_str()), (0, "hostile 0"));
    assert_eq!(sleeper.wire.call(&StatusRequest::default()).producers[0].voices[0].underruns, 1);
}

/// Somebody between a producer and its daemon, for one connection: hands over something else instead of the first ring.
fn impostor(stage: &Stage, instead: &Path) -> PathBuf {
    let socket = instead.with_extension("impostor");
    let (listener, daemon) = (UnixListener::bind(&socket).unwrap(), stage.socket());
    let instead = instead.display().to_string();
    std::thread::spawn(move || {
        let (producer, _) = listener.accept().unwrap();
        let daemon = UnixStream::connect(daemon).unwrap();
        let (mut from, mut to) = (producer.try_clone().unwrap(), daemon.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let mut lies = true;
        for line in BufReader::new(daemon).lines().map_while(Result::ok) {
            let mut said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let truth = said.pointer_mut("/result/ring/path").filter(|_| std::mem::take(&mut lies));
            let line = truth.map(|path| *path = instead.as_str().into()).map_or(line, |()| said.to_string());
            if writeln!(&producer, "{line}").is_err() {
                return;
            }
        }
    });
    socket
}

/// A ring that is refused leaves nothing behind: its voice is closed again, and its name free.
#[test]
fn a_refused_ring_is_given_back() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine");
    std::fs::write(&file, vec![7; 262_144]).unwrap();
    let connect = Connect::new("one").socket(impostor(&stage, &file)).hand_off(&[HandOff::Path]);
    let session = connect.start_daemon(false).session().unwrap();
    let refused = session.voice("one", ChannelCount::MONO).err().expect("a refusal");
    assert!(matches!(refused, OpenError::Call(CallError::Memory(_))), "{refused}");
    session.voice("one", ChannelCount::MONO).unwrap();
    assert!(std::fs::read(&file).unwrap().iter().all(|byte| *byte == 7));
}
