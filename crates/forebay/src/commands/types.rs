//! `forebay types`: the types of the language, for editors.

use anyhow::Result;
use clap::Args;

use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  forebay types > forebay.d.ts            beside a script whose first line is /// <reference path=\"forebay.d.ts\" />";

/// Arguments of `types`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TypesArgs {}

/// Prints them.
pub(crate) fn run() -> Result<()> {
    Ok(terminal::print(live::TYPES.trim_end())?)
}
