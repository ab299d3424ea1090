//! The supervisor's thread.

mod change;
mod look;
#[cfg(test)]
mod tests;

use super::Ask;
use super::hands::{Active, Busy, Opening, close};
use super::report::{Notice, Status};
use crate::backend::{CloseError, OpenError, Poke, VoicePort};
use crate::choose::{Candidate, Selection};
use crate::render::RendererSeat;
use crate::seat::Look;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a device that plays, or is being opened, is looked at.
const TICK: Duration = Duration::from_millis(20);
/// How often a device that is away is looked for.
const RETRY: Duration = Duration::from_millis(200);
/// How often all is looked at where nothing can die: the null clock was chosen.
const CALM_TICK: Duration = Duration::from_millis(500);
/// How long those who wait for the device wait, where the null clock runs meanwhile.
const WOKEN_PATIENCE_NS: u64 = 1_000_000_000;

/// When a counter last moved.
#[derive(Default)]
struct Movement {
    cycles: u64,
    at_ns: u64,
}

/// An opened device that has not moved yet, while another clock runs.
struct Trial {
    active: Active,
    refusals: Vec<OpenError>,
    since_ns: u64,
}

/// Time is a parameter throughout: only [`Work::run`] and [`Work::open_first`], which waits, look at the clock.
pub(super) struct Work {
    seat: RendererSeat,
    poke: Poke,
    tell: Sender<Notice>,
    status: Arc<Mutex<Status>>,
    selection: Selection,
    no_realtime: bool,
    main: Option<Active>,
    /// The null clock, while it stands in.
    stand_in: Option<Active>,
    /// What is to play, the most wanted first. Those before the one that plays are away; they are tried again and again.
    wanted: Vec<Candidate>,
    opening: Option<Opening>,
    trial: Option<Trial>,
    /// Calls that have not come back. Nothing is opened that would go the same way.
    busy: Vec<Busy>,
    /// A recording that could not be closed whole: told at the end as well.
    lost_recording: Option<CloseError>,
    /// The device is to be opened as soon as its way is free.
    reopening: bool,
    /// Waiting for a clock.
    woken: Vec<Sender<()>>,
    woken_at_ns: u64,
    voices: Vec<VoicePort>,
    moved: Movement,
    /// Since when nothing that is wanted plays.
    lost_at_ns: Option<u64>,
    tried_at_ns: u64,
    looked_up_at_ns: u64,
    inside: (Look, u64),
    priority_told: bool,
    /// Nobody needs time to move.
    may_rest: bool,
    resting: bool,
}

impl Work {
    pub(super) fn new(
        seat: RendererSeat,
        poke: Poke,
        tell: Sender<Notice>,
        status: Arc<Mutex<Status>>,
        selection: Selection,
        no_realtime: bool,
    ) -> Self {
        let inside = (seat.look(), 0);
        Self {
            seat,
            poke,
            tell,
            status,
            selection,
            no_realtime,
            main: None,
            stand_in: None,
            wanted: Vec::new(),
            opening: None,
            trial: None,
            busy: Vec::new(),
            lost_recording: None,
            reopening: false,
            woken: Vec::new(),
            woken_at_ns: 0,
            voices: Vec::new(),
            moved: Movement::default(),
            lost_at_ns: None,
            tried_at_ns: 0,
            looked_up_at_ns: 0,
            inside,
            priority_told: false,
            may_rest: false,
            resting: false,
        }
    }

    /// Opens the first device of the selection that can be opened. Waits for it.
    pub(super) fn open_first(&mut self) -> Result<(), OpenError> {
        let opening = Opening::start(self.selection.offers(), &self.seat, &self.poke, rt::monotonic_ns());
        let (refusals, active) = opening.wait(&mut self.busy);
        // That may have taken seconds, which are not those that the device has to begin in.
        let now_ns = rt::monotonic_ns();
        match active {
            Some(active) => self.install(active, &refusals, now_ns),
            None if self.selection.last_resort.is_some() => self.fill_the_gap(&refusals, now_ns),
            None => return Err(self.selection.refusal(refusals)),
        }
        Ok(())
    }

    pub(super) fn run(mut self, asked: &Receiver<Ask>) {
        loop {
            let ask = match self.patience() {
                None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => asked.recv_timeout(patience),
            };
            let now_ns = rt::monotonic_ns();
            match ask {
                Ok(Ask::End(reply)) => {
                    // Nobody waits: then nobody asks.
                    let _ = reply.send(self.end());
                    return;
                }
                Ok(ask) => self.attend(ask, now_ns),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look(now_ns);
        }
    }

    /// How long to sleep; for ever while resting. (Calls that come back poke.)
    fn patience(&self) -> Option<Duration> {
        if self.opening.is_some() || self.trial.is_some() || self.reopening {
            return Some(TICK);
        }
        match &self.main {
            _ if self.resting => None,
            None => Some(RETRY),
            Some(main) if main.candidate.is_null() => Some(CALM_TICK),
            Some(_) => Some(TICK),
        }
    }

    fn attend(&mut self, ask: Ask, now_ns: u64) {
        match ask {
            Ask::Look | Ask::End(_) => {}
            Ask::Remark(remark) => self.tell(Notice::Remark(remark)),
            Ask::Rest => self.may_rest = true,
            Ask::Wake(reply) => {
                self.may_rest = false;
                if std::mem::take(&mut self.resting) {
                    self.woken_at_ns = now_ns;
                    self.reopening = true;
                }
                self.woken.push(reply);
            }
            Ask::Reopen(reply) => {
                self.renew(now_ns);
                self.woken.push(reply);
            }
            Ask::AddVoice(port) => {
                if let Some(main) = &mut self.main {
                    main.running.add_voice_port(port.clone());
                }
                self.voices.push(port);
            }
            Ask::RemoveVoice(key) => {
                self.voices.retain(|port| port.key != key);
                if let Some(main) = &mut self.main {
                    main.running.remove_voice_port(key);
                }
            }
        }
    }

    /// One look at everything.
    fn look(&mut self, now_ns: u64) {
        self.look_at_calls();
        self.look_at_opening(now_ns);
        self.look_at_trial(now_ns);
        self.look_at_main(now_ns);
        self.look_at_seat(now_ns);
        self.rest_if_possible();
        self.look_around(now_ns);
        self.keep_a_clock(now_ns);
        self.answer_the_woken(now_ns);
    }

    fn has_clock(&self) -> bool {
        self.main.is_some() || self.stand_in.is_some()
    }

    fn answer_the_woken(&mut self, now_ns: u64) {
        let is_settled = !self.reopening && self.opening.is_none() && self.trial.is_none();
        let is_late = now_ns.saturating_sub(self.woken_at_ns) > WOKEN_PATIENCE_NS;
        if self.resting || self.has_clock() && (is_settled || is_late) {
            for reply in self.woken.drain(..) {
                // Who gave up waiting needs no answer.
                let _ = reply.send(());
            }
        }
    }

    fn close(&mut self, active: Active) {
        self.busy.push(close(active, &self.poke));
    }

    fn status(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, notice: Notice) {
        // Nobody reads notices: the status tells the same.
        let _ = self.tell.send(notice);
    }
}
