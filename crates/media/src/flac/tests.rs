use super::*;
use crate::disk::Disk;
use crate::{FrameSource, Sound};
use std::process::Command;

/// Music of a sort: a tone, noise, silence, full scale, and beyond.
fn some_frames(frames: usize, channels: usize) -> Vec<f32> {
    let mut state = 1_u64;
    (0..frames * channels)
        .map(|i| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let noise = (state >> 40) as f32 / (1 << 23) as f32 - 1.0;
            match i / channels / 1500 % 6 {
                0 | 1 => 0.7 * (i as f32 * 0.02).sin() + 0.001 * noise,
                2 => noise,
                3 => 0.0,
                4 => {
                    if i % 3 == 0 {
                        -1.0
                    } else {
                        1.0
                    }
                }
                _ => 1.5 * noise,
            }
        })
        .collect()
}

/// What 24 bits hold of `samples`.
fn quantised(samples: &[f32]) -> Vec<f32> {
    samples.iter().map(|x| whole(*x, 23) as f32 / 8_388_608.0).collect()
}

fn written(frames: &[f32], hz: u32, channels: usize, part: usize) -> (tempfile::NamedTempFile, SoundSummary) {
    let file = tempfile::Builder::new().suffix(".flac").tempfile().unwrap();
    let (rate, channels) = (SampleRate::new(hz).unwrap(), ChannelCount::new(channels).unwrap());
    let mut writer = FlacWriter::create(file.path(), rate, channels).unwrap();
    for part in frames.chunks(part * channels.get()) {
        writer.write(part).unwrap();
    }
    let summary = writer.finish().unwrap();
    (file, summary)
}

/// Reads all of it with our own decoder.
fn decoded(path: &Path) -> (u32, usize, Option<u64>, Vec<f32>) {
    let mut sound = Sound::open(path).unwrap();
    let (hz, channels, told) = (sound.rate().hz(), sound.channels().get(), sound.frames());
    let (mut all, mut out) = (Vec::new(), vec![0.0; 1000 * channels]);
    loop {
        let frames = sound.read(&mut out).unwrap();
        if frames == 0 {
            return (hz, channels, told, all);
        }
        all.extend_from_slice(&out[..frames * channels]);
    }
}

/// Judged by the reference decoder, where it is installed: `flac -t` checks every block and the MD5 of all samples.
fn passes_the_reference(path: &Path) -> Option<bool> {
    let told =
        Command::new("flac").args(["--test", "--silent", "--warnings-as-errors"]).arg(path).output().ok()?;
    Some(told.status.success())
}

/// Bit-exact to the quantised input, at every channel count, common and odd rates, lengths around the border of a block.
#[test]
fn round_trip() {
    let mut judged = 0;
    for (hz, channels, frames) in [
        (48_000, 1, 1),
        (48_000, 2, 30_011),
        (44_100, 3, BLOCK_FRAMES),
        (96_000, 4, BLOCK_FRAMES + 1),
        (192_000, 2, 9_000),
        (12_345, 5, BLOCK_FRAMES - 1),
        (8_000, 6, 10_031),
        (300_001, 7, 10_040),
        (48_000, 8, 9_015),
    ] {
        let sound = some_frames(frames, channels);
        let (file, summary) = written(&sound, hz, channels, 441);
        let file_bytes = file.as_file().metadata().unwrap().len();
        assert_eq!((summary.frames, summary.file_bytes), (frames as u64, file_bytes));
        let (got_hz, got_channels, told, got) = decoded(file.path());
        assert_eq!((got_hz, got_channels, told), (hz, channels, Some(frames as u64)));
        assert_eq!(got, quantised(&sound), "{hz} Hz, {channels} channels, {frames} frames");
        judged += u32::from(
            passes_the_reference(file.path()).inspect(|good| assert!(good, "{hz}, {channels}")).is_some(),
        );
    }
    assert!(judged == 0 || judged == 9);
}

/// However it is cut into calls, it is the same file.
#[test]
fn calls_do_not_matter() {
    let sound = some_frames(20_000, 2);
    let bytes = |part| std::fs::read(written(&sound, 48_000, 2, part).0.path()).unwrap();
    let whole = bytes(20_000);
    assert!(whole.len() < 20_000 * 2 * 3, "{} bytes", whole.len());
    assert_eq!(bytes(1), whole);
    assert_eq!(bytes(4097), whole);
}

/// What a kill leaves is readable, and lacks less than a block.
#[test]
fn readable_at_any_moment() {
    let disk = Disk::default();
    let mut writer = FlacWriter::new(disk.clone(), "t", SampleRate::DEFAULT, ChannelCount::STEREO).unwrap();
    let sound = some_frames(30_000, 2);
    let folder = tempfile::tempdir().unwrap();
    let mut given = 0;
    for part in sound.chunks(2 * 3_333) {
        writer.write(part).unwrap();
        given += part.len() / 2;
        if given < BLOCK_FRAMES {
            continue;
        }
        let left = folder.path().join("left.flac");
        std::fs::write(&left, &disk.0.borrow().bytes).unwrap();
        let (.., got) = decoded(&left);
        assert!(given - got.len() / 2 < BLOCK_FRAMES, "{given} given, {} left", got.len() / 2);
        assert_eq!(got, quantised(&sound[..got.len()]));
    }
}

/// A full disk: a clear message with the frames that are safe; those are readable, and the file passes as whole.
#[test]
fn full_disk() {
    let disk = Disk::default();
    disk.0.borrow_mut().room = Some(100_003);
    let mut writer =
        FlacWriter::new(disk.clone(), "take.flac", SampleRate::DEFAULT, ChannelCount::STEREO).unwrap();
    let sound = some_frames(60_000, 2);
    let error = writer.write(&sound).unwrap_err();
    let WriteError::Full { saved_frames, .. } = &error else { panic!("{error:?}") };
    assert!(error.to_string().starts_with("take.flac: the disk is full; its first "), "{error}");
    assert!(writer.write(&sound).is_err(), "and it stays so");
    let saved = *saved_frames as usize;
    drop(writer);
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("left.flac");
    std::fs::write(&left, &disk.0.borrow().bytes).unwrap();
    let (.., told, got) = decoded(&left);
    assert!(saved > 0 && told == Some(saved as u64));
    assert_eq!(got, quantised(&sound[..2 * saved]));
    assert_ne!(passes_the_reference(&left), Some(false));
}
