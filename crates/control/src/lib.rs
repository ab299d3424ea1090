//! The server of the control protocol over a Unix socket: connections, sessions, voices, status.
//!
//! ```text
//! daemon --Server--> control thread --Engine--> Renderer (elsewhere)
//!                      |  one poll over all sockets; the only owner of the engine
//!                      +--> producers: memory, news, doorbells
//!                      +--> consoles: status, knobs
//! ```
//! The thread sleeps while nothing plays and nobody asks, and turns every 20 ms while something does. It waits for
//! nobody: sockets do not block, what is queued for a peer is bounded, lines are taken at a bounded rate, and memory,
//! sessions, connections and voices have limits ([`Settings`]). A peer that breaks the rules is thrown out by name;
//! the others do not notice.
#![forbid(unsafe_code)]

mod checks;
mod connection;
mod core;
mod doors;
mod drain;
mod faults;
mod health;
mod producer;
mod protection;
mod recordings;
mod requests;
mod server;
mod sessions;
mod settings;
mod stalls;
mod status;
mod strips;
mod turn;
mod voices;

pub use server::{Remains, Server, Stopped};
pub use settings::{Hooks, NoHooks, Settings};
