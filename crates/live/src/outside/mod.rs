//! Values that come from outside while a piece plays: OSC over UDP, MIDI from a device file. Each has a thread that turns
//! what it receives into the keys under which a piece listens.

mod midi;
mod osc;

pub use midi::{MidiFile, MidiNotes};
pub use osc::OscPort;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a thread that hears nothing looks whether it is to end.
const TURN: Duration = Duration::from_millis(100);

/// The newest value of each key.
///
/// Keys are `knob:NAME`, `osc:/ADDRESS`, and `midi:` with the number of a controller, `note`, `gate`, `bend` or `pressure`.
pub type Values = BTreeMap<String, f64>;

/// A thread that runs `turn` until it is dropped.
#[derive(Debug)]
struct Listener {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// `turn` waits for [`TURN`] at most, and says whether there is anything left to listen to.
    fn start(name: &str, mut turn: impl FnMut() -> bool + Send + 'static) -> std::io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let run = move || while !seen.load(Ordering::Relaxed) && turn() {};
        let thread = thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Self { is_over, thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
