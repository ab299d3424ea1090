//! `forebay render`: a script's sound as a file, faster than real time, the same bits every time.
//!
//! The daemon's own parts, in this process and on a private socket, with a file as the device and no clock: a block is
//! rendered when every voice has its frames. So the script, its ring and the mix are those of `live`.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueHint};
use control::{NoHooks, Server, Settings};
use device::{CloseError, FileWant, Format, Notice, Supervisor, SupervisorConfig, Want};
use engine::{EngineConfig, Renderer};
use live::{Edit, Event, Live, LiveOptions};
use media::{SoundFormat, WriteError};
use protocol::LeadSetting;
use serde_json::json;
use units::{ChannelCount, SampleRate};

use crate::cli::{AudioArgs, Lead, UNSAFE_WARNING};
use crate::code_runtime::{self, RuntimeArgs};
use crate::commands::live::{as_text, not_started, readable};
use crate::fresh_file::FreshFile;
use crate::interrupt::Interrupt;
use crate::length::LengthArgs;
use crate::status_text::clock;
use crate::terminal::{self, StatusLine};
use crate::trouble::{Exit, Trouble};

const EXAMPLES: &str = "\
Examples:
  forebay render song.js -o out.wav --seconds 30
  forebay render song.js -o out.flac --bars 16
  forebay render song.js -o out.wav --seconds 30 --rate 44100 --channels 1";

/// The lead where none is asked for: a render has no stalls that one could follow.
const LEAD_MS: f64 = 680.0;
const TICK: Duration = Duration::from_millis(20);

/// Arguments of `render`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RenderArgs {
    /// The script
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The file to write: .wav (32-bit float; RF64 above 4 GiB) or .flac (24 bit)
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: PathBuf,
    /// How much of it.
    #[command(flatten)]
    length: LengthArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// Renders to the end.
pub(crate) fn run(args: &RenderArgs, audio: &AudioArgs) -> Result<()> {
    readable(&args.file)?;
    if is_same_file(&args.file, &args.out) {
        return Err(Trouble::new(Exit::Usage, format!("{} is the script itself", args.out.display()))
            .remedy("-o names the sound file to write")
            .into());
    }
    if !args.length.is_given() {
        let what = "a render needs an end";
        return Err(Trouble::new(Exit::Usage, what).remedy("give --seconds N or --bars N").into());
    }
    let sound_format = format_of(&args.out)?;
    // Looked for first: without it nothing is begun.
    let runtime = args.runtime.find()?;
    let interrupt = Interrupt::take()?;
    let rate = audio.rate.map_or(Ok(SampleRate::DEFAULT), SampleRate::new)?;
    let channels = audio.channels.map_or(Ok(ChannelCount::STEREO), |n| ChannelCount::new(n.into()))?;
    let folder = PrivateFolder::new()?;
    let socket = folder.0.join("render.sock");
    let listener = serve(&socket)?;
    let out = FreshFile::begin(&args.out).map_err(|error| unwritten(&args.out, &error))?;
    let mut line = StatusLine::stderr();
    if audio.is_unsafe {
        line.say(&format!("forebay: {UNSAFE_WARNING}"));
    }
    let mut config = EngineConfig::new(rate, channels);
    audio.protect(&mut config);
    let (engine, renderer) = engine::engine(config);
    let file = FileWant {
        path: out.path().to_owned(),
        format: sound_format,
        real_time: false,
        skip_frames: engine.latency_frames() as u64,
        frames: None,
    };
    let settings = Settings { socket: socket.display().to_string(), ..Settings::default() };
    let server = Server::start(listener, engine, settings, Arc::new(NoHooks))?;
    line.say(&format!("forebay: {}", code_runtime::line(&runtime)));
    let mut options = LiveOptions::new(&args.file);
    options.socket = Some(socket);
    options.runtime = Some(runtime);
    options.lead = Some(LeadSetting::Ms(audio.lead.and_then(lead_ms).unwrap_or(LEAD_MS)));
    options.gain_db = audio.gain_db.map(|db| f64::from(db.max(-144.0)));
    options.render = true;
    let live = Live::start(options).map_err(|error| not_started(&error))?;
    let mut render = Rendering {
        live,
        waiting: Some((file, Box::new(renderer))),
        device: None,
        line,
        started: Instant::now(),
        format: Format { rate, channels },
        length: args.length,
        seconds: 0.0,
        script: args.file.display().to_string(),
    };
    let outcome = render.follow(&interrupt);
    render.line.clear();
    drop(render.live);
    drop(server.stop());
    if let Some(device) = render.device {
        // What kept the file from being written is the cause of whatever else went wrong.
        device.supervisor.close().map_err(|error| unwritten(&args.out, &why_incomplete(error)))?;
    }
    outcome?;
    out.finish().map_err(|error| unwritten(&args.out, &error))?;
    report(args, audio, render.seconds, render.started.elapsed())
}

/// As the name of the file ends; a name without an end, such as that of a device, is one of a WAV file.
fn format_of(out: &Path) -> Result<SoundFormat, Trouble> {
    match SoundFormat::of(out) {
        Err(error) if out.extension().is_some() => {
            Err(Trouble::new(Exit::Usage, error).remedy("-o names the sound file to write"))
        }
        known => Ok(known.unwrap_or_default()),
    }
}

/// A lead in milliseconds, where one was given.
fn lead_ms(lead: Lead) -> Option<f64> {
    match lead {
        Lead::Auto => None,
        Lead::Ms(ms) => Some(ms),
    }
}

/// The same file by whatever names.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// The socket of this render alone.
fn serve(socket: &Path) -> Result<UnixListener, Trouble> {
    UnixListener::bind(socket).map_err(|error| {
        Trouble::new(Exit::Permission, format!("can't serve {}: {error}", socket.display()))
            .remedy("set TMPDIR to a folder with a short path that you may write to")
    })
}

/// Without the frames that it counts: half a render is thrown away.
fn why_incomplete(error: CloseError) -> String {
    match error {
        CloseError::File(WriteError::Full { .. }) => "the disk is full".to_owned(),
        CloseError::File(WriteError::Write { source, .. }) => source.to_string(),
        other => other.to_string(),
    }
}

fn unwritten(out: &Path, why: &dyn std::fmt::Display) -> Trouble {
    Trouble::new(Exit::Output, format!("{} is not written: {why}", out.display()))
        .remedy("make room, or choose a place that you may write to with -o")
}

fn report(args: &RenderArgs, audio: &AudioArgs, seconds: f64, took: Duration) -> Result<()> {
    let times = seconds / took.as_secs_f64();
    let text = if audio.json {
        json!({ "file": args.out, "seconds": seconds, "took_ms": took.as_secs_f64() * 1e3, "speed": times })
            .to_string()
    } else {
        let (name, length) = (args.out.display(), (seconds * 1e3).round() / 1e3);
        format!("{name}: {length} s in {:.1} s ({times:.1}x real time)", took.as_secs_f64())
    };
    Ok(terminal::print(&text)?)
}

/// A folder for the socket that nobody else may enter; gone when dropped.
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    fn new() -> Result<Self, Trouble> {
        let path = std::env::temp_dir().join(format!("forebay-render-{}", std::process::id()));
        // Left over from a process of the same number, or somebody else's: then making it fails.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Trouble::new(Exit::Permission, format!("can't make {}: {error}", path.display()))
                .remedy("set TMPDIR to a folder that you may write to")
        })?;
        Ok(Self(path))
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The file as a device without a clock.
struct Device {
    supervisor: Supervisor,
    notices: Receiver<Notice>,
    total: u64,
}

struct Rendering {
    live: Live,
    /// The file and what is to fill it, until the script has begun: only then its length is known.
    waiting: Option<(FileWant, Box<Renderer>)>,
    device: Option<Device>,
    line: StatusLine<std::io::Stderr>,
    started: Instant,
    format: Format,
    length: LengthArgs,
    seconds: f64,
    script: String,
}

impl Rendering {
    fn follow(&mut self, interrupt: &Interrupt) -> Result<(), Trouble> {
        loop {
            if interrupt.is_asked() {
                return Err(Trouble::new(
                    Exit::Interrupted,
                    "stopped before the end; nothing is left behind",
                ));
            }
            while let Some(notice) = self.device.as_ref().and_then(|device| device.notices.try_recv().ok()) {
                match notice {
                    Notice::Finished => return self.last_words(),
                    Notice::Lost { reason, .. } => return Err(Trouble::new(Exit::Output, reason)),
                    _ => {}
                }
            }
            match self.live.events().recv_timeout(TICK) {
                Ok(event) => self.take(&event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
            }
            if let Some(device) = &self.device {
                let done = device.supervisor.status().figures.rendered_frames;
                let progress = self.progress(done.min(device.total), device.total);
                self.line.show(&progress);
            }
        }
    }

    /// The script is heard: the file moves, for as long as it is to.
    fn begin(&mut self, edit: &Edit) -> Result<(), Trouble> {
        let Some((file, renderer)) = self.waiting.take() else { return Ok(()) };
        let Format { rate, channels } = self.format;
        let total = self.length.frames(rate, edit.bar_s()).unwrap_or_default();
        self.seconds = rate.ms(units::Frames(total)) / 1e3;
        let path = file.path.clone();
        let want = Want {
            rate: Some(rate),
            channels: Some(channels),
            file: Some(FileWant { frames: Some(total), ..file }),
            ..Want::default()
        };
        let config = SupervisorConfig { backend: "file".into(), want };
        let (supervisor, notices) = Supervisor::open(config).map_err(|error| unwritten(&path, &error))?;
        let seated = supervisor.seat(renderer).is_ok();
        self.device = Some(Device { supervisor, notices, total });
        if seated { Ok(()) } else { Err(Trouble::new(Exit::Unexpected, "the file device hangs")) }
    }

    fn take(&mut self, event: &Event) -> Result<(), Trouble> {
        match event {
            Event::Edited(edit) if edit.voices.is_empty() => {
                Err(Trouble::new(Exit::Input, format!("{} plays nothing", self.script))
                    .remedy("a script calls play(name, s => ...) or kanon(id, ...)"))
            }
            Event::Edited(edit) => self.begin(edit),
            Event::Refused(refusal) => Err(Trouble::new(Exit::Input, refusal)),
            // What follows is another sound than the script's; it renders ahead, so it may be none of the file's.
            Event::Fault(fault) if fault.frame.is_none_or(|frame| self.lies_within(frame)) => {
                Err(Trouble::new(Exit::Input, fault))
            }
            Event::Fault(_) => Ok(()),
            Event::Fatal { message, .. } => Err(Trouble::new(Exit::Input, message)),
            Event::Ended { .. } => Err(self.ended()),
            other => {
                if let Some(text) = as_text(other) {
                    self.line.say(&text);
                }
                Ok(())
            }
        }
    }

    fn lies_within(&self, frame: u64) -> bool {
        self.device.as_ref().is_none_or(|device| frame < device.total)
    }

    /// The file is complete; whether it is the script's sound, the script has yet to say.
    fn last_words(&mut self) -> Result<(), Trouble> {
        self.live.stop(Duration::ZERO);
        loop {
            match self.live.events().recv() {
                Ok(Event::Ended { .. }) | Err(_) => return Ok(()),
                Ok(event) => self.take(&event)?,
            }
        }
    }

    fn ended(&self) -> Trouble {
        Trouble::new(Exit::Unexpected, "the script's process ended before the render was complete")
    }

    fn progress(&self, done: u64, total: u64) -> String {
        let rate = self.format.rate;
        let time = |frames| clock(rate.duration(units::Frames(frames)));
        let seconds = rate.ms(units::Frames(done)) / 1e3;
        let times = seconds / self.started.elapsed().as_secs_f64().max(1e-3);
        format!(
            "{} / {} ({:.0} %), {times:.1}x real time",
            time(done),
            time(total),
            100.0 * done as f64 / total as f64
        )
    }
}
