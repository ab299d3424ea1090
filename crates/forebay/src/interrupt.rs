//! Ctrl-C, SIGTERM and a closed terminal: asked once to end with a fade, asked twice to end now.

use std::cell::Cell;
use std::sync::mpsc;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::trouble::Exit;

/// Tells when the person, or the system, wants this process to end.
#[derive(Debug)]
pub(crate) struct Interrupt {
    asked: mpsc::Receiver<()>,
    was_asked: Cell<bool>,
}

impl Interrupt {
    /// Takes over the signals. A second one ends the process at once, with code 130.
    ///
    /// # Errors
    /// When the system refuses handlers or a thread.
    pub(crate) fn take() -> std::io::Result<Self> {
        let (send, asked) = mpsc::channel();
        on_signal(move || {
            // The receiver may be gone: then nobody waits any more.
            let _ = send.send(());
        })?;
        Ok(Self { asked, was_asked: Cell::new(false) })
    }

    /// Whether the end was asked for.
    pub(crate) fn is_asked(&self) -> bool {
        self.wait(Duration::ZERO)
    }

    /// Waits up to `timeout`; true as soon as the end is asked for, and ever after.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        if !self.was_asked.get() {
            self.was_asked.set(self.asked.recv_timeout(timeout).is_ok());
        }
        self.was_asked.get()
    }
}

/// Runs `act` on the first signal, in a thread of its own; the second signal ends the process.
///
/// # Errors
/// When the system refuses handlers or a thread.
pub(crate) fn on_signal(act: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut caught = signals.forever();
        if caught.next().is_some() {
            act();
        }
        if caught.next().is_some() {
            std::process::exit(Exit::Interrupted as i32);
        }
    })?;
    Ok(())
}
