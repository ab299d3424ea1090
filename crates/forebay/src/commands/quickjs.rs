//! `forebay quickjs`: the embedded runtime, in the process that `live` and `render` start for the script.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

/// Arguments of `quickjs`.
#[derive(Args, Debug)]
pub(crate) struct QuickjsArgs {
    /// The module
    entry: PathBuf,
    /// What it is told
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the module to its end.
pub(crate) fn run(args: &QuickjsArgs) -> Result<()> {
    let entry = std::path::absolute(&args.entry)?;
    std::process::exit(quickjs::run(&entry, &args.arguments)?)
}
