//! `forebay repl`: lines of code for a script that plays, one after the other, and what happens meanwhile.

mod command;
mod editor;
mod input;

use std::io::{self, BufRead, IsTerminal};
use std::thread;

use anyhow::Result;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use live::remote::{CallError, Client, Nothing, Send, check_code};
use rustyline::ExternalPrinter;
use rustyline::error::ReadlineError;
use serde_json::Value;

use crate::cli::AudioArgs;
use crate::trouble::{Exit, Trouble};
use crate::{complete, sessions, terminal};

use command::Command;
use editor::Lines;

const EXAMPLES: &str = "\
Examples:
  forebay repl                            to the one script that plays
  forebay repl song                       to the session whose name begins so
  forebay repl <lines.js                  code line by line; the exit code is 3 if any was refused

In it: .list, .stop, .help, .quit";

/// What code that is typed is called in messages.
const NAME: &str = "<repl>";

/// Arguments of `repl`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReplArgs {
    /// Which session, by its name or the beginning of it [default: the only one]
    #[arg(value_name = "SESSION", add = ArgValueCompleter::new(complete::sessions))]
    session: Option<String>,
}

/// Reads and sends until the end.
pub(crate) fn run(args: &ReplArgs, audio: &AudioArgs) -> Result<()> {
    let connect = || sessions::connect(args.session.as_deref());
    let mut talk = Talk { client: connect()?, json: audio.json, was_refused: false };
    if io::stdin().is_terminal() && !audio.json {
        interactive(&mut talk, connect)?;
    } else {
        piped(&mut talk)?;
    }
    if talk.was_refused && !io::stdin().is_terminal() {
        return Err(Trouble::said(Exit::Input).into());
    }
    Ok(())
}

/// What came of a text.
enum Next {
    GoOn,
    Leave,
}

/// The connection over which code goes.
struct Talk {
    client: Client,
    json: bool,
    was_refused: bool,
}

impl Talk {
    /// Does what a text asks for, and says what came of it.
    fn take(&mut self, text: &str) -> Result<Next> {
        match Command::read(text) {
            None if text.trim().is_empty() => {}
            None => self.send(text)?,
            Some(Err(slip)) => {
                self.was_refused = true;
                eprintln!("{slip}");
            }
            Some(Ok(Command::List)) => {
                terminal::print(&command::list(&mut self.client).map_err(sessions::unanswered)?)?;
            }
            Some(Ok(Command::Help)) => terminal::print(&command::help())?,
            Some(Ok(Command::Quit)) => return Ok(Next::Leave),
            Some(Ok(Command::Stop(stop))) => {
                command::stop(&mut self.client, stop)?;
                return Ok(Next::Leave);
            }
        }
        Ok(Next::GoOn)
    }

    /// A refusal of the session's is told and is no end; only its own end is.
    fn send(&mut self, text: &str) -> Result<()> {
        let send = Send { code: text.to_owned(), name: NAME.to_owned(), whole: false };
        let answer = check_code(&send).map_err(Trouble::from_refusal).and_then(|()| {
            self.client.call("send", &send).map_err(|error| match error {
                CallError::Refused(refusal) => Trouble::from_refusal(refusal.message),
                error => sessions::unanswered(error),
            })
        });
        match answer {
            Ok(answer) => self.show(&answer)?,
            Err(trouble) if trouble.exit() == Exit::Input => {
                self.was_refused = true;
                eprintln!("{trouble}");
            }
            Err(trouble) => return Err(trouble.into()),
        }
        Ok(())
    }

    fn show(&mut self, answer: &Value) -> Result<()> {
        let is_refusal = sessions::is_refusal(answer);
        self.was_refused |= is_refusal;
        if self.json {
            return Ok(terminal::print(&answer.to_string())?);
        }
        match sessions::told(answer) {
            Some(text) if is_refusal => eprintln!("{text}"),
            Some(text) => terminal::print(&text)?,
            None => {}
        }
        Ok(())
    }
}

/// Lines of a file or a pipe; what is open goes on in the next one.
fn piped(talk: &mut Talk) -> Result<()> {
    let mut text = String::new();
    for line in io::stdin().lock().lines() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line?);
        if Command::read(&text).is_none() && input::goes_on(&text) {
            continue;
        }
        if matches!(talk.take(&std::mem::take(&mut text))?, Next::Leave) {
            return Ok(());
        }
    }
    talk.take(&text).map(drop)
}

/// At a terminal.
fn interactive(talk: &mut Talk, connect: impl Fn() -> Result<Client, Trouble>) -> Result<()> {
    let hello = talk.client.call("hello", &Nothing {}).map_err(sessions::unanswered)?;
    let session = hello["session"].as_str().unwrap_or("forebay").to_owned();
    println!("{session}: {}; .help says more", hello["file"].as_str().unwrap_or_default());
    let mut lines = Lines::open(connect()?).map_err(|error| Trouble::new(Exit::Unexpected, error))?;
    let mut listening = connect()?;
    listening.call("subscribe", &Nothing {}).map_err(sessions::unanswered)?;
    let mut printer = lines.printer().map_err(|error| Trouble::new(Exit::Unexpected, error))?;
    thread::Builder::new().name("events".into()).spawn(move || tell(&mut listening, &mut printer))?;
    let done = type_lines(talk, &mut lines, &format!("{session}> "));
    if let Err((file, error)) = lines.kept() {
        eprintln!("forebay: what was typed is not kept in {}: {error}", file.display());
    }
    done
}

fn type_lines(talk: &mut Talk, lines: &mut Lines, prompt: &str) -> Result<()> {
    loop {
        match lines.next(prompt) {
            Ok(text) => {
                if matches!(talk.take(&text)?, Next::Leave) {
                    return Ok(());
                }
            }
            // The line is thrown away, what plays is not.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(Trouble::new(Exit::Unexpected, error).into()),
        }
    }
}

/// Prints what happens until the session ends.
fn tell(listening: &mut Client, printer: &mut impl ExternalPrinter) {
    while let Ok(event) = listening.event() {
        // Who sent something is told by the answer.
        if !event["sent"].is_null() {
            continue;
        }
        if let Some(text) = sessions::told(&event) {
            // A terminal that is gone ends the other thread.
            let _ = printer.print(format!("{text}\n"));
        }
    }
    let _ = printer.print("the session has ended; Ctrl-D leaves\n".to_owned());
}
