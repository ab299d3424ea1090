//! `forebay devices`: what can be played on.

use anyhow::Result;
use clap::Args;
use protocol::{DeviceInfo, DevicesReply};

use crate::cli::AudioArgs;
use crate::daemon::devices;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  forebay devices                         a numbered list
  forebay run --device 3                  the third of them
  forebay devices --json";

/// Arguments of `devices`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DevicesArgs {}

/// Lists the devices. No daemon is needed.
pub(crate) fn run(audio: &AudioArgs) -> Result<()> {
    let devices = devices::list();
    if audio.json {
        return Ok(terminal::print(&serde_json::to_string(&DevicesReply { devices })?)?);
    }
    let only = audio.backend.as_deref().filter(|name| *name != "auto");
    let numbered =
        devices.iter().enumerate().filter(|(_, device)| only.is_none_or(|name| device.backend == name));
    let lines: Vec<_> = numbered.map(|(index, device)| line(index + 1, device)).collect();
    Ok(terminal::print(&lines.join("\n"))?)
}

fn line(number: usize, device: &DeviceInfo) -> String {
    let default = if device.default { "  (default)" } else { "" };
    format!("{number:>3}  {:<9} {}{default}", device.backend, device.name)
}
