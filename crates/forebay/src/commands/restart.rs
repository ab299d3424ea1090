//! `forebay restart`: the daemon that runs ends with a fade, and this version takes its place with the same options.

use anyhow::Result;
use clap::{Args, Parser};
use serde_json::{Value, json};

use crate::cli::{self, AudioArgs, Cli};
use crate::console;
use crate::daemon::lock::Holder;
use crate::daemon::start::{self, Started};
use crate::daemon::{devices, end};
use crate::terminal;
use crate::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  forebay restart                         after an update, with the options it has
  forebay restart --backend jack --stay   with other options
  forebay restart --period 64";

/// Daemons of others that come in between are replaced so often.
const MOST_TRIES: u32 = 3;

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
    check(args, audio)?;
    let (old, ready) = replace(args, audio)?;
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

/// What makes no sense, also together with the options that are kept, is said while the old daemon plays on.
fn check(args: &RestartArgs, audio: &AudioArgs) -> Result<(), Trouble> {
    let old = end::holder(&console::place()?.lock())?.unwrap_or_default();
    let asked = merged(&old.args, args, audio);
    let run = ["forebay", "run"].into_iter().chain(asked.iter().map(String::as_str));
    let cli = Cli::try_parse_from(run).map_err(|error| cli::misread(&error))?;
    devices::wanted(&cli.audio).map(drop)
}

/// The daemon that ran, and what the new one says of itself. A producer that lost its daemon may start one in this very
/// instant: that one is replaced as well.
fn replace(args: &RestartArgs, audio: &AudioArgs) -> Result<(Option<Holder>, Value), Trouble> {
    let place = console::place()?;
    let mut first = None;
    let mut tries = 0;
    loop {
        let ended = end::yield_place(&place)?;
        let old = first.take().or_else(|| ended.clone());
        let asked = merged(old.as_ref().map_or(&[][..], |old| &old.args), args, audio);
        let trouble = match start::start(&asked) {
            Ok(Started::Ours(ready)) => return Ok((old, ready)),
            Ok(Started::Another(trouble)) => trouble,
            Err(trouble) => return Err(bring_back(old.as_ref(), &asked, trouble)),
        };
        let holder = end::holder(&place.lock())?;
        if let Some(stuck) =
            ended.filter(|ended| holder.as_ref().is_some_and(|holder| holder.pid == ended.pid))
        {
            return Err(end::does_not_end(stuck.pid));
        }
        tries += 1;
        if tries == MOST_TRIES {
            return Err(trouble);
        }
        first = old;
    }
}

/// A start that failed is made good: the daemon that ran is started again, so that what played finds one.
fn bring_back(old: Option<&Holder>, asked: &[String], trouble: Trouble) -> Trouble {
    let Some(old) = old.filter(|old| old.args != asked) else { return trouble };
    made_good(trouble, start::start(&old.args))
}

fn made_good(trouble: Trouble, again: Result<Started, Trouble>) -> Trouble {
    match again {
        Ok(Started::Ours(_)) => trouble.and("a daemon runs again, with the options of before"),
        Ok(Started::Another(other)) => {
            trouble.and(format!("one with the options of before was not started ({other})"))
        }
        Err(again) => trouble.and(format!("with the options of before none starts either ({again})")),
    }
}

/// The old options, except those that are given anew or that they rule out: a device is one of its backend.
fn merged(old: &[String], args: &RestartArgs, audio: &AudioArgs) -> Vec<String> {
    let flag = |arg: &str| arg.split('=').next().unwrap_or_default().to_owned();
    let mut asked = audio.for_daemon();
    asked.extend(audio.for_main());
    let mut given: Vec<_> = asked.iter().map(|arg| flag(arg)).collect();
    if args.stay {
        asked.push("--stay".to_owned());
        given.extend(["--stay".to_owned(), "--idle".to_owned()]);
    }
    // What is unsafe is spelled out each time.
    given.push("--unsafe".to_owned());
    if audio.is_unsafe {
        given.push("--ceiling-db".to_owned());
    }
    let backend = asked.iter().find(|arg| flag(arg) == "--backend");
    if backend.is_some_and(|backend| !old.contains(backend)) {
        given.push("--device".to_owned());
    }
    let mut all: Vec<_> = old.iter().filter(|arg| !given.contains(&flag(arg))).cloned().collect();
    all.extend(asked);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command;
    use crate::trouble::Exit;

    /// The options of a daemon that had `old` after `forebay restart LINE`; `run` understands them.
    fn after(old: &[&str], line: &[&str]) -> Vec<String> {
        let old: Vec<_> = old.iter().map(|arg| (*arg).to_owned()).collect();
        let cli = Cli::try_parse_from(["forebay", "restart"].iter().chain(line)).unwrap();
        let Command::Restart(args) = &cli.command else { panic!("{line:?}") };
        let args = merged(&old, args, &cli.audio);
        let run = ["forebay", "run"].into_iter().chain(args.iter().map(String::as_str));
        Cli::try_parse_from(run).unwrap_or_else(|error| panic!("{args:?}: {error}"));
        args
    }

    /// What is given anew replaces its like; the rest stays. A daemon that is to stay does not end when idle.
    #[test]
    fn options_are_kept_or_replaced() {
        let old = ["--backend=jack", "--period=64", "--idle=60"];
        assert_eq!(after(&old, &["--period", "256"]), ["--backend=jack", "--idle=60", "--period=256"]);
        assert_eq!(after(&old, &["--stay"]), ["--backend=jack", "--period=64", "--stay"]);
        assert_eq!(after(&["--stay"], &["--stay"]), ["--stay"]);
        assert_eq!(after(&["--stay"], &[]), ["--stay"]);
        let card = ["--backend=alsa", "--device=hw:1", "--stay"];
        assert_eq!(after(&card, &["--backend", "null"]), ["--stay", "--backend=null"]);
        assert_eq!(after(&card, &["--backend", "alsa"]), ["--device=hw:1", "--stay", "--backend=alsa"]);
        assert_eq!(after(&card, &["--device", "hw:2"]), ["--backend=alsa", "--stay", "--device=hw:2"]);
        let low = ["--ceiling-db=-6", "--stay"];
        assert_eq!(after(&low, &[]), low);
        assert_eq!(after(&low, &["--ceiling-db", "0"]), ["--stay", "--ceiling-db=0"]);
        assert_eq!(after(&low, &["--unsafe"]), ["--stay", "--unsafe"]);
        assert_eq!(after(&["--unsafe", "--stay"], &[]), ["--stay"]);
        assert_eq!(after(&["--gain-db=-3", "--stay"], &["--gain-db", "-6"]), ["--stay", "--gain-db=-6"]);
    }
    /// After a start that failed it is told what runs: only our own child has the options of before.
    #[test]
    fn what_runs_after_a_failure_is_told() {
        let told = |again| made_good(Trouble::new(Exit::Device, "no"), again).to_string();
        assert!(told(Ok(Started::Ours(json!({})))).contains("runs again, with the options of before"));
        let another = Trouble::new(Exit::Daemon, "a daemon runs already (process 7)");
        let said = told(Ok(Started::Another(another)));
        assert!(said.contains("process 7") && !said.contains("runs again"), "{said}");
        assert!(told(Err(Trouble::new(Exit::Device, "busy"))).contains("none starts either (busy)"));
    }
}
