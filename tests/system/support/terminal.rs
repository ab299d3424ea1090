//! A process at a terminal, and who sits in front of it: keys go in, what the screen would show comes out.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::process::{PATIENCE, Process};

/// Keys by what a terminal sends for them.
pub(crate) const ENTER: &str = "\r";
pub(crate) const TAB: &str = "\t";
pub(crate) const UP: &str = "\x1b[A";
pub(crate) const CTRL_C: &str = "\x03";
pub(crate) const CTRL_D: &str = "\x04";

/// Wide enough that nothing that is awaited is broken at its edge.
const SIZE: Winsize = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };

/// The terminal, with a process whose standard streams it is.
pub(crate) struct Terminal {
    process: Process,
    keys: File,
    said: Receiver<Vec<u8>>,
    /// What was written since the last that was awaited.
    shown: String,
}

impl Terminal {
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        unlockpt(&ours).expect("our own terminal");
        tcsetwinsize(&ours, SIZE).expect("our own terminal");
        let theirs =
            ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("its other end");
        let stream = || Stdio::from(theirs.try_clone().expect("a descriptor"));
        command.env("TERM", "xterm").stdin(stream()).stdout(stream()).stderr(stream());
        let child = command.spawn().unwrap_or_else(|error| panic!("can't start {name}: {error}"));
        let keys = File::from(ours.try_clone().expect("a descriptor"));
        Self { process: Process::of(name, child), keys, said: read(ours), shown: String::new() }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("it has a terminal");
    }

    /// A whole line, and the key behind it.
    pub(crate) fn enter(&mut self, line: &str) {
        self.press(&format!("{line}{ENTER}"));
    }

    /// Waits until `text` was shown since what was awaited before; returns all that was shown up to its end.
    pub(crate) fn shows(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let plain = without_controls(&self.shown);
            if let Some(at) = plain.find(text) {
                let (before, rest) = plain.split_at(at + text.len());
                self.shown = rest.to_owned();
                return before.to_owned();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("{text:?} is not shown ({error}), but {plain:?}"),
            }
        }
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }
}

/// Passes on what is written to the terminal until nobody has it open any more.
fn read(terminal: OwnedFd) -> Receiver<Vec<u8>> {
    let (send, said) = channel();
    let mut terminal = File::from(terminal);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = terminal.read(&mut bytes) {
            if send.send(bytes[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    said
}

/// A text without what moves the cursor: such a sequence is `ESC [`, parameters, and a letter. One that has not come whole
/// is kept.
fn without_controls(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.find(|c: char| c.is_ascii_alphabetic()) {
            Some(end) => plain.push_str(&part[end + 1..]),
            None => plain.push_str(&format!("\x1b[{part}")),
        }
    }
    plain
}
