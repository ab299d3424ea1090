//! What the server has to be asked for: ports of voices, connections. On a thread of its own, for a server that stands still
//! answers when it goes on again.

use super::{Handle, register};
use crate::backend::{JackPorts, MAX_PERIOD_FRAMES, OpenError, VoicePort, Want};
use crate::jack::process::{Port, Signals};
use crate::jack::voices::{Ask, MOST_VOICES, RackControl, VoicePair};
use crate::render::Format;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use units::SampleRate;

/// Between looks for outputs, while there are none, and for pairs that come back.
const PAUSE: Duration = Duration::from_millis(200);

/// What the owner asks.
pub(super) enum Task {
    Add(VoicePort),
    Remove(u64),
    TellLatency,
}

/// Works on a client until its thread is told to end, which is before the client is closed.
pub(super) struct Desk {
    pub(super) handle: Handle,
    pub(super) signals: Arc<Signals>,
    pub(super) want: Want,
    engine: Format,
    rate: SampleRate,
    rack: RackControl,
    voices: HashMap<u64, [Port; 2]>,
    next_voice: u64,
    /// Pairs that the callback was asked to give back.
    leaving: usize,
    pub(super) connected: bool,
}

// SAFETY: libjack's functions may be called from any thread; the client outlives the desk.
unsafe impl Send for Desk {}

/// The running desk. Dropping it waits until its present call has come back.
pub(super) struct DeskThread {
    tasks: Option<Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl DeskThread {
    /// Asks for it, and does not wait.
    pub(super) fn ask(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // It ends only after this sender.
            let _ = tasks.send(task);
        }
    }
}

impl Drop for DeskThread {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // A panic there leaves ports behind, which go with the client.
            let _ = thread.join();
        }
    }
}

impl Desk {
    pub(super) fn new(
        handle: Handle,
        signals: Arc<Signals>,
        want: Want,
        engine: Format,
        rate: SampleRate,
        rack: RackControl,
    ) -> Self {
        let voices = HashMap::new();
        let (next_voice, leaving, connected) = (1, 0, false);
        Self { handle, signals, want, engine, rate, rack, voices, next_voice, leaving, connected }
    }

    /// Works on a thread of its own from now on.
    pub(super) fn start(self) -> std::io::Result<DeskThread> {
        let (tasks, asked) = channel();
        let thread =
            std::thread::Builder::new().name("forebay-ports".into()).spawn(move || self.work(&asked))?;
        Ok(DeskThread { tasks: Some(tasks), thread: Some(thread) })
    }

    fn work(mut self, asked: &Receiver<Task>) {
        loop {
            let is_waiting = self.leaving > 0 || !self.connected && !self.want.no_connect;
            let task = match is_waiting {
                true => asked.recv_timeout(PAUSE),
                false => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match task {
                Ok(Task::Add(port)) => self.add(&port),
                Ok(Task::Remove(key)) => self.remove(key),
                Ok(Task::TellLatency) => self.tell_latency(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.reap();
            if is_waiting {
                self.connect_when_possible();
            }
        }
    }

    fn tell_latency(&self) {
        if self.handle.library.is_pipewire() {
            return self.signals.give_latency();
        }
        // SAFETY: an open client. The server calls back for the figures; a refusal leaves the old ones.
        unsafe { (self.handle.library.jack_recompute_total_latencies)(self.handle.raw) };
    }

    /// Gives a voice its pair; the voice plays on main all the same.
    fn add(&mut self, port: &VoicePort) {
        if self.want.jack_ports != JackPorts::Voice || self.voices.contains_key(&port.key) {
            return;
        }
        // Pairs that are on their way back still have their places.
        let is_full = self.voices.len() + self.leaving >= MOST_VOICES || self.rack.ask.is_full();
        let pair = if is_full { None } else { self.register_pair(&port.name) };
        let Some([left, right]) = pair else {
            let detail = format!("no ports for voice `{}`: the server has no room", port.name);
            return self
                .signals
                .poke
                .remark(OpenError::Failed { backend: self.handle.backend, detail }.to_string());
        };
        let voice = VoicePair::new(
            port.key,
            [left.0, right.0],
            port.tap.clone(),
            self.engine,
            self.rate,
            MAX_PERIOD_FRAMES,
        );
        if self.rack.ask.push(Ask::Add(Box::new(voice))).is_ok() {
            self.voices.insert(port.key, [left, right]);
        }
    }

    fn register_pair(&mut self, voice: &str) -> Option<[Port; 2]> {
        let left = self.register_side(voice, 0)?;
        let right = self.register_side(voice, 1);
        if right.is_none() {
            self.unregister(left);
        }
        Some([left, right?])
    }

    /// Where the name is taken by another voice, it is numbered.
    fn register_side(&mut self, voice: &str, side: usize) -> Option<Port> {
        register(self.handle.library, self.handle.raw, &port_name(voice, side)).or_else(|| {
            self.next_voice += 1;
            let numbered = format!("{voice}-{}", self.next_voice);
            register(self.handle.library, self.handle.raw, &port_name(&numbered, side))
        })
    }

    fn remove(&mut self, key: u64) {
        // A server that stands still takes nothing: then the ports go with the client.
        if self.voices.remove(&key).is_some() && self.rack.ask.push(Ask::Remove(key)).is_ok() {
            self.leaving += 1;
        }
    }

    /// Unregisters the ports of pairs that have come back.
    fn reap(&mut self) {
        while let Ok(pair) = self.rack.returned.pop() {
            self.leaving = self.leaving.saturating_sub(1);
            pair.ports.into_iter().for_each(|port| self.unregister(Port(port)));
        }
    }

    fn unregister(&self, port: Port) {
        // SAFETY: a port of this client that the callback does not know, or has let go.
        unsafe { (self.handle.library.jack_port_unregister)(self.handle.raw, port.0) };
    }
}

/// A voice's name as a part of a port name: what JACK takes, and short enough.
fn port_name(voice: &str, side: usize) -> String {
    let plain: String =
        voice.chars().map(|c| if c.is_ascii_graphic() && c != ':' { c } else { '_' }).take(48).collect();
    format!("{}_{}", if plain.is_empty() { "voice" } else { &plain }, side + 1)
}
