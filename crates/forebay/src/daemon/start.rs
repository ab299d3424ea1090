//! Starting a daemon from a command that needs one.
//!
//! The child gets its own process group, so that Ctrl-C in a producer's terminal does not reach it, and says
//! on a pipe when it is ready or why it is not.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::paths;
use crate::trouble::{Exit, Trouble};

/// What came of starting a daemon.
#[derive(Debug)]
pub(crate) enum Started {
    /// Our child serves; what it said of itself.
    Ours(Value),
    /// Somebody else's daemon was quicker, in our child's words.
    Another(Trouble),
}

/// The program to start: FOREBAY_BIN, else this very program, else `forebay` in PATH.
fn program() -> OsString {
    std::env::var_os("FOREBAY_BIN")
        .filter(|path| !path.is_empty())
        .or_else(|| std::env::current_exe().ok().map(Into::into))
        .unwrap_or_else(|| "forebay".into())
}

/// Starts `forebay run` in the background and waits until it serves.
///
/// # Errors
/// What kept the daemon from serving, as it said it.
pub(crate) fn start(daemon_args: &[String]) -> Result<Started, Trouble> {
    let program = program();
    let cannot = |error: std::io::Error| {
        Trouble::new(
            Exit::Daemon,
            format!("can't start the daemon {}: {error}", Path::new(&program).display()),
        )
        .remedy("set FOREBAY_BIN to the forebay program, or put it into PATH")
    };
    let (said, says) = std::io::pipe().map_err(cannot)?;
    let errors = says.try_clone().map_err(cannot)?;
    let mut child = Command::new(&program)
        .args(["run", "--background", "--json"])
        .args(daemon_args)
        // What was asked for is among the arguments; what this process was told may be for another daemon.
        .env_remove("FOREBAY_BACKEND")
        .stdin(Stdio::null())
        .stdout(says)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(cannot)?;
    match first_answer(BufReader::new(said)) {
        Some(Answer::Ready(ready)) => Ok(Started::Ours(ready)),
        Some(Answer::Refused(trouble)) if trouble.exit() == Exit::Daemon => Ok(Started::Another(trouble)),
        Some(Answer::Refused(trouble)) => Err(trouble),
        None => {
            // It has ended, or is about to: it closed the pipe.
            let status = child.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
            Err(Trouble::new(Exit::Daemon, format!("the daemon ended without a word ({status})"))
                .remedy(format!("its log is {}", paths::log_file().display())))
        }
    }
}

/// What the child said first that we understand.
enum Answer {
    Ready(Value),
    Refused(Trouble),
}

fn first_answer(said: impl BufRead) -> Option<Answer> {
    said.lines().map_while(Result::ok).find_map(|line| {
        let mut answer: Value = serde_json::from_str(&line).ok()?;
        if let Some(error) = answer.get("error") {
            return Some(Answer::Refused(Trouble::from_json(error)));
        }
        answer.get_mut("ready").map(|ready| Answer::Ready(ready.take()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first line that means something decides; chatter before it and silence are told apart.
    #[test]
    fn answers() {
        let ready = first_answer("warning: x\n{\"ready\":{\"pid\":7}}\n".as_bytes());
        assert!(matches!(ready, Some(Answer::Ready(v)) if v["pid"] == 7));
        let said = "{\"error\":{\"message\":\"no\",\"remedy\":\"do\",\"exit\":5}}\n";
        let Some(Answer::Refused(trouble)) = first_answer(said.as_bytes()) else { panic!("no refusal") };
        assert_eq!((trouble.exit(), trouble.advice()), (Exit::Device, Some("do")));
        assert!(first_answer("chatter\n".as_bytes()).is_none());
    }
}
