//! Real audio servers for tests, without a sound card, each with its own name and folder, gone when dropped.
//!
//! A server that is not installed is no failure here: `start` returns [`Missing`], and a test says SKIPPED with it.

mod jackd;
mod pipewire;
mod process;

pub use jackd::Jackd;
pub use pipewire::PipeWire;
pub use process::{Missing, Process, is_installed};
