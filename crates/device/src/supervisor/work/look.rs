//! What the supervisor's thread looks at, again and again: the device, the seat, the world around.

use super::{Movement, Work};
use crate::backend::Health;
use crate::choose::{candidates, servers};
use crate::supervisor::open::{Opening, close};
use crate::supervisor::report::{Clock, Notice};
use crate::sync::Ordering::Acquire;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;

/// A device that asks for nothing this long (or four periods, if that is longer) stands still.
const STILL_NS: u64 = 75_000_000;
/// The same before its first callback.
const FIRST_NS: u64 = 2_000_000_000;
/// A device that stands still this long is closed and opened anew.
const STILL_TOO_LONG_NS: u64 = 5_000_000_000;
/// A callback inside `render` this long hangs.
const HUNG_NS: u64 = 500_000_000;
/// Between attempts to open a lost device.
const RETRY_NS: u64 = 200_000_000;
/// Between looks for a server, where there was none.
const LOOK_UP_NS: u64 = 2_000_000_000;
/// `auto` gives up waiting for the lost device and chooses anew.
const RECHOOSE_NS: u64 = 30_000_000_000;

impl Work {
    pub(super) fn look_at_main(&mut self) {
        let Some(main) = &mut self.main else { return };
        let now_ns = rt::monotonic_ns();
        match main.running.health() {
            Health::Gone(reason) => return self.lose(reason),
            Health::Changed(reason) => {
                self.status().away = Some(reason);
                self.set_aside();
                return self.reopen();
            }
            Health::Finished => {
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
                return self.lose("it asks for no sound any more".into());
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
        self.closing.push(close(null));
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

    pub(super) fn look_at_seat(&mut self) {
        let look = self.seat.look();
        let now_ns = rt::monotonic_ns();
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

    /// Tries to get the lost device back, or, where `auto` found none, one that has come.
    pub(super) fn look_around(&mut self) {
        self.closing.retain(|answer| matches!(answer.try_recv(), Err(TryRecvError::Empty)));
        if self.opening.is_some() || self.resting || !self.closing.is_empty() {
            return;
        }
        let now_ns = rt::monotonic_ns();
        let since_try_ns = now_ns - self.tried_at_ns;
        let is_auto = self.config.backend == "auto";
        let list = match (&self.main, &self.wanted) {
            (Some(main), _) if main.candidate.is_null() && is_auto && since_try_ns > LOOK_UP_NS => {
                servers(&self.config.want)
            }
            (Some(_), _) => return,
            (None, _) if since_try_ns < RETRY_NS && !self.reopening => return,
            (None, _) if is_auto && self.lost_at_ns.is_some_and(|at_ns| now_ns - at_ns > RECHOOSE_NS) => {
                candidates("auto", &self.config.want).unwrap_or_default()
            }
            (None, Some(wanted)) => vec![wanted.clone()],
            (None, None) => return,
        };
        self.tried_at_ns = now_ns;
        self.reopening = false;
        if !list.is_empty() {
            self.opening = Some(Opening::start(list, &self.seat, &self.poke));
        }
    }
}
