//! Live coding: choosing a JavaScript runtime, carrying the live host to it, and supervising that.
//!
//! The sound is made in `crates/live/js`, by a process of its own that is an ordinary producer; this crate starts it
//! and turns what it says into [`Event`]s.
//!
//! ```no_run
//! use forebay_live::{Event, Live, LiveOptions};
//!
//! let live = Live::start(LiveOptions::new("song.js"))?;
//! for event in live.events() {
//!     match event {
//!         Event::Refused(refusal) => eprintln!("{refusal}"),
//!         Event::Ended { code } => std::process::exit(code),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), forebay_live::StartError>(())
//! ```
#![forbid(unsafe_code)]

mod bundle;
mod event;
mod keep;
mod outside;
mod process;
pub mod remote;
mod runtime;
mod sounds;
mod supervisor;

pub use bundle::BundleError;
pub use event::{Control, Edit, Event, Fault, Refusal, Status, Timings, VoiceStatus};
pub use outside::{MidiFile, MidiNotes, OscPort, Values};
pub use process::{Handle, Live, LiveOptions, StartError};
pub use runtime::{Choice, Kind, Runtime, RuntimeError};

/// The language as TypeScript declarations, which editors complete and check by.
pub const TYPES: &str = include_str!("../js/forebay.d.ts");
