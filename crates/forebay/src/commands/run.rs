//! `forebay run`: the daemon, from its first line to its last.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::{AudioArgs, UNSAFE_WARNING};
use crate::daemon::lock::{DaemonLock, Holder, LockError};
use crate::daemon::{Daemon, Patience, door, log};
use crate::trouble::{Exit, Trouble};
use crate::{backend, console, paths, terminal, version};

const EXAMPLES: &str = "\
Examples:
  forebay run                             until nobody has used it for a minute
  forebay run --stay --backend jack       until told to end
  forebay run --backend alsa --device hw:1 --period 128 --rate 48000
  forebay run --backend file --device out.wav

Producers (live, play, and programs with an SDK) start a daemon by themselves when none runs.";

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// Go on without producers, until told to end
    #[arg(long)]
    stay: bool,
    /// End after so long without anybody
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, conflicts_with = "stay")]
    idle: Duration,
    /// Close the device after so long without voices (a file stays open)
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    close_device: Duration,
    /// Started by a command that reads the first line and then goes its way
    #[arg(long, hide = true)]
    background: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Serves until told to end, or idle.
pub(crate) fn run(args: &RunArgs, audio: &AudioArgs) -> Result<()> {
    let place = console::place()?;
    let unsafe_place = |error: &dyn std::fmt::Display| Trouble::new(Exit::Permission, error);
    if let Some(folder) = place.socket().parent() {
        make_private(folder)?;
    }
    place.prepare().map_err(|error| unsafe_place(&error))?;
    door::check(place.socket())?;
    let lock = lock(&place, args, audio)?;
    if let Some(refused) = log::start(&paths::log_file(), !args.background && !audio.json) {
        tracing::warn!("no log file ({}): {refused}", paths::log_file().display());
    }
    let patience = Patience { idle: (!args.stay).then_some(args.idle), device: args.close_device };
    let daemon = Daemon::start(&place, audio, patience).inspect_err(|error| tracing::error!("{error:#}"))?;
    greet(&daemon, &place, audio)?;
    let figures = daemon.serve(audio)?;
    if audio.json {
        terminal::print(&json!({ "ended": figures }).to_string())?;
    }
    drop(lock);
    Ok(())
}

/// A folder named by `FOREBAY_SOCKET` may not be there yet; every other is made and checked by its place.
fn make_private(folder: &std::path::Path) -> Result<(), Trouble> {
    use std::os::unix::fs::DirBuilderExt;
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(Trouble::new(
            Exit::Permission,
            format!("can't make {}: {error}", folder.display()),
        )
        .remedy(
            "make that folder, or set FOREBAY_SOCKET (or XDG_RUNTIME_DIR) to a place that you may write to",
        )),
        _ => Ok(()),
    }
}

/// The lock, as soon as nobody is on the way in or out. One that a command starts goes before one that a producer starts by
/// itself: its options are somebody's wish.
fn lock(place: &session::Place, args: &RunArgs, audio: &AudioArgs) -> Result<DaemonLock, Trouble> {
    let pause = Duration::from_millis(if args.background { 1 } else { 20 });
    let who = Holder::this(successor_args(args, audio));
    let is_served = || door::is_served(place.socket());
    DaemonLock::take_in_turn(&place.lock(), &who, (pause, producer::start_timeout()), is_served)
        .map_err(not_locked)
}

/// The options that `restart` gives to the next daemon.
fn successor_args(args: &RunArgs, audio: &AudioArgs) -> Vec<String> {
    let mut list = audio.for_daemon();
    list.extend(audio.for_main());
    if args.stay {
        list.push("--stay".to_owned());
    } else {
        list.push(format!("--idle={}", args.idle.as_secs_f64()));
    }
    list.push(format!("--close-device={}", args.close_device.as_secs_f64()));
    list
}

fn not_locked(error: LockError) -> Trouble {
    match error {
        LockError::Held(holder) => Trouble::new(Exit::Daemon, format!("a daemon runs already ({holder})"))
            .remedy(
                "forebay status shows it; forebay restart puts this version and these options in its place",
            ),
        LockError::Io(path, error) => {
            Trouble::new(Exit::Permission, format!("can't use {}: {error}", path.display()))
                .remedy("that folder must be yours; FOREBAY_SOCKET names another place")
        }
    }
}

/// The first line: for whoever started us, in either form.
fn greet(daemon: &Daemon, place: &session::Place, audio: &AudioArgs) -> Result<()> {
    let format = daemon.format();
    let warning = backend::asked(audio)?.warning;
    if audio.json {
        let ready = json!({
            "pid": std::process::id(), "version": version::OURS, "socket": place.socket(), "device": daemon.choice(),
            "rate_hz": format.rate.hz(), "channels": format.channels.get(),
        });
        return Ok(terminal::print(&json!({ "ready": ready }).to_string())?);
    }
    let unsafe_warning = audio.is_unsafe.then(|| UNSAFE_WARNING.to_owned());
    for warning in warning.into_iter().chain(unsafe_warning) {
        tracing::warn!("{warning}");
    }
    let text = format!(
        "forebay {} serves {}\n{}; {} Hz, {} channels",
        version::OURS,
        place.socket().display(),
        daemon.choice(),
        format.rate.hz(),
        format.channels.get()
    );
    Ok(terminal::print(&text)?)
}
