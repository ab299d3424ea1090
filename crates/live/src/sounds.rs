//! Sound files that a piece plays: the host asks for them, a thread of this process decodes them, so that no decoder is
//! needed in JavaScript and none runs where sound is made.

use crate::supervisor::Shared;
use media::{Converted, FrameSource, Sound};
use rustix::fs::{MemfdFlags, memfd_create};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use units::SampleRate;

/// Frames that are decoded at once.
const CHUNK_FRAMES: usize = 16384;

/// What the host wants of this process instead of telling it something.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Errand {
    /// A sound file at a rate; answered with `decoded`.
    Decode {
        /// By which the answer is known.
        request: u64,
        /// The file.
        path: PathBuf,
        /// Frames per second that are wanted.
        rate_hz: u32,
        /// What is longer is refused.
        most_s: u32,
    },
    /// The host has read what was decoded.
    Fetched {
        /// That of the errand.
        request: u64,
    },
}

/// A sound as interleaved f32 in native order, in memory that the host opens by its path.
struct Decoded {
    memory: File,
    channels: usize,
    frames: u64,
}

/// Runs errands until no more can come. What was decoded is kept until the host has fetched it, or a host after it asks
/// for something else by the same number.
pub(crate) fn serve(errands: Receiver<Errand>, shared: &Shared) {
    let mut kept = HashMap::new();
    for errand in errands {
        match errand {
            Errand::Decode { request, path, rate_hz, most_s } => {
                let mut answer = match decode(&path, rate_hz, most_s) {
                    Ok(sound) => {
                        let answer = describe(&sound);
                        kept.insert(request, sound.memory);
                        answer
                    }
                    Err(message) => json!({ "error": message }),
                };
                answer["op"] = json!("decoded");
                answer["request"] = json!(request);
                answer["path"] = json!(path.to_string_lossy());
                shared.send(&answer);
            }
            Errand::Fetched { request } => drop(kept.remove(&request)),
        }
    }
}

fn describe(sound: &Decoded) -> Value {
    let raw = format!("/proc/{}/fd/{}", std::process::id(), sound.memory.as_raw_fd());
    json!({ "raw": raw, "channels": sound.channels, "frames": sound.frames })
}

fn decode(path: &std::path::Path, rate_hz: u32, most_s: u32) -> Result<Decoded, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let rate = SampleRate::new(rate_hz).map_err(|error| said(&error))?;
    let mut source = Converted::new(Sound::open(path).map_err(|error| said(&error))?, rate);
    let most = u64::from(rate_hz) * u64::from(most_s);
    let too_long =
        || format!("{} is longer than {} minutes, the most there is room for", path.display(), most_s / 60);
    if source.frames().is_some_and(|frames| frames > most) {
        return Err(too_long());
    }
    let channels = source.channels().get();
    let mut memory =
        File::from(memfd_create("forebay-sound", MemfdFlags::CLOEXEC).map_err(|error| said(&error))?);
    let mut samples = vec![0.0; CHUNK_FRAMES * channels];
    let mut bytes = Vec::new();
    let mut frames = 0;
    loop {
        let read = source.read(&mut samples).map_err(|error| said(&error))?;
        if read == 0 {
            break;
        }
        frames += read as u64;
        if frames > most {
            return Err(too_long());
        }
        store(&mut memory, &samples[..read * channels], &mut bytes)
            .map_err(|error| format!("{}: no memory for it: {error}", path.display()))?;
    }
    Ok(Decoded { memory, channels, frames })
}

fn store(memory: &mut File, samples: &[f32], bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    bytes.extend(samples.iter().flat_map(|sample| sample.to_ne_bytes()));
    memory.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{WavFormat, WavWriter};
    use std::io::{Read, Seek, SeekFrom};
    use units::ChannelCount;

    const RATE: u32 = 48_000;

    fn wav(dir: &tempfile::TempDir, frames: &[f32], rate_hz: u32) -> PathBuf {
        let path = dir.path().join("sound.wav");
        let rate = SampleRate::new(rate_hz).unwrap();
        let mut writer = WavWriter::create(&path, rate, ChannelCount::STEREO, WavFormat::F32).unwrap();
        writer.write(frames).unwrap();
        writer.finish().unwrap();
        path
    }

    fn floats(sound: &mut Decoded) -> Vec<f32> {
        let mut bytes = Vec::new();
        sound.memory.seek(SeekFrom::Start(0)).unwrap();
        sound.memory.read_to_end(&mut bytes).unwrap();
        bytes.chunks_exact(4).map(|bytes| f32::from_ne_bytes(bytes.try_into().unwrap())).collect()
    }

    // At its own rate a sound comes out as it went in; at another it has as many frames as it lasts.
    #[test]
    fn every_frame_arrives() {
        let dir = tempfile::tempdir().unwrap();
        let frames: Vec<f32> = (0..40_000).map(|i| (i as f32 * 0.01).sin()).collect();
        let path = wav(&dir, &frames, RATE);
        let mut sound = decode(&path, RATE, 60).unwrap();
        assert_eq!((sound.channels, sound.frames), (2, 20_000));
        assert_eq!(floats(&mut sound), frames);
        let mut halved = decode(&path, RATE / 2, 60).unwrap();
        assert_eq!(halved.frames, 10_000);
        assert_eq!(floats(&mut halved).len(), 20_000);
    }

    // Each mistake has a sentence that names the file.
    #[test]
    fn what_can_not_be_had_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let message = |path: &std::path::Path, most_s| decode(path, RATE, most_s).err().expect("an error");
        let long = wav(&dir, &vec![0.0; 2 * 61 * 8000], 8000);
        assert!(message(&long, 60).contains("sound.wav is longer than 1 minutes"), "{}", message(&long, 60));
        assert!(decode(&long, RATE, 61).is_ok());
        let text = dir.path().join("text.wav");
        std::fs::write(&text, "no sound").unwrap();
        assert!(message(&text, 60).contains("text.wav"), "{}", message(&text, 60));
        assert!(message(&dir.path().join("gone.wav"), 60).contains("no such file"));
    }

    // Only errands are taken for such.
    #[test]
    fn errands_are_known() {
        let decode = r#"{"event":"decode","request":3,"path":"/x.wav","rate_hz":48000,"most_s":600}"#;
        let expected = Errand::Decode { request: 3, path: "/x.wav".into(), rate_hz: 48_000, most_s: 600 };
        assert_eq!(serde_json::from_str::<Errand>(decode).unwrap(), expected);
        assert!(serde_json::from_str::<Errand>(r#"{"event":"status","request":3}"#).is_err());
    }
}
