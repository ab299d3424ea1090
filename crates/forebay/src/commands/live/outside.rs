//! What scripts are turned by from outside: OSC and MIDI.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueHint};
use live::remote::Host;
use live::{Handle, MidiFile, OscPort, Values};

use crate::trouble::{Exit, Trouble};

/// Arguments for what comes from outside.
#[derive(Args, Debug)]
pub(super) struct OutsideArgs {
    /// Listen to OSC over UDP, for osc(address) in the script: a port of 127.0.0.1, or ADDRESS:PORT
    #[arg(long, value_name = "PORT", value_parser = osc_address)]
    osc: Option<SocketAddr>,
    /// Listen to a raw MIDI device (/dev/snd/midiC1D0) or a pipe of MIDI bytes, for midi(controller); may be given again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    midi: Vec<PathBuf>,
}

fn osc_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    port.or_else(|_| text.parse()).map_err(|_| "give a port, or ADDRESS:PORT".to_owned())
}

/// Listens until it is dropped.
#[derive(Debug)]
pub(super) struct Outside {
    _osc: Option<OscPort>,
    _midi: Vec<MidiFile>,
}

impl Outside {
    /// Begins to listen, for all of `hosts`. Returns it with what the person should know.
    ///
    /// # Errors
    /// A port that is taken, a device that can't be read.
    pub(super) fn listen(args: &OutsideArgs, hosts: Vec<Handle>) -> Result<(Self, Vec<String>), Trouble> {
        let turn =
            |hosts: Vec<Handle>| move |values: &Values| hosts.iter().for_each(|host| host.turn(values));
        let mut notes = Vec::new();
        let osc = match args.osc {
            None => None,
            Some(address) => {
                let port = OscPort::listen(address, turn(hosts.clone())).map_err(|error| {
                    Trouble::new(Exit::Permission, format!("can't listen to OSC at {address}: {error}"))
                        .remedy("give --osc another port, or 0 for any")
                })?;
                notes.push(format!("OSC at {}", port.address()));
                Some(port)
            }
        };
        let mut midi = Vec::new();
        for file in &args.midi {
            let listening = MidiFile::listen(file, turn(hosts.clone())).map_err(|error| {
                Trouble::new(Exit::Input, format!("can't listen to MIDI from {}: {error}", file.display()))
                    .remedy("raw MIDI devices are /dev/snd/midiC*D*; your user has to be in the group audio")
            })?;
            notes.push(format!("MIDI from {}", file.display()));
            midi.push(listening);
        }
        Ok((Self { _osc: osc, _midi: midi }, notes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port alone is one of this machine only.
    #[test]
    fn addresses() {
        assert_eq!(osc_address("57120").unwrap().to_string(), "127.0.0.1:57120");
        assert_eq!(osc_address("0.0.0.0:9000").unwrap().to_string(), "0.0.0.0:9000");
        assert!(osc_address("here").is_err() && osc_address("70000").is_err());
    }
}
