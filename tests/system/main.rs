//! The whole system, from outside: real processes, real sockets, real sound servers.
//!
//! Tests that lack something of their surroundings (JACK, Node, Bun) say so on a line that is always seen.
#![forbid(unsafe_code)]

mod bad_input;
mod bits;
mod edits;
mod faults;
mod idle;
mod jack_load;
mod latency;
mod life;
mod recordings;
mod repl;
mod splices;
mod support;
mod talk;
mod turns;
