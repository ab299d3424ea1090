//! Opening and closing, on threads of their own: a dead server may keep both waiting for ever.

use crate::backend::{CloseError, OpenError, Poke, Running};
use crate::choose::Candidate;
use crate::render::{Claim, RendererSeat};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

/// How long a server may take to answer.
const OPEN_PATIENCE: Duration = Duration::from_secs(5);

/// An opened device and its claim.
pub(super) struct Active {
    pub(super) running: Box<dyn Running>,
    pub(super) claim: Claim,
    pub(super) candidate: Candidate,
}

type Answer = (usize, Result<Active, OpenError>);

/// An opening under way.
pub(super) struct Opening {
    answer: Receiver<Answer>,
    since_ns: u64,
}

impl Opening {
    /// Tries `candidates` in order, until one opens.
    pub(super) fn start(candidates: Vec<Candidate>, seat: &RendererSeat, poke: &Poke) -> Self {
        let (tell, answer) = channel();
        let (seat, poke) = (seat.clone(), poke.clone());
        let work = move || {
            for (at, candidate) in candidates.into_iter().enumerate() {
                let claim = seat.claim();
                let opened = candidate.backend.open(&candidate.want, claim.clone(), poke.clone());
                let opened = opened.map(|running| Active { running, claim, candidate });
                let done = opened.is_ok();
                // Nobody waits any more: what was opened is closed by its drop.
                if tell.send((at, opened)).is_err() || done {
                    break;
                }
            }
            drop(tell);
            poke.poke();
        };
        // Without a thread there is no answer, which reads as a refusal.
        let _ = std::thread::Builder::new().name("forebay-open".into()).spawn(work);
        Self { answer, since_ns: rt::monotonic_ns() }
    }

    /// The opened device, or why there is none, once known.
    pub(super) fn poll(&self) -> Option<Result<Active, OpenError>> {
        let mut refusal = None;
        loop {
            match self.answer.try_recv() {
                Ok((_, Ok(active))) => return Some(Ok(active)),
                Ok((_, Err(error))) => refusal = Some(Err(error)),
                Err(TryRecvError::Disconnected) => return Some(refusal.unwrap_or_else(|| Err(no_answer()))),
                Err(TryRecvError::Empty)
                    if rt::monotonic_ns() - self.since_ns > OPEN_PATIENCE.as_nanos() as u64 =>
                {
                    return Some(Err(no_answer()));
                }
                Err(TryRecvError::Empty) => return None,
            }
        }
    }

    /// Waits for the device; also gives the refusals of those before it.
    pub(super) fn wait(self) -> (Vec<OpenError>, Option<Active>) {
        let mut refusals = Vec::new();
        loop {
            match self.answer.recv_timeout(OPEN_PATIENCE) {
                Ok((_, Ok(active))) => return (refusals, Some(active)),
                Ok((_, Err(error))) => refusals.push(error),
                Err(RecvTimeoutError::Disconnected) => return (refusals, None),
                Err(RecvTimeoutError::Timeout) => {
                    refusals.push(no_answer());
                    return (refusals, None);
                }
            }
        }
    }
}

fn no_answer() -> OpenError {
    OpenError::NoAnswer { backend: "device", seconds: OPEN_PATIENCE.as_secs() }
}

/// A closing under way: its answer, or nothing more where there is none.
pub(super) type Closing = Receiver<Result<(), CloseError>>;

/// Closes on a thread of its own; the answer comes when it is closed.
pub(super) fn close(active: Active) -> Closing {
    let (tell, answer) = channel();
    let work = move || {
        let Active { running, .. } = active;
        // Whoever does not wait for the answer does not want it.
        let _ = tell.send(running.close());
    };
    // Without a thread it is closed here, by the drop of the closure.
    let _ = std::thread::Builder::new().name("forebay-close".into()).spawn(work);
    answer
}
