//! `forebay live`: a script that plays while it is edited. The sound is made by the script's own process; here are the
//! daemon it needs, the status line, and its messages with their place in the file.

mod json;
mod text;

use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueHint};
use live::{Event, Live, LiveOptions, StartError};
use protocol::Status;

use crate::cli::AudioArgs;
use crate::code_runtime::{self, RuntimeArgs};
use crate::commands::status::whole;
use crate::console::Console;
use crate::daemon::ensure;
use crate::interrupt::Interrupt;
use crate::status_text;
use crate::terminal::{self, StatusLine};
use crate::trouble::{Exit, Trouble};

use json::as_json;
pub(crate) use text::as_text;

const EXAMPLES: &str = "\
Examples:
  forebay live song.js                    play it; every save is heard at once; Ctrl-C fades out
  forebay live song.js --lead 300 --backend null
  forebay live song.js --runtime quickjs
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
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// Plays the script until told to stop.
pub(crate) fn run(args: &LiveArgs, audio: &AudioArgs) -> Result<()> {
    readable(&args.file)?;
    // Looked for first: without it no daemon is needed.
    let runtime = args.runtime.find()?;
    let interrupt = Interrupt::take()?;
    let mut line = StatusLine::stderr();
    for note in ensure::daemon(audio)?.0 {
        line.say(&format!("forebay: {note}"));
    }
    line.say(&format!("forebay: {}", code_runtime::line(&runtime)));
    let mut options = LiveOptions::new(&args.file);
    options.runtime = Some(runtime);
    options.name.clone_from(&args.name);
    options.lead = audio.lead.map(ensure::lead_setting);
    options.daemon_args = audio.for_daemon();
    options.gain_db = audio.gain_db.map(|db| f64::from(db.max(-144.0)));
    options.forebay = std::env::current_exe().ok();
    let live = Live::start(options).map_err(|error| not_started(&error))?;
    let mut session = Session { line, json: audio.json, console: None, pid: None, shown: None, fatal: None };
    session.follow(&live, &interrupt)
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
            self.show_status();
        }
    }

    fn ended(&mut self, code: i32, stopping: bool) -> Result<()> {
        if stopping || code == 0 {
            return Ok(());
        }
        let (what, message) =
            self.fatal.take().unwrap_or(("host".into(), "the script's process ended by itself".into()));
        let exit = match what.as_str() {
            "file" => Exit::Input,
            "connect" | "daemon" | "stopped" => Exit::NoDaemon,
            _ => Exit::Unexpected,
        };
        Err(Trouble::new(exit, message).into())
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
