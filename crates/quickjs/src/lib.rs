//! The embedded JavaScript runtime: QuickJS, with as much of Node's modules and globals as the live host and the SDK use.
//!
//! One thread, one QuickJS runtime. Each worker is a realm of its own in it: realms take turns, share only
//! `SharedArrayBuffer`s, and hear of each other by messages that are copied. What is called by name from JavaScript is in
//! `natives`, thin functions; what Node's modules make of them is in `js`.
//!
//! User code that does not come back is ended by the interpreter's own interrupt: see [`watchdog`](self).
#![forbid(unsafe_code)]

mod event;
mod folder;
mod handles;
mod machine;
mod modules;
mod natives;
mod poll;
mod realm;
mod shared;
mod socket;
mod text;
mod watchdog;

use std::path::Path;
use std::thread;

pub use machine::HostError;
pub use modules::Modules;

/// The version of QuickJS (the branch that is called QuickJS-ng) that is linked in.
pub const VERSION: &str = "0.16";

/// The interpreter's stack: code that calls itself without end meets a `RangeError` long before the thread's own end.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Runs the module `entry` with `arguments` until it ends; returns the exit code. `process.exit` in it ends this process.
///
/// # Errors
/// [`HostError`] when the runtime can't be made.
pub fn run(entry: &Path, arguments: &[String]) -> Result<i32, HostError> {
    run_with(entry, arguments, &[])
}

/// The same, where the module finds `more` by their names beside the runtime's own.
///
/// # Errors
/// [`HostError`] when the runtime can't be made.
pub fn run_with(entry: &Path, arguments: &[String], more: Modules) -> Result<i32, HostError> {
    let (entry, arguments) = (entry.to_owned(), arguments.to_owned());
    let host = thread::Builder::new()
        .name("javascript".into())
        .stack_size(STACK_BYTES)
        .spawn(move || machine::run(&entry, arguments, more))
        .map_err(HostError::Thread)?;
    host.join().unwrap_or(Err(HostError::Panicked))
}
