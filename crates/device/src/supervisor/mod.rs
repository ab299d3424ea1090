//! The supervisor: one thread that keeps a clock running. It opens what was chosen, sees whether it moves, lets the null
//! clock go on when a device dies or stands still, and takes the device back when it returns.
//!
//! ```text
//!             opened            dies, stands still, changes
//!  Opening ------------> Playing ------------------------> Away (null is the clock)
//!     ^                     |  ^                             |
//!     |wake            rest |  +---- opened again, moves ----+
//!     +------- Resting <----+
//! ```
//! Whatever may hang with a dead server (opening, closing, ports, rtkit) happens on threads of their own: this one waits for
//! nobody, and a call that does not come back holds up only those that would go the same way.
//!
//! Invariant: awake, time moves. A recording that holds sound is never opened again, nor closed for want of voices.

mod hands;
mod report;
mod work;

use crate::backend::{CloseError, OpenError, Poke, VoicePort, Want};
use crate::choose::Selection;
use crate::render::{Format, Render, RendererSeat, Sitter};
pub use report::{Clock, Notice, Status};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use work::Work;

/// How long a block may take before the seat is given up waiting for.
const SEAT_PATIENCE: Duration = Duration::from_millis(500);
/// How long a call waits for the supervisor's answer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);

/// What to open.
#[derive(Clone, Debug)]
pub struct SupervisorConfig {
    /// `auto`, or a name of [`crate::BACKENDS`].
    pub backend: String,
    /// What is wanted of it.
    pub want: Want,
}

/// What the supervisor's thread is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Something happened: look.
    Look,
    /// Something that the user should know.
    Remark(String),
    /// Close the device until woken.
    Rest,
    /// Open it again; answers when it is open (or the null clock instead).
    Wake(Sender<()>),
    /// Close and open, for the Renderer's format is another now.
    Reopen(Sender<()>),
    AddVoice(VoicePort),
    RemoveVoice(u64),
    /// Close everything and end.
    End(Sender<Result<(), CloseError>>),
}

/// Opens a device and keeps a clock running: see the module. Dropping it closes the device.
#[derive(Debug)]
pub struct Supervisor {
    seat: RendererSeat,
    ask: Sender<Ask>,
    status: Arc<Mutex<Status>>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Opens what `config` says; silence is played until a Renderer is seated. Whatever happens later is told as
    /// [`Notice`]s, the choice first. `[control]`
    ///
    /// # Errors
    /// When a named backend can't be opened; `auto` always finds one.
    pub fn open(config: SupervisorConfig) -> Result<(Self, Receiver<Notice>), OpenError> {
        let selection = Selection::new(&config.backend, &config.want)?;
        Self::over(selection, config.want.no_realtime)
    }

    fn over(selection: Selection, no_realtime: bool) -> Result<(Self, Receiver<Notice>), OpenError> {
        let (ask, asked) = channel();
        let (tell, notices) = channel();
        let seat = RendererSeat::new();
        let status = Arc::new(Mutex::new(Status::default()));
        let poke = Poke::new(ask.clone());
        let mut work = Work::new(seat.clone(), poke, tell, Arc::clone(&status), selection, no_realtime);
        work.open_first()?;
        let thread = std::thread::Builder::new()
            .name("forebay-supervisor".into())
            .spawn(move || work.run(&asked))
            .map_err(|error| OpenError::Failed { backend: "supervisor", detail: error.to_string() })?;
        Ok((Self { seat, ask, status, thread: Some(thread) }, notices))
    }

    /// Format of the device as opened: what an engine that may choose should take.
    pub fn format(&self) -> Format {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.device.as_ref().expect("a device is opened before the supervisor exists").format
    }

    /// Seats `renderer` and hands back who sat there; the device is opened anew where rate or channels are others than
    /// before. `[control]`
    ///
    /// # Errors
    /// Gives `renderer` back when a device hangs inside the old one.
    pub fn seat(&self, renderer: Box<dyn Render>) -> Result<Sitter, Box<dyn Render>> {
        let format = Format { rate: renderer.rate(), channels: renderer.channels() };
        let before = self.seat.format().unwrap_or_else(|| self.format());
        let old = self
            .seat
            .replace(Some(renderer), SEAT_PATIENCE)
            .map_err(|back| back.expect("what was given comes back"))?;
        if format != before {
            self.wait_for(Ask::Reopen);
        }
        Ok(old)
    }

    /// The Renderer out of its seat, for one of another rate; silence until the next one. `[control]`
    pub fn unseat(&self) -> Sitter {
        self.seat.replace(None, SEAT_PATIENCE).unwrap_or(None)
    }

    /// How it stands. `[control]`
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).fresh()
    }

    /// Closes the device until [`Supervisor::wake`]: for a daemon without voices. Time stands still. A file goes on: closed, it
    /// could only be overwritten. `[control]`
    pub fn rest(&self) {
        self.tell(Ask::Rest);
    }

    /// Opens it again and returns when a clock runs (the null clock, where the device does not answer). Does nothing while
    /// awake. `[control]`
    pub fn wake(&self) {
        self.wait_for(Ask::Wake);
    }

    /// Gives a voice ports of its own, on this device and every later one. `[control]`
    pub fn add_voice_port(&self, port: VoicePort) {
        self.tell(Ask::AddVoice(port));
    }

    /// Takes them away. `[control]`
    pub fn remove_voice_port(&self, key: u64) {
        self.tell(Ask::RemoveVoice(key));
    }

    /// Closes the device and ends; hands back the Renderer where it is free. `[control]`
    ///
    /// # Errors
    /// What was lost: a file that is not complete.
    pub fn close(mut self) -> Result<Sitter, CloseError> {
        let closed = self.end();
        closed.map(|()| self.unseat())
    }

    fn end(&mut self) -> Result<(), CloseError> {
        let (reply, answer) = channel();
        self.tell(Ask::End(reply));
        let thread = self.thread.take();
        match answer.recv_timeout(ANSWER_PATIENCE) {
            // It hangs in spite of all: it is left to itself, for the program has to end.
            Err(RecvTimeoutError::Timeout) => {
                Err(CloseError::NoAnswer { backend: "supervised", seconds: ANSWER_PATIENCE.as_secs() })
            }
            Err(RecvTimeoutError::Disconnected) => Err(CloseError::Panicked("supervised")),
            Ok(closed) => match thread.map(JoinHandle::join) {
                Some(Err(_)) => Err(CloseError::Panicked("supervised")),
                _ => closed,
            },
        }
    }

    fn tell(&self, ask: Ask) {
        // It ends only by `Ask::End`, which is the last.
        let _ = self.ask.send(ask);
    }

    fn wait_for(&self, ask: impl FnOnce(Sender<()>) -> Ask) {
        let (reply, answer) = channel();
        self.tell(ask(reply));
        let _ = answer.recv_timeout(ANSWER_PATIENCE);
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if self.thread.is_some() {
            // Nobody asked how it went.
            let _ = self.end();
        }
    }
}
