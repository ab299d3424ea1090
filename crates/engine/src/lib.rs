//! The engine: what turns the rings of many producers into one mix that never glitches.
//!
//! It has two halves. [`Engine`] is the control side: it adds voices, turns knobs, reads figures; any thread, may
//! allocate. [`Renderer`] is the real-time side: [`Renderer::render`] is all that moves time. There is no clock, no
//! file, no device and no shared memory in here; whoever has the Renderer decides when a block is due.
//!
//! ```text
//! Engine --commands--> Renderer          commands: voices, taps, knobs (boxed where they own memory)
//! Engine <--notices--- Renderer          what happened, as data: underruns, mutes with the reason, ...
//! Engine <--trash----- Renderer          everything that is to be freed; Readers come back this way
//! Engine <--pages----- Renderer          figures, readable at any time
//! ```
//!
//! `render` reads as the story: take commands, due events, read voices, strips, sum, protect, taps, out.
//!
//! Invariants:
//! - *Deterministic*: voices are summed in slot order, ramps and guards depend on the absolute frame only, all CPU paths
//!   give the same bits. What is heard does not depend on how time is cut into blocks, as long as no ring runs dry.
//! - A voice's samples are copied out of its ring once; everything is checked and used on the copy.
//! - Nothing that one voice does changes another voice's bits before main's limiter.
//! - The Renderer never frees: what it drops travels back on the trash ring.
//!
//! Tags: `[rt]` may be called where a deadline is near; `[control]` may allocate and take its time; `[any]` both.
#![forbid(unsafe_code)]

mod config;
mod control;
mod ledger;
mod notice;
mod renderer;
mod shed;
mod stats;
mod voice;
mod wire;

pub use config::{EngineConfig, NEVER_SHED, Protection, SheddingConfig, VoiceSpec};
pub use control::{AddError, Engine, UnknownVoice, engine};
pub use dsp::guard::{Blame, GuardLimits};
pub use dsp::limiter::UNLIMITED;
pub use ledger::{Loss, LossBook, LossCause};
pub use notice::{EventsId, GroupId, Notice, NoticeKind, Returned, VoiceId};
pub use renderer::{Block, Cycle, Renderer};
pub use stats::{MainStats, MeterStats, VoiceStats};
