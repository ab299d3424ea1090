//! `forebay restart`: the daemon that runs ends with a fade, and this version takes its place with the same options.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::cli::AudioArgs;
use crate::console::{self, Console};
use crate::daemon::lock::{DaemonLock, Holder, LockError};
use crate::daemon::start::{self, Started};
use crate::terminal;
use crate::trouble::{Exit, Trouble};

const EXAMPLES: &str = "\
Examples:
  forebay restart                         after an update, with the options it has
  forebay restart --backend jack --stay   with other options
  forebay restart --period 64";

/// How long a daemon may take to end: a fade and its goodbyes.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Arguments of `restart`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RestartArgs {
    /// Go on without producers, until told to end
    #[arg(long)]
    stay: bool,
}

/// Ends the old daemon, if there is one, and starts a new one.
pub(crate) fn run(args: &RestartArgs, audio: &AudioArgs) -> Result<()> {
    crate::backend::asked(audio)?;
    let old = end_old()?;
    let mut asked = audio.for_daemon();
    if args.stay {
        asked.push("--stay".to_owned());
    }
    let old_args = old.as_ref().map_or(&[][..], |old| &old.args);
    let ready = match start::start(&merged(old_args, asked))? {
        Started::Ours(ready) => ready,
        Started::Another => {
            return Err(Trouble::new(Exit::Daemon, "another daemon was quicker to start").into());
        }
    };
    if audio.json {
        let old = old.map(|old| json!({ "pid": old.pid, "version": old.version }));
        return Ok(terminal::print(&json!({ "old": old, "new": ready }).to_string())?);
    }
    let before =
        old.map_or("none ran before".to_owned(), |old| format!("in place of {} ({})", old.pid, old.version));
    Ok(terminal::print(&format!(
        "forebay {} runs as process {}, {before}",
        crate::version::OURS,
        ready["pid"]
    ))?)
}

/// Asks the daemon that runs to end and waits until it has. One that does not understand is sent SIGTERM, which
/// every version takes as the same wish.
fn end_old() -> Result<Option<Holder>, Trouble> {
    let lock = console::place()?.lock();
    let Some(holder) = holder(&lock)? else { return Ok(None) };
    let asked = Console::connect().and_then(|console| console.ask(&protocol::Shutdown {}));
    if let Err(trouble) = asked {
        terminate(holder.pid).map_err(|error| {
            Trouble::new(Exit::Daemon, format!("the daemon does not end ({trouble}; {error})"))
                .remedy(format!("end process {} yourself", holder.pid))
        })?;
    }
    let deadline = Instant::now() + END_TIMEOUT;
    while self::holder(&lock)?.is_some() {
        if Instant::now() > deadline {
            return Err(Trouble::new(
                Exit::Daemon,
                format!("the daemon does not end within {END_TIMEOUT:?}"),
            )
            .remedy(format!("end process {} yourself (kill -9 {0}), then restart", holder.pid)));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(Some(holder))
}

fn holder(lock: &std::path::Path) -> Result<Option<Holder>, Trouble> {
    DaemonLock::holder(lock).map_err(|error| match error {
        LockError::Io(path, error) => {
            Trouble::new(Exit::Permission, format!("can't use {}: {error}", path.display()))
        }
        LockError::Held(holder) => {
            Trouble::new(Exit::Daemon, format!("process {} holds the lock", holder.pid))
        }
    })
}

fn terminate(pid: u32) -> std::io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(std::io::ErrorKind::NotFound)?;
    Ok(kill_process(pid, Signal::TERM)?)
}

/// The old options, except those that are given anew.
fn merged(old: &[String], asked: Vec<String>) -> Vec<String> {
    let flag = |arg: &str| arg.split('=').next().unwrap_or_default().to_owned();
    let given: Vec<_> = asked.iter().map(|arg| flag(arg)).collect();
    let mut args: Vec<_> = old.iter().filter(|arg| !given.contains(&flag(arg))).cloned().collect();
    args.extend(asked);
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is given anew replaces its like; the rest stays.
    #[test]
    fn options_are_kept_or_replaced() {
        let old = ["--backend=jack", "--period=64", "--stay"].map(String::from);
        let args = merged(&old, vec!["--period=256".into(), "--stay".into()]);
        assert_eq!(args, ["--backend=jack", "--period=256", "--stay"]);
    }
}
