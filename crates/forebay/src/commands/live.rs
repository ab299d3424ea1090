//! `forebay live`: a script that plays while it is edited. The sound is made by the script's own process; here are the
//! daemon it needs, the status line, and its messages with their place in the file.

use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueHint};
use live::{Edit, Event, Live, LiveOptions, StartError};
use protocol::Status;
use serde_json::{Value, json};

use crate::cli::AudioArgs;
use crate::code_runtime::{self, RuntimeArgs};
use crate::commands::status::whole;
use crate::console::Console;
use crate::daemon::ensure;
use crate::interrupt::Interrupt;
use crate::status_text;
use crate::terminal::{self, StatusLine};
use crate::trouble::{Exit, Trouble};

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

/// What a person wants to know of it.
pub(crate) fn as_text(event: &Event) -> Option<String> {
    Some(match event {
        Event::Edited(edit) => edited(edit),
        Event::Refused(refusal) => format!("{refusal}\n    what played plays on"),
        Event::Fault(fault) => fault.to_string(),
        Event::Log { level, text } if level == "log" => text.clone(),
        Event::Log { level, text } => format!("{level}: {text}"),
        Event::Problem { message } => format!("forebay: {message}"),
        Event::Lost { frames } => {
            format!("forebay: the script was not in time: {frames:.0} frames of silence")
        }
        Event::Underrun { name, cause, .. } => {
            format!("forebay: '{name}' ran dry ({})", cause.replace('_', " "))
        }
        Event::Resumed { name, .. } => format!("forebay: '{name}' plays again"),
        Event::Muted { name, reason } => format!("forebay: '{name}' is muted: {}", reason.replace('_', " ")),
        Event::Unmuted { name } => format!("forebay: '{name}' is heard again"),
        Event::Device { backend, name, state } => format!("forebay: {backend} '{name}' {state}"),
        Event::Complaint { line } => line.clone(),
        Event::Restarted { reason } => format!("forebay: {reason}; started again, the piece begins anew"),
        _ => return None,
    })
}

fn edited(edit: &Edit) -> String {
    let named =
        |sign: &str, names: &[String]| names.iter().map(|name| format!(" {sign}{name}")).collect::<String>();
    let count = match edit.voices.len() {
        1 => "1 voice".to_owned(),
        n => format!("{n} voices"),
    };
    let mut text = format!(
        "heard in {:.0} ms: {count}{}{} ({:.1}x real time)",
        edit.timings_ms.hand_over + edit.timings_ms.total,
        named("+", &edit.joined),
        named("-", &edit.left),
        edit.speed
    );
    if !edit.unrewindable.is_empty() {
        let names = edit.unrewindable.join(", ");
        text.push_str(&format!(
            "\n    {names}: keeps state that can't be restored, so each save begins it anew"
        ));
    }
    text
}

/// The same for programs.
fn as_json(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Started { runtime, version, pid } => {
            json!({ "event": "started", "runtime": runtime, "version": version, "pid": pid })
        }
        Event::Ready { uptime_ms } => json!({ "event": "ready", "uptime_ms": uptime_ms }),
        Event::Edited(edit) => {
            let times = &edit.timings_ms;
            let timings = json!({
                "hand_over": times.hand_over, "compile": times.compile, "warm": times.warm, "cover": times.cover,
                "publish": times.publish, "guard": times.guard, "total": times.total,
            });
            json!({
                "event": "edited", "revision": edit.revision, "uptime_ms": edit.uptime_ms,
                "seen_ms": edit.seen_ms, "voices": edit.voices,
                "joined": edit.joined, "left": edit.left, "unrewindable": edit.unrewindable,
                "engine_frame": edit.engine_frame, "cover_frames": edit.cover_frames,
                "late_frames": edit.late_frames, "speed": edit.speed, "timings_ms": timings,
            })
        }
        Event::Refused(it) => json!({
            "event": "refused", "what": it.what, "file": it.file, "line": it.line, "column": it.column,
            "voice": it.voice, "message": it.message,
        }),
        Event::Fault(it) => json!({
            "event": "fault", "what": it.what, "file": it.file, "line": it.line, "column": it.column,
            "voice": it.voice, "frame": it.frame, "message": it.message,
        }),
        Event::Log { level, text } => json!({ "event": "log", "level": level, "text": text }),
        Event::Lost { frames } => json!({ "event": "lost", "frames": frames }),
        Event::Underrun { name, frame, frames, cause } => {
            json!({ "event": "underrun", "voice": name, "frame": frame, "frames": frames, "cause": cause })
        }
        Event::Resumed { name, frames } => json!({ "event": "resumed", "voice": name, "frames": frames }),
        Event::Muted { name, reason } => json!({ "event": "muted", "voice": name, "reason": reason }),
        Event::Unmuted { name } => json!({ "event": "unmuted", "voice": name }),
        Event::Device { backend, name, state } => {
            json!({ "event": "device", "backend": backend, "name": name, "state": state })
        }
        other => json!({ "event": "message", "message": as_text(other)? }),
    })
}
