//! `forebay play`: a file, or raw PCM from standard input, as an ordinary producer.
//!
//! A thread decodes ahead; the main thread writes to the ring and looks at signals. The daemon never sees the file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueHint};
use media::{Converted, DecodeError, FrameSource, PcmFormat, PcmReader, Sound};
use producer::{Session, Voice};
use protocol::{CloseMode, LatePolicy, Notification, VoiceOpen};
use units::{ChannelCount, Frames, SampleRate};

use crate::cli::AudioArgs;
use crate::console::{gone, unanswered};
use crate::daemon::ensure;
use crate::interrupt::Interrupt;
use crate::status_text;
use crate::terminal::StatusLine;
use crate::trouble::{Exit, Trouble};

const EXAMPLES: &str = "\
Examples:
  forebay play song.flac                  WAV, RF64, FLAC, MP3 or Ogg Vorbis
  forebay play song.mp3 --gain-db -6 --backend null
  forebay play - --rate 44100 --channels 1 --format s16le < raw.pcm
  forebay play -                          a sound file from a pipe, known by its content";

/// Frames that are decoded and written at once.
const CHUNK_FRAMES: usize = 1024;
/// Chunks that wait decoded.
const CHUNKS_AHEAD: usize = 16;
/// How often signals and the status line are looked at.
const TICK: Duration = Duration::from_millis(20);
const LINE_EVERY: Duration = Duration::from_millis(250);
/// A lead this short is left to drain without looking at signals.
const LAST_LEAD: Duration = Duration::from_millis(60);

/// Arguments of `play`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlayArgs {
    /// The file, or - for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Raw PCM in this format; with it (or with --rate or --channels and -) there is no header
    #[arg(long, value_name = "FORMAT", value_parser = pcm_format)]
    format: Option<PcmFormat>,
    /// Name of the voice [default: the name of the file]
    #[arg(long)]
    name: Option<String>,
}

fn pcm_format(text: &str) -> Result<PcmFormat, String> {
    text.parse().map_err(|error: media::PcmFormatError| error.to_string())
}

type Source = Box<dyn FrameSource + Send>;

/// Plays to the end, or until told to stop.
pub(crate) fn run(args: &PlayArgs, audio: &AudioArgs) -> Result<()> {
    // The file first: what can't be decoded should not start a daemon.
    let source = open(args, audio)?;
    let interrupt = Interrupt::take()?;
    let mut line = StatusLine::stderr();
    let daemon_audio = for_daemon(args, audio);
    for note in ensure::daemon(&daemon_audio)?.0 {
        line.say(&format!("forebay: {note}"));
    }
    let name = args.name.clone().unwrap_or_else(|| short_name(&args.file));
    let session = ensure::session(&name, audio)?;
    let voice = open_voice(&session, &name, source.channels(), audio)?;
    let total =
        source.frames().map(|frames| frames * u64::from(session.rate().hz()) / u64::from(source.rate().hz()));
    let chunks = decode_ahead(source, session.rate())?;
    let mut player = Player { session, voice, interrupt, line, total, written: 0, shown: None, damage: None };
    let outcome = player.play(&chunks);
    player.finish(outcome?)
}

/// For raw PCM `--rate` and `--channels` are the input's, not the daemon's.
fn for_daemon(args: &PlayArgs, audio: &AudioArgs) -> AudioArgs {
    let mut audio = audio.clone();
    if raw_format(args, &audio).is_some() {
        (audio.rate, audio.channels) = (None, None);
    }
    audio
}

fn raw_format(args: &PlayArgs, audio: &AudioArgs) -> Option<PcmFormat> {
    let bare = args.file == Path::new("-") && (audio.rate.is_some() || audio.channels.is_some());
    args.format.or_else(|| bare.then_some(PcmFormat::S16LE))
}

fn open(args: &PlayArgs, audio: &AudioArgs) -> Result<Source> {
    let from_stdin = args.file == Path::new("-");
    let Some(format) = raw_format(args, audio) else {
        let sound = if from_stdin {
            Sound::from_pipe(std::io::stdin(), "standard input")
        } else {
            Sound::open(&args.file)
        };
        return Ok(Box::new(sound.map_err(undecodable)?));
    };
    let rate = audio.rate.map_or(Ok(SampleRate::DEFAULT), SampleRate::new)?;
    let channels =
        audio.channels.map_or(Ok(ChannelCount::STEREO), |count| ChannelCount::new(count.into()))?;
    if from_stdin {
        return Ok(Box::new(PcmReader::new(std::io::stdin(), "standard input", format, rate, channels)));
    }
    let name = args.file.display().to_string();
    let file = std::fs::File::open(&args.file)
        .map_err(|source| undecodable(DecodeError::Open { name: name.clone(), source }))?;
    Ok(Box::new(PcmReader::new(std::io::BufReader::new(file), &name, format, rate, channels)))
}

fn undecodable(error: DecodeError) -> Trouble {
    Trouble::new(Exit::Input, error)
}

fn short_name(file: &Path) -> String {
    let name = if file == Path::new("-") {
        "stdin".into()
    } else {
        file.file_name().unwrap_or_default().to_string_lossy()
    };
    let mut name: String = name.chars().filter(|c| !c.is_control()).collect();
    while name.len() > protocol::MAX_NAME_BYTES {
        name.pop();
    }
    if name.is_empty() { "play".to_owned() } else { name }
}

fn open_voice(
    session: &Session,
    name: &str,
    channels: ChannelCount,
    audio: &AudioArgs,
) -> Result<Voice, Trouble> {
    let mut open = VoiceOpen::new(name, channels.get() as u32);
    // A file has no time line to stay on: after a stall it goes on where it stopped.
    open.policy = LatePolicy::Hold;
    open.gain_db = audio.gain_db.map_or(0.0, |db| f64::from(db.max(-144.0)));
    session.open(&open).map_err(|error| match error {
        producer::OpenError::Call(error) => unanswered(error),
        other => Trouble::new(Exit::Daemon, other),
    })
}

/// What the decoder has to give.
enum Piece {
    Frames(Vec<f32>),
    /// Nothing comes after it.
    Damage(DecodeError),
    /// For a person; nothing comes after it.
    Remark(String),
}

/// Decodes in a thread of its own, a bounded way ahead. The channel ends with the source.
fn decode_ahead(source: Source, rate: SampleRate) -> std::io::Result<Receiver<Piece>> {
    let (send, chunks) = sync_channel(CHUNKS_AHEAD);
    let decode = move || {
        let channels = source.channels().get();
        let mut source = Converted::new(source, rate);
        let last = loop {
            let mut chunk = vec![0.0; CHUNK_FRAMES * channels];
            match source.read(&mut chunk) {
                Ok(0) => break source.remark().map(Piece::Remark),
                Ok(frames) => chunk.truncate(frames * channels),
                Err(error) => break Some(Piece::Damage(error)),
            }
            if send.send(Piece::Frames(chunk)).is_err() {
                return;
            }
        };
        if let Some(last) = last {
            // The player may have been told to stop: then nobody listens.
            let _ = send.send(last);
        }
    };
    std::thread::Builder::new().name("decode".into()).spawn(decode)?;
    Ok(chunks)
}

/// How it came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    Interrupted,
}

struct Player {
    session: Session,
    voice: Voice,
    interrupt: Interrupt,
    line: StatusLine<std::io::Stderr>,
    total: Option<u64>,
    written: u64,
    shown: Option<Instant>,
    /// Why the source ended before its end.
    damage: Option<DecodeError>,
}

impl Player {
    fn play(&mut self, chunks: &Receiver<Piece>) -> Result<Ended, Trouble> {
        loop {
            match chunks.recv_timeout(TICK) {
                Ok(Piece::Frames(chunk)) => {
                    if self.write(&chunk)?.is_break() {
                        return Ok(Ended::Interrupted);
                    }
                }
                // What was good so far is still worth hearing to its end.
                Ok(Piece::Damage(error)) => self.damage = Some(error),
                Ok(Piece::Remark(remark)) => self.line.say(&format!("forebay: {remark}")),
                Err(RecvTimeoutError::Disconnected) => return self.play_out(),
                // A pipe that gives nothing: the voice fades by itself and comes back.
                Err(RecvTimeoutError::Timeout) => {
                    if self.tick(Duration::ZERO)?.is_break() {
                        return Ok(Ended::Interrupted);
                    }
                }
            }
        }
    }

    fn write(&mut self, chunk: &[f32]) -> Result<ControlFlow<()>, Trouble> {
        let channels = self.voice.channels();
        let mut rest = chunk;
        while !rest.is_empty() {
            let taken = self.voice.try_write(rest).map_err(lost)?;
            self.written += taken as u64;
            rest = &rest[taken * channels..];
            let wait = if rest.is_empty() { Duration::ZERO } else { TICK };
            if self.tick(wait)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Waits until what is written has been heard.
    fn play_out(&mut self) -> Result<Ended, Trouble> {
        let last = self.session.rate().frames(LAST_LEAD).0 as u32;
        while self.voice.lead_frames() > last {
            if self.tick(TICK)?.is_break() {
                return Ok(Ended::Interrupted);
            }
        }
        self.voice.drain().map_err(lost)?;
        Ok(Ended::Whole)
    }

    /// Waits; breaks when told to stop. News and the status line on the way.
    fn tick(&mut self, wait: Duration) -> Result<ControlFlow<()>, Trouble> {
        if self.interrupt.wait(wait) {
            return Ok(ControlFlow::Break(()));
        }
        while let Some(news) = self.session.notification(Duration::ZERO) {
            if let Some(message) = said(&news, self.session.rate()) {
                self.line.say(&format!("forebay: {message}"));
            }
        }
        // The ring stays mapped and stands still: nothing else would ever tell.
        if let Some(why) = self.session.closed() {
            return Err(gone(&why));
        }
        if self.shown.is_none_or(|shown| shown.elapsed() >= LINE_EVERY) {
            self.shown = Some(Instant::now());
            self.line.show(&self.status());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn status(&self) -> String {
        let (rate, stats) = (self.session.rate(), self.voice.stats());
        let clock = |frames| status_text::clock(rate.duration(Frames(frames)));
        let heard = self.written.saturating_sub(u64::from(stats.lead_frames));
        let total = self.total.map_or(String::new(), |total| format!(" / {}", clock(total)));
        let lead_ms = rate.ms(Frames(stats.lead_frames.into()));
        format!(
            "{} {}{total} | lead {lead_ms:.0} ms | underruns {}",
            self.voice.name(),
            clock(heard),
            stats.underruns
        )
    }

    fn finish(mut self, ended: Ended) -> Result<()> {
        self.line.clear();
        match ended {
            Ended::Whole => {
                self.voice.close(CloseMode::Drain).map_err(unanswered)?;
                self.damage.map_or(Ok(()), |error| Err(undecodable(error).into()))
            }
            Ended::Interrupted => {
                // The engine fades it out; nothing here needs to wait for that.
                self.voice.close(CloseMode::Fade).map_err(unanswered)?;
                Err(Trouble::new(Exit::Interrupted, "stopped before the end").into())
            }
        }
    }
}

fn lost(error: producer::WriteError) -> Trouble {
    match error {
        producer::WriteError::Closed(why) => gone(&why),
        other => Trouble::new(Exit::Daemon, other),
    }
}

/// News as a sentence, where they concern a person.
pub(crate) fn said(news: &Notification, rate: SampleRate) -> Option<String> {
    let ms = |frames: u64| rate.ms(Frames(frames));
    match news {
        Notification::Underrun(it) => Some(format!("'{}' ran dry: its frames came too late", it.name)),
        Notification::Resumed(it) => Some(format!("'{}' plays again after {:.0} ms", it.name, ms(it.frames))),
        Notification::Muted(it) => Some(format!("'{}' is muted: {:?}", it.name, it.reason).to_lowercase()),
        Notification::Unmuted(it) => Some(format!("'{}' is heard again", it.name)),
        Notification::Evicted(it) => {
            Some(format!("thrown out by the daemon: {:?}", it.reason).to_lowercase())
        }
        Notification::Device(it) => Some(format!("{} '{}' {}", it.backend, it.name, it.state)),
        Notification::Closing(it) if it.is_final => Some("the daemon ends for good: forebay stop".to_owned()),
        Notification::Closing(_) => Some("the daemon ends".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice's name fits the protocol whatever the file is called.
    #[test]
    fn names_fit() {
        assert_eq!(short_name("/a/b c.flac".as_ref()), "b c.flac");
        assert_eq!(short_name("-".as_ref()), "stdin");
        assert_eq!(short_name("..".as_ref()), "play");
        let long = short_name(format!("{}.wav", "ü".repeat(80)).as_ref());
        assert!(long.len() <= protocol::MAX_NAME_BYTES && long.chars().all(|c| c == 'ü'));
    }
}
