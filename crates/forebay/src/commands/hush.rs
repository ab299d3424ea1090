//! `forebay hush`: silence, now, without a click.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::AudioArgs;
use crate::console::Console;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  forebay hush                            fade every voice out in 20 ms; producers stay connected
  forebay hush --json";

/// Arguments of `hush`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HushArgs {}

/// Fades everything out.
pub(crate) fn run(audio: &AudioArgs) -> Result<()> {
    Console::connect()?.ask(&protocol::Hush {})?;
    if audio.json {
        terminal::print(&json!({ "hushed": true }).to_string())?;
    }
    Ok(())
}
