//! `forebay doctor`: what keeps sound from being right on this machine, each with its remedy.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::cli::AudioArgs;
use crate::doctor::{Finding, Mark};
use crate::trouble::{Exit, Trouble};
use crate::{doctor, terminal};

const EXAMPLES: &str = "\
Examples:
  forebay doctor                          examine this machine (takes a second)
  forebay doctor --json                   the findings for a program; exit code 10 when one is a fault";

/// Arguments of `doctor`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Write a word into shared memory: what the hand-off check starts as its child
    #[arg(long, hide = true, value_name = "PATH")]
    handoff_child: Option<PathBuf>,
}

/// Examines and reports.
pub(crate) fn run(args: &DoctorArgs, audio: &AudioArgs) -> Result<()> {
    if let Some(path) = &args.handoff_child {
        return Ok(doctor::handoff::child(path)?);
    }
    let findings = doctor::examine(audio);
    let report = if audio.json {
        json!({ "findings": findings.iter().map(Finding::to_json).collect::<Vec<Value>>() }).to_string()
    } else {
        findings.iter().map(Finding::to_text).collect::<Vec<_>>().join("\n")
    };
    terminal::print(&report)?;
    match findings.iter().filter(|finding| finding.mark == Mark::Fault).count() {
        0 => Ok(()),
        1 => Err(Trouble::new(Exit::Unwell, "1 fault found").into()),
        faults => Err(Trouble::new(Exit::Unwell, format!("{faults} faults found")).into()),
    }
}
