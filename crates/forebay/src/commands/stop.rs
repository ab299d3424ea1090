//! `forebay stop`: the daemon fades out and ends, and nobody starts another in its place by itself.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::AudioArgs;
use crate::console;
use crate::daemon::end;
use crate::terminal;
use crate::trouble::{Exit, Trouble};

const EXAMPLES: &str = "\
Examples:
  forebay stop                            end the daemon, whoever plays; what it recorded is whole then
  forebay stop --json";

/// Arguments of `stop`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StopArgs {}

/// Ends the daemon that runs.
pub(crate) fn run(audio: &AudioArgs) -> Result<()> {
    let Some(old) = end::stop(&console::place()?)? else {
        return Err(Trouble::new(Exit::NoDaemon, "no daemon runs").remedy("there is nothing to stop").into());
    };
    if audio.json {
        return Ok(terminal::print(
            &json!({ "ended": { "pid": old.pid, "version": old.version } }).to_string(),
        )?);
    }
    Ok(terminal::print(&format!("forebay {} (process {}) has ended", old.version, old.pid))?)
}
