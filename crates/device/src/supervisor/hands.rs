//! Opening and closing, each on a thread of its own: a dead server may keep both waiting for ever. A call that does not come
//! back holds up nobody but those that would go the same way.

use crate::backend::{CloseError, OpenError, Poke, Running};
use crate::choose::{Candidate, Kind};
use crate::render::{Claim, RendererSeat};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

/// How long a server may take to answer.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);
/// How long the end waits for devices to close, all together.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// An opened device and its claim.
pub(super) struct Active {
    pub(super) running: Box<dyn Running>,
    pub(super) claim: Claim,
    pub(super) candidate: Candidate,
}

type Opened = Result<Active, OpenError>;

/// What refused before, and what was opened.
pub(super) type Outcome = (Vec<OpenError>, Option<Active>);

/// An opening under way: candidates one after the other, until one opens.
pub(super) struct Opening {
    trying: Option<Trying>,
    left: VecDeque<Candidate>,
    refusals: Vec<OpenError>,
    seat: RendererSeat,
    poke: Poke,
}

/// One candidate being opened.
struct Trying {
    backend: &'static str,
    way: &'static str,
    answer: Receiver<Opened>,
    since_ns: u64,
}

impl Opening {
    /// Begins with the first of `candidates`.
    pub(super) fn start(candidates: Vec<Candidate>, seat: &RendererSeat, poke: &Poke, now_ns: u64) -> Self {
        let (seat, poke) = (seat.clone(), poke.clone());
        let mut this = Self { trying: None, left: candidates.into(), refusals: Vec::new(), seat, poke };
        this.try_next(now_ns);
        this
    }

    fn try_next(&mut self, now_ns: u64) {
        self.trying = self.left.pop_front().map(|candidate| {
            let (backend, way) = (candidate.backend.name(), candidate.backend.way());
            let (tell, answer) = channel();
            let (claim, poke) = (self.seat.claim(), self.poke.clone());
            let work = move || {
                let opened = candidate.backend.open(&candidate.want, claim.clone(), poke.clone());
                // Nobody waits any more: what was opened is closed by its drop.
                let _ = tell.send(opened.map(|running| Active { running, claim, candidate }));
                drop(tell);
                poke.poke();
            };
            // Without a thread there is no answer, which reads as a refusal.
            let _ = std::thread::Builder::new().name("forebay-open".into()).spawn(work);
            Trying { backend, way, answer, since_ns: now_ns }
        });
    }

    /// How it ended, once it has. A candidate that does not answer in time goes to `busy`, and the next one has its turn.
    pub(super) fn poll(&mut self, now_ns: u64, busy: &mut Vec<Busy>) -> Option<Outcome> {
        loop {
            let Some(trying) = &self.trying else { return Some(self.ended(None)) };
            let is_late = now_ns.saturating_sub(trying.since_ns) > OPEN_PATIENCE.as_nanos() as u64;
            let backend = trying.backend;
            let opened = match trying.answer.try_recv() {
                Ok(opened) => opened,
                Err(TryRecvError::Disconnected) => Err(no_answer(backend)),
                Err(TryRecvError::Empty) if !is_late => return None,
                Err(TryRecvError::Empty) => {
                    busy.extend(self.abandon());
                    Err(no_answer(backend))
                }
            };
            if let Some(outcome) = self.heed(opened, now_ns) {
                return Some(outcome);
            }
        }
    }

    /// Waits for the end.
    pub(super) fn wait(mut self, busy: &mut Vec<Busy>) -> Outcome {
        loop {
            let Some(trying) = &self.trying else { return self.ended(None) };
            let backend = trying.backend;
            let opened = match trying.answer.recv_timeout(OPEN_PATIENCE) {
                Ok(opened) => opened,
                Err(RecvTimeoutError::Disconnected) => Err(no_answer(backend)),
                Err(RecvTimeoutError::Timeout) => {
                    busy.extend(self.abandon());
                    Err(no_answer(backend))
                }
            };
            if let Some(outcome) = self.heed(opened, rt::monotonic_ns()) {
                return outcome;
            }
        }
    }

    fn heed(&mut self, opened: Opened, now_ns: u64) -> Option<Outcome> {
        match opened {
            Ok(active) => Some(self.ended(Some(active))),
            Err(refusal) => {
                self.refusals.push(refusal);
                self.try_next(now_ns);
                None
            }
        }
    }

    fn ended(&mut self, active: Option<Active>) -> Outcome {
        (std::mem::take(&mut self.refusals), active)
    }

    /// What is being tried goes through it.
    #[cfg(test)]
    pub(super) fn way(&self) -> Option<&'static str> {
        self.trying.as_ref().map(|trying| trying.way)
    }

    /// Waits no longer for the candidate that is being tried.
    pub(super) fn abandon(&mut self) -> Option<Busy> {
        self.trying.take().map(|Trying { way, answer, .. }| Busy::Opening { way, answer })
    }
}

fn no_answer(backend: &'static str) -> OpenError {
    OpenError::NoAnswer { backend, seconds: OPEN_PATIENCE.as_secs() }
}

/// A call that nobody waits for and that has not come back.
pub(super) enum Busy {
    /// What it opens comes too late.
    Opening { way: &'static str, answer: Receiver<Opened> },
    /// A device being closed.
    Closing { way: &'static str, closing: Closing },
}

/// The answer of a device that is being closed.
pub(super) struct Closing {
    backend: &'static str,
    kind: Kind,
    answer: Receiver<Result<(), CloseError>>,
}

/// Closes on a thread of its own.
pub(super) fn close(active: Active, poke: &Poke) -> Busy {
    let (backend, way, kind) =
        (active.candidate.backend.name(), active.candidate.backend.way(), active.candidate.kind);
    let (tell, answer) = channel();
    let poke = poke.clone();
    let work = move || {
        let Active { running, .. } = active;
        // Whoever does not wait for the answer does not want it.
        let _ = tell.send(running.close());
        drop(tell);
        poke.poke();
    };
    // Without a thread it is closed here, by the drop of the closure.
    let _ = std::thread::Builder::new().name("forebay-close".into()).spawn(work);
    Busy::Closing { way, closing: Closing { backend, kind, answer } }
}

impl Busy {
    /// What it goes through.
    pub(super) fn way(&self) -> &'static str {
        match self {
            Self::Opening { way, .. } | Self::Closing { way, .. } => way,
        }
    }

    /// Whether it is a recording that is being closed.
    pub(super) fn is_of_recording(&self) -> bool {
        matches!(self, Self::Closing { closing, .. } if closing.kind == Kind::Recording)
    }

    /// What came of it, once it is back: a device that was opened too late, or how the closing went.
    pub(super) fn poll(&self) -> Option<Result<Option<Active>, CloseError>> {
        match self {
            Self::Opening { answer, .. } => match answer.try_recv() {
                Ok(opened) => Some(Ok(opened.ok())),
                Err(TryRecvError::Disconnected) => Some(Ok(None)),
                Err(TryRecvError::Empty) => None,
            },
            Self::Closing { closing, .. } => match closing.answer.try_recv() {
                Ok(closed) => Some(closed.map(|()| None)),
                Err(TryRecvError::Disconnected) => Some(Ok(None)),
                Err(TryRecvError::Empty) => None,
            },
        }
    }

    /// Waits for the closing, and says what was lost: a recording that did not close may lack its end.
    pub(super) fn wait(self, until_ns: u64) -> Result<(), CloseError> {
        // What is opened too late is closed by its own thread, which finds nobody waiting.
        let Self::Closing { closing, .. } = self else { return Ok(()) };
        let left = Duration::from_nanos(until_ns.saturating_sub(rt::monotonic_ns()));
        match closing.answer.recv_timeout(left) {
            Ok(closed) => closed,
            Err(RecvTimeoutError::Timeout) if closing.kind == Kind::Recording => {
                Err(CloseError::NoAnswer { backend: closing.backend, seconds: CLOSE_PATIENCE.as_secs() })
            }
            // It keeps nothing of what it played.
            Err(_) => Ok(()),
        }
    }
}
