//! The forebay binary: daemon wiring, config and command line.
//!
//! A file per command is in `commands`; the daemon's parts are in `daemon`; the rest are the small things that
//! commands share.
#![forbid(unsafe_code)]

mod backend;
mod cli;
mod code_runtime;
mod commands;
mod complete;
mod console;
mod daemon;
mod doctor;
mod footprints;
mod fresh_file;
mod interrupt;
mod length;
mod paths;
mod sessions;
mod status_text;
mod terminal;
mod trouble;
mod version;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};

fn main() -> ExitCode {
    clap_complete::CompleteEnv::with_factory(Cli::command).complete();
    let (done, as_json) = match Cli::try_parse() {
        Ok(cli) => {
            let cli = cli.settled();
            (dispatch(&cli), cli.audio.json)
        }
        // A program that wants JSON gets it for a slip in the command line too; help is for people.
        Err(error) if error.use_stderr() && cli::wants_json(std::env::args_os()) => {
            (Err(cli::misread(&error).into()), true)
        }
        Err(error) => error.exit(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !trouble::is_said(&error) {
                eprintln!("{}", trouble::describe(&error, as_json));
            }
            ExitCode::from(trouble::exit_code(&error))
        }
    }
}

fn dispatch(cli: &Cli) -> anyhow::Result<()> {
    let audio = &cli.audio;
    refuse_idle_options(cli)?;
    match &cli.command {
        Command::Run(args) => commands::run::run(args, audio),
        Command::Live(args) => commands::live::run(args, audio),
        Command::Repl(args) => commands::repl::run(args, audio),
        Command::Send(args) => commands::send::run(args, audio),
        Command::Turn(args) => commands::turn::run(args, audio),
        Command::Devices(_) => commands::devices::run(audio),
        Command::Restart(args) => commands::restart::run(args, audio),
        Command::Stop(_) => commands::stop::run(audio),
        Command::Play(args) => commands::play::run(args, audio),
        Command::Render(args) => commands::render::run(args, audio),
        Command::Status(args) => commands::status::run(args, audio),
        Command::Doctor(args) => commands::doctor::run(args, audio),
        Command::Hush(_) => commands::hush::run(audio),
        Command::Completions(args) => commands::completions::run(args),
        Command::Types(_) => commands::types::run(),
        #[cfg(feature = "quickjs")]
        Command::Quickjs(args) => commands::quickjs::run(args),
    }
}

/// Options that a command would silently ignore are refused: `--gain-db` where nothing plays, those of a device where
/// a file is written without one.
fn refuse_idle_options(cli: &Cli) -> anyhow::Result<()> {
    let audio = &cli.audio;
    let renders = matches!(cli.command, Command::Render(_));
    let sounds = renders
        || matches!(cli.command, Command::Live(_) | Command::Play(_) | Command::Run(_) | Command::Restart(_));
    let guards = renders || matches!(cli.command, Command::Live(_) | Command::Run(_) | Command::Restart(_));
    const GUARDED: &str = "give it to live, render, run or restart";
    let idle = [
        ("--ceiling-db", audio.ceiling_db.is_some() && !guards, GUARDED),
        ("--unsafe", audio.is_unsafe && !guards, GUARDED),
        ("--gain-db", audio.gain_db.is_some() && !sounds, "give it to live, play, render, run or restart"),
        ("--device", audio.device.is_some() && renders, "-o names the file to write"),
        ("--period", audio.period.is_some() && renders, "render has no device"),
        ("--client-name", audio.client_name.is_some() && renders, "render has no device"),
        ("--jack-ports", audio.jack_ports.is_some() && renders, "render has no device"),
        ("--no-connect", audio.no_connect && renders, "render has no device"),
    ];
    match idle.into_iter().find(|(_, given, _)| *given) {
        None => Ok(()),
        Some((option, _, remedy)) => {
            let what = format!("{option} has no effect on this command");
            Err(trouble::Trouble::new(trouble::Exit::Usage, what).remedy(remedy).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An option is taken where it is heard, and refused, not ignored, where it would not be.
    #[test]
    fn idle_options_are_refused() {
        let refused =
            |line: &[&str]| refuse_idle_options(&Cli::try_parse_from(line).expect("a valid line")).is_err();
        let render = ["forebay", "render", "x.js", "-o", "x.wav", "--seconds", "1"];
        assert!(refused(&["forebay", "status", "--gain-db", "-6"]));
        assert!(!refused(&["forebay", "run", "--gain-db", "-6"]));
        assert!(refused(&["forebay", "play", "x.wav", "--ceiling-db", "-6"]));
        assert!(refused(&["forebay", "status", "--unsafe"]));
        assert!(!refused(&["forebay", "live", "x.js", "--unsafe"]));
        assert!(!refused(&["forebay", "restart", "--ceiling-db", "-6"]));
        assert!(refused(&[&render[..], &["--period", "64"]].concat()));
        assert!(refused(&[&render[..], &["--no-connect"]].concat()));
        assert!(!refused(&[&render[..], &["--gain-db", "-6"]].concat()));
        assert!(!refused(&["forebay", "play", "x.wav", "--gain-db", "-6", "--period", "64"]));
        assert!(!refused(&["forebay", "status"]));
    }
}
