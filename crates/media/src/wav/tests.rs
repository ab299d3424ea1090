use super::*;
use crate::disk::Disk;
use crate::{FrameSource, Sound};

fn some_frames(samples: usize) -> Vec<f32> {
    (0..samples).map(|i| (i as f32 * 0.37).sin() * 0.8).collect()
}

fn stereo() -> ChannelCount {
    ChannelCount::STEREO
}

fn hound_f32(bytes: &[u8]) -> Vec<f32> {
    hound::WavReader::new(bytes).unwrap().samples::<f32>().map(Result::unwrap).collect()
}

/// Floats come back bit for bit through another library and through our own decoder, at all channel counts.
#[test]
fn float_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    for channels in 1..=8 {
        let path = folder.path().join(format!("{channels}.wav"));
        let count = ChannelCount::new(channels).unwrap();
        let mut frames = some_frames(30_011 * channels);
        frames[0] = 7.5; // above full scale survives
        let mut writer = WavWriter::create(&path, SampleRate::DEFAULT, count, WavFormat::F32).unwrap();
        for part in frames.chunks(channels * 441) {
            writer.write(part).unwrap();
        }
        let summary = writer.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((summary.frames, summary.file_bytes), (30_011, bytes.len() as u64));
        assert_eq!(hound_f32(&bytes), frames);
        let mut sound = Sound::open(&path).unwrap();
        assert_eq!((sound.channels(), sound.frames(), sound.format()), (count, Some(30_011), "WAV"));
        let mut read = vec![0.0; frames.len() + channels];
        assert_eq!(sound.read(&mut read).unwrap(), 30_011);
        assert_eq!(read[..frames.len()], frames);
    }
}

/// 16 and 24 bit hold the nearest step, clamp at full scale, and a mono file with an odd length is padded.
#[test]
fn whole_number_formats() {
    for (format, bits) in [(WavFormat::S16, 16), (WavFormat::S24, 24)] {
        let disk = Disk::default();
        let samples = [0.0, 0.5, -1.0, 1.0, 3.0, -3.0, f32::NAN, 0.31, -0.31];
        let mono = ChannelCount::MONO;
        let mut writer = WavWriter::new(disk.clone(), "t", SampleRate::DEFAULT, mono, format).unwrap();
        writer.write(&samples).unwrap();
        let summary = writer.finish().unwrap();
        let bytes = disk.0.borrow().bytes.clone();
        assert_eq!(summary.file_bytes, bytes.len() as u64);
        assert_eq!(bytes.len() % 2, 0);
        let mut reader = hound::WavReader::new(&bytes[..]).unwrap();
        assert_eq!(reader.spec().bits_per_sample, bits);
        let full = f64::from(1_u32 << (bits - 1));
        let wanted =
            samples.map(|x| if x.is_nan() { 0.0 } else { (f64::from(x) * full).clamp(-full, full - 1.0) });
        let got: Vec<i32> = reader.samples::<i32>().map(Result::unwrap).collect();
        assert_eq!(got.len(), wanted.len());
        assert!(
            got.iter().zip(wanted).all(|(got, wanted)| (f64::from(*got) - wanted).abs() <= 0.5),
            "{got:?}"
        );
    }
}

/// At every moment of a long recording the bytes on disk are a readable file that lacks at most half a second:
/// what a kill leaves.
#[test]
fn readable_at_any_moment() {
    let disk = Disk::default();
    let rate = SampleRate::new(8000).unwrap();
    let mut writer = WavWriter::new(disk.clone(), "t", rate, stereo(), WavFormat::F32).unwrap();
    let frames = some_frames(2 * 8000 * 4);
    for (n, part) in frames.chunks(2 * 333).enumerate() {
        let given = n * 333;
        let left = hound_f32(&disk.0.borrow().bytes);
        assert!(given - left.len() / 2 <= 4000 + 333, "{given} given, {} left", left.len() / 2);
        assert_eq!(left, frames[..left.len()]);
        writer.write(part).unwrap();
    }
    drop(writer);
    assert_eq!(hound_f32(&disk.0.borrow().bytes), frames);
}

/// A full disk: one clear message with the frames that are safe, those are readable, and later calls fail too.
#[test]
fn full_disk() {
    let disk = Disk::default();
    disk.0.borrow_mut().room = Some(200_003);
    let mut writer =
        WavWriter::new(disk.clone(), "take.wav", SampleRate::DEFAULT, stereo(), WavFormat::F32).unwrap();
    let frames = some_frames(2 * 24_000);
    let error = (0..4).find_map(|_| writer.write(&frames).err()).unwrap();
    let WriteError::Full { saved_frames, .. } = &error else { panic!("{error:?}") };
    assert!(error.to_string().starts_with("take.wav: the disk is full; its first 2"), "{error}");
    assert!(writer.write(&frames).and_then(|()| writer.flush()).is_err());
    let saved = *saved_frames;
    drop(writer);
    let left = hound_f32(&disk.0.borrow().bytes[..]);
    assert_eq!(left.len() as u64, saved * 2);
    assert!(200_003 - (saved * 8 + 94) < 16, "all that fits is saved: {saved}");
    assert_eq!(left[..48_000], frames[..]);
}

/// A file that grows beyond 4 GiB becomes RF64 with 64-bit sizes; just below, it stays a plain WAV.
#[test]
fn beyond_four_gib() {
    let grown = |frames: u64| {
        let disk = Disk::default();
        disk.0.borrow_mut().keep = Some(200);
        let eight = ChannelCount::new(8).unwrap();
        let rate = SampleRate::new(192_000).unwrap();
        let mut writer = WavWriter::new(disk.clone(), "t", rate, eight, WavFormat::F32).unwrap();
        // A long recording, already there: only its size matters.
        writer.file.written_bytes = frames * 32;
        let len = writer.header.bytes(0, 0).len() as u64 + writer.file.written_bytes;
        disk.0.borrow_mut().at = len;
        writer.write(&[0.25; 8]).unwrap();
        (writer.finish().unwrap(), disk.0.borrow().bytes.clone(), disk.0.borrow().len)
    };
    let (small, bytes, len) = grown((1 << 27) - 8);
    assert_eq!((small.is_rf64, &bytes[..4], &bytes[12..16]), (false, &b"RIFF"[..], &b"JUNK"[..]));
    assert_eq!(u64::from(u32::from_le_bytes(bytes[4..8].try_into().unwrap())), len - 8);
    let (large, bytes, len) = grown(1 << 27);
    assert_eq!((large.is_rf64, &bytes[..4], &bytes[12..16]), (true, &b"RF64"[..], &b"ds64"[..]));
    assert_eq!(large.file_bytes, len);
    let size = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let frames = (1 << 27) + 1;
    assert_eq!([size(20), size(28), size(36)], [len - 8, frames * 32, frames]);
    assert_eq!(bytes[4..8], [0xff; 4]);
}
