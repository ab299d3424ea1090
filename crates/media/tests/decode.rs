//! Files of all formats become the sound that was put in; broken ones become one clear sentence.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use forebay_media::{Converted, DecodeError, FrameSource, Sound, WavFormat, WavWriter};
use units::{ChannelCount, SampleRate};

const HZ: f64 = 997.0;

/// A WAV file with a second and a bit of a sine, louder on the left.
fn sine_wav(folder: &Path, rate: u32, format: WavFormat) -> (PathBuf, Vec<f32>) {
    let path = folder.join("sine.wav");
    let frames: Vec<f32> = (0..rate + 4567)
        .flat_map(|i| {
            let x = (std::f64::consts::TAU * HZ * f64::from(i) / f64::from(rate)).sin();
            [(0.5 * x) as f32, (0.25 * x) as f32]
        })
        .collect();
    let rate = SampleRate::new(rate).unwrap();
    let mut writer = WavWriter::create(&path, rate, ChannelCount::STEREO, format).unwrap();
    writer.write(&frames).unwrap();
    writer.finish().unwrap();
    (path, frames)
}

/// Runs ffmpeg, which `make test` installs: without it there is nothing to compare with.
fn ffmpeg(arguments: &[&str]) {
    let output = Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-y"]).args(arguments).output();
    let output = output.expect("ffmpeg is installed (apt-get install ffmpeg)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn encoded(folder: &Path, wav: &Path, name: &str, options: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let mut arguments = vec!["-i", wav.to_str().unwrap()];
    arguments.extend_from_slice(options);
    arguments.push(path.to_str().unwrap());
    ffmpeg(&arguments);
    path
}

fn read_all(source: &mut impl FrameSource) -> Vec<f32> {
    let channels = source.channels().get();
    let (mut all, mut part) = (Vec::new(), vec![0.0; channels * 1001]);
    loop {
        match source.read(&mut part).unwrap() {
            0 => return all,
            frames => all.extend_from_slice(&part[..frames * channels]),
        }
    }
}

/// The difference of two recordings in dB below the first.
fn error_db(wanted: &[f32], got: &[f32]) -> f64 {
    let power = |x: f64| x * x;
    let signal: f64 = wanted.iter().map(|x| power(f64::from(*x))).sum();
    let error: f64 = wanted.iter().zip(got).map(|(a, b)| power(f64::from(a - b))).sum();
    10.0 * (error / signal).log10()
}

/// FLAC is exact; its format is known by its content under a wrong name too.
#[test]
fn flac() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, _) = sine_wav(folder.path(), 44_100, WavFormat::S24);
    let wanted = read_all(&mut Sound::open(&wav).unwrap());
    let flac = encoded(folder.path(), &wav, "sine.flac", &["-sample_fmt", "s32"]);
    let misnamed = folder.path().join("sine.mp3");
    fs::rename(flac, &misnamed).unwrap();
    let mut sound = Sound::open(&misnamed).unwrap();
    assert_eq!((sound.format(), sound.rate().hz(), sound.frames()), ("FLAC", 44_100, Some(48_667)));
    assert_eq!(read_all(&mut sound), wanted);
}

/// MP3 and Ogg Vorbis come out in time (encoder delay removed), as long as the original and close to it.
#[test]
fn lossy() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, wanted) = sine_wav(folder.path(), 48_000, WavFormat::F32);
    let cases = [
        ("a.mp3", vec!["-c:a", "libmp3lame", "-b:a", "256k"], "MP3"),
        ("a.ogg", vec!["-c:a", "libvorbis", "-q:a", "8"], "Ogg"),
    ];
    for (name, options, format) in cases {
        let path = encoded(folder.path(), &wav, name, &options);
        let mut sound = Sound::open(&path).unwrap();
        assert_eq!(
            (sound.format(), sound.rate().hz(), sound.channels()),
            (format, 48_000, ChannelCount::STEREO)
        );
        let got = read_all(&mut sound);
        assert_eq!(got.len(), wanted.len(), "{name}");
        let inner = 9600..wanted.len() - 9600;
        let error = error_db(&wanted[inner.clone()], &got[inner]);
        assert!(error < -35.0, "{name}: {error:.1} dB");
    }
}

/// What ffmpeg writes as WAV in every width is read as the same sound, and it reads what is written here.
#[test]
fn wav_widths() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, wanted) = sine_wav(folder.path(), 48_000, WavFormat::F32);
    let widths = [
        ("u8", -40.0),
        ("s16le", -89.0),
        ("s24le", -130.0),
        ("s32le", -150.0),
        ("f32le", -300.0),
        ("f64le", -300.0),
    ];
    for (codec, least) in widths {
        let path = encoded(folder.path(), &wav, &format!("{codec}.wav"), &["-c:a", &format!("pcm_{codec}")]);
        let got = read_all(&mut Sound::open(&path).unwrap());
        assert_eq!(got.len(), wanted.len());
        let error = error_db(&wanted, &got);
        assert!(error < least, "{codec}: {error:.1} dB");
    }
}

/// RF64 of ffmpeg is read, though the decoder library does not know it.
#[test]
fn rf64() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, wanted) = sine_wav(folder.path(), 48_000, WavFormat::F32);
    let path = encoded(folder.path(), &wav, "long.wav", &["-c:a", "pcm_f32le", "-rf64", "always"]);
    let mut sound = Sound::open(&path).unwrap();
    assert_eq!((sound.format(), sound.frames()), ("RF64", Some(52_567)));
    assert_eq!(read_all(&mut sound), wanted);
    let mut piped = Sound::from_pipe(fs::File::open(&path).unwrap(), "stdin").unwrap();
    assert_eq!((piped.format(), piped.frames()), ("RF64", Some(52_567)));
    assert_eq!(read_all(&mut piped), wanted);
}

/// Who writes RF64 into a pipe can't say how long it is: everything that comes is read.
#[test]
fn rf64_of_unknown_length() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, wanted) = sine_wav(folder.path(), 48_000, WavFormat::F32);
    let path = encoded(folder.path(), &wav, "long.wav", &["-c:a", "pcm_f32le", "-rf64", "always"]);
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!((&bytes[12..16], &bytes[16..20]), (&b"ds64"[..], &[28, 0, 0, 0][..]));
    for size in [[0; 8], [0xff; 8]] {
        bytes[28..36].copy_from_slice(&size);
        let mut sound = Sound::from_pipe(std::io::Cursor::new(bytes.clone()), "stdin").unwrap();
        assert_eq!(sound.frames(), None);
        let got = read_all(&mut sound);
        assert_eq!(got[..wanted.len()], wanted);
    }
}

/// A file of more than 4 GiB written here (most of it a hole) is understood by ffmpeg and by the decoder here.
#[test]
fn real_rf64() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.wav");
    let rate = SampleRate::new(192_000).unwrap();
    let mut writer =
        WavWriter::new(Hole::create(&path), "day.wav", rate, ChannelCount::new(8).unwrap(), WavFormat::F32)
            .unwrap();
    let silence = vec![0.0; 8 * 96_000];
    let halves = (1_u64 << 32) / (32 * 96_000) + 2;
    (0..halves).for_each(|_| writer.write(&silence).unwrap());
    writer.write(&[0.5; 8]).unwrap();
    let summary = writer.finish().unwrap();
    assert!(summary.is_rf64);
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=duration_ts,channels,sample_rate", "-of", "csv=p=0"])
        .arg(&path)
        .output()
        .expect("ffprobe is installed (apt-get install ffmpeg)");
    let said = String::from_utf8_lossy(&probe.stdout);
    assert_eq!(said.trim(), format!("192000,8,{}", summary.frames));
    let sound = Sound::open(&path).unwrap();
    assert_eq!(sound.frames(), Some(halves * 96_000 + 1));
}

/// A file in which zeros become a hole: four gigabytes that take no disk.
struct Hole(fs::File);

impl Hole {
    fn create(path: &Path) -> Self {
        Self(fs::File::create(path).unwrap())
    }
}

impl std::io::Write for Hole {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        if buf.len() > 4096 && buf.iter().all(|byte| *byte == 0) {
            std::io::Seek::seek(&mut self.0, std::io::SeekFrom::Current(buf.len() as i64))?;
            return Ok(buf.len());
        }
        self.0.write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl std::io::Seek for Hole {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        std::io::Seek::seek(&mut self.0, to)
    }
}

/// A pipe is decoded as a file is.
#[test]
fn pipe() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, wanted) = sine_wav(folder.path(), 48_000, WavFormat::F32);
    let flac = encoded(folder.path(), &wav, "a.ogg", &["-c:a", "libvorbis", "-q:a", "8"]);
    let mut sound = Sound::from_pipe(fs::File::open(flac).unwrap(), "stdin").unwrap();
    assert_eq!(read_all(&mut sound).len(), wanted.len());
}

/// Conversion to the engine's rate keeps time, length and level, up and down; equal rates are untouched.
#[test]
fn conversion() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in
        [(44_100, 48_000), (48_000, 44_100), (96_000, 48_000), (8_000, 48_000), (44_099, 48_000)]
    {
        let (wav, original) = sine_wav(folder.path(), from, WavFormat::F32);
        let sound = Sound::open(&wav).unwrap();
        let mut converted = Converted::new(sound, SampleRate::new(to).unwrap());
        let frames = (original.len() as u64 / 2 * u64::from(to)).div_ceil(u64::from(from));
        assert_eq!(converted.frames(), Some(frames));
        let got = read_all(&mut converted);
        assert_eq!(got.len() as u64, frames * 2, "{from} -> {to}");
        let wanted: Vec<f32> = (0..frames)
            .flat_map(|i| {
                let x = (std::f64::consts::TAU * HZ * i as f64 / f64::from(to)).sin();
                [(0.5 * x) as f32, (0.25 * x) as f32]
            })
            .collect();
        let inner = 8000..got.len() - 8000;
        let error = error_db(&wanted[inner.clone()], &got[inner]);
        // Rates without a common part need an FFT as long as a second, with more rounding.
        let goal = if from == 44_099 { -95.0 } else { -110.0 };
        assert!(error < goal, "{from} -> {to}: {error:.1} dB");
    }
    let (wav, original) = sine_wav(folder.path(), 48_000, WavFormat::F32);
    assert_eq!(read_all(&mut Converted::new(Sound::open(&wav).unwrap(), SampleRate::DEFAULT)), original);
}

/// A file cut short anywhere gives what is there and no error, or a sentence; it never panics.
#[test]
fn truncated_files() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, wanted) = sine_wav(folder.path(), 48_000, WavFormat::S16);
    let all = [
        wav.clone(),
        encoded(folder.path(), &wav, "a.flac", &[]),
        encoded(folder.path(), &wav, "a.mp3", &[]),
        encoded(folder.path(), &wav, "a.ogg", &["-c:a", "libvorbis"]),
        encoded(folder.path(), &wav, "b.wav", &["-rf64", "always"]),
    ];
    for path in all {
        let whole = fs::read(&path).unwrap();
        for part in [0, 3, 11, 13, 40, 90, 100, whole.len() / 2, whole.len() - 1] {
            let cut = folder.path().join("cut");
            fs::write(&cut, &whole[..part]).unwrap();
            match Sound::open(&cut) {
                Ok(mut sound) => {
                    let got = read_all(&mut sound);
                    assert!(got.len() <= wanted.len() + 2 * 4608, "{} {part}", path.display());
                }
                Err(error) => assert!(error.to_string().starts_with(cut.to_str().unwrap()), "{error}"),
            }
        }
    }
}

/// A flipped bit anywhere never panics and costs at most a part of the sound.
#[test]
fn damaged_files() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, wanted) = sine_wav(folder.path(), 48_000, WavFormat::S16);
    for path in [
        encoded(folder.path(), &wav, "a.flac", &[]),
        encoded(folder.path(), &wav, "a.mp3", &[]),
        encoded(folder.path(), &wav, "a.ogg", &["-c:a", "libvorbis"]),
    ] {
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 60) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let bad = folder.path().join("bad");
            fs::write(&bad, &bytes).unwrap();
            let Ok(mut sound) = Sound::open(&bad) else { continue };
            let mut part = vec![0.0; sound.channels().get() * 4096];
            let mut frames = 0;
            while let Ok(n @ 1..) = sound.read(&mut part) {
                frames += n;
                assert!(frames < 10 * wanted.len(), "{} flipped at {at} never ends", path.display());
            }
        }
    }
}

/// Any byte of a WAV or RF64 header may be anything: the file is read, or refused with its name, never a panic.
#[test]
fn damaged_headers() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, wanted) = sine_wav(folder.path(), 48_000, WavFormat::S16);
    for path in [wav.clone(), encoded(folder.path(), &wav, "b.wav", &["-rf64", "always"])] {
        let whole = fs::read(&path).unwrap()[..10_000].to_vec();
        let bad = folder.path().join("bad");
        for (at, value) in (0..110).flat_map(|at| [0, 1, 0x7f, 0xff].map(|value| (at, value))) {
            let mut bytes = whole.clone();
            bytes[at] = value;
            fs::write(&bad, &bytes).unwrap();
            match Sound::open(&bad) {
                Ok(mut sound) => {
                    let mut part = vec![0.0; sound.channels().get() * 4096];
                    let mut frames = 0;
                    while let Ok(n @ 1..) = sound.read(&mut part) {
                        frames += n;
                    }
                    assert!(frames <= 2 * wanted.len(), "byte {at} = {value}: {frames} frames");
                }
                Err(error) => assert!(error.to_string().starts_with(bad.to_str().unwrap()), "{error}"),
            }
        }
    }
}

/// Each way to be no sound has its own sentence with the name and what to do.
#[test]
fn clear_sentences() {
    let folder = tempfile::tempdir().unwrap();
    let say = |path: &Path| Sound::open(path).unwrap_err().to_string();
    let missing = folder.path().join("no.wav");
    assert_eq!(say(&missing), format!("{}: no such file; check the name and the folder", missing.display()));
    assert!(say(folder.path()).ends_with("is a folder, not a sound file; name a file in it"));
    let text = folder.path().join("song.txt");
    fs::write(&text, "la la la\n".repeat(1000)).unwrap();
    assert!(
        say(&text).contains("no sound in a format that is known here (WAV, RF64, FLAC, MP3, Ogg Vorbis)")
    );
    let (wav, _) = sine_wav(folder.path(), 48_000, WavFormat::S16);
    let opus = encoded(folder.path(), &wav, "a.opus", &[]);
    let error = Sound::open(&opus).unwrap_err();
    assert!(matches!(error, DecodeError::UnknownCodec { .. } | DecodeError::UnknownFormat { .. }), "{error}");
    assert!(error.to_string().contains("ffmpeg -i "), "{error}");
}
