//! Where clients of a session and its host meet: wishes are passed on, and answered when it is known what became of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::{Envelope, ErrorObject, Id, error_line, reply_line};
use serde_json::{Value, json};

use super::known::Known;
use super::messages::{ENDING, HOST_GONE, MAX_LINE_BYTES, SESSION_PROTOCOL, Send, Set, Stop, Wish};
use crate::event::Event;
use crate::outside::Values;

/// Clients of one session at once.
const MOST_CLIENTS: usize = 64;
/// Lines that wait for a client; one that lets more come together is cut off.
pub(super) const MOST_WAITING: usize = 1024;

/// Who runs the code. Nothing here waits for it.
pub trait Host: fmt::Debug + std::marker::Send + Sync {
    /// Passes code on; its fate is told by an event with this number. False where nobody is there to take it.
    fn send(&self, number: u64, code: &Send) -> bool;
    /// Sets values that the piece listens to; what nobody listens to is dropped. All of one call are heard from one frame
    /// on.
    fn turn(&self, values: &Values);
    /// Asks for the names that the piece declares, which come as [`Event::Names`]. False where nobody is there to tell.
    fn ask_names(&self) -> bool;
    /// Asks for the end, after a fade.
    fn stop(&self, fade: Duration);
}

/// What a session says of itself in `hello`.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name.
    pub name: String,
    /// The piece's file.
    pub file: String,
}

/// A client as the desk sees it.
struct Client {
    out: SyncSender<Arc<[u8]>>,
    hang_up: Box<dyn Fn() + std::marker::Send>,
    is_subscribed: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("is_subscribed", &self.is_subscribed).finish_non_exhaustive()
    }
}

/// Who waits for an answer, and to what.
#[derive(Debug)]
struct Asker {
    client: u64,
    id: Id,
}

#[derive(Debug, Default)]
struct State {
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    sends: BTreeMap<u64, Asker>,
    next_send: u64,
    /// Who asked what plays, when the newest figures were older than the newest code.
    lists: Vec<Asker>,
    /// Who asked which names begin so, before those of the piece were known.
    completions: Vec<(Asker, String)>,
    stops: Vec<Asker>,
    known: Known,
    has_ended: bool,
}

/// The desk of one session.
#[derive(Debug)]
pub struct Desk {
    about: About,
    host: Arc<dyn Host>,
    state: Mutex<State>,
}

impl Desk {
    pub(super) fn new(about: About, host: Arc<dyn Host>) -> Self {
        Self { about, host, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has come; what is for him goes into `out`, and `hang_up` cuts him off. `None` where there is no room.
    pub(super) fn join(
        &self,
        out: SyncSender<Arc<[u8]>>,
        hang_up: Box<dyn Fn() + std::marker::Send>,
    ) -> Option<u64> {
        let mut state = self.state();
        if state.has_ended || state.clients.len() >= MOST_CLIENTS {
            return None;
        }
        state.next_client += 1;
        let number = state.next_client;
        state.clients.insert(number, Client { out, hang_up, is_subscribed: false });
        Some(number)
    }

    /// A client has gone. What he sent is played all the same.
    pub(super) fn leave(&self, client: u64) {
        self.state().clients.remove(&client);
    }

    /// A line of a client, without its newline.
    pub(super) fn line(&self, client: u64, line: &[u8]) {
        let (id, wish) = match Envelope::parse(line) {
            Ok(Envelope { id, method, params }) => (id, Wish::read(&method, params)),
            Err(refusal) => (Some(refusal.id), Err(refusal.error)),
        };
        let asker = Asker { client, id: id.clone().unwrap_or(Id::Null) };
        match wish {
            Ok(wish) => self.grant(asker, wish),
            Err(error) => self.state().post(client, error_line(&asker.id, &error)),
        }
    }

    /// A line that was too long to be read.
    pub(super) fn unreadable(&self, client: u64, error: &ErrorObject) {
        self.state().post(client, error_line(&Id::Null, error));
    }

    fn grant(&self, asker: Asker, wish: Wish) {
        match wish {
            Wish::Hello => {
                let mut state = self.state();
                let hello = self.hello(&state);
                state.answer(&asker, &hello);
            }
            Wish::Send(send) => self.send(asker, &send),
            Wish::List => {
                let mut state = self.state();
                state.lists.push(asker);
                if state.known.is_fresh() {
                    state.answer_lists();
                }
            }
            Wish::Complete(complete) => self.complete(asker, complete.prefix),
            Wish::Subscribe => {
                let mut state = self.state();
                if let Some(client) = state.clients.get_mut(&asker.client) {
                    client.is_subscribed = true;
                }
                state.answer(&asker, &json!({}));
            }
            Wish::Set(Set { mut values }) => {
                let cut = self.state().known.cut(&mut values);
                self.host.turn(&values);
                let mut state = self.state();
                let unknown = state.known.unheard(&values);
                state.answer(&asker, &json!({ "unknown": unknown, "cut": cut }));
            }
            Wish::Stop(Stop { fade_ms }) => {
                self.state().stops.push(asker);
                self.host.stop(Duration::from_secs_f64(fade_ms / 1000.0));
            }
        }
    }

    /// Names are looked for when somebody wants to know them first: that takes the host a while.
    fn complete(&self, asker: Asker, prefix: String) {
        let is_known = {
            let mut state = self.state();
            state.completions.push((asker, prefix));
            state.known.has_names()
        };
        if is_known || !self.host.ask_names() {
            self.state().answer_completions();
        }
    }

    fn hello(&self, state: &State) -> Value {
        let mut hello = json!({
            "protocol": SESSION_PROTOCOL, "forebay": env!("CARGO_PKG_VERSION"), "session": self.about.name,
            "file": self.about.file, "pid": std::process::id(), "most_line_bytes": MAX_LINE_BYTES,
        });
        state.known.describe(&mut hello);
        hello
    }

    /// The asker is known before the host is: its answer may come at once.
    fn send(&self, asker: Asker, send: &Send) {
        let number = {
            let mut state = self.state();
            state.next_send += 1;
            let number = state.next_send;
            state.sends.insert(number, asker);
            number
        };
        if !self.host.send(number, send) {
            let mut state = self.state();
            if let Some(asker) = state.sends.remove(&number) {
                state.refuse(
                    &asker,
                    HOST_GONE,
                    "the script's process is just being started again: send it once more",
                );
            }
        }
    }

    /// Something happened: who waits for it is answered, and subscribers are told, as `json` where it is for them.
    pub fn tell(&self, event: &Event, json: Option<&Value>) {
        let mut state = self.state();
        state.known.learn(event);
        if let Some(json) = json {
            state.publish(json);
            let sent = match event {
                Event::Edited(edit) => edit.sent,
                Event::Refused(refusal) => refusal.sent,
                _ => None,
            };
            if let Some(asker) = sent.and_then(|number| state.sends.remove(&number)) {
                state.answer(&asker, json);
            }
        }
        match event {
            Event::Status(_) => state.answer_lists(),
            Event::Names { .. } => state.answer_completions(),
            Event::Restarted { reason } => {
                state.answer_completions();
                state.refuse_sends(HOST_GONE, &format!("{reason}; it was started again, send it once more"));
            }
            Event::Ended { .. } => state.end(),
            _ => {}
        }
    }
}

impl State {
    /// A client who does not read what he is sent is cut off.
    fn post(&mut self, client: u64, line: Vec<u8>) {
        let Some(found) = self.clients.get(&client) else { return };
        if found.out.try_send(line.into()).is_err() {
            (found.hang_up)();
            self.clients.remove(&client);
        }
    }

    /// Who wants no answer has no id.
    fn answer(&mut self, asker: &Asker, result: &Value) {
        if asker.id != Id::Null {
            self.post(asker.client, reply_line(&asker.id, result));
        }
    }

    fn refuse(&mut self, asker: &Asker, code: i32, message: &str) {
        let error = ErrorObject { code, message: message.to_owned(), data: None };
        self.post(asker.client, error_line(&asker.id, &error));
    }

    fn refuse_sends(&mut self, code: i32, message: &str) {
        for asker in std::mem::take(&mut self.sends).into_values() {
            self.refuse(&asker, code, message);
        }
    }

    fn answer_lists(&mut self) {
        let list = self.known.list();
        for asker in std::mem::take(&mut self.lists) {
            self.answer(&asker, &list);
        }
    }

    fn answer_completions(&mut self) {
        for (asker, prefix) in std::mem::take(&mut self.completions) {
            let names = self.known.complete(&prefix);
            self.answer(&asker, &names);
        }
    }

    fn publish(&mut self, event: &Value) {
        let mut line =
            json!({ "jsonrpc": "2.0", "method": "event", "params": event }).to_string().into_bytes();
        line.push(b'\n');
        let subscribed: Vec<_> = self
            .clients
            .iter()
            .filter(|(_, client)| client.is_subscribed)
            .map(|(number, _)| *number)
            .collect();
        for client in subscribed {
            self.post(client, line.clone());
        }
    }

    /// Everybody has an answer, and nothing comes after it.
    fn end(&mut self) {
        self.has_ended = true;
        self.answer_lists();
        self.answer_completions();
        self.refuse_sends(ENDING, "the session has ended");
        for asker in std::mem::take(&mut self.stops) {
            self.answer(&asker, &json!({}));
        }
        self.clients.clear();
    }
}
