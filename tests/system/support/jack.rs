//! A real JACK server of the test's own, with the dummy driver.

use std::process::Command;

use testkit::servers::Jackd;

use super::scene::Scene;
use super::skip;

/// A running server; ended with its test.
#[derive(Debug)]
pub(crate) struct Jack(Jackd);

impl Jack {
    /// Starts a server for `test`; `None`, said visibly, where JACK is not installed.
    pub(crate) fn start(test: &str, period_frames: u32) -> Option<Self> {
        match Jackd::start(48_000, period_frames, 2, may_be_fifo()) {
            Ok(jackd) => Some(Self(jackd)),
            Err(missing) => {
                skip(test, &missing.to_string());
                None
            }
        }
    }

    /// Makes this server the one that `command` finds.
    pub(crate) fn dress(&self, command: &mut Command) {
        command.envs(self.0.env());
    }

    /// How many cycles the client `name` has missed, by the server's word.
    pub(crate) fn lates_of(&self, name: &str) -> u64 {
        self.0.lates_of(name)
    }

    /// A listener that records, not yet started.
    pub(crate) fn listener(&self, scene: &Scene, args: &[&str]) -> Command {
        let mut command = scene.producer("jack_listener");
        command.args(args);
        self.dress(&mut command);
        command
    }
}

/// Whether a child of ours may have real-time priority.
pub(crate) fn may_be_fifo() -> bool {
    let chrt = Command::new("chrt").args(["-f", "10", "true"]).output();
    chrt.is_ok_and(|output| output.status.success())
}
