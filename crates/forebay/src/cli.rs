//! The command line: what is understood, with help and examples on every command.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use engine::EngineConfig;
use protocol::MainSet;

use crate::commands;
use crate::complete;
use crate::trouble::{EXIT_HELP, Exit, Trouble};

const ABOUT: &str = "Real-time audio for ordinary code: sound that never glitches, edited while it plays.";

const EXAMPLES: &str = "\
Examples:
  forebay live song.js                    play a script; every save is heard at once
  forebay play song.flac                  play a file
  forebay render song.js -o out.wav --seconds 30
  forebay status --watch                  what plays, and how well
  forebay doctor                          what keeps sound from being right, and what to do";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "forebay", version, about = ABOUT, after_help = format!("{EXAMPLES}\n\n{EXIT_HELP}"))]
#[command(propagate_version = true, max_term_width = 100, subcommand_required = true)]
#[command(arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Where sound goes and how.
    #[command(flatten)]
    pub(crate) audio: AudioArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// With variables of the environment that are set to nothing taken as unset.
    pub(crate) fn settled(mut self) -> Self {
        self.audio.backend = self.audio.backend.filter(|name| !name.is_empty());
        self
    }
}

/// Whether a command line that could not be read asks for JSON.
pub(crate) fn wants_json(args: impl Iterator<Item = OsString>) -> bool {
    args.take_while(|arg| arg != "--").any(|arg| arg == "--json")
}

/// What is wrong with a command line, without the usage that a person gets below it.
pub(crate) fn misread(error: &clap::Error) -> Trouble {
    let text = error.render().to_string();
    let what = text.split("\n\nUsage:").next().and_then(|text| text.split("\n\nFor more").next());
    let words: Vec<_> = what.unwrap_or_default().split_whitespace().collect();
    let what = words.join(" ");
    Trouble::new(Exit::Usage, what.strip_prefix("error: ").unwrap_or(&what))
        .remedy("forebay help lists what is understood")
}

/// Options that every command understands. They reach the daemon when it is started; one that already runs
/// keeps its own (`forebay restart` changes them).
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Audio options")]
pub(crate) struct AudioArgs {
    /// auto, null, file, jack, alsa or pipewire (also AUDIO_BACKEND) [default: auto]
    #[arg(long, global = true, env = "FOREBAY_BACKEND", value_name = "NAME", hide_env_values = true)]
    #[arg(add = ArgValueCandidates::new(complete::backends))]
    pub(crate) backend: Option<String>,
    /// The device by (part of its) name or number, as `forebay devices` lists them; for file: the WAV or FLAC to write
    #[arg(long, global = true, value_name = "NAME|N", add = ArgValueCompleter::new(complete::devices))]
    pub(crate) device: Option<String>,
    /// Frames per device period, 16 to 8192
    #[arg(long, global = true, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(16..=8192))]
    pub(crate) period: Option<u32>,
    /// Sample rate in Hz
    #[arg(long, global = true, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1000..=1_000_000))]
    pub(crate) rate: Option<u32>,
    /// Channels of main (of the input for raw PCM), 1 to 8
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) channels: Option<u8>,
    /// How far producers run ahead: milliseconds, or auto to follow their measured stalls
    #[arg(long, global = true, value_name = "MS|auto")]
    pub(crate) lead: Option<Lead>,
    /// Level of what live, play or render plays, in dB; for run and restart that of main
    #[arg(long, global = true, value_name = "DB", allow_negative_numbers = true, value_parser = gain_db)]
    pub(crate) gain_db: Option<f32>,
    /// What no sample of main passes, in dB, 0 to -60 [default: -0.3]; for live as long as it plays
    #[arg(long, global = true, value_name = "DB", allow_negative_numbers = true, value_parser = ceiling_db)]
    #[arg(conflicts_with = "is_unsafe")]
    pub(crate) ceiling_db: Option<f32>,
    /// Neither guards nor limiter nor ceiling: as loud as the code says. Mind ears and speakers
    #[arg(long = "unsafe", global = true)]
    pub(crate) is_unsafe: bool,
    /// Name shown to JACK and PipeWire [default: forebay]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) client_name: Option<String>,
    /// JACK ports: main, or a pair per voice
    #[arg(long, global = true, value_name = "main|voice")]
    pub(crate) jack_ports: Option<JackPorts>,
    /// Leave the ports of the audio server unconnected
    #[arg(long, global = true)]
    pub(crate) no_connect: bool,
    /// Answers and errors as JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon: the mixer and its device
    Run(commands::run::RunArgs),
    /// Play a script and follow its edits
    Live(commands::live::LiveArgs),
    /// Type code for a script that plays
    Repl(commands::repl::ReplArgs),
    /// Send code to a script that plays
    Send(commands::send::SendArgs),
    /// Turn the knobs of a script that plays
    Turn(commands::turn::TurnArgs),
    /// End the daemon that runs (with a fade) and start this version
    Restart(commands::restart::RestartArgs),
    /// End the daemon that runs, with a fade
    Stop(commands::stop::StopArgs),
    /// Play a sound file, or raw PCM from standard input
    Play(commands::play::PlayArgs),
    /// Write a script's sound to a file, faster than real time
    Render(commands::render::RenderArgs),
    /// Show what plays, and how well
    Status(commands::status::StatusArgs),
    /// List the devices of every backend
    Devices(commands::devices::DevicesArgs),
    /// Examine this machine and say what would make sound safer
    Doctor(commands::doctor::DoctorArgs),
    /// Fade everything out in 20 ms
    Hush(commands::hush::HushArgs),
    /// Print shell completions
    Completions(commands::completions::CompletionsArgs),
    /// Print the TypeScript types of the language, for editors
    Types(commands::types::TypesArgs),
    /// Run a JavaScript module: what `live` and `render` start as a process of its own
    #[cfg(feature = "quickjs")]
    #[command(hide = true)]
    Quickjs(commands::quickjs::QuickjsArgs),
}

/// A wanted lead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lead {
    /// Follow measured stalls.
    Auto,
    /// This many milliseconds.
    Ms(f64),
}

impl Lead {
    const MIN_MS: f64 = *protocol::LEAD_MS_RANGE.start();
    const MAX_MS: f64 = *protocol::LEAD_MS_RANGE.end();
}

impl FromStr for Lead {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        match text.trim_end_matches("ms").trim_end().parse::<f64>() {
            Ok(ms) if (Self::MIN_MS..=Self::MAX_MS).contains(&ms) => Ok(Self::Ms(ms)),
            _ => Err(format!("give auto or {} to {} milliseconds", Self::MIN_MS, Self::MAX_MS)),
        }
    }
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Ms(ms) => write!(f, "{ms}"),
        }
    }
}

/// Which ports JACK shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum JackPorts {
    /// The channels of main.
    Main,
    /// A pair for each voice as well, for studio routing.
    Voice,
}

impl fmt::Display for JackPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "main",
            Self::Voice => "voice",
        })
    }
}

/// A level from silence to +24 dB.
fn gain_db(text: &str) -> Result<f32, String> {
    match text.trim_end_matches("dB").trim_end().parse::<f32>() {
        Ok(db) if (-120.0..=24.0).contains(&db) || db == f32::NEG_INFINITY => Ok(db),
        _ => Err("give -120 to 24 dB, or -inf".to_owned()),
    }
}

/// A level that a limiter can hold.
fn ceiling_db(text: &str) -> Result<f32, String> {
    match text.trim_end_matches("dB").trim_end().parse::<f32>() {
        Ok(db) if (-60.0..=0.0).contains(&db) => Ok(db),
        _ => Err("give 0 to -60 dB".to_owned()),
    }
}

/// Said wherever somebody has spelled it out.
pub(crate) const UNSAFE_WARNING: &str =
    "neither guards nor limiter nor ceiling: as loud as the code says; mind your ears and speakers";

impl AudioArgs {
    /// The same options as arguments for a daemon that is about to be started. What concerns only this
    /// command (gain, JSON) stays here.
    pub(crate) fn for_daemon(&self) -> Vec<String> {
        let mut args = Vec::new();
        let mut push = |flag: &str, value: Option<String>| {
            args.extend(value.map(|value| format!("--{flag}={value}")));
        };
        push("backend", self.backend.clone());
        push("device", self.device.clone());
        push("period", self.period.map(|v| v.to_string()));
        push("rate", self.rate.map(|v| v.to_string()));
        push("channels", self.channels.map(|v| v.to_string()));
        push("lead", self.lead.map(|v| v.to_string()));
        push("client-name", self.client_name.clone());
        push("jack-ports", self.jack_ports.map(|v| v.to_string()));
        if self.no_connect {
            args.push("--no-connect".to_owned());
        }
        args
    }

    /// What concerns main as arguments of `run`: where this command's own options mean main for good.
    pub(crate) fn for_main(&self) -> Vec<String> {
        let gain = self.gain_db.map(|gain_db| format!("--gain-db={gain_db}"));
        let ceiling = self.ceiling_db.map(|ceiling_db| format!("--ceiling-db={ceiling_db}"));
        gain.into_iter().chain(ceiling).chain(self.is_unsafe.then(|| "--unsafe".to_owned())).collect()
    }

    /// What a session wishes of main while it plays.
    pub(crate) fn main_wish(&self) -> Option<MainSet> {
        let wish = MainSet { ceiling_db: self.ceiling_db.map(f64::from), is_unsafe: self.is_unsafe };
        (wish != MainSet::default()).then_some(wish)
    }

    /// What keeps ears from harm in an engine of this command's own.
    pub(crate) fn protect(&self, config: &mut EngineConfig) {
        if let Some(ceiling_db) = self.ceiling_db {
            (config.limiter.threshold_db, config.limiter.ceiling_db) = (ceiling_db, ceiling_db);
        }
        config.protected = !self.is_unsafe;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// clap's own check of the whole definition: no clash of names, no impossible default.
    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }

    /// Every command's help shows an example that the parser itself accepts.
    #[test]
    fn every_example_parses() {
        let root = Cli::command();
        let helps = std::iter::once(&root).chain(root.get_subcommands());
        for command in helps.filter(|command| !command.is_hide_set()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<_> = help
                .lines()
                .filter_map(|line| line.trim().split("   ").next()?.strip_prefix("forebay "))
                .collect();
            assert!(!examples.is_empty(), "{} has no example", command.get_name());
            for example in examples {
                let plain = example.split(['|', '>', '<']).next().unwrap_or_default();
                let words = std::iter::once("forebay").chain(plain.split_whitespace());
                Cli::try_parse_from(words).unwrap_or_else(|e| panic!("'{example}': {e}"));
            }
        }
    }

    /// What is asked for reaches a daemon that is started, word for word; what is this command's own does not.
    #[test]
    fn options_travel_to_the_daemon() {
        let line = "forebay status --backend null --period 64 --lead auto --jack-ports voice --no-connect \
                    --gain-db -6 --json --device hw:0";
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        let args = cli.audio.for_daemon();
        let expected = [
            "--backend=null",
            "--device=hw:0",
            "--period=64",
            "--lead=auto",
            "--jack-ports=voice",
            "--no-connect",
        ];
        assert_eq!(args, expected);
        let again =
            Cli::try_parse_from(["forebay", "status"].into_iter().chain(args.iter().map(String::as_str)));
        assert_eq!(again.unwrap().audio.for_daemon(), args);
    }

    /// A slip in the command line is one sentence for programs; what asks for JSON is known without its being understood.
    #[test]
    fn misread_lines() {
        let read = |line: &str| misread(&Cli::try_parse_from(line.split_whitespace()).unwrap_err());
        let trouble = read("forebay run --idle 3 --stay");
        assert_eq!(trouble.exit(), Exit::Usage);
        let what = trouble.to_string();
        assert!(what.starts_with("the argument '--idle") && what.ends_with("'--stay'"), "{what}");
        assert!(read("forebay status --period 7").to_string().contains("16..=8192"));
        let wants = |line: &str| wants_json(line.split_whitespace().map(OsString::from));
        assert!(wants("forebay run --jsno --json") && !wants("forebay run -- --json"));
    }

    /// Leads and levels outside their range are refused with the range.
    #[test]
    fn ranges() {
        assert_eq!("680".parse(), Ok(Lead::Ms(680.0)));
        assert_eq!("680ms".parse(), Ok(Lead::Ms(680.0)));
        assert!("0".parse::<Lead>().unwrap_err().contains("auto or 20 to 10000"));
        assert!("NaN".parse::<Lead>().is_err());
        assert_eq!(gain_db("-inf"), Ok(f32::NEG_INFINITY));
        assert_eq!(gain_db("-6dB"), Ok(-6.0));
        assert!(gain_db("NaN").is_err());
        assert!(gain_db("inf").is_err());
    }
}
