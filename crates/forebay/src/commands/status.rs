//! `forebay status`: what plays, and how well.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use protocol::{Notification, Status, StatusRequest, StatusWatch};

use crate::cli::AudioArgs;
use crate::complete;
use crate::console::Console;
use crate::interrupt::Interrupt;
use crate::{footprints, status_text, terminal, version};

const EXAMPLES: &str = "\
Examples:
  forebay status                          one page
  forebay status kick bass                only these voices
  forebay status --watch                  the page again every half second, until Ctrl-C
  forebay status --watch --json           one JSON document a line, for programs
  forebay status --json | jq .engine.load";

/// Arguments of `status`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    /// Show only these voices
    #[arg(value_name = "VOICE", add = ArgValueCompleter::new(complete::voices))]
    voices: Vec<String>,
    /// Go on showing until Ctrl-C
    #[arg(long, short)]
    watch: bool,
    /// How often, with --watch
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(20..=60_000))]
    interval: u32,
}

/// Shows the status once or again and again.
pub(crate) fn run(args: &StatusArgs, audio: &AudioArgs) -> Result<()> {
    let console = Console::connect()?;
    let status = whole(&console)?;
    if let Some(note) = version::note(&status.daemon.version) {
        eprintln!("forebay: {note}");
    }
    if !args.watch {
        return show(&status, args, audio, false);
    }
    watch(console, args, audio)
}

/// The whole document, however many lines it takes.
///
/// # Errors
/// When the daemon does not answer.
pub(crate) fn whole(console: &Console) -> Result<Status, crate::trouble::Trouble> {
    let mut status = console.ask(&StatusRequest::default())?;
    while let Some(from) = status.more_from.take() {
        let more = console.ask(&StatusRequest { from: Some(from) })?;
        status.producers.extend(more.producers);
        status.more_from = more.more_from.filter(|next| *next > from);
    }
    Ok(status)
}

fn watch(console: Console, args: &StatusArgs, audio: &AudioArgs) -> Result<()> {
    let interrupt = Interrupt::take()?;
    console.ask(&StatusWatch { interval_ms: args.interval })?;
    let redraw = !audio.json && io::stdout().is_terminal();
    while !interrupt.is_asked() && !terminal::is_reader_gone() {
        if let Some(Notification::Status(mut status)) = console.news(Duration::from_millis(100))? {
            if status.more_from.is_some() {
                *status = whole(&console)?;
            }
            show(&status, args, audio, redraw)?;
        }
    }
    Ok(())
}

fn show(status: &Status, args: &StatusArgs, audio: &AudioArgs, redraw: bool) -> Result<()> {
    let footprints = footprints::of_sessions(status);
    if audio.json {
        return Ok(terminal::print(&footprints::document(status, &footprints)?.to_string())?);
    }
    let page = status_text::page(status, &footprints, &args.voices);
    if !redraw {
        return Ok(terminal::print(page.trim_end())?);
    }
    // Home, each line wiped to its end, the rest of the screen wiped: no flicker.
    let lines: String = page.lines().map(|line| format!("{line}\x1b[K\n")).collect();
    let mut out = io::stdout().lock();
    write!(out, "\x1b[H{lines}\x1b[J")?;
    Ok(out.flush()?)
}
