//! The shared-memory contract between a producer and the daemon: layout, memfds, seals, mapping, liveness.
//!
//! A session is one small control memory (words, markers, events and stats of 64 slots, see [`layout`]) and one memory
//! of samples per ring. The daemon makes all of it ([`Host`]), sealed so that nobody can shrink it under a mapping, and
//! hands it over; the producer checks and maps it ([`Guest`]). The session lives as long as the socket between the two:
//! a closed socket is the only sign of death, a frozen producer is only late.
//!
//! Nothing here trusts a word of the other side: counters and markers are checked by `ring::Reader`, and what a
//! producer tells about itself ([`Pacing`], [`RenderStats`]) is only shown.

mod control;
pub mod door;
mod guest;
mod host;
pub mod layout;
mod memory;
pub mod os;
pub mod place;
mod stats;

pub use guest::{Guest, GuestError};
pub use host::{Host, HostConfig, OpenSlotError, SlotState};
pub use memory::{Memory, MemoryError};
pub use place::{Place, PlaceError};
pub use stats::{Pacing, RenderStats};
