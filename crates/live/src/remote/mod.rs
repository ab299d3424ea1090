//! Talking to a live session from outside: one protocol for `forebay send`, `forebay repl` and editors.
//!
//! A session takes a name and a socket ([`Claim`]) and serves it ([`Server`]); whoever wants to talk finds it ([`find`])
//! and connects ([`Client`]). `docs/session.md` has the protocol.

mod client;
mod desk;
mod known;
mod messages;
mod place;
mod server;
mod web;

pub use client::{CallError, Client, event_of};
pub use desk::{About, Desk, Host};
pub use messages::{
    Complete, ENDING, HOST_GONE, MAX_CODE_BYTES, MAX_CODE_NAME_BYTES, MAX_FADE_MS, MAX_LINE_BYTES, Nothing,
    SESSION_PROTOCOL, Send, Set, Stop, UNNAMED, check_code,
};
pub use place::{Claim, ReachError, find, running};
pub use server::Server;
pub use web::Web;
