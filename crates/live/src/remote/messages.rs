//! The words of the session protocol. `docs/session.md` describes it.

use protocol::{ErrorObject, ErrorWord};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outside::Values;

/// The version of these messages.
pub const SESSION_PROTOCOL: u32 = 1;
/// The most bytes of a line on this socket: code of [`MAX_CODE_BYTES`] in JSON, as long as it is no binary garbage.
pub const MAX_LINE_BYTES: usize = 24 << 20;
/// The most bytes of code in one `send`.
pub const MAX_CODE_BYTES: usize = 8 << 20;
/// The most bytes of what a sender calls its code: a path, or a word.
pub const MAX_CODE_NAME_BYTES: usize = 4096;
/// What code is called whose sender has no name for it.
pub const UNNAMED: &str = "<send>";
/// The longest fade of `stop`, in ms.
pub const MAX_FADE_MS: f64 = 60_000.0;
/// The most values of one `set`.
const MAX_VALUES: usize = 1024;
/// How keys of values begin.
const KEYS: [&str; 3] = ["knob:", "osc:/", "midi:"];
/// The fade of `stop` where none is asked for, in ms.
const FADE_MS: f64 = 50.0;

/// Error codes of its own, beside those of JSON-RPC.
pub const HOST_GONE: i32 = -32_101;
/// The session ends.
pub const ENDING: i32 = -32_102;

/// Code for a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// The text.
    pub code: String,
    /// What it is called in messages: a file's path, or a word.
    #[serde(default = "unnamed")]
    pub name: String,
    /// Whether it replaces the piece as a save does, instead of adding to it.
    #[serde(default)]
    pub whole: bool,
}

fn unnamed() -> String {
    UNNAMED.to_owned()
}

/// Values that a piece listens to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// By key: `knob:NAME`, `osc:/ADDRESS`, or `midi:` with the number of a controller, `note`, `gate`, `bend` or `pressure`.
    pub values: Values,
}

/// An end with a fade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// In ms.
    #[serde(default = "fade_ms")]
    pub fade_ms: f64,
}

fn fade_ms() -> f64 {
    FADE_MS
}

/// The beginning of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// What was typed of it.
    pub prefix: String,
}

/// Nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// What a client wants.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wish {
    Hello,
    Send(Send),
    List,
    Complete(Complete),
    Subscribe,
    Set(Set),
    Stop(Stop),
}

impl Wish {
    const METHODS: &str = "hello, send, list, complete, subscribe, set and stop";

    /// # Errors
    /// No such method, wrong params: said with what there is.
    pub(super) fn read(method: &str, params: Option<Value>) -> Result<Self, ErrorObject> {
        match method {
            "hello" => params_of::<Nothing>(params).map(|_| Self::Hello),
            "send" => params_of(params).and_then(checked).map(Self::Send),
            "list" => params_of::<Nothing>(params).map(|_| Self::List),
            "complete" => params_of(params).map(Self::Complete),
            "subscribe" => params_of::<Nothing>(params).map(|_| Self::Subscribe),
            "set" => params_of(params).and_then(settable).map(Self::Set),
            "stop" => params_of(params).and_then(in_range).map(Self::Stop),
            other => {
                let name: String = other.chars().take(64).collect();
                let message = format!("there is no method '{name}': there are {}", Self::METHODS);
                Err(ErrorObject::new(ErrorWord::MethodNotFound, message))
            }
        }
    }
}

fn invalid(message: String) -> ErrorObject {
    ErrorObject::new(ErrorWord::InvalidParams, message)
}

fn params_of<P: DeserializeOwned>(params: Option<Value>) -> Result<P, ErrorObject> {
    let params = params.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    serde_json::from_value(params).map_err(|error| {
        let why: String = error.to_string().chars().take(300).collect();
        invalid(format!("params: {why}"))
    })
}

fn checked(send: Send) -> Result<Send, ErrorObject> {
    check_code(&send).map_err(invalid)?;
    Ok(send)
}

/// What is wrong with code before it is even looked at, in words for people.
///
/// # Errors
/// It is empty or too long, or its name is.
pub fn check_code(send: &Send) -> Result<(), String> {
    if send.code.trim().is_empty() {
        return Err("the code is empty: there is nothing to play".to_owned());
    }
    if send.code.len() > MAX_CODE_BYTES {
        return Err(format!(
            "the code has {} bytes, at most {MAX_CODE_BYTES} can be sent: send it in parts",
            send.code.len()
        ));
    }
    let name = &send.name;
    if name.is_empty() || name.len() > MAX_CODE_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!(
            "a name of code has 1 to {MAX_CODE_NAME_BYTES} bytes and no control characters, not {} bytes",
            name.len()
        ));
    }
    Ok(())
}

fn settable(set: Set) -> Result<Set, ErrorObject> {
    let strange = set.values.keys().find(|key| !KEYS.iter().any(|kind| key.starts_with(kind)));
    match strange {
        Some(key) => {
            let key: String = key.chars().take(64).collect();
            Err(invalid(format!("there is no value '{key}': keys begin with {}", KEYS.join(", "))))
        }
        None if set.values.is_empty() || set.values.len() > MAX_VALUES => {
            Err(invalid(format!("1 to {MAX_VALUES} values are set at once, not {}", set.values.len())))
        }
        None => Ok(set),
    }
}

fn in_range(stop: Stop) -> Result<Stop, ErrorObject> {
    if (0.0..=MAX_FADE_MS).contains(&stop.fade_ms) {
        return Ok(stop);
    }
    Err(invalid(format!("fade_ms is 0 to {MAX_FADE_MS}, not {}", stop.fade_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is left out has its default; what is not understood is refused with what there is.
    #[test]
    fn wishes() {
        let send = Wish::read("send", Some(json!({ "code": "x" }))).unwrap();
        assert_eq!(send, Wish::Send(Send { code: "x".into(), name: UNNAMED.into(), whole: false }));
        assert_eq!(Wish::read("stop", None).unwrap(), Wish::Stop(Stop { fade_ms: 50.0 }));
        assert_eq!(Wish::read("list", Some(json!({}))).unwrap(), Wish::List);
        let message = |method: &str, params| Wish::read(method, Some(params)).unwrap_err().message;
        assert!(message("sing", json!({})).contains("hello, send, list"));
        assert!(message("send", json!({})).contains("`code`"));
        assert!(message("send", json!({ "code": "x", "nmae": "y" })).contains("nmae"));
        assert!(message("send", json!({ "code": " \n" })).contains("empty"));
        assert!(message("send", json!({ "code": "x", "name": "a\nb" })).contains("control"));
        assert!(
            message("send", json!({ "code": "x".repeat(MAX_CODE_BYTES + 1) })).contains("at most 8388608")
        );
        assert!(message("set", json!({ "values": { "volume": 1 } })).contains("knob:, osc:/, midi:"));
        assert!(message("set", json!({ "values": {} })).contains("1 to 1024"));
        assert!(message("set", json!({ "values": { "knob:a": "loud" } })).contains("f64"));
        assert!(message("stop", json!({ "fade_ms": -1 })).contains("0 to 60000"));
        assert!(message(&"m".repeat(10_000), json!({})).len() < 300);
    }
}
