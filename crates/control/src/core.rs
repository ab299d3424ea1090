//! The control thread: one poll over all sockets, one owner of the engine.
//!
//! ```text
//! poll --> commands of the daemon --> new connections --> lines --> turn (notices, stalls, bells, leaving voices)
//! ```
//! Nothing in here waits for a peer, and no peer gets more than its share of a round. Without voices and watchers the
//! thread sleeps until somebody comes.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use engine::{Engine, VoiceId};
use protocol::{DeviceInfo, ErrorObject, ErrorWord, EvictReason, Id, Notify, error_line, notification_line};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::connection::Connection;
use crate::producer::Producer;
use crate::protection::MainWishes;
use crate::recordings::Recordings;
use crate::settings::{Hooks, Settings};

/// Turns while anything plays.
pub(crate) const TURN: Duration = Duration::from_millis(20);
/// Turns while voices are open and nothing plays: less than two a second.
const CALM_TURN: Duration = Duration::from_millis(600);
/// How long after a request of a producer turns stay quick: what it opened is about to play.
const STIRRED: Duration = Duration::from_secs(2);
/// Lines in a row that are no requests.
const MAX_GARBAGE: u32 = 16;

/// What the daemon asks of the control thread.
pub(crate) enum Command {
    /// Do something with the engine.
    Engine(Box<dyn FnOnce(&mut Engine) + Send>),
    /// Tell everybody.
    Notify(Vec<u8>),
    /// The devices that were asked for.
    Devices(Vec<DeviceInfo>),
    /// What the recording of that number has to say.
    Recording(u32, sink::News),
    /// Say goodbye, fade, end.
    Stop,
}

/// A connection with what is known about it.
pub(crate) struct Peer {
    pub(crate) connection: Connection,
    pub(crate) pid: u32,
    pub(crate) session: Option<u32>,
    pub(crate) watch: Option<Watch>,
    /// Lines in a row that were no requests.
    pub(crate) garbage: u32,
    /// It said something that was a request.
    pub(crate) spoke: bool,
}

/// A wish to be sent the status document.
pub(crate) struct Watch {
    pub(crate) every: Duration,
    pub(crate) next: Instant,
}

/// Everything that the control thread owns.
pub(crate) struct Core {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) hooks: Arc<dyn Hooks>,
    pub(crate) peers: BTreeMap<u64, Peer>,
    pub(crate) producers: BTreeMap<u32, Producer>,
    /// Where a voice of the engine belongs: session and slot.
    pub(crate) voices: HashMap<VoiceId, (u32, usize)>,
    pub(crate) next_session: u32,
    pub(crate) evicted: u64,
    pub(crate) refused_lines: u64,
    /// Who waits for the list of devices.
    pub(crate) device_askers: Vec<(u64, Option<Id>)>,
    pub(crate) recordings: Recordings,
    pub(crate) main_wishes: MainWishes,
    pub(crate) commands_in: crate::server::Sender,
    pub(crate) began: Instant,
    pub(crate) stopping: bool,
    /// Who asked for the end wants no daemon in place of this one.
    pub(crate) ends_for_good: bool,
    /// Turns are quick until then.
    pub(crate) stirred_until: Instant,
    /// Something plays, or is on its way out.
    pub(crate) active: bool,
    /// Page faults of the audio thread when they were last looked at.
    pub(crate) page_faults: u64,
    pub(crate) next_peer: u64,
    next_turn: Option<Instant>,
    pub(crate) accept_after: Option<Instant>,
    /// Since when nobody is here; `None` while somebody is, or [`Hooks::idle`] was called.
    pub(crate) idle_since: Option<Instant>,
    scratch: Vec<u8>,
}

impl Core {
    pub(crate) fn new(
        engine: Engine,
        settings: Settings,
        hooks: Arc<dyn Hooks>,
        commands_in: crate::server::Sender,
    ) -> Self {
        let now = Instant::now();
        let main_wishes = MainWishes::new(engine.config());
        Self {
            engine,
            settings,
            hooks,
            peers: BTreeMap::new(),
            producers: BTreeMap::new(),
            voices: HashMap::new(),
            next_session: 1,
            evicted: 0,
            refused_lines: 0,
            device_askers: Vec::new(),
            recordings: Recordings::default(),
            main_wishes,
            commands_in,
            began: now,
            stopping: false,
            ends_for_good: false,
            stirred_until: now,
            active: false,
            page_faults: 0,
            next_peer: 1,
            next_turn: None,
            accept_after: None,
            idle_since: Some(now),
            scratch: vec![0; 32 * 1024],
        }
    }

    /// Serves until [`Command::Stop`]; gives back what goes on without it.
    pub(crate) fn serve(
        mut self,
        listener: &UnixListener,
        wake: &UnixStream,
        commands: &Receiver<Command>,
    ) -> (Engine, Recordings) {
        while !self.stopping {
            let ready = self.wait(listener, wake);
            self.take_commands(wake, commands);
            let now = Instant::now();
            self.accept(listener, now);
            self.serve_peers(&ready, now);
            if self.next_turn.is_some_and(|next| next <= now) {
                self.turn();
            }
            self.watchers(now);
            self.plan(now);
        }
        self.say_goodbye();
        (self.engine, self.recordings)
    }

    /// Sleeps until a socket or a deadline needs attention; the peers whose sockets do.
    fn wait(&mut self, listener: &UnixListener, wake: &UnixStream) -> Vec<u64> {
        let now = Instant::now();
        let mut fds = vec![PollFd::new(wake, PollFlags::IN)];
        if self.accept_after.is_none_or(|after| after <= now) {
            fds.push(PollFd::new(listener, PollFlags::IN));
        }
        let sockets = fds.len();
        let mut ids = Vec::new();
        for (id, peer) in &self.peers {
            let connection = &peer.connection;
            let mut wants = PollFlags::empty();
            wants.set(PollFlags::IN, connection.wants_read());
            wants.set(PollFlags::OUT, connection.wants_write());
            // One that is held back is left out: its hang-up would be reported again and again.
            if !wants.is_empty() {
                fds.push(PollFd::from_borrowed_fd(connection.as_fd(), wants));
                ids.push(*id);
            }
        }
        let timeout = self.deadline(now).map(|at| at.saturating_duration_since(now));
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return Vec::new(); // interrupted: a short wait
        }
        let moved = |(fd, id): (&PollFd<'_>, &u64)| (!fd.revents().is_empty()).then_some(*id);
        fds[sockets..].iter().zip(&ids).filter_map(moved).collect()
    }

    /// When something is due without any socket moving.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let held_back =
            self.peers.values().filter_map(|peer| peer.connection.wake_after()).map(|wait| now + wait);
        let watches = self.peers.values().filter_map(|peer| peer.watch.as_ref()).map(|watch| watch.next);
        let idle = self.idle_since.zip(self.settings.idle_after).map(|(since, after)| since + after);
        held_back.chain(watches).chain(idle).chain(self.next_turn).chain(self.accept_after).min()
    }

    fn take_commands(&mut self, wake: &UnixStream, commands: &Receiver<Command>) {
        let mut rung = [0; 64];
        while io::Read::read(&mut &*wake, &mut rung).is_ok_and(|bytes| bytes > 0) {}
        while let Ok(command) = commands.try_recv() {
            match command {
                Command::Engine(act) => act(&mut self.engine),
                Command::Notify(line) => self.tell_everybody(&line),
                Command::Devices(devices) => self.answer_devices(devices),
                Command::Recording(number, news) => self.take_recording_news(number, news),
                Command::Stop => self.stopping = true,
            }
        }
    }

    fn serve_peers(&mut self, ready: &[u64], now: Instant) {
        let pending = self.peers.iter().filter(|(_, peer)| peer.connection.is_pending()).map(|(id, _)| *id);
        let mut ids: Vec<u64> = pending.chain(ready.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            if self.serve_peer(id, now).is_err() {
                self.hang_up(id);
            }
        }
    }

    /// Takes what a peer sent, and sends what waits for it. An error: the connection is over.
    fn serve_peer(&mut self, id: u64, now: Instant) -> Result<(), Over> {
        let peer = self.peers.get_mut(&id).ok_or(Over)?;
        if peer.connection.wants_read() {
            let mut scratch = std::mem::take(&mut self.scratch);
            let read = peer.connection.read(&mut scratch);
            self.scratch = scratch;
            read.map_err(|_| Over)?;
        }
        while let Some(line) = self.peers.get_mut(&id).ok_or(Over)?.connection.next_line(now) {
            self.take_line(id, line);
        }
        let peer = self.peers.get_mut(&id).ok_or(Over)?;
        peer.connection.flush().map_err(|_| Over)?;
        let done = peer.connection.is_closing() || peer.connection.is_spent();
        // A producer lives as long as its connection; who only asked gets its answers first.
        let dead = peer.connection.is_spent() && (peer.session.is_some() || peer.connection.is_broken());
        if dead || (done && peer.connection.is_flushed()) { Err(Over) } else { Ok(()) }
    }

    fn take_line(&mut self, id: u64, line: Result<Vec<u8>, protocol::LineTooLong>) {
        let parsed = match &line {
            Ok(line) if line.is_empty() => return, // a bell back: no harm
            Ok(line) => protocol::Request::parse(line),
            Err(error) => Err(protocol::Refusal {
                id: Id::Null,
                error: ErrorObject::new(ErrorWord::LineTooLong, error.to_string()),
            }),
        };
        match parsed {
            Ok(request) => {
                if let Some(peer) = self.peers.get_mut(&id) {
                    (peer.garbage, peer.spoke) = (0, true);
                }
                self.answer(id, request);
            }
            Err(refusal) => {
                self.refused_lines += 1;
                self.send(id, error_line(&refusal.id, &refusal.error), None);
                let Some(peer) = self.peers.get_mut(&id) else { return };
                peer.garbage += 1;
                if line.is_err() || peer.garbage >= MAX_GARBAGE {
                    self.evict(id, EvictReason::Garbage);
                }
            }
        }
    }

    /// Queues a line for a peer; who does not read what it is sent is thrown out.
    pub(crate) fn send(&mut self, id: u64, line: Vec<u8>, fd: Option<std::os::fd::OwnedFd>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if !peer.connection.is_closing() && !peer.connection.send(line, fd) {
            self.evict(id, EvictReason::NotReading);
        }
    }

    /// Sends a notification to a producer, if it is still there.
    pub(crate) fn notify<N: Notify>(&mut self, session: u32, news: &N) {
        let connection = self.producers.get(&session).and_then(|producer| producer.connection);
        if let Some(id) = connection {
            self.send(id, notification_line(news), None);
        }
    }

    pub(crate) fn tell_everybody(&mut self, line: &[u8]) {
        let ids: Vec<u64> = self.peers.iter().filter(|(_, peer)| peer.spoke).map(|(id, _)| *id).collect();
        for id in ids {
            self.send(id, line.to_vec(), None);
        }
    }

    /// Throws a peer out: says why, hangs up. A producer's voices fade at once.
    pub(crate) fn evict(&mut self, id: u64, reason: EvictReason) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        self.evicted += 1;
        let _full = peer.connection.send(notification_line(&protocol::Evicted { reason }), None);
        peer.connection.close_when_flushed();
        let session = peer.session.take();
        let who =
            session.and_then(|session| self.producers.get(&session)).map(|producer| producer.client.clone());
        let who = who.unwrap_or_else(|| format!("a connection of process {}", peer.pid));
        self.hooks.say(&format!("evicted {who}: {reason:?}").to_lowercase());
        if let Some(session) = session {
            self.producer_evicted(session);
        }
        if reason == EvictReason::NotReading {
            self.hang_up(id);
        }
    }

    /// Forgets a connection; its producer is dead then, and its voices play out.
    pub(crate) fn hang_up(&mut self, id: u64) {
        let (client, pid) = self.who(id);
        let Some(peer) = self.peers.remove(&id) else { return };
        self.recordings.owner_left(id);
        self.wisher_left(id, client, pid);
        if let Some(session) = peer.session {
            self.producer_died(session);
        }
    }

    /// When the next turn is, and whether anybody is here.
    fn plan(&mut self, now: Instant) {
        let quick = self.active || self.stirred_until > now;
        let period = if quick { Some(TURN) } else { (!self.producers.is_empty()).then_some(CALM_TURN) };
        self.next_turn = period.map(|period| match self.next_turn {
            Some(next) if next > now && next <= now + period => next,
            _ => now + period,
        });
        let here = !self.peers.is_empty() || !self.producers.is_empty();
        if here {
            self.idle_since = None;
            return;
        }
        let since = *self.idle_since.get_or_insert(now);
        if self.settings.idle_after.is_some_and(|after| now.saturating_duration_since(since) >= after) {
            self.hooks.idle();
            self.idle_since = Some(now);
        }
    }

    /// Something is about to happen: turns are quick for a while.
    pub(crate) fn stir(&mut self) {
        self.stirred_until = Instant::now() + STIRRED;
    }

    /// Engine frame of the next block.
    pub(crate) fn now_frame(&self) -> u64 {
        self.engine.main_stats().frame.0.max(self.engine.config().first_frame)
    }

    /// The last words, as far as they can be said without waiting.
    fn say_goodbye(&mut self) {
        self.engine.hush(true);
        self.tell_everybody(&notification_line(&protocol::Closing { is_final: self.ends_for_good }));
        for peer in self.peers.values_mut() {
            let _gone = peer.connection.flush();
        }
    }
}

/// A connection is over.
pub(crate) struct Over;
