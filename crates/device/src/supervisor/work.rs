//! The supervisor's thread.

mod look;

use super::open::{Active, Closing, Opening, close};
use super::report::{Clock, Notice, Status};
use super::{Ask, SupervisorConfig};
use crate::backend::{CloseError, OpenError, Poke, VoicePort, Want};
use crate::choose::{Candidate, Choice, last_resort};
use crate::render::RendererSeat;
use crate::seat::Look;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a device that plays is looked at.
const TICK: Duration = Duration::from_millis(20);
/// The same where nothing can die: the null clock was chosen.
const CALM_TICK: Duration = Duration::from_millis(500);
/// How long the end waits for a device to close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// When a counter last moved.
#[derive(Default)]
struct Movement {
    cycles: u64,
    at_ns: u64,
}

pub(super) struct Work {
    seat: RendererSeat,
    poke: Poke,
    tell: Sender<Notice>,
    status: Arc<Mutex<Status>>,
    config: SupervisorConfig,
    main: Option<Active>,
    /// The null clock, while it stands in.
    stand_in: Option<Active>,
    /// What to open again.
    wanted: Option<Candidate>,
    opening: Option<Opening>,
    /// Devices being closed. Nothing is opened before they are: libjack knows one server at a time.
    closing: Vec<Closing>,
    /// How a device that does not come back was closed: what it lost is told at the end.
    parting: Option<Closing>,
    /// The device is to be opened anew as soon as it is closed.
    reopening: bool,
    /// Waiting for a clock.
    woken: Vec<Sender<()>>,
    voices: Vec<VoicePort>,
    moved: Movement,
    lost_at_ns: Option<u64>,
    tried_at_ns: u64,
    inside: (Look, u64),
    priority_told: bool,
    resting: bool,
}

impl Work {
    pub(super) fn new(
        seat: RendererSeat,
        ask: Sender<Ask>,
        tell: Sender<Notice>,
        status: Arc<Mutex<Status>>,
        config: SupervisorConfig,
    ) -> Self {
        let inside = (seat.look(), 0);
        Self {
            seat,
            poke: Poke::new(ask),
            tell,
            status,
            config,
            main: None,
            stand_in: None,
            wanted: None,
            opening: None,
            closing: Vec::new(),
            parting: None,
            reopening: false,
            woken: Vec::new(),
            voices: Vec::new(),
            moved: Movement::default(),
            lost_at_ns: None,
            tried_at_ns: 0,
            inside,
            priority_told: false,
            resting: false,
        }
    }

    /// Opens the first of `list` that can be opened.
    pub(super) fn open_first(&mut self, list: Vec<Candidate>) -> Result<(), OpenError> {
        let (refusals, active) = Opening::start(list, &self.seat, &self.poke).wait();
        let Some(active) = active else {
            if self.config.backend != "auto" {
                // The first way is the one that was meant.
                return Err(refusals.into_iter().next().expect("no device and no refusal"));
            }
            let null = vec![last_resort(&self.config.want)];
            let (_, active) = Opening::start(null, &self.seat, &self.poke).wait();
            let active = active.ok_or(OpenError::NoAnswer { backend: "null", seconds: 5 })?;
            self.install(active, &refusals);
            return Ok(());
        };
        self.install(active, &refusals);
        Ok(())
    }

    pub(super) fn run(mut self, asked: &Receiver<Ask>) {
        loop {
            let ask = match self.patience() {
                None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => asked.recv_timeout(patience),
            };
            match ask {
                Ok(Ask::End(reply)) => {
                    // Nobody waits: then nobody asks.
                    let _ = reply.send(self.end());
                    return;
                }
                Ok(ask) => self.attend(ask),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look();
        }
    }

    /// How long to sleep; for ever while resting.
    fn patience(&self) -> Option<Duration> {
        let calm = self.main.as_ref().is_some_and(|main| main.candidate.is_null()) && self.opening.is_none();
        match (self.resting && self.opening.is_none(), calm && !self.reopening) {
            (true, _) => None,
            (false, true) => Some(CALM_TICK),
            (false, false) => Some(TICK),
        }
    }

    fn attend(&mut self, ask: Ask) {
        match ask {
            Ask::Look | Ask::End(_) => {}
            Ask::Rest => self.rest(),
            Ask::Wake(reply) => {
                if self.resting {
                    self.resting = false;
                    self.reopen();
                }
                self.woken.push(reply);
            }
            Ask::Reopen(reply) => {
                self.set_aside();
                self.reopen();
                self.woken.push(reply);
            }
            Ask::AddVoice(port) => {
                self.give_ports(&port);
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
    fn look(&mut self) {
        self.look_at_opening();
        self.look_at_main();
        self.look_at_seat();
        self.look_around();
        let has_clock = self.main.is_some() || self.stand_in.is_some();
        if self.resting || (has_clock && !self.reopening && self.opening.is_none()) {
            for reply in self.woken.drain(..) {
                // Who gave up waiting needs no answer.
                let _ = reply.send(());
            }
        }
    }

    fn look_at_opening(&mut self) {
        let Some(opened) = self.opening.as_ref().and_then(Opening::poll) else { return };
        self.opening = None;
        match opened {
            Ok(active) if self.resting => self.closing.push(close(active)),
            Ok(active) => self.install(active, &[]),
            Err(error) => {
                self.status().away.get_or_insert_with(|| error.to_string());
                self.stand_in();
            }
        }
    }

    /// Makes `active` the clock.
    fn install(&mut self, active: Active, refusals: &[OpenError]) {
        let info = active.running.info();
        let choice = choice(&active, refusals);
        let back = self.lost_at_ns.take().is_some();
        self.seat.assign(&active.claim);
        {
            let mut status = self.status();
            let is_new = status.choice.as_ref() != Some(&choice) && !back || status.choice.is_none();
            if back && !active.candidate.is_null() {
                let device = info.device.clone();
                drop(status);
                self.tell(Notice::Back { backend: info.backend, device });
                status = self.status();
            } else if is_new {
                drop(status);
                self.tell(Notice::Chosen(choice.clone()));
                status = self.status();
            }
            status.choice = Some(choice);
            status.device = Some(info.clone());
            status.clock = Clock::Device;
            status.away = None;
            status.count_with(Some(Arc::clone(active.running.counters())));
        }
        if let Some(remark) = info.remark {
            self.tell(Notice::Remark(remark));
        }
        self.moved = Movement { cycles: 0, at_ns: rt::monotonic_ns() };
        self.wanted = Some(active.candidate.clone());
        self.main = Some(active);
        for port in self.voices.clone() {
            self.give_ports(&port);
        }
        if let Some(null) = self.stand_in.take() {
            self.closing.push(close(null));
        }
    }

    /// The device is dead: the null clock goes on, and it is tried again.
    fn lose(&mut self, reason: String) {
        let Some(main) = self.main.take() else { return };
        let info = main.running.info();
        let comes_back = main.candidate.comes_back;
        self.stand_in();
        let closing = close(main);
        self.lost_at_ns = Some(rt::monotonic_ns());
        if comes_back {
            self.closing.push(closing);
        } else {
            self.parting = Some(closing);
            self.wanted = None;
        }
        {
            let mut status = self.status();
            status.losses += 1;
            status.away = Some(reason.clone());
        }
        self.tell(Notice::Lost { backend: info.backend, device: info.device, reason, comes_back });
    }

    /// Closes the device to open it anew; the null clock goes on.
    fn set_aside(&mut self) {
        if let Some(main) = self.main.take() {
            self.stand_in();
            self.closing.push(close(main));
        }
    }

    /// Lets the null clock go on, at the Renderer's own rate.
    fn stand_in(&mut self) {
        if self.stand_in.is_some() || self.resting {
            return;
        }
        let want = Want { no_realtime: self.config.want.no_realtime, ..Want::default() };
        let (_, active) = Opening::start(vec![last_resort(&want)], &self.seat, &Poke::none()).wait();
        let Some(active) = active else { return };
        self.seat.assign_stand_in(&active.claim);
        {
            let mut status = self.status();
            status.clock = Clock::Null;
            status.count_with(Some(Arc::clone(active.running.counters())));
        }
        self.stand_in = Some(active);
    }

    /// Opens the wanted device at the next look around.
    fn reopen(&mut self) {
        self.reopening = self.wanted.is_some();
    }

    fn rest(&mut self) {
        if std::mem::replace(&mut self.resting, true) {
            return;
        }
        self.seat.rest();
        self.opening = None;
        let open = [self.main.take(), self.stand_in.take()];
        self.closing.extend(open.into_iter().flatten().map(close));
        {
            let mut status = self.status();
            status.clock = Clock::Resting;
            status.count_with(None);
        }
        self.tell(Notice::Resting);
    }

    fn end(&mut self) -> Result<(), CloseError> {
        self.opening = None;
        let closed = self.main.take().map(close).or(self.parting.take());
        if let Some(null) = self.stand_in.take() {
            drop(close(null));
        }
        self.seat.rest();
        closed.map_or(Ok(()), |answer| answer.recv_timeout(CLOSE_PATIENCE).unwrap_or(Ok(())))
    }

    fn give_ports(&mut self, port: &VoicePort) {
        let Some(main) = &mut self.main else { return };
        if let Err(error) = main.running.add_voice_port(port.clone()) {
            self.tell(Notice::Remark(error.to_string()));
        }
    }

    fn status(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, notice: Notice) {
        // Nobody reads notices: the status tells the same.
        let _ = self.tell.send(notice);
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
