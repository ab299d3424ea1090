//! `forebay devices`: what can be played on.

use anyhow::Result;
use clap::Args;
use protocol::{DeviceInfo, DevicesReply};

use crate::cli::AudioArgs;
use crate::daemon::devices;
use crate::{backend, terminal};

const EXAMPLES: &str = "\
Examples:
  forebay devices                         a numbered list
  forebay run --device 3                  the third of them
  forebay devices --json";

/// Arguments of `devices`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DevicesArgs {}

/// Lists the devices, or those of the backend that was asked for. No daemon is needed.
pub(crate) fn run(audio: &AudioArgs) -> Result<()> {
    backend::asked(audio)?;
    let only = audio.backend.as_deref().filter(|name| *name != "auto");
    let numbered = devices::list().into_iter().enumerate();
    let found: Vec<_> =
        numbered.filter(|(_, device)| only.is_none_or(|name| device.backend == name)).collect();
    if audio.json {
        let devices = found.into_iter().map(|(_, device)| device).collect();
        return Ok(terminal::print(&serde_json::to_string(&DevicesReply { devices })?)?);
    }
    let lines: Vec<_> = found.iter().map(|(index, device)| line(index + 1, device)).collect();
    match only.filter(|_| lines.is_empty()) {
        Some("file") => Ok(terminal::print("file: --device names the WAV file to write")?),
        Some(name) => Ok(terminal::print(&format!("{name}: nothing to play on; forebay doctor says more"))?),
        None => Ok(terminal::print(&lines.join("\n"))?),
    }
}

fn line(number: usize, device: &DeviceInfo) -> String {
    let default = if device.default { "  (default)" } else { "" };
    format!("{number:>3}  {:<9} {}{default}", device.backend, device.name)
}
