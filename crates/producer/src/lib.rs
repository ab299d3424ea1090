//! The writing side of forebay in Rust: connect, open a voice, write; splice, flush, close.
//!
//! A producer is an ordinary program. It writes frames ahead of time into a ring in shared memory and may then pause
//! as long as its lead lasts; yet it can change what it wrote at any moment, heard within milliseconds ([`Part`]).
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use forebay_producer::{ChannelCount, Connect};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let session = Connect::new("sine").session()?; // starts a daemon where none runs
//! let step = 440.0 * std::f32::consts::TAU / session.rate().hz() as f32;
//! let mut voice = session.voice("sine", ChannelCount::MONO)?;
//! let mut phase = 0.0_f32;
//! voice.play(512, |chunk| {
//!     for sample in chunk {
//!         *sample = 0.2 * phase.sin();
//!         phase = (phase + step) % std::f32::consts::TAU;
//!     }
//!     ControlFlow::Continue(())
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! No thread of this crate is near the sound: the engine never waits for a producer, and a producer waits only for
//! room in its ring. A voice belongs to one thread; several voices may be written by several threads.
#![forbid(unsafe_code)]

mod connect;
mod ending;
mod future;
mod link;
mod pace;
mod session;
mod splice;
mod start;
mod voice;

pub use connect::{Connect, ConnectError, Console};
pub use link::CallError;
pub use ring::{EventQueueFull, State};
pub use session::{OpenError, Session};
pub use splice::{Part, SpliceError};
pub use start::{ReachError, START_TIMEOUT, find_program, start_timeout};
pub use units::{ChannelCount, Frames, SampleRate};
pub use voice::{Voice, VoiceStats, WriteError};

/// The messages, for [`Console::call`] and [`Session::open`].
pub use protocol;
