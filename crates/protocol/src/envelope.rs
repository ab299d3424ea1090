//! JSON-RPC 2.0 around the messages.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::call::{Call, Method};
use crate::error::{ErrorObject, ErrorWord};
use crate::notification::{Notification, Notify};

/// The empty line by which the daemon wakes a producer.
pub const DOORBELL: &[u8] = b"\n";

/// What ties a reply to its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Id {
    /// A whole number of at most 64 bits (forebay's own clients count up): another one might not come back as it was
    /// sent.
    Number(#[cfg_attr(test, schemars(with = "i64"))] serde_json::Number),
    /// A text.
    Text(String),
    /// In a reply to what could not be read.
    Null,
}

impl From<u64> for Id {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

/// A request as the daemon reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `None` where the sender wants no reply.
    pub id: Option<Id>,
    /// What it wants.
    pub call: Call,
}

/// A line that is no request: answer it with [`error_line`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The id to answer to, as far as it could be read.
    pub id: Id,
    /// What is wrong.
    pub error: ErrorObject,
}

/// The envelope of any JSON-RPC 2.0 request, whatever its method.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// `None` where the sender wants no reply.
    pub id: Option<Id>,
    /// The method's name, known or not.
    pub method: String,
    /// Its params, as they came.
    pub params: Option<Value>,
}

impl Envelope {
    /// Reads one line (without its newline).
    ///
    /// # Errors
    /// A [`Refusal`] to send back: no JSON, no JSON-RPC 2.0 request.
    pub fn parse(line: &[u8]) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_slice(line).map_err(|error| Refusal {
            id: Id::Null,
            error: ErrorObject::new(ErrorWord::ParseError, format!("this line is no JSON: {error}")),
        })?;
        let Value::Object(mut members) = value else {
            let message = "a line is one JSON object with jsonrpc, id, method and params (no batches)";
            return Err(invalid(Id::Null, message));
        };
        let id = take_id(&mut members)?;
        let answer_to = id.clone().unwrap_or(Id::Null);
        if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(invalid(answer_to, "the member \"jsonrpc\" must be \"2.0\""));
        }
        let Some(Value::String(method)) = members.remove("method") else {
            return Err(invalid(answer_to, "the member \"method\" must name a method"));
        };
        Ok(Self { id, method, params: members.remove("params") })
    }
}

impl Request {
    /// Reads one line (without its newline).
    ///
    /// # Errors
    /// A [`Refusal`] to send back: no JSON, no JSON-RPC 2.0 request, no such method, wrong params.
    pub fn parse(line: &[u8]) -> Result<Self, Refusal> {
        let Envelope { id, method, params } = Envelope::parse(line)?;
        match Call::from_parts(&method, params) {
            Ok(call) => Ok(Self { id, call }),
            Err(error) => Err(Refusal { id: id.unwrap_or(Id::Null), error }),
        }
    }
}

/// The longest text that is taken as an id, so that a reply is not much longer than its request.
const MAX_ID_BYTES: usize = 128;

fn take_id(members: &mut Map<String, Value>) -> Result<Option<Id>, Refusal> {
    match members.remove("id") {
        None => Ok(None),
        Some(Value::Number(number)) if !number.is_f64() => Ok(Some(Id::Number(number))),
        Some(Value::String(text)) if text.len() <= MAX_ID_BYTES => Ok(Some(Id::Text(text))),
        Some(Value::Null) => Ok(Some(Id::Null)),
        Some(_) => {
            let message = "the member \"id\" must be a whole number or a text of at most 128 bytes";
            Err(invalid(Id::Null, message))
        }
    }
}

fn invalid(id: Id, message: &str) -> Refusal {
    Refusal { id, error: ErrorObject::new(ErrorWord::InvalidRequest, message) }
}

#[derive(Serialize)]
struct RequestEnvelope<'a, T> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    method: &'static str,
    params: &'a T,
}

#[derive(Serialize)]
struct ReplyEnvelope<'a, T> {
    jsonrpc: &'static str,
    id: &'a Id,
    result: &'a T,
}

#[derive(Serialize)]
struct ErrorEnvelope<'a> {
    jsonrpc: &'static str,
    id: &'a Id,
    error: &'a ErrorObject,
}

#[derive(Serialize)]
struct NotificationEnvelope<'a, T> {
    jsonrpc: &'static str,
    method: &'static str,
    params: &'a T,
}

/// Our own types always serialize: their keys are texts, and floats that are not finite become null.
fn line<T: Serialize>(envelope: &T) -> Vec<u8> {
    let mut line = serde_json::to_vec(envelope).unwrap_or_default();
    line.push(b'\n');
    line
}

/// The line of a request.
pub fn request_line<M: Method>(id: u64, params: &M) -> Vec<u8> {
    line(&RequestEnvelope { jsonrpc: "2.0", id: Some(id), method: M::NAME, params })
}

/// The line of a request that wants no reply.
pub fn unanswered_line<M: Method>(params: &M) -> Vec<u8> {
    line(&RequestEnvelope { jsonrpc: "2.0", id: None, method: M::NAME, params })
}

/// The line of a reply.
pub fn reply_line<T: Serialize>(id: &Id, result: &T) -> Vec<u8> {
    line(&ReplyEnvelope { jsonrpc: "2.0", id, result })
}

/// The line of an error.
pub fn error_line(id: &Id, error: &ErrorObject) -> Vec<u8> {
    line(&ErrorEnvelope { jsonrpc: "2.0", id, error })
}

/// The line of a notification.
pub fn notification_line<N: Notify>(params: &N) -> Vec<u8> {
    line(&NotificationEnvelope { jsonrpc: "2.0", method: N::NAME, params })
}

/// A line as a client reads it.
#[derive(Clone, Debug, PartialEq)]
pub enum FromDaemon {
    /// An empty line: look at your rings.
    Doorbell,
    /// An answer.
    Reply {
        /// To which request.
        id: Id,
        /// The `result`, or the `error`.
        outcome: Result<Value, ErrorObject>,
    },
    /// News.
    Notification(Notification),
    /// Something of a newer daemon: to be ignored.
    Unknown,
}

impl FromDaemon {
    /// Reads one line (without its newline).
    ///
    /// # Errors
    /// When the line is not what a forebay daemon sends: hang up.
    pub fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        if line.is_empty() {
            return Ok(Self::Doorbell);
        }
        let mut members: Map<String, Value> = serde_json::from_slice(line)?;
        if let Some(Value::String(method)) = members.get("method") {
            let method = method.clone();
            let known = Notification::from_parts(&method, members.remove("params"));
            return Ok(known.map_or(Self::Unknown, Self::Notification));
        }
        let id = serde_json::from_value(members.remove("id").unwrap_or(Value::Null))?;
        if let Some(error) = members.remove("error") {
            return Ok(Self::Reply { id, outcome: Err(serde_json::from_value(error)?) });
        }
        match members.remove("result") {
            Some(result) => Ok(Self::Reply { id, outcome: Ok(result) }),
            None => Ok(Self::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::*;
    use proptest::prelude::*;

    fn word_of(line: &str) -> (Id, ErrorWord) {
        let refusal = Request::parse(line.as_bytes()).expect_err("must be refused");
        assert!(refusal.error.message.len() < 600, "{}", refusal.error.message);
        (refusal.id, refusal.error.word().expect("our errors have a word"))
    }

    /// Every kind of broken line gets its own error, with the id of the request where that could be read.
    #[test]
    fn broken_lines() {
        use ErrorWord::{InvalidParams, InvalidRequest, MethodNotFound, ParseError};
        let seven = || Id::from(7);
        assert_eq!(word_of("{"), (Id::Null, ParseError));
        assert_eq!(word_of(&"[".repeat(60_000)), (Id::Null, ParseError));
        assert_eq!(word_of("[]"), (Id::Null, InvalidRequest));
        assert_eq!(word_of(r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#), (seven(), InvalidRequest));
        assert_eq!(word_of(r#"{"jsonrpc":"2.0","id":[],"method":"ping"}"#), (Id::Null, InvalidRequest));
        for id in ["1.5", "1E5", "-0", "18446744073709551616", "true", &format!("\"{}\"", "i".repeat(129))] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            assert_eq!(word_of(&line), (Id::Null, InvalidRequest), "{id}");
        }
        assert_eq!(word_of(r#"{"jsonrpc":"2.0","id":7,"method":5}"#), (seven(), InvalidRequest));
        assert_eq!(word_of(r#"{"jsonrpc":"2.0","id":7,"method":"pingg"}"#), (seven(), MethodNotFound));
        assert_eq!(
            word_of(r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":[1]}"#),
            (seven(), InvalidParams)
        );
        assert_eq!(
            word_of(r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":1}}"#),
            (seven(), InvalidParams)
        );
        let wide = r#"{"jsonrpc":"2.0","id":7,"method":"voice.open","params":{"name":"a","channels":-1}}"#;
        assert_eq!(word_of(wide), (seven(), InvalidParams));
        let long = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{}"}}"#, "m".repeat(60_000));
        assert_eq!(word_of(&long), (seven(), MethodNotFound));
    }

    /// A line that is as long as a line can be is refused in a short one, whatever it is full of: each of its bytes may
    /// become eight in the text of an error. The error says what is wrong and what is possible all the same.
    #[test]
    fn long_lines_get_short_answers() {
        let fill = |begin: &str, piece: &str, end: &str| {
            let room = MAX_LINE_BYTES - 1 - begin.len() - end.len();
            begin.to_owned() + &piece.repeat(room / piece.len()) + end
        };
        for piece in ["A", "\u{301}", "\\u0001", "\\\\"] {
            let head = r#"{"jsonrpc":"2.0","id":7,"method":"#;
            let unknown = fill(&format!(r#"{head}"hello","params":{{""#), piece, r#"":1}}"#);
            let wrong = fill(&format!(r#"{head}"voice.close","params":{{"slot":""#), piece, r#""}}"#);
            let method = fill(&format!("{head}\""), piece, r#""}"#);
            for (line, says) in [(unknown, "`lead_ms`"), (wrong, "expected u32"), (method, "voice.open")] {
                let refusal = Request::parse(line.as_bytes()).expect_err("must be refused");
                assert!(refusal.error.message.contains(says), "{}", refusal.error.message);
                assert!(error_line(&refusal.id, &refusal.error).len() < 2_000, "{}", refusal.error.message);
            }
        }
    }

    /// An error of a newer daemon, or of another program, is an error all the same: its word is none.
    #[test]
    fn unknown_errors_are_errors() {
        for data in [r#"{"word":"from_the_future"}"#, r#"{"other":1}"#, "\"text\"", "[1]", "null"] {
            let line = format!(
                r#"{{"jsonrpc":"2.0","id":7,"error":{{"code":-32099,"message":"no","data":{data}}}}}"#
            );
            let error = ErrorObject { code: -32_099, message: "no".into(), data: None };
            let reply = FromDaemon::Reply { id: Id::from(7), outcome: Err(error) };
            assert_eq!(FromDaemon::parse(line.as_bytes()).unwrap(), reply, "{data}");
        }
        let newer = br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32006,"message":"no","data":{"word":"slots_full","slots":64}}}"#;
        let Ok(FromDaemon::Reply { outcome: Err(error), .. }) = FromDaemon::parse(newer) else {
            panic!("an error")
        };
        assert_eq!(error.word(), Some(ErrorWord::SlotsFull));
    }

    /// Absent params are an empty object; what is left out has its documented default.
    #[test]
    fn defaults() {
        let ping = Request::parse(br#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#).unwrap();
        assert_eq!(ping, Request { id: Some(Id::Text("a".into())), call: Call::Ping(Ping {}) });
        let open = br#"{"jsonrpc":"2.0","method":"voice.open","params":{"name":"a","channels":2}}"#;
        let open = Request::parse(open).unwrap();
        assert_eq!(open, Request { id: None, call: Call::VoiceOpen(VoiceOpen::new("a", 2)) });
    }

    /// What a client writes is what the daemon reads, and the other way round.
    #[test]
    fn both_sides_agree() {
        let mut set = VoiceSet::new(VoiceRef::Name("bass".into()));
        set.gain_db = Some(-6.0);
        let line = request_line(3, &set);
        let request = Request::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(request, Request { id: Some(Id::from(3)), call: Call::VoiceSet(set.clone()) });
        let line = unanswered_line(&set);
        let request = Request::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(request, Request { id: None, call: Call::VoiceSet(set) });

        let error = ErrorObject::new(ErrorWord::NoSuchVoice, "no voice \"bass\"");
        let line = error_line(&Id::from(3), &error);
        let reply = FromDaemon::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(reply, FromDaemon::Reply { id: Id::from(3), outcome: Err(error) });

        let lead = TargetLead { slot: 4, frames: 32_640 };
        let line = notification_line(&lead);
        let news = FromDaemon::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(news, FromDaemon::Notification(Notification::TargetLead(lead)));
        assert_eq!(FromDaemon::parse(b"").unwrap(), FromDaemon::Doorbell);
        let newer = br#"{"jsonrpc":"2.0","method":"from_the_future","params":{}}"#;
        assert_eq!(FromDaemon::parse(newer).unwrap(), FromDaemon::Unknown);
    }

    /// A lead is a number or "auto", and nothing else.
    #[test]
    fn lead_settings() {
        let read = |text: &str| serde_json::from_str::<LeadSetting>(text);
        assert_eq!(read("250").unwrap(), LeadSetting::Ms(250.0));
        assert_eq!(read("\"auto\"").unwrap(), LeadSetting::Auto(LeadWord::Auto));
        assert!(read("\"manual\"").is_err());
        assert!(read("null").is_err());
    }

    proptest! {
        /// No line makes either reader panic, and no refusal is longer than what a line may carry.
        #[test]
        fn any_line(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Err(refusal) = Request::parse(&line) {
                prop_assert!(error_line(&refusal.id, &refusal.error).len() < MAX_LINE_BYTES);
            }
            let _ = FromDaemon::parse(&line);
        }
    }
}
