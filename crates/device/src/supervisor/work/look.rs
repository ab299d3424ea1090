//! What the supervisor's thread looks at, again and again: its calls, the device, the seat, the world around.

use super::{Movement, RETRY, Trial, Work};
use crate::backend::{Health, OpenError};
use crate::choose::{Candidate, Kind};
use crate::supervisor::hands::Opening;
use crate::supervisor::report::{Clock, Notice};
use crate::sync::Ordering::Acquire;
use std::sync::Arc;

/// A device that asks for nothing this long (or four periods, if that is longer) stands still.
const STILL_NS: u64 = 75_000_000;
/// The same before its first callback.
const FIRST_NS: u64 = 2_000_000_000;
/// A device that stands still this long is closed and opened anew.
const STILL_TOO_LONG_NS: u64 = 5_000_000_000;
/// A callback inside `render` this long hangs.
const HUNG_NS: u64 = 500_000_000;
/// Between looks for other devices.
const LOOK_UP_NS: u64 = 2_000_000_000;
/// `auto` looks for others than the lost device from then on.
const RECHOOSE_NS: u64 = 30_000_000_000;
/// After waking, time stands still for the device to open at most this long.
const WAKE_NS: u64 = 500_000_000;

impl Work {
    /// Takes in the calls that have come back.
    pub(super) fn look_at_calls(&mut self) {
        for call in std::mem::take(&mut self.busy) {
            match call.poll() {
                None => self.busy.push(call),
                Some(Ok(None)) => {}
                // Nobody waits for it any more; it is tried again.
                Some(Ok(Some(late))) => self.close(late),
                Some(Err(error)) => {
                    self.tell(Notice::Remark(error.to_string()));
                    if call.is_of_recording() {
                        self.lost_recording.get_or_insert(error);
                    }
                }
            }
        }
    }

    pub(super) fn look_at_opening(&mut self, now_ns: u64) {
        let Some(opening) = &mut self.opening else { return };
        let Some((refusals, active)) = opening.poll(now_ns, &mut self.busy) else { return };
        self.opening = None;
        match active {
            None => self.refused(&refusals, now_ns),
            // Another clock runs: it goes on until this one has proved that it moves.
            Some(active) if self.has_clock() && active.running.is_paced() => {
                self.trial = Some(Trial { active, refusals, since_ns: now_ns });
            }
            Some(active) => self.install(active, &refusals, now_ns),
        }
    }

    pub(super) fn look_at_trial(&mut self, now_ns: u64) {
        let Some(mut trial) = self.trial.take() else { return };
        let is_well = trial.active.running.health() == Health::Well;
        let moves = trial.active.running.counters().cycles.load(Acquire) > 0;
        if is_well && moves {
            return self.install(trial.active, &trial.refusals, now_ns);
        }
        if is_well && now_ns - trial.since_ns < FIRST_NS {
            self.trial = Some(trial);
            return;
        }
        let backend = trial.active.candidate.backend.name();
        self.close(trial.active);
        self.tried_at_ns = now_ns;
        trial.refusals.push(OpenError::Failed { backend, detail: "it is open but asks for no sound".into() });
        self.refused(&trial.refusals, now_ns);
    }

    pub(super) fn look_at_main(&mut self, now_ns: u64) {
        let Some(main) = &mut self.main else { return };
        match main.running.health() {
            Health::Gone(reason) => return self.lose(reason, now_ns),
            Health::Changed(reason) => {
                self.status().away = Some(reason);
                return self.renew(now_ns);
            }
            Health::Finished => {
                // Opened again it would be overwritten.
                self.wanted.clear();
                self.status().away = Some("it is complete".into());
                self.tell(Notice::Finished);
                return self.rest();
            }
            Health::Well => {}
        }
        let cycles = main.running.counters().cycles.load(Acquire);
        let info = main.running.info();
        let promotion = main.running.promotion();
        if cycles != self.moved.cycles || !main.running.is_paced() {
            self.moved = Movement { cycles, at_ns: now_ns };
            self.moves_again();
        } else {
            let still_ns = now_ns - self.moved.at_ns;
            let period_ns = u64::from(info.period_frames) * 1_000_000_000 / u64::from(info.format.rate.hz());
            let patience_ns = if cycles == 0 { FIRST_NS } else { STILL_NS.max(4 * period_ns) };
            if still_ns > STILL_TOO_LONG_NS.max(4 * period_ns) {
                return self.lose("it asks for no sound any more".into(), now_ns);
            }
            if still_ns > patience_ns && self.stand_in.is_none() {
                self.tell(Notice::NotMoving { backend: info.backend, device: info.device.clone() });
                self.status().away = Some("it asks for no sound".into());
                self.stand_in();
            }
        }
        self.note_promotion(promotion);
        self.status().device = Some(info);
    }

    /// The device that stood still goes on: it is the clock again.
    fn moves_again(&mut self) {
        let Some(main) = &self.main else { return };
        let Some(null) = self.stand_in.take() else { return };
        self.seat.assign(&main.claim);
        let (info, counters) = (main.running.info(), Arc::clone(main.running.counters()));
        self.close(null);
        {
            let mut status = self.status();
            status.clock = Clock::Device;
            status.away = None;
            status.count_with(Some(counters));
        }
        self.tell(Notice::Back { backend: info.backend, device: info.device });
    }

    fn note_promotion(&mut self, promotion: Option<Result<rt::Promotion, rt::Refused>>) {
        let Some(promotion) = promotion else { return };
        if let Err(refused) = &promotion
            && !std::mem::replace(&mut self.priority_told, true)
        {
            self.tell(Notice::PriorityRefused(refused.clone()));
        }
        self.status().promotion = Some(promotion);
    }

    pub(super) fn look_at_seat(&mut self, now_ns: u64) {
        let look = self.seat.look();
        let (before, since_ns) = self.inside;
        if !look.taken || !before.taken || look.takes != before.takes {
            self.inside = (look, now_ns);
        }
        let hung = look.taken && now_ns - self.inside.1 > HUNG_NS && since_ns > 0;
        let (was_hung, was_broken) = {
            let mut status = self.status();
            let was = (status.hung, status.broken);
            (status.hung, status.broken) = (hung, look.broken);
            was
        };
        if hung && !was_hung {
            self.tell(Notice::Hung);
        }
        if look.broken && !was_broken {
            self.tell(Notice::Panicked);
        }
    }

    /// Closes the device when nobody needs time to move. A recording goes on: closed, it could only be overwritten.
    pub(super) fn rest_if_possible(&mut self) {
        let records = self.main.as_ref().is_some_and(|main| main.candidate.kind == Kind::Recording);
        if self.may_rest && !self.resting && !records {
            self.rest();
        }
    }

    /// Tries to get back what is away, or to find what may take its place.
    pub(super) fn look_around(&mut self, now_ns: u64) {
        if self.opening.is_some() || self.trial.is_some() || self.resting {
            return;
        }
        let list = self.worth_trying(now_ns);
        if !list.is_empty() {
            self.reopening = false;
            self.opening = Some(Opening::start(list, &self.seat, &self.poke, now_ns));
        }
    }

    fn worth_trying(&mut self, now_ns: u64) -> Vec<Candidate> {
        let mut list = Vec::new();
        if self.reopening || now_ns - self.tried_at_ns >= RETRY.as_nanos() as u64 {
            self.tried_at_ns = now_ns;
            list.extend_from_slice(self.missing());
        }
        let looks_for_others = self.looks_for_others(now_ns);
        if looks_for_others && (self.reopening || now_ns - self.looked_up_at_ns >= LOOK_UP_NS) {
            self.looked_up_at_ns = now_ns;
            let others = self.selection.offers();
            let others = others.into_iter().filter(|other| !list.iter().any(|it| it.is_same(other)));
            list.extend(others.collect::<Vec<_>>());
        }
        if list.is_empty() && !looks_for_others {
            // Nothing is wanted any more.
            self.reopening = false;
        }
        list.retain(|candidate| !self.busy.iter().any(|call| call.way() == candidate.backend.way()));
        list
    }

    /// Whether another device than those that played may be taken: none ever did, or they are away for long.
    fn looks_for_others(&self, now_ns: u64) -> bool {
        let are_away =
            || self.main.is_none() && self.lost_at_ns.is_some_and(|at_ns| now_ns - at_ns >= RECHOOSE_NS);
        self.selection.is_auto && (self.wanted.is_empty() || are_away())
    }

    /// Awake, time moves: on the null clock where nothing is being opened, or where that takes long.
    pub(super) fn keep_a_clock(&mut self, now_ns: u64) {
        let is_patient = self.opening.is_some() && now_ns - self.woken_at_ns < WAKE_NS;
        if self.resting || self.has_clock() || is_patient {
            return;
        }
        if self.wanted.is_empty() && self.selection.last_resort.is_some() {
            return self.fill_the_gap(&[], now_ns);
        }
        self.stand_in();
    }
}
