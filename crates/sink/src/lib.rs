//! Workers behind a tap: they read what was played, from a ring that never waits for them, and bring it to somebody slow.
//!
//! ```text
//! Renderer --tap (1 s)--> listener --queue (about half a minute)--> disk
//! ```
//! A [`Recorder`] has two threads: the listener is never kept from its ring by the disk, and what the disk can't take for half
//! a minute is lost by count: written as silence of that length, so that the rest stays in its place. Every frame is accounted
//! for: taken = saved + waiting, and lost frames are those of the taken ones that are silence ([`Figures`]).
#![forbid(unsafe_code)]

mod disk;
mod file;
mod listen;
mod recorder;

pub use file::FileError;
pub use recorder::{Ended, Figures, News, Recorder, State, Wish};
