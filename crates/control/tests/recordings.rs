//! Recordings of main over the socket: what was played is what is in the file, and whose they are.

mod common;

use std::path::{Path, PathBuf};

use common::{Honest, Pace, Stage, Wire, play};
use protocol::{
    ErrorWord, Notification, RecordBegin, RecordStart, RecordStop, RecordingState, StatusRequest,
};

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn start(&self, name: &str, hold: bool) -> RecordStart {
        let path = self.path(name).display().to_string();
        RecordStart { path, format: None, overwrite: false, hold }
    }
}

/// The samples of a float WAV.
fn samples(path: &Path) -> Vec<f32> {
    hound::WavReader::open(path).unwrap().samples::<f32>().map(Result::unwrap).collect()
}

/// Blocks until the recording of `wire` has so many frames.
fn play_until(stage: &mut Stage, honest: &mut [Honest], wire: &mut Wire, frames: u64) {
    loop {
        play(stage, honest, 8, Pace::Real);
        let status = wire.call(&StatusRequest::default());
        if status.recordings.iter().any(|recording| recording.frames >= frames) {
            return;
        }
    }
}

/// From where it begins, be it in the past, the file has the bits of main, as many frames as it was to have, and its figures
/// say so. Then it ends by itself, and its owner is told.
#[test]
fn a_recording_is_what_was_played() {
    let mut stage = Stage::new();
    let files = Files::new();
    let mut honest = [Honest::new(&stage, "a"), Honest::new(&stage, "b")];
    let mut wire = Wire::connect(&stage.socket());
    let record = wire.call(&files.start("take.wav", true)).record;
    play(&mut stage, &mut honest, 20, Pace::Free);
    let held = wire.call(&StatusRequest::default()).recordings.remove(0);
    assert_eq!((held.state, held.frames, held.format.as_str()), (RecordingState::Held, 0, "wav"));
    assert!(held.room_bytes.is_some_and(|bytes| bytes > 0));
    wire.call(&RecordBegin { record, frame: 1000, frames: Some(30_000) });
    let recorded = loop {
        play(&mut stage, &mut honest, 4, Pace::Real);
        wire.call(&StatusRequest::default());
        if let Some(Notification::Recorded(recorded)) = wire.news.pop() {
            break recorded;
        }
    };
    assert_eq!((recorded.record, recorded.frames, recorded.lost_frames), (record, 30_000, 0));
    assert_eq!((recorded.saved_frames, &recorded.error), (30_000, &None));
    let first = 1000 + stage.latency_frames();
    let got = samples(&files.path("take.wav"));
    assert!(got.iter().any(|sample| *sample != 0.0));
    assert!(got == stage.main[2 * first..2 * (first + 30_000)], "other bits than main's");
    assert_eq!(recorded.file_bytes, files.path("take.wav").metadata().unwrap().len());
    assert_eq!(wire.call(&StatusRequest::default()).recordings, []);
}

/// It ends with who asked for it, and for nobody else; the file is whole then.
#[test]
fn a_recording_has_an_owner() {
    let mut stage = Stage::new();
    let files = Files::new();
    let mut honest = [Honest::new(&stage, "a")];
    let (mut owner, mut other) = (Wire::connect(&stage.socket()), Wire::connect(&stage.socket()));
    let record = owner.call(&files.start("take.wav", false)).record;
    let refused = other.ask(&RecordStop { record }).unwrap_err();
    assert_eq!(refused.word(), Some(ErrorWord::NoSuchRecording));
    play_until(&mut stage, &mut honest, &mut other, 5000);
    drop(owner);
    stage.steps_until("it ends", |_| other.call(&StatusRequest::default()).recordings.is_empty());
    let got = samples(&files.path("take.wav"));
    assert!(got.len() >= 2 * 5000);
    assert!(stage.main.windows(got.len()).step_by(2).any(|main| *main == got), "a part of main, bit for bit");
}

/// What can't be recorded is refused by name, with what to do, and changes nothing.
#[test]
fn refusals() {
    let stage = Stage::new();
    let files = Files::new();
    let mut wire = Wire::connect(&stage.socket());
    std::fs::write(files.path("old.wav"), "old").unwrap();
    let at = |name: &str| files.start(name, false);
    let named = |path: &str| RecordStart { path: path.into(), ..at("x.wav") };
    let format = |format: &str| RecordStart { format: Some(format.into()), ..at("x.wav") };
    for (start, word, says) in [
        (at("old.wav"), ErrorWord::FileExists, "a file of that name is there"),
        (at("no/take.wav"), ErrorWord::Unwritable, "no such folder"),
        (at("take.mp3"), ErrorWord::InvalidParams, "must end in one of: .wav, .flac"),
        (format("mp3"), ErrorWord::InvalidParams, "there are wav, flac"),
        (named("take.wav"), ErrorWord::Unwritable, "give the whole path"),
        (named("/proc/take.wav"), ErrorWord::Unwritable, "can't be written"),
        (named("/tmp/a\nb.wav"), ErrorWord::InvalidParams, "control characters"),
        (named(&format!("/tmp/{}.wav", "x".repeat(512))), ErrorWord::InvalidParams, "at most 512 bytes"),
    ] {
        let error = wire.ask(&start).unwrap_err();
        assert_eq!(error.word(), Some(word), "{start:?}: {error}");
        assert!(error.message.contains(says), "{error}");
    }
    assert_eq!(std::fs::read(files.path("old.wav")).unwrap(), b"old");
    let record = wire.call(&at("1.flac")).record;
    assert_eq!(
        wire.ask(&RecordBegin { record, frame: 0, frames: Some(0) }).unwrap_err().word(),
        Some(ErrorWord::InvalidParams)
    );
    (2..=4).for_each(|n| drop(wire.call(&at(&format!("{n}.wav")))));
    assert_eq!(wire.ask(&at("5.wav")).unwrap_err().word(), Some(ErrorWord::RecordingsFull));
}

/// The end of the server ends recordings when the fade is over, which they have.
#[test]
fn the_end_has_its_fade() {
    let mut stage = Stage::new();
    let files = Files::new();
    let mut honest = [Honest::new(&stage, "a")];
    let mut wire = Wire::connect(&stage.socket());
    wire.call(&files.start("take.wav", false));
    play_until(&mut stage, &mut honest, &mut wire, 5000);
    let remains = stage.server.take().unwrap().stop().unwrap();
    play(&mut stage, &mut [], 8, Pace::Real);
    remains.finish();
    let got = samples(&files.path("take.wav"));
    assert!(stage.main.ends_with(&got));
    assert_eq!(got[got.len() - 2..], [0.0, 0.0], "it has faded out");
}
