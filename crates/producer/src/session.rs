//! An open session: the voices of one producer, and what they share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::{CloseMode, HelloReply, Notification, VoiceClose, VoiceOpen, VoiceOpenReply};
use ring::{Commit, EventKind, EventQueueFull, EventWriter, RingShape, TimedEvent, Writer};
use session::{Guest, GuestError, Pacing};
use thiserror::Error;
use units::{ChannelCount, ChannelCountError, SampleRate};

use crate::connect::Console;
use crate::link::{CallError, HandedOver};
use crate::voice::Voice;

/// Why a voice can't be opened. Nothing is left behind.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The daemon says no, or is gone.
    #[error("{0}")]
    Call(#[from] CallError),
    /// The ring is refused.
    #[error("{0}")]
    Guest(#[from] GuestError),
    /// The daemon gave a channel count that can't be.
    #[error("{0}")]
    Channels(#[from] ChannelCountError),
    /// It handed nothing over.
    #[error("the daemon opened a voice without memory: it is of another kind")]
    NoMemory,
}

/// What all voices of a session share.
pub(crate) struct Shared {
    pub(crate) console: Arc<Console>,
    pub(crate) guest: Guest,
    /// Held from the first marker of a change to its commit: there is one commit word for all voices.
    commit: Mutex<Commit>,
    events: Mutex<EventWriter>,
    pacing: Mutex<Pacing>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn commit(&self) -> MutexGuard<'_, Commit> {
        lock(&self.commit)
    }

    /// Where the engine is now: low word of the frame of its next block, and the frames of a block.
    pub(crate) fn clock(&self) -> (u32, u32) {
        (self.guest.engine_frame(), self.guest.block_frames().clamp(16, 8192))
    }

    pub(crate) fn push_event(&self, event: TimedEvent) -> Result<(), EventQueueFull> {
        lock(&self.events).push(event)
    }

    /// Changes what is told about the pacing, and tells it.
    pub(crate) fn tell_pacing(&self, change: impl FnOnce(&mut Pacing)) {
        let mut pacing = lock(&self.pacing);
        change(&mut pacing);
        self.guest.tell_pacing(&pacing);
    }
}

/// A session with the daemon. It closes when it and all of its voices are dropped; what is in the rings plays out.
pub struct Session {
    pub(crate) shared: Arc<Shared>,
    hello: HelloReply,
}

impl Session {
    pub(crate) fn new(console: Arc<Console>, guest: Guest, hello: HelloReply) -> Self {
        let (commit, events) = (guest.commit().into(), guest.events().into());
        let shared = Shared { console, guest, commit, events, pacing: Mutex::default() };
        Self { shared: Arc::new(shared), hello }
    }

    /// What the daemon said at the beginning: its version, its rate, the channels of main.
    pub fn hello(&self) -> &HelloReply {
        &self.hello
    }

    /// Frames per second of every ring.
    pub fn rate(&self) -> SampleRate {
        self.shared.guest.rate()
    }

    /// Length of a cross-fade.
    pub fn crossfade_frames(&self) -> u32 {
        self.shared.guest.crossfade_frames()
    }

    /// Low word of the engine frame of the next block: the clock that starts, splices over several voices and timed
    /// events go by.
    pub fn engine_frame(&self) -> u32 {
        self.shared.guest.engine_frame()
    }

    /// Frames of the latest block.
    pub fn block_frames(&self) -> u32 {
        self.shared.guest.block_frames()
    }

    /// Opens a voice with every choice left to its default.
    ///
    /// # Errors
    /// When the daemon has no room, or `name` is taken in this session.
    pub fn voice(&self, name: &str, channels: ChannelCount) -> Result<Voice, OpenError> {
        self.open(&VoiceOpen::new(name, channels.get() as u32))
    }

    /// Opens a voice. It is silent until frames are written to it.
    ///
    /// # Errors
    /// When the daemon has no room, or the name is taken in this session.
    pub fn open(&self, voice: &VoiceOpen) -> Result<Voice, OpenError> {
        let link = &self.shared.console.link;
        let (reply, samples): (VoiceOpenReply, _) = link.call_for_memory(voice, |reply| Some(&reply.ring))?;
        match self.writer(&reply, samples) {
            Ok(writer) => Ok(Voice::new(self.shared.clone(), reply.slot, reply.name, writer)),
            Err(error) => {
                let _daemon_is_gone = link.tell(&VoiceClose { slot: reply.slot, mode: CloseMode::Fade });
                Err(error)
            }
        }
    }

    /// The producer's end of a ring that was opened.
    fn writer(&self, reply: &VoiceOpenReply, samples: HandedOver) -> Result<Writer, OpenError> {
        let shape = RingShape {
            channels: ChannelCount::new(reply.channels as usize)?,
            capacity_frames: reply.capacity_frames,
            first: reply.first,
        };
        let samples = samples.map_err(CallError::from)?.ok_or(OpenError::NoMemory)?;
        Ok(self.shared.guest.writer(reply.slot, &samples, shape)?)
    }

    /// The next thing that the daemon told by itself (underruns, mutes, lead targets, the device); waits up to
    /// `timeout`, and no longer than the connection lives.
    pub fn notification(&self, timeout: Duration) -> Option<Notification> {
        self.shared.console.notification(timeout)
    }

    /// The connection, for questions and commands.
    pub fn console(&self) -> &Console {
        &self.shared.console
    }

    /// Why the session is over; `None` while it lives.
    pub fn closed(&self) -> Option<String> {
        self.shared.console.closed()
    }
}

impl Voice {
    /// From engine frame `at` on, reaches a gain over `ramp_frames`; exact to the frame, at once when late.
    ///
    /// # Errors
    /// When 1024 events wait; the engine takes them once per block.
    pub fn gain_at(&self, at: u32, gain_db: f32, ramp_frames: u32) -> Result<(), EventQueueFull> {
        self.event(at, EventKind::Gain, units::Decibels(gain_db).amplitude(), ramp_frames)
    }

    /// From engine frame `at` on, reaches a pan (-1 to 1) over `ramp_frames`.
    ///
    /// # Errors
    /// When 1024 events wait.
    pub fn pan_at(&self, at: u32, pan: f32, ramp_frames: u32) -> Result<(), EventQueueFull> {
        self.event(at, EventKind::Pan, pan, ramp_frames)
    }

    /// From engine frame `at` on, mutes or unmutes over `ramp_frames`.
    ///
    /// # Errors
    /// When 1024 events wait.
    pub fn mute_at(&self, at: u32, mute: bool, ramp_frames: u32) -> Result<(), EventQueueFull> {
        self.event(at, EventKind::Mute, f32::from(u8::from(mute)), ramp_frames)
    }

    fn event(&self, at: u32, kind: EventKind, value: f32, ramp_frames: u32) -> Result<(), EventQueueFull> {
        self.shared().push_event(TimedEvent { at, slot: self.slot(), kind, value, ramp_frames })
    }
}
