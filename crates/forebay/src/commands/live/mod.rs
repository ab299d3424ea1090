//! `forebay live`: a script that plays while it is edited. The sound is made by the script's own process; here are the
//! daemon it needs, the status line, and its messages with their place in the file.

mod ending;
mod json;
mod take;
mod text;

use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueHint};
use live::{Event, Live, LiveOptions, Runtime, StartError};
use protocol::Status;
use serde_json::json;
use units::SampleRate;

use crate::cli::{AudioArgs, UNSAFE_WARNING};
use crate::commands::status::whole;
use crate::console::Console;
use crate::daemon::ensure;
use crate::interrupt::Interrupt;
use crate::length::LengthArgs;
use crate::status_text;
use crate::terminal::{self, StatusLine};
use crate::trouble::{Exit, Trouble};

use ending::Ending;
use json::as_json;
use take::Take;
pub(crate) use text::as_text;

const EXAMPLES: &str = "\
Examples:
  forebay live song.js                    play it; every save is heard at once; Ctrl-C fades out
  forebay live song.js --lead 300 --backend null
  forebay live song.js --record take.flac
  forebay live song.js --bars 16 --record take.wav
  forebay live song.js --json             what happens, one JSON line each, for editors";

/// How often signals and the status line are looked at.
const TICK: Duration = Duration::from_millis(50);
const LINE_EVERY: Duration = Duration::from_millis(250);
/// The fade at the end.
const FADE: Duration = Duration::from_millis(50);

/// Arguments of `live`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LiveArgs {
    /// The script
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Name of the producer [default: the name of the file]
    #[arg(long)]
    name: Option<String>,
    /// Record what is heard, from the piece's first frame on: .wav (32-bit float) or .flac (24 bit)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    record: Option<PathBuf>,
    /// Record over a file that is there
    #[arg(long, requires = "record")]
    overwrite: bool,
    /// How much of it.
    #[command(flatten)]
    length: LengthArgs,
}

/// Plays the script until told to stop.
pub(crate) fn run(args: &LiveArgs, audio: &AudioArgs) -> Result<()> {
    readable(&args.file)?;
    let record = args.record.as_deref().map(take::recordable).transpose()?;
    // Looked for first: without it no daemon is needed.
    let runtime = Runtime::find().map_err(|error| Trouble::new(Exit::NoRuntime, error))?;
    let interrupt = Interrupt::take()?;
    let mut line = StatusLine::stderr();
    for note in ensure::daemon(audio)?.0 {
        line.say(&format!("forebay: {note}"));
    }
    if audio.is_unsafe {
        line.say(&format!("forebay: {UNSAFE_WARNING}"));
    }
    let take = record.map(|path| Take::prepare(&path, args.overwrite)).transpose()?;
    let ending = Ending::new(args.length, FADE);
    let mut options = LiveOptions::new(&args.file);
    options.runtime = Some(runtime);
    options.name.clone_from(&args.name);
    options.lead = audio.lead.map(ensure::lead_setting);
    options.daemon_args = audio.for_daemon();
    options.gain_db = audio.gain_db.map(|db| f64::from(db.max(-144.0)));
    options.main = audio.main_wish();
    options.forebay = std::env::current_exe().ok();
    let live = Live::start(options).map_err(|error| not_started(&error))?;
    let mut session = Session {
        line,
        json: audio.json,
        console: None,
        pid: None,
        shown: None,
        fatal: None,
        ending,
        take,
        rate_hz: 0,
        daemon: None,
    };
    let played = session.follow(&live, &interrupt);
    let recorded = session.finish_take();
    played.and(recorded)
}

/// What can't be read is said before anything is started.
///
/// # Errors
/// [`Exit::Input`].
pub(crate) fn readable(file: &Path) -> Result<(), Trouble> {
    let opened = std::fs::File::open(file).and_then(|file| file.metadata());
    match opened {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => {
            Err(Trouble::new(Exit::Input, format!("{} is no file", file.display())).remedy("give a .js file"))
        }
        Err(error) => Err(Trouble::new(Exit::Input, format!("{}: {error}", file.display()))
            .remedy("give the path of a script; examples/js has some")),
    }
}

/// Why there is no runtime, with the exit code for that.
pub(crate) fn not_started(error: &StartError) -> Trouble {
    let exit = match error {
        StartError::Runtime(_) => Exit::NoRuntime,
        _ => Exit::Unexpected,
    };
    Trouble::new(exit, error)
}

/// A script that plays, as the terminal sees it.
struct Session {
    line: StatusLine<std::io::Stderr>,
    json: bool,
    /// A daemon that was replaced is asked over a new connection.
    console: Option<Console>,
    /// The script's process, once it runs.
    pid: Option<u32>,
    shown: Option<Instant>,
    /// What it gave up over.
    fatal: Option<(String, String)>,
    ending: Ending,
    take: Option<Take>,
    /// Of the daemon that plays it, and its process.
    rate_hz: u32,
    daemon: Option<u32>,
}

impl Session {
    fn follow(&mut self, live: &Live, interrupt: &Interrupt) -> Result<()> {
        let mut stopping = false;
        loop {
            // An editor that is gone can't stop what it started.
            let is_over = interrupt.is_asked() || (self.json && terminal::is_reader_gone());
            if !stopping && is_over {
                stopping = true;
                live.stop(FADE);
            }
            match live.events().recv_timeout(TICK) {
                Ok(Event::Ended { code }) => {
                    self.line.clear();
                    return self.ended(code, stopping);
                }
                Ok(event) => self.tell(event)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.ended(1, stopping),
            }
            if let Some((frame, away)) = self.end_that_is_near().filter(|_| !stopping) {
                live.stop_at(frame, away, FADE);
            }
            self.watch_take()?;
            self.show_status();
        }
    }

    fn ended(&mut self, code: i32, stopping: bool) -> Result<()> {
        if stopping || code == 0 || self.ending.is_told {
            return Ok(());
        }
        let (what, message) =
            self.fatal.take().unwrap_or(("host".into(), "the script's process ended by itself".into()));
        let exit = match what.as_str() {
            "file" => Exit::Input,
            "connect" | "daemon" | "stopped" => Exit::NoDaemon,
            "main" => Exit::Daemon,
            _ => Exit::Unexpected,
        };
        Err(Trouble::new(exit, message).into())
    }

    /// The frame at which the fade is to begin, when that is near, and how far away it is.
    fn end_that_is_near(&mut self) -> Option<(u32, Duration)> {
        if !self.ending.asks() {
            return None;
        }
        let frame = self.status()?.engine.frame;
        self.ending.look(frame)
    }

    /// What the daemon and the piece begin, ending and recording begin with.
    fn note_beginnings(&mut self, event: &Event) -> Result<(), Trouble> {
        match event {
            Event::Connected { pid, rate_hz, .. } => {
                if self.daemon.replace(*pid) != Some(*pid) {
                    self.rate_hz = *rate_hz;
                    let rate =
                        SampleRate::new(*rate_hz).map_err(|error| Trouble::new(Exit::Daemon, error))?;
                    self.ending.begin_anew(rate);
                }
                Ok(())
            }
            Event::Rejoined { engine_frame, .. } => {
                self.ending.rejoined(*engine_frame);
                Ok(())
            }
            Event::Edited(edit) => match (self.ending.edited(edit), &mut self.take) {
                (Some((frame, frames)), Some(take)) => take.begin(frame, frames),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// A recording that fails is told at once; the piece plays on.
    fn watch_take(&mut self) -> Result<()> {
        let Some(take) = &mut self.take else { return Ok(()) };
        let Some(why) = take.failure() else { return Ok(()) };
        if self.json {
            let failed = json!({ "event": "recorded", "file": take.path(), "error": why });
            return Ok(terminal::print(&failed.to_string())?);
        }
        self.line.say(&format!("forebay: the recording has ended: {why}"));
        Ok(())
    }

    /// Ends the recording, and says what came of it.
    fn finish_take(&mut self) -> Result<()> {
        let Some(take) = self.take.take() else { return Ok(()) };
        let recorded = take.finish()?;
        if let Some(error) = recorded.error {
            return Err(Trouble::new(Exit::Output, error).into());
        }
        if self.json {
            terminal::print(&take::as_json(&recorded, self.rate_hz).to_string())?;
        } else {
            self.line.say(&take::as_text(&recorded, self.rate_hz));
        }
        Ok(())
    }

    /// One calm line, from the daemon's own counters.
    fn show_status(&mut self) {
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= LINE_EVERY);
        if self.json || !due || !self.line.is_shown() {
            return;
        }
        self.shown = Some(Instant::now());
        let line = self.status().map(|status| status_text::line(&status, self.pid));
        self.line.show(line.as_deref().unwrap_or("no daemon answers"));
    }

    fn status(&mut self) -> Option<Status> {
        let console = match self.console.take() {
            Some(console) => console,
            None => Console::connect().ok()?,
        };
        let status = whole(&console).ok()?;
        self.console = Some(console);
        Some(status)
    }

    fn tell(&mut self, mut event: Event) -> Result<()> {
        if let Event::Started { pid, .. } = &event {
            self.pid = Some(*pid);
        }
        self.note_beginnings(&event)?;
        if let Event::Fatal { what, message } = &event {
            self.fatal = Some((what.clone(), message.clone()));
            return Ok(());
        }
        // What it gave up over says more than how it ended, and has nothing to do with a later end.
        if let Event::Restarted { reason } = &mut event
            && let Some((_, message)) = self.fatal.take()
        {
            *reason = message;
        }
        if self.json {
            return match as_json(&event) {
                Some(value) => Ok(terminal::print(&value.to_string())?),
                None => Ok(()),
            };
        }
        if let Some(message) = as_text(&event) {
            self.line.say(&message);
        }
        Ok(())
    }
}
