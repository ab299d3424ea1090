//! What the supervisor's thread changes: which device is the clock.

use super::{Movement, Trial, Work};
use crate::backend::{CloseError, OpenError, Poke, RunInfo, Want};
use crate::choose::{Candidate, Choice, Kind};
use crate::null::Null;
use crate::supervisor::hands::{Active, CLOSE_PATIENCE};
use crate::supervisor::report::{Clock, Notice};
use std::sync::Arc;

impl Work {
    /// Makes `active` the clock.
    pub(super) fn install(&mut self, active: Active, refusals: &[OpenError], now_ns: u64) {
        let info = active.running.info();
        let choice = choice(&active, refusals);
        let was_away = self.lost_at_ns.take().is_some() || self.main.is_some();
        let is_back = self.note_wanted(&active.candidate) && was_away;
        self.seat.assign(&active.claim);
        let is_another = {
            let mut status = self.status();
            let before = status.choice.as_ref().map(|it| (it.backend, it.device.clone()));
            let is_another = before != Some((choice.backend, choice.device.clone()));
            status.choice = Some(choice.clone());
            status.device = Some(info.clone());
            status.clock = Clock::Device;
            status.away = None;
            status.count_with(Some(Arc::clone(active.running.counters())));
            is_another
        };
        if is_back {
            self.tell(Notice::Back { backend: info.backend, device: info.device });
        } else if is_another || was_away {
            // Also where it is the same by another way.
            self.tell(Notice::Chosen(choice));
        }
        if let Some(remark) = info.remark {
            self.tell(Notice::Remark(remark));
        }
        self.moved = Movement { cycles: 0, at_ns: now_ns };
        for clock in [self.main.replace(active), self.stand_in.take()].into_iter().flatten() {
            self.close(clock);
        }
        if let Some(main) = &mut self.main {
            self.voices.iter().for_each(|port| main.running.add_voice_port(port.clone()));
        }
    }

    /// Notes what plays now, and whether it was wanted before. What was less wanted than this is so no longer.
    fn note_wanted(&mut self, candidate: &Candidate) -> bool {
        match self.wanted.iter().position(|wanted| wanted.is_same(candidate)) {
            Some(at) => {
                self.wanted.truncate(at + 1);
                true
            }
            None => {
                if candidate.kind != Kind::StopGap {
                    self.wanted.push(candidate.clone());
                }
                false
            }
        }
    }

    /// What is wanted and does not play: all that is wanted more than what does.
    pub(super) fn missing(&self) -> &[Candidate] {
        let plays = |wanted: &Candidate| self.main.as_ref().is_some_and(|it| it.candidate.is_same(wanted));
        let playing = self.wanted.iter().position(plays);
        &self.wanted[..playing.unwrap_or(self.wanted.len())]
    }

    /// The device is dead: the null clock goes on, and the device is tried again.
    pub(super) fn lose(&mut self, reason: String, now_ns: u64) {
        let Some(main) = self.main.take() else { return };
        let info = main.running.info();
        if main.candidate.kind == Kind::Recording {
            self.wanted.clear();
        }
        self.stand_in();
        self.close(main);
        self.miss(info, reason, now_ns);
    }

    /// Notes since when the device is away, and says so.
    fn miss(&mut self, info: RunInfo, reason: String, now_ns: u64) {
        self.lost_at_ns = Some(now_ns);
        {
            let mut status = self.status();
            status.losses += 1;
            status.away = Some(reason.clone());
        }
        let comes_back = !self.wanted.is_empty();
        self.tell(Notice::Lost { backend: info.backend, device: info.device, reason, comes_back });
    }

    /// Nothing that was tried could be opened.
    pub(super) fn refused(&mut self, refusals: &[OpenError], now_ns: u64) {
        if self.main.is_some() {
            return;
        }
        if self.wanted.is_empty() && self.selection.last_resort.is_some() {
            return self.fill_the_gap(refusals, now_ns);
        }
        self.stand_in();
        let Some(reason) = refusals.first().map(ToString::to_string) else { return };
        let info = self.status().device.clone().filter(|_| self.lost_at_ns.is_none());
        match info {
            Some(info) => self.miss(info, reason, now_ns),
            None => drop(self.status().away.get_or_insert(reason)),
        }
    }

    /// Closes the device to open it anew; the null clock goes on.
    pub(super) fn renew(&mut self, now_ns: u64) {
        if self.resting {
            return;
        }
        let holds_sound = self.main.as_ref().is_some_and(|main| {
            main.candidate.kind == Kind::Recording && main.running.counters().snapshot().rendered_frames > 0
        });
        if holds_sound {
            return self
                .lose("what it records has another format from here on: it is complete".into(), now_ns);
        }
        if let Some(main) = self.main.take() {
            self.stand_in();
            self.close(main);
        }
        self.woken_at_ns = now_ns;
        self.reopening = true;
    }

    /// Lets the null clock go on, at the Renderer's own rate.
    pub(super) fn stand_in(&mut self) {
        if self.stand_in.is_some() || self.resting {
            return;
        }
        let want = Want { no_realtime: self.no_realtime, ..Want::default() };
        let Some(active) = self.open_null(Candidate::new(Null, &want, "stands in")) else { return };
        self.seat.assign_stand_in(&active.claim);
        {
            let mut status = self.status();
            status.clock = Clock::Null;
            status.count_with(Some(Arc::clone(active.running.counters())));
        }
        self.stand_in = Some(active);
    }

    /// Null as the device, since there is no other.
    pub(super) fn fill_the_gap(&mut self, refusals: &[OpenError], now_ns: u64) {
        let Some(candidate) = self.selection.last_resort.clone() else { return };
        if let Some(active) = self.open_null(candidate) {
            self.install(active, refusals, now_ns);
        }
    }

    /// Needs no hand: it asks nobody. `None` where the system gives no thread.
    fn open_null(&self, candidate: Candidate) -> Option<Active> {
        let claim = self.seat.claim();
        let running = candidate.backend.open(&candidate.want, claim.clone(), Poke::none()).ok()?;
        Some(Active { running, claim, candidate })
    }

    pub(super) fn rest(&mut self) {
        self.resting = true;
        self.reopening = false;
        self.seat.rest();
        self.busy.extend(self.opening.take().and_then(|mut opening| opening.abandon()));
        self.close_all();
        {
            let mut status = self.status();
            status.clock = Clock::Resting;
            status.count_with(None);
        }
        self.tell(Notice::Resting);
    }

    fn close_all(&mut self) {
        let trial = self.trial.take().map(|Trial { active, .. }| active);
        for open in [self.main.take(), trial, self.stand_in.take()].into_iter().flatten() {
            self.close(open);
        }
    }

    pub(super) fn end(&mut self) -> Result<(), CloseError> {
        // Its thread finds nobody waiting, and closes what it opens.
        self.opening = None;
        self.close_all();
        self.seat.rest();
        let until_ns = rt::monotonic_ns() + CLOSE_PATIENCE.as_nanos() as u64;
        let closed: Vec<_> = self.busy.drain(..).map(|call| call.wait(until_ns)).collect();
        let lost = self.lost_recording.take().map_or(Ok(()), Err);
        closed.into_iter().chain([lost]).collect()
    }
}

/// What was chosen and why, with what was tried before it.
fn choice(active: &Active, refusals: &[OpenError]) -> Choice {
    let info = active.running.info();
    let mut reason = active.candidate.reason.clone();
    for refusal in refusals {
        reason.push_str(&format!(" [{refusal}]"));
    }
    Choice { backend: info.backend, device: info.device, reason }
}
