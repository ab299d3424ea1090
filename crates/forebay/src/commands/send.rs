//! `forebay send`: code from a file, from standard input or from the command line goes to a script that plays.

use std::io::Read;
use std::path::Path;

use anyhow::Result;
use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;
use live::remote::{MAX_CODE_BYTES, Send, UNNAMED, check_code};

use crate::cli::AudioArgs;
use crate::trouble::{Exit, Trouble};
use crate::{complete, sessions, terminal};

const EXAMPLES: &str = "\
Examples:
  forebay send bass.js                    the file's voices join what plays, or replace those of their name
  forebay send 'stop(\"bass\",2)'
  forebay send 'list()'                   what the last statement comes to is shown
  forebay send - --name song.js:12 <part.js
  forebay send song.js --whole            as if it had been saved: what is not in it fades out
  forebay send 'f=330' --session song     where several sessions run
  forebay send bass.js --json             what became of it, one JSON line

Code that is refused changes nothing; it is told by file:line:column, and the exit code is 3.";

/// What tells a file's name that is mistyped from code.
const SCRIPT_SUFFIXES: [&str; 4] = [".js", ".mjs", ".cjs", ".ts"];

/// Arguments of `send`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SendArgs {
    /// A file, - for standard input, or the code itself
    #[arg(value_name = "FILE|-|CODE", value_hint = ValueHint::FilePath, allow_hyphen_values = true)]
    what: String,
    /// Which session, by its name or the beginning of it [default: the only one]
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::sessions))]
    session: Option<String>,
    /// Replace the whole piece, as a save does
    #[arg(long)]
    whole: bool,
    /// What the code is called in messages [default: the path of the file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Sends the code and says what became of it.
pub(crate) fn run(args: &SendArgs, audio: &AudioArgs) -> Result<()> {
    let send = read(args)?;
    check_code(&send).map_err(|what| Trouble::new(Exit::Input, what))?;
    let mut client = sessions::connect(args.session.as_deref())?;
    let answer = client.call("send", &send).map_err(sessions::unanswered)?;
    let refused = sessions::is_refusal(&answer);
    if audio.json {
        terminal::print(&answer.to_string())?;
    } else if let Some(text) = sessions::told(&answer) {
        if refused {
            eprintln!("{text}");
        } else {
            terminal::print(&text)?;
        }
    }
    if refused { Err(Trouble::said(Exit::Input).into()) } else { Ok(()) }
}

fn read(args: &SendArgs) -> Result<Send, Trouble> {
    let what = args.what.as_str();
    let path = Path::new(what);
    let (code, called) = if what == "-" {
        (whole(std::io::stdin().lock(), what)?, None)
    } else if path.is_file() {
        let file = std::fs::File::open(path).map_err(|error| unreadable(what, &error))?;
        let called = std::path::absolute(path).map_err(|error| unreadable(what, &error))?;
        (whole(file, what)?, Some(called.to_string_lossy().into_owned()))
    } else if path.is_dir() {
        return Err(Trouble::new(Exit::Input, format!("{what} is a folder")).remedy("give a file or code"));
    } else if SCRIPT_SUFFIXES.iter().any(|suffix| what.ends_with(suffix))
        && !what.contains(char::is_whitespace)
    {
        return Err(
            Trouble::new(Exit::Input, format!("there is no file {what}")).remedy("give a file or code")
        );
    } else {
        (what.to_owned(), None)
    };
    let name = args.name.clone().or(called).unwrap_or_else(|| UNNAMED.to_owned());
    Ok(Send { code, name, whole: args.whole })
}

/// All of it, as long as it may be sent at all.
fn whole(from: impl Read, what: &str) -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    // One byte more than may be sent tells what is too long.
    from.take(MAX_CODE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(what, &error))?;
    String::from_utf8(bytes)
        .map_err(|_| Trouble::new(Exit::Input, format!("{what} is no text in UTF-8")).remedy("give a script"))
}

fn unreadable(what: &str, error: &std::io::Error) -> Trouble {
    Trouble::new(Exit::Input, format!("{what}: {error}"))
}
