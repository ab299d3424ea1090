//! What a refused request gets back.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The `error` member of a reply: a code, a sentence that says what to do, and a word for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ErrorObject {
    /// The number of [`ErrorWord`]; see [`ErrorWord::code`].
    pub code: i32,
    /// What is wrong and what to do, for people.
    pub message: String,
    /// What is wrong, for programs. Absent in errors of another program than forebay, and of a newer one that has other
    /// words: a reader goes by `code` and `message` then.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    pub data: Option<ErrorDetail>,
}

/// A detail as far as this build knows it; anything else is none, for an error must not break who reads it.
fn known<'de, D: Deserializer<'de>>(data: D) -> Result<Option<ErrorDetail>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(data)?).ok())
}

/// The `data` member of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ErrorDetail {
    /// Which error it is.
    pub word: ErrorWord,
}

macro_rules! words {
    ($($(#[$doc:meta])* $word:ident = $code:literal),* $(,)?) => {
        /// Every error that the daemon answers with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum ErrorWord { $($(#[$doc])* $word),* }

        impl ErrorWord {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$word),*];

            /// The JSON-RPC error code.
            pub const fn code(self) -> i32 {
                match self { $(Self::$word => $code),* }
            }
        }
    };
}

words! {
    /// The line is no JSON.
    ParseError = -32700,
    /// The line is JSON, but no JSON-RPC 2.0 request.
    InvalidRequest = -32600,
    /// No such method.
    MethodNotFound = -32601,
    /// The params lack something, have too much, or are out of range.
    InvalidParams = -32602,
    /// A defect of the daemon.
    Internal = -32603,
    /// The daemon speaks another protocol or layout version.
    VersionMismatch = -32001,
    /// The method needs a session: say `hello` with a `handoff` first.
    HelloFirst = -32002,
    /// A second `hello` on one connection.
    HelloAgain = -32003,
    /// No voice of that slot or name.
    NoSuchVoice = -32004,
    /// This session has an open voice of that name.
    NameTaken = -32005,
    /// All 64 slots of the session are taken.
    SlotsFull = -32006,
    /// The engine has no room for another voice.
    VoicesFull = -32007,
    /// The rings of the session or of all sessions would go beyond their memory limit.
    MemoryFull = -32008,
    /// The daemon has as many connections or sessions as it serves.
    ConnectionsFull = -32009,
    /// A line went beyond 64 KiB. The connection is closed after this.
    LineTooLong = -32010,
    /// None of the offered ways of hand-off is possible.
    NoHandOff = -32011,
    /// The daemon is on its way out.
    Closing = -32012,
    /// The operating system refused memory or a descriptor.
    System = -32013,
    /// A file of that name is there, and nobody asked for it to be overwritten.
    FileExists = -32014,
    /// The file can't be written: no such folder, no permission, something that is no file.
    Unwritable = -32015,
    /// No recording of that number was begun by this connection.
    NoSuchRecording = -32016,
    /// The daemon has as many recordings as it makes at once.
    RecordingsFull = -32017,
    /// It would make main louder for another session.
    OthersPlay = -32018,
}

impl ErrorObject {
    /// An error with the word's code.
    pub fn new(word: ErrorWord, message: impl Into<String>) -> Self {
        Self { code: word.code(), message: message.into(), data: Some(ErrorDetail { word }) }
    }

    /// Which error it is, where it comes from a forebay that names it.
    pub fn word(&self) -> Option<ErrorWord> {
        self.data.map(|detail| detail.word)
    }
}

impl std::fmt::Display for ErrorObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for ErrorObject {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes tell errors apart, and stay in the ranges that JSON-RPC sets aside.
    #[test]
    fn codes_are_distinct() {
        let mut codes: Vec<_> = ErrorWord::ALL.iter().map(|word| word.code()).collect();
        assert!(
            codes.iter().all(|code| (-32099..=-32000).contains(code) || (-32700..=-32600).contains(code))
        );
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorWord::ALL.len());
    }
}
