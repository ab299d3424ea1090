//! Recordings, from taps whose writer is the test.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

use forebay_sink::{Ended, Figures, News, Recorder, State, Wish};
use media::{FrameSource, Sound, SoundFormat};
use ring::{BroadcastReader, BroadcastWriter, Region, broadcast};
use units::{ChannelCount, SampleRate};

/// Frames that the taps hold.
const TAP_FRAMES: usize = 1024;

fn tap() -> (BroadcastWriter, BroadcastReader) {
    broadcast(&Region::heap(64 + TAP_FRAMES * 2 * 4), ChannelCount::STEREO)
}

fn wish(path: &Path, hold: bool) -> Wish {
    Wish {
        path: path.to_owned(),
        format: SoundFormat::of(path).unwrap(),
        overwrite: false,
        rate: SampleRate::DEFAULT,
        channels: ChannelCount::STEREO,
        hold,
    }
}

/// Frame `n`, exact in 24 bits.
fn frame(n: u64) -> [f32; 2] {
    let left = (n % 4093 + 1) as f32 / 8192.0;
    [left, -left]
}

fn frames(numbers: std::ops::Range<u64>) -> Vec<f32> {
    numbers.flat_map(frame).collect()
}

struct Scene {
    _folder: tempfile::TempDir,
    path: PathBuf,
    tap: BroadcastWriter,
    recorder: Recorder,
    news: Receiver<News>,
}

impl Scene {
    fn new(name: &str, hold: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let (tap, reader) = tap();
        let (tell, news) = channel();
        let recorder =
            Recorder::start(reader, wish(&path, hold), move |said| tell.send(said).unwrap()).unwrap();
        assert!(matches!(news.recv(), Ok(News::Opened(Ok(())))));
        Self { _folder: folder, path, tap, recorder, news }
    }

    /// Plays frames in blocks; never more than the tap holds before the recorder has taken them.
    fn play(&mut self, numbers: std::ops::Range<u64>, taken_before: u64) {
        for first in numbers.clone().step_by(64) {
            self.tap.write(&frames(first..(first + 64).min(numbers.end)));
            let played = first + 64 - numbers.start;
            if played.is_multiple_of(512) {
                self.await_taken((taken_before + played).saturating_sub(512));
            }
        }
    }

    fn await_taken(&self, frames: u64) -> Figures {
        loop {
            let figures = self.recorder.figures();
            if figures.taken_frames >= frames {
                return figures;
            }
            std::thread::yield_now();
        }
    }

    /// Ends it; what it told, and what is in the file.
    fn end(self) -> (Ended, Vec<f32>) {
        self.recorder.stop();
        let Ok(News::Ended(ended)) = self.news.recv() else { panic!("an end") };
        (ended, read(&self.path))
    }
}

fn read(path: &Path) -> Vec<f32> {
    let mut sound = Sound::open(path).unwrap();
    let (mut all, mut out) = (vec![], vec![0.0; 2 * 1000]);
    loop {
        let frames = sound.read(&mut out).unwrap();
        if frames == 0 {
            return all;
        }
        all.extend_from_slice(&out[..2 * frames]);
    }
}

/// What was played is in the file, bit for bit, in both kinds of file, and every frame of it is accounted for.
#[test]
fn what_was_played_is_recorded() {
    for name in ["take.wav", "take.flac"] {
        let mut scene = Scene::new(name, false);
        scene.play(0..20_000, 0);
        let (ended, got) = scene.end();
        assert_eq!(ended.failure, None);
        let Figures { state, taken_frames, lost_frames, saved_frames, .. } = ended.figures;
        assert_eq!((state, taken_frames, lost_frames, saved_frames), (State::Ended, 20_000, 0, 20_000));
        assert!(got == frames(0..20_000), "{name}");
    }
}

/// A held recording begins at the frame that it is told, be it past or to come, and ends by itself after as many as it is to
/// have.
#[test]
fn begins_and_ends_to_the_frame() {
    for (told_at, first) in [(600, 100), (600, 5000)] {
        let mut scene = Scene::new("take.wav", true);
        scene.tap.count_from(0);
        scene.play(0..told_at, 0);
        // How much room there is, is looked at now and then.
        assert_eq!(Figures { room_bytes: None, ..scene.recorder.figures() }, Figures::default());
        scene.recorder.begin(first, Some(3000));
        while scene.recorder.figures().state == State::Held {
            std::thread::yield_now();
        }
        for next in (told_at..9600).step_by(64) {
            scene.await_taken(next.saturating_sub(first).min(3000));
            scene.tap.write(&frames(next..next + 64));
        }
        let Ok(News::Ended(ended)) = scene.news.recv() else { panic!("an end") };
        assert_eq!((ended.figures.taken_frames, ended.figures.lost_frames), (3000, 0));
        assert!(read(&scene.path) == frames(first..first + 3000));
    }
}

/// What a reader loses is silence of the same length, counted; all that it gets is in its place.
#[test]
fn what_is_lost_is_silence_by_count() {
    let mut scene = Scene::new("take.flac", true);
    scene.tap.count_from(7000);
    scene.tap.write(&frames(0..3 * TAP_FRAMES as u64));
    // The tap has forgotten the first two thirds.
    scene.recorder.begin(7000, None);
    let figures = scene.await_taken(3 * TAP_FRAMES as u64);
    assert_eq!(figures.taken_frames, 3 * TAP_FRAMES as u64);
    let (ended, got) = scene.end();
    let lost = ended.figures.lost_frames;
    assert!(lost >= 2 * TAP_FRAMES as u64 && lost < 3 * TAP_FRAMES as u64, "{lost}");
    assert_eq!(ended.figures.saved_frames, ended.figures.taken_frames);
    assert!(got[..2 * lost as usize].iter().all(|sample| *sample == 0.0));
    assert!(got[2 * lost as usize..] == frames(lost..3 * TAP_FRAMES as u64));
}

/// A full disk ends it with a reason; what is saved is readable, and nothing waits.
#[test]
fn a_full_disk_ends_it() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("SKIPPED a_full_disk_ends_it: no small disk can be mounted here");
        return;
    };
    for name in ["take.wav", "take.flac"] {
        let path = disk.0.path().join(name);
        let (mut tap, reader) = tap();
        let (tell, news) = channel();
        let recorder =
            Recorder::start(reader, wish(&path, false), move |said| tell.send(said).unwrap()).unwrap();
        assert!(matches!(news.recv(), Ok(News::Opened(Ok(())))));
        let mut next = 0;
        let ended = loop {
            if let Ok(News::Ended(ended)) = news.try_recv() {
                break ended;
            }
            let figures = recorder.figures();
            if figures.taken_frames == next && figures.state == State::Running {
                tap.write(&frames(next..next + 512));
                next += 512;
            }
            std::thread::yield_now();
        };
        let why = ended.failure.unwrap();
        assert!(why.contains("the disk is full") && why.contains(name), "{why}");
        let saved = ended.figures.saved_frames;
        assert!(saved > 0 && saved < ended.figures.taken_frames);
        assert!(read(&path) == frames(0..saved), "{name}: {saved} frames");
        std::fs::remove_file(&path).unwrap();
    }
}

/// A disk of half a megabyte; gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let at = tempfile::tempdir().ok()?;
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
            .arg(at.path())
            .output()
            .ok()?;
        mount.status.success().then(|| Self(at))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

/// One that never began leaves no file; so does one that can't be made, which says why.
#[test]
fn nothing_leaves_nothing() {
    let scene = Scene::new("take.wav", true);
    let path = scene.path.clone();
    scene.recorder.stop();
    let Ok(News::Ended(ended)) = scene.news.recv() else { panic!("an end") };
    assert_eq!((ended.failure, ended.figures.taken_frames, path.exists()), (None, 0, false));
    let (_tap, reader) = tap();
    let (tell, news) = channel();
    let nowhere = path.with_file_name("no").join("take.wav");
    let recorder =
        Recorder::start(reader, wish(&nowhere, false), move |said| tell.send(said).unwrap()).unwrap();
    let Ok(News::Opened(Err(error))) = news.recv() else { panic!("a refusal") };
    assert!(error.to_string().contains("there is no such folder"), "{error}");
    recorder.finish();
}
