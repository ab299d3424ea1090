//! `forebay live`: scripts that play while they are edited. The sound is made by each script's own process; here are the
//! daemon they need, the status line, and their messages with the place in the file.

mod course;
mod ending;
mod json;
mod outside;
mod piece;
mod take;
mod text;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueHint};
use live::remote::Web;
use live::{Event, LiveOptions, Runtime, StartError};
use protocol::Status;
use serde_json::json;

use crate::cli::{AudioArgs, UNSAFE_WARNING};
use crate::code_runtime::{self, RuntimeArgs};
use crate::commands::status::whole;
use crate::console::Console;
use crate::daemon::ensure;
use crate::interrupt::Interrupt;
use crate::length::LengthArgs;
use crate::status_text;
use crate::terminal::{self, StatusLine};
use crate::trouble::{self, Exit, Trouble};

use course::Course;
pub(crate) use json::as_json;
use outside::{Outside, OutsideArgs};
use piece::{News, Piece, session_name};
pub(crate) use text::as_text;

const EXAMPLES: &str = "\
Examples:
  forebay live song.js                    play it; every save is heard at once; Ctrl-C fades out
  forebay live song.js --lead 300 --backend null
  forebay live song.js --runtime quickjs
  forebay live song.js --record take.flac
  forebay live song.js --bars 16 --record take.wav
  forebay live song.js --osc 57120        let osc('/address') in the script hear what comes to that port
  forebay live song.js --open             let an editor in a browser talk to it
  forebay live drums.js bass.js           two scripts, each in a process of its own
  forebay live song.js --json             what happens, one JSON line each, for editors

forebay types > forebay.d.ts gives your editor the language: completion, and what each function takes.";

/// How often signals and the status line are looked at.
const TICK: Duration = Duration::from_millis(50);
const LINE_EVERY: Duration = Duration::from_millis(250);
/// The fade at the end.
const FADE: Duration = Duration::from_millis(50);

/// Arguments of `live`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LiveArgs {
    /// The scripts
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Let editors in a browser on this machine talk to it, over a WebSocket: its URL, with a token, is printed
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    open: Option<u16>,
    /// Name of the producer, and of the session for send and repl [default: the name of the file]
    #[arg(long, value_parser = session_name)]
    name: Option<String>,
    /// Record what is heard, from the first frame on: .wav (32-bit float) or .flac (24 bit)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    record: Option<PathBuf>,
    /// Record over a file that is there
    #[arg(long, requires = "record")]
    overwrite: bool,
    /// What turns it from outside.
    #[command(flatten)]
    outside: OutsideArgs,
    /// How much of it.
    #[command(flatten)]
    length: LengthArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

/// Plays the scripts until told to stop.
pub(crate) fn run(args: &LiveArgs, audio: &AudioArgs) -> Result<()> {
    if args.name.is_some() && args.files.len() > 1 {
        return Err(Trouble::new(Exit::Usage, "--name names one script, not several")
            .remedy("each is called as its file is")
            .into());
    }
    if audio.is_unsafe && args.files.len() > 1 {
        return Err(Trouble::new(
            Exit::Usage,
            "--unsafe is for one script: the second would be another session",
        )
        .remedy("give it to the daemon: forebay restart --unsafe")
        .into());
    }
    for file in &args.files {
        readable(file)?;
    }
    let record = args.record.as_deref().map(take::recordable).transpose()?;
    // Looked for first: without it no daemon is needed.
    let runtime = args.runtime.find()?;
    let interrupt = Interrupt::take()?;
    let mut line = StatusLine::stderr();
    for note in ensure::daemon(audio)?.0 {
        line.say(&format!("forebay: {note}"));
    }
    line.say(&format!("forebay: {}", code_runtime::line(&runtime)));
    if audio.is_unsafe {
        line.say(&format!("forebay: {UNSAFE_WARNING}"));
    }
    let course = Course::prepare(record.as_deref(), args.overwrite, args.length, FADE, audio.json)?;
    let (tell, news) = channel();
    let mut pieces = Vec::new();
    for (number, file) in args.files.iter().enumerate() {
        let options = options(file, &runtime, audio);
        let (piece, note) = Piece::start(number, args.name.as_deref(), options, tell.clone())?;
        if let Some(note) = note {
            line.say(&format!("forebay: {note}"));
        }
        pieces.push(piece);
    }
    let (_outside, notes) =
        Outside::listen(&args.outside, pieces.iter().map(|piece| piece.live.handle()).collect())?;
    for note in notes {
        line.say(&format!("forebay: {note}"));
    }
    let _web = args.open.map(|port| open(port, &pieces, audio.json, &mut line)).transpose()?;
    let mut session =
        Session { line, json: audio.json, console: None, pieces, shown: None, failed: Vec::new(), course };
    let played = session.follow(&news, &interrupt);
    let recorded = session.finish();
    played.and(recorded)
}

/// Serves the pieces to browsers of this machine, and says where.
fn open(port: u16, pieces: &[Piece], json: bool, line: &mut StatusLine<std::io::Stderr>) -> Result<Web> {
    let desks = pieces.iter().filter_map(|piece| Some((piece.name.clone(), piece.desk()?))).collect();
    let web = Web::start(port, desks).map_err(|error| {
        Trouble::new(Exit::Permission, format!("can't serve port {port} of 127.0.0.1: {error}"))
            .remedy("give --open=PORT another one, or --open alone for any")
    })?;
    for url in web.urls() {
        if json {
            terminal::print(&json!({ "event": "open", "url": url }).to_string())?;
        } else {
            line.say(&format!("forebay: {url}"));
        }
    }
    Ok(web)
}

fn options(file: &Path, runtime: &Runtime, audio: &AudioArgs) -> LiveOptions {
    let mut options = LiveOptions::new(file);
    options.runtime = Some(runtime.clone());
    options.lead = audio.lead.map(ensure::lead_setting);
    options.daemon_args = audio.for_daemon();
    options.gain_db = audio.gain_db.map(|db| f64::from(db.max(-144.0)));
    options.main = audio.main_wish();
    options.forebay = std::env::current_exe().ok();
    options
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

/// The scripts that play, as the terminal sees them.
struct Session {
    line: StatusLine<std::io::Stderr>,
    json: bool,
    /// A daemon that was replaced is asked over a new connection.
    console: Option<Console>,
    pieces: Vec<Piece>,
    shown: Option<Instant>,
    /// Why scripts have ended by themselves.
    failed: Vec<Trouble>,
    course: Course,
}

impl Session {
    fn follow(&mut self, news: &Receiver<News>, interrupt: &Interrupt) -> Result<()> {
        let mut stopping = false;
        loop {
            // An editor that is gone can't stop what it started.
            let is_over = interrupt.is_asked() || (self.json && terminal::is_reader_gone());
            if !stopping && is_over {
                stopping = true;
                self.pieces.iter().for_each(|piece| piece.live.stop(FADE));
            }
            match news.recv_timeout(TICK) {
                Ok(News { piece, event: Event::Ended { code }, .. }) => self.ended(piece, code, stopping),
                Ok(news) => self.tell(news)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.over(),
            }
            if self.pieces.iter().all(|piece| piece.has_ended) {
                return self.over();
            }
            self.keep_course(stopping)?;
            self.show_status();
        }
    }

    /// The end that is near, and a recording that fails.
    fn keep_course(&mut self, stopping: bool) -> Result<()> {
        let console = &mut self.console;
        let near = self.course.end_that_is_near(|| Some(status(console)?.engine.frame));
        if let Some((frame, away)) = near.filter(|_| !stopping) {
            self.pieces.iter().for_each(|piece| piece.live.stop_at(frame, away, FADE));
        }
        if let Some(failed) = self.course.watch()? {
            self.line.say(&failed);
        }
        Ok(())
    }

    /// What was recorded is whole.
    fn finish(&mut self) -> Result<()> {
        if let Some(recorded) = self.course.finish()? {
            self.line.say(&recorded);
        }
        Ok(())
    }

    /// A script's end is its own matter: the others play on.
    fn ended(&mut self, number: usize, code: i32, stopping: bool) {
        let piece = &mut self.pieces[number];
        piece.has_ended = true;
        piece.pid = None;
        if stopping || code == 0 || self.course.is_ending() {
            return;
        }
        let (what, message) =
            piece.fatal.take().unwrap_or(("host".into(), "the script's process ended by itself".into()));
        let exit = match what.as_str() {
            "file" => Exit::Input,
            "connect" | "daemon" | "stopped" => Exit::NoDaemon,
            "main" => Exit::Daemon,
            _ => Exit::Unexpected,
        };
        let name = piece.name.clone();
        let is_last = self.pieces.iter().all(|piece| piece.has_ended);
        let message = if self.pieces.len() > 1 { format!("{name}: {message}") } else { message };
        let trouble = Trouble::new(exit, message);
        if is_last {
            self.failed.push(trouble);
        } else {
            self.line.say(&trouble::describe(&trouble.into(), self.json));
            self.failed.push(Trouble::said(exit));
        }
    }

    /// Nothing plays any more. The last to fail is told on the way out.
    fn over(&mut self) -> Result<()> {
        self.line.clear();
        self.failed.pop().map_or(Ok(()), |trouble| Err(trouble.into()))
    }

    /// One calm line, from the daemon's own counters.
    fn show_status(&mut self) {
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= LINE_EVERY);
        if self.json || !due || !self.line.is_shown() {
            return;
        }
        self.shown = Some(Instant::now());
        let pids: Vec<_> = self.pieces.iter().filter_map(|piece| piece.pid).collect();
        let line = status(&mut self.console).map(|status| status_text::line(&status, &pids));
        self.line.show(line.as_deref().unwrap_or("no daemon answers"));
    }

    fn tell(&mut self, News { piece, event, json }: News) -> Result<()> {
        self.course.note(&event)?;
        let is_alone = self.pieces.len() == 1;
        let piece = &mut self.pieces[piece];
        if let Event::Started { pid, .. } = &event {
            piece.pid = Some(*pid);
        }
        if let Event::Edited(edit) = &event {
            piece.plays = !edit.voices.is_empty();
        }
        if let Event::Fatal { what, message } = &event {
            piece.fatal = Some((what.clone(), message.clone()));
            return Ok(());
        }
        if matches!(event, Event::Restarted { .. }) {
            piece.fatal = None;
        }
        if self.json {
            return json.map_or(Ok(()), |json| Ok(terminal::print(&json.to_string())?));
        }
        let message = match &event {
            Event::Refused(refusal) if !piece.plays => {
                Some(format!("{refusal}\n    nothing plays yet: mend it and save"))
            }
            event => as_text(event),
        };
        if let Some(message) = message {
            // A place in a file says which script it is.
            let is_placed = matches!(&event, Event::Refused(at) if at.file.is_some())
                || matches!(&event, Event::Fault(at) if at.file.is_some());
            let name = if is_alone || is_placed { String::new() } else { format!("{}: ", piece.name) };
            self.line.say(&format!("{name}{message}"));
        }
        Ok(())
    }
}

/// The daemon's status, over a connection that is kept as long as it holds.
fn status(kept: &mut Option<Console>) -> Option<Status> {
    let console = match kept.take() {
        Some(console) => console,
        None => Console::connect().ok()?,
    };
    let status = whole(&console).ok()?;
    *kept = Some(console);
    Some(status)
}
