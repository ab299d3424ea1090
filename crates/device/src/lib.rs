//! Devices: where the mix goes and what gives the time. Backends behind one trait, the seat of the Renderer, and the
//! supervisor that keeps a clock running whatever devices do.
//!
//! ```text
//! Supervisor --opens--> Backend (null, file, jack, alsa, pipewire) --callback--> Pump --takes--> Seat { Renderer }
//! ```
//! A backend is a thin adapter: its callback hands memory and a moment to the `Pump`, which takes the seat, goes through
//! the real-time door, renders, fits rate and channels, and counts.
//!
//! Tags: `[rt]` is called by a device's callback: it neither allocates nor waits; `[control]` may do both; `[any]` is a
//! plain read.

mod alsa;
mod backend;
mod choose;
mod file;
mod jack;
mod null;
mod paced;
#[cfg(feature = "pipewire")]
mod pipewire;
mod priority;
mod pump;
mod render;
mod seat;
mod stats;
mod supervisor;
mod sync;

pub use alsa::Alsa;
pub use backend::{
    Backend, CloseError, DeviceInfo, FileWant, Gate, Health, JackPorts, LatencyParts, MAX_PERIOD_FRAMES,
    MIN_PERIOD_FRAMES, OpenError, Poke, RunInfo, Running, VoicePort, Want,
};
pub use choose::{BACKENDS, Choice, devices};
pub use file::File;
pub use jack::Jack;
pub use null::Null;
#[cfg(feature = "pipewire")]
pub use pipewire::PipeWire;
pub use render::{Block, Claim, Cycle, Format, Render, RendererSeat, Sitter};
pub use seat::{Look, NoSeat, Seat, Sitting, Token};
pub use stats::{Counters, DeviceFigures, Histogram};
pub use supervisor::{Clock, Notice, Status, Supervisor, SupervisorConfig};
