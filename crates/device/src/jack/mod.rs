//! The JACK backend: a client of a running server, never the one who starts it. Also how PipeWire is reached where its JACK
//! library is installed.

mod client;
mod ffi;
mod process;
mod server;
mod voices;

use crate::backend::{Backend, DeviceInfo, OpenError, Poke, Running, Want};
use crate::render::Claim;
use client::Client;
use server::{Flavour, default_server, library};

pub(crate) use server::{jackd_answers, pipewire_answers};

/// A JACK server: jackd, or PipeWire through the JACK library that it brings.
#[derive(Clone, Copy, Debug)]
pub struct Jack {
    flavour: Flavour,
}

impl Jack {
    /// Speaks to jackd through the system's libjack.
    pub const JACKD: Self = Self { flavour: Flavour::System };
    /// Speaks to PipeWire through its own libjack.
    pub const PIPEWIRE: Self = Self { flavour: Flavour::PipeWire };

    /// Whether its server runs, as far as can be seen from outside. `[control]`
    pub fn is_running(self, want: &Want) -> bool {
        match self.flavour {
            Flavour::System => jackd_answers(&server_of(want)),
            Flavour::PipeWire => pipewire_answers(),
        }
    }

    /// What its server is called.
    fn server_name(self, want: &Want) -> String {
        match self.flavour {
            Flavour::System => server_of(want),
            Flavour::PipeWire => "default".into(),
        }
    }

    /// `want` where this backend was chosen by name. Its server as the device, which is how it is listed, means the outputs
    /// that are taken where none is named; any other device is a client to connect to.
    pub(crate) fn heed(self, want: &Want) -> Want {
        let server = self.server_name(want);
        Want { device: want.device.clone().filter(|device| *device != server), ..want.clone() }
    }
}

fn server_of(want: &Want) -> String {
    want.jack_server.clone().unwrap_or_else(default_server)
}

impl Backend for Jack {
    fn name(&self) -> &'static str {
        match self.flavour {
            Flavour::System => "jack",
            Flavour::PipeWire => "pipewire",
        }
    }

    fn way(&self) -> &'static str {
        // On some systems both are one library.
        let library = |flavour| library(flavour).ok().map(std::ptr::from_ref);
        let is_system = || library(Flavour::PipeWire).is_some_and(|it| Some(it) == library(Flavour::System));
        match self.flavour {
            Flavour::PipeWire if !is_system() => "pipewire-jack",
            _ => "jack",
        }
    }

    fn devices(&self) -> Result<Vec<DeviceInfo>, OpenError> {
        let name = self.server_name(&Want::default());
        let runs = self.is_running(&Want::default());
        let description = match self.flavour {
            Flavour::System => format!("the JACK server `{name}`"),
            Flavour::PipeWire => "PipeWire, through its JACK library".into(),
        };
        let device = DeviceInfo { backend: self.name(), name, description, is_default: true };
        Ok(if runs { vec![device] } else { Vec::new() })
    }

    fn open(&self, want: &Want, claim: Claim, poke: Poke) -> Result<Box<dyn Running>, OpenError> {
        let backend = self.name();
        let library = library(self.flavour).map_err(|detail| OpenError::NoServer {
            backend,
            detail,
            remedy: "install it, or choose another with --backend".into(),
        })?;
        // PipeWire takes a server name for the name of its own socket, which the environment gives already.
        let server = if library.is_pipewire() { "default".into() } else { server_of(want) };
        if !library.is_pipewire() && !jackd_answers(&server) {
            // Asked of libjack this would take seconds when a killed server left its files behind.
            return Err(OpenError::NoServer {
                backend,
                detail: format!("no server `{server}` is running"),
                remedy: "start one (for example: jackd -d alsa), or choose another with --backend".into(),
            });
        }
        Ok(Box::new(Client::open(backend, library, &server, want, claim, poke)?))
    }
}
