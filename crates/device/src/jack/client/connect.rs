//! What main is connected to.

use super::desk::Desk;
use crate::backend::OpenError;
use crate::jack::ffi::{self, text};
use std::ffi::CString;

/// Said while there is nothing to connect to.
const NO_OUTPUTS: &str = "the server has no outputs to connect to: nothing is heard until it has";

impl Desk {
    /// Connects main, now or as soon as there is something to connect to. (A sink of PipeWire shows its ports a moment
    /// after itself; headphones come when they come.)
    pub(super) fn connect_when_possible(&mut self) {
        if self.connected || self.want.no_connect {
            return;
        }
        // A named target was there when the client was opened.
        let _ = self.connect();
    }

    /// Connects main to the physical outputs, or to the inputs of the client that was named.
    pub(super) fn connect(&mut self) -> Result<(), OpenError> {
        let targets = match &self.want.device {
            None => self.inputs_of(None),
            Some(name) => self.inputs_of(Some(name)),
        };
        if targets.is_empty() {
            if let Some(wanted) = self.want.device.clone() {
                let found = clients_with_inputs(&self.inputs_of(Some("")));
                return Err(OpenError::NoSuchDevice { backend: self.handle.backend, wanted, found });
            }
            self.signals.remark(Some(NO_OUTPUTS.into()));
            return Ok(());
        }
        self.connected = true;
        if self.signals.remarked().is_some_and(|remark| remark == NO_OUTPUTS) {
            self.signals.remark(None);
        }
        let mono = self.signals.ports.len() == 1;
        for (at, target) in targets.iter().enumerate().take(if mono { 2 } else { self.signals.ports.len() }) {
            let port = self.signals.ports[if mono { 0 } else { at }];
            let Ok(target) = CString::new(target.as_str()) else { continue };
            // SAFETY: an active client, a port of it, C strings. A refusal (connected already) leaves it as it is.
            unsafe {
                (self.handle.library.jack_connect)(
                    self.handle.raw,
                    (self.handle.library.jack_port_name)(port.0),
                    target.as_ptr(),
                );
            }
        }
        Ok(())
    }

    /// Names of audio inputs: of the hardware, or of clients whose name begins with `client` up to its colon.
    fn inputs_of(&self, client: Option<&str>) -> Vec<String> {
        let flags = ffi::PORT_IS_INPUT | if client.is_none() { ffi::PORT_IS_PHYSICAL } else { 0 };
        // SAFETY: an open client; a null pattern matches all; the list is null-terminated and freed once.
        let all = unsafe {
            let list = (self.handle.library.jack_get_ports)(
                self.handle.raw,
                std::ptr::null(),
                ffi::AUDIO.as_ptr(),
                flags,
            );
            if list.is_null() {
                return Vec::new();
            }
            let names = (0..)
                .map(|at| *list.add(at))
                .take_while(|it| !it.is_null())
                .map(|it| text(it))
                .collect::<Vec<_>>();
            (self.handle.library.jack_free)(list.cast());
            names
        };
        match client {
            None | Some("") => all,
            Some(client) => all.into_iter().filter(|port| client_of(port) == client).collect(),
        }
    }
}

fn client_of(port: &str) -> &str {
    port.rsplit_once(':').map_or(port, |(client, _)| client)
}

fn clients_with_inputs(ports: &[String]) -> Vec<String> {
    let mut clients: Vec<String> = ports.iter().map(|port| client_of(port).to_string()).collect();
    clients.dedup();
    clients
}
