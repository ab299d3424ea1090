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
use device::{CloseError, FileWant, Notice, Supervisor, SupervisorConfig, Want};
use engine::EngineConfig;
use live::{Event, Live, LiveOptions};
use media::WriteError;
use protocol::LeadSetting;
use ring::sync::{AtomicU32, Ordering};
use serde_json::json;
use units::{ChannelCount, SampleRate};

use crate::cli::{AudioArgs, Lead};
use crate::code_runtime::{self, RuntimeArgs};
use crate::commands::live::{as_text, not_started, readable};
use crate::fresh_file::FreshFile;
use crate::interrupt::Interrupt;
use crate::status_text::clock;
use crate::terminal::{self, StatusLine};
use crate::trouble::{Exit, Trouble};

const EXAMPLES: &str = "\
Examples:
  forebay render song.js -o out.wav --seconds 30
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
    /// The WAV file to write (32-bit float; RF64 above 4 GiB)
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: PathBuf,
    /// How much of it
    #[arg(long, value_name = "N", value_parser = seconds)]
    seconds: f64,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e6 => Ok(seconds),
        _ => Err("give a number of seconds above 0".to_owned()),
    }
}

/// Renders to the end.
pub(crate) fn run(args: &RenderArgs, audio: &AudioArgs) -> Result<()> {
    readable(&args.file)?;
    if is_same_file(&args.file, &args.out) {
        return Err(Trouble::new(Exit::Usage, format!("{} is the script itself", args.out.display()))
            .remedy("-o names the WAV file to write")
            .into());
    }
    // Looked for first: without it nothing is begun.
    let runtime = args.runtime.find()?;
    let interrupt = Interrupt::take()?;
    let rate = audio.rate.map_or(Ok(SampleRate::DEFAULT), SampleRate::new)?;
    let channels = audio.channels.map_or(Ok(ChannelCount::STEREO), |n| ChannelCount::new(n.into()))?;
    let total = rate.frames_in_ms(args.seconds * 1e3).0.max(1);
    let folder = PrivateFolder::new()?;
    let socket = folder.0.join("render.sock");
    let listener = serve(&socket)?;
    let out = FreshFile::begin(&args.out).map_err(|error| unwritten(&args.out, &error))?;
    let begun = Arc::new(AtomicU32::new(0));
    let (supervisor, notices) = open_file(out.path(), rate, channels, total, Arc::clone(&begun))?;
    let (engine, renderer) = engine::engine(EngineConfig::new(rate, channels));
    if supervisor.seat(Box::new(renderer)).is_err() {
        return Err(Trouble::new(Exit::Unexpected, "the file device hangs").into());
    }
    let settings = Settings { socket: socket.display().to_string(), ..Settings::default() };
    let server = Server::start(listener, engine, settings, Arc::new(NoHooks))?;
    let mut line = StatusLine::stderr();
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
        notices,
        begun,
        line,
        started: Instant::now(),
        rate,
        total,
        script: args.file.display().to_string(),
    };
    let outcome = render.follow(&supervisor, &interrupt);
    render.line.clear();
    drop(render.live);
    drop(server.stop());
    // What kept the file from being written is the cause of whatever else went wrong.
    supervisor.close().map_err(|error| unwritten(&args.out, &why_incomplete(error)))?;
    outcome?;
    out.finish().map_err(|error| unwritten(&args.out, &error))?;
    report(args, audio, render.started.elapsed())
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

fn report(args: &RenderArgs, audio: &AudioArgs, took: Duration) -> Result<()> {
    let times = args.seconds / took.as_secs_f64();
    let text = if audio.json {
        json!({ "file": args.out, "seconds": args.seconds, "took_ms": took.as_secs_f64() * 1e3, "speed": times }).to_string()
    } else {
        format!(
            "{}: {} s in {:.1} s ({times:.1}x real time)",
            args.out.display(),
            args.seconds,
            took.as_secs_f64()
        )
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

/// A file as the device, without a clock; it does not move before `begun` is set.
fn open_file(
    out: &Path,
    rate: SampleRate,
    channels: ChannelCount,
    frames: u64,
    begun: Arc<AtomicU32>,
) -> Result<(Supervisor, Receiver<Notice>), Trouble> {
    let file = FileWant {
        path: out.to_owned(),
        format: media::WavFormat::F32,
        real_time: false,
        frames: Some(frames),
    };
    let want = Want {
        rate: Some(rate),
        channels: Some(channels),
        file: Some(file),
        gate: Some(Arc::new(move |_| begun.load(Ordering::Acquire) != 0)),
        ..Want::default()
    };
    let config = SupervisorConfig { backend: "file".into(), want };
    Supervisor::open(config).map_err(|error| unwritten(out, &error))
}

struct Rendering {
    live: Live,
    notices: Receiver<Notice>,
    begun: Arc<AtomicU32>,
    line: StatusLine<std::io::Stderr>,
    started: Instant,
    rate: SampleRate,
    total: u64,
    script: String,
}

impl Rendering {
    fn follow(&mut self, supervisor: &Supervisor, interrupt: &Interrupt) -> Result<(), Trouble> {
        loop {
            if interrupt.is_asked() {
                return Err(Trouble::new(
                    Exit::Interrupted,
                    "stopped before the end; nothing is left behind",
                ));
            }
            while let Ok(notice) = self.notices.try_recv() {
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
            let done = supervisor.status().figures.rendered_frames;
            self.line.show(&self.progress(done));
        }
    }

    fn take(&mut self, event: &Event) -> Result<(), Trouble> {
        match event {
            Event::Edited(edit) if edit.voices.is_empty() => {
                Err(Trouble::new(Exit::Input, format!("{} plays nothing", self.script))
                    .remedy("a script calls play(name, s => ...) or kanon(id, ...)"))
            }
            Event::Edited(_) => {
                self.begun.store(1, Ordering::Release);
                Ok(())
            }
            Event::Refused(refusal) => Err(Trouble::new(Exit::Input, refusal)),
            // What follows is another sound than the script's; it renders ahead, so it may be none of the file's.
            Event::Fault(fault) if fault.frame.is_none_or(|frame| frame < self.total) => {
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

    fn progress(&self, done: u64) -> String {
        let time = |frames| clock(self.rate.duration(units::Frames(frames)));
        let seconds = self.rate.ms(units::Frames(done)) / 1e3;
        let times = seconds / self.started.elapsed().as_secs_f64().max(1e-3);
        format!(
            "{} / {} ({:.0} %), {times:.1}x real time",
            time(done),
            time(self.total),
            100.0 * done as f64 / self.total as f64
        )
    }
}
