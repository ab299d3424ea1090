//! Requests, each to its answer.

use std::time::{Duration, Instant};

use protocol::{
    Call, DeviceInfo, DevicesReply, Done, ErrorObject, ErrorWord, Id, Request, StatusRequest, error_line,
    notification_line, reply_line,
};

use crate::core::{Command, Core, Watch};

/// Lists of devices that are waited for at once.
const MAX_DEVICE_ASKERS: usize = 64;

impl Core {
    /// Answers a request; without an id nothing is said.
    pub(crate) fn answer(&mut self, peer: u64, request: Request) {
        let id = request.id.clone();
        let wants_reply = id.is_some();
        // Lines with memory can't go unanswered: the descriptor rides on them.
        let reply_to = id.clone().unwrap_or(Id::Null);
        let outcome = match request.call {
            Call::Hello(hello) => {
                self.stir();
                self.hello(peer, &reply_to, hello).map(|()| None)
            }
            Call::VoiceOpen(open) => {
                self.stir();
                self.voice_open(peer, &reply_to, open).map(|()| None)
            }
            Call::VoiceClose(close) => {
                self.voice_close(peer, close).map(|()| Some(reply_line(&reply_to, &Done {})))
            }
            Call::VoiceSet(set) => self.voice_set(peer, &set).map(|()| Some(reply_line(&reply_to, &Done {}))),
            Call::StatusRequest(wish) => Ok(Some(reply_line(&reply_to, &self.status(wish)))),
            Call::StatusWatch(watch) => {
                self.watch(peer, watch.interval_ms).map(|()| Some(reply_line(&reply_to, &Done {})))
            }
            Call::Devices(_) => self.ask_devices(peer, id).map(|()| None),
            Call::Hush(_) => {
                self.hush();
                Ok(Some(reply_line(&reply_to, &Done {})))
            }
            Call::MainSet(set) => self.main_set(peer, set).map(|()| Some(reply_line(&reply_to, &Done {}))),
            Call::RecordStart(start) => self.record_start(peer, id, start).map(|()| None),
            Call::RecordBegin(begin) => {
                self.record_begin(peer, begin).map(|()| Some(reply_line(&reply_to, &Done {})))
            }
            Call::RecordStop(stop) => self.record_stop(peer, id, stop).map(|()| None),
            Call::Shutdown(shutdown) => {
                self.ends_for_good |= shutdown.is_final;
                self.hooks.shutdown();
                Ok(Some(reply_line(&reply_to, &Done {})))
            }
            Call::Ping(_) => Ok(Some(reply_line(&reply_to, &Done {}))),
        };
        match outcome {
            Ok(Some(line)) if wants_reply => self.send(peer, line, None),
            Ok(_) => {}
            Err(error) if wants_reply => self.send(peer, error_line(&reply_to, &error), None),
            Err(_) => {}
        }
    }

    fn watch(&mut self, peer: u64, interval_ms: u32) -> Result<(), ErrorObject> {
        let range = &protocol::INTERVAL_MS_RANGE;
        if interval_ms != 0 && !range.contains(&interval_ms) {
            let message = format!(
                "interval_ms is {interval_ms}, possible is {} to {}, or 0",
                range.start(),
                range.end()
            );
            return Err(ErrorObject::new(ErrorWord::InvalidParams, message));
        }
        if let Some(peer) = self.peers.get_mut(&peer) {
            let every = Duration::from_millis(interval_ms.into());
            peer.watch = (interval_ms > 0).then(|| Watch { every, next: Instant::now() });
        }
        Ok(())
    }

    /// Sends the document to who watches, is due, and has read the one before.
    pub(crate) fn watchers(&mut self, now: Instant) {
        let due: Vec<u64> = self
            .peers
            .iter_mut()
            .filter_map(|(id, peer)| {
                let watch = peer.watch.as_mut().filter(|watch| watch.next <= now)?;
                watch.next = now + watch.every;
                peer.connection.is_flushed().then_some(*id)
            })
            .collect();
        if due.is_empty() {
            return;
        }
        let line = notification_line(&self.status(StatusRequest::default()));
        for id in due {
            self.send(id, line.clone(), None);
        }
    }

    /// Backends may take their time to look for devices: not on this thread, and once for all who ask meanwhile.
    fn ask_devices(&mut self, peer: u64, id: Option<Id>) -> Result<(), ErrorObject> {
        if self.device_askers.len() >= MAX_DEVICE_ASKERS {
            return Err(ErrorObject::new(
                ErrorWord::System,
                "too many ask for the devices: ask again in a second",
            ));
        }
        self.device_askers.push((peer, id));
        if self.device_askers.len() > 1 {
            return Ok(());
        }
        let (hooks, commands) = (self.hooks.clone(), self.commands_in.clone());
        let look = move || commands.send(Command::Devices(hooks.devices()));
        let started = std::thread::Builder::new().name("forebay-devices".into()).spawn(look);
        if let Err(error) = started {
            self.device_askers.clear();
            return Err(ErrorObject::new(ErrorWord::System, format!("cannot look for devices: {error}")));
        }
        Ok(())
    }

    pub(crate) fn answer_devices(&mut self, devices: Vec<DeviceInfo>) {
        let reply = DevicesReply { devices };
        for (peer, id) in std::mem::take(&mut self.device_askers) {
            if let Some(id) = id {
                self.send(peer, reply_line(&id, &reply), None);
            }
        }
    }
}
