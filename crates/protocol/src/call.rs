//! The requests: one struct each, which is its `params`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ErrorObject, ErrorWord};
use crate::notification::Recorded;
use crate::status::{DeviceInfo, Status};
use crate::values::{CloseMode, HandOff, LatePolicy, LeadSetting, MemoryRef, VoiceRef};

/// A request as a type: the struct is its `params`.
pub trait Method: Serialize + DeserializeOwned {
    /// The `method` member.
    const NAME: &'static str;
    /// The `result` member of its reply.
    type Reply: Serialize + DeserializeOwned;
}

macro_rules! calls {
    ($($(#[$doc:meta])* $variant:ident: $name:literal -> $reply:ty),* $(,)?) => {
        /// Any request.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Call { $($(#[$doc])* $variant($variant)),* }

        impl Call {
            /// The names of all methods.
            pub const METHODS: &[&str] = &[$($name),*];

            /// Types the `method` and `params` of a request. Absent params are an empty object.
            ///
            /// # Errors
            /// [`ErrorWord::MethodNotFound`], [`ErrorWord::InvalidParams`] (also for params by position and for
            /// unknown members: a slip of the pen must not pass in silence).
            pub fn from_parts(method: &str, params: Option<Value>) -> Result<Self, ErrorObject> {
                match method {
                    $($name => typed(method, params).map(Self::$variant),)*
                    _ => Err(ErrorObject::new(
                        ErrorWord::MethodNotFound,
                        format!("no method {:?}: there are {}", shortened(method, 40), Self::METHODS.join(", ")),
                    )),
                }
            }

            /// The `method` member.
            pub fn method(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),* }
            }
        }

        $(impl Method for $variant {
            const NAME: &'static str = $name;
            type Reply = $reply;
        })*
    };
}

calls! {
    /// Opens a session.
    Hello: "hello" -> HelloReply,
    /// Opens a voice.
    VoiceOpen: "voice.open" -> VoiceOpenReply,
    /// Closes a voice.
    VoiceClose: "voice.close" -> Done,
    /// Changes the strip of a voice.
    VoiceSet: "voice.set" -> Done,
    /// Asks for the status document.
    StatusRequest: "status" -> Status,
    /// Asks for the status document again and again.
    StatusWatch: "status.watch" -> Done,
    /// Asks which devices there are.
    Devices: "devices" -> DevicesReply,
    /// Fades everything out.
    Hush: "hush" -> Done,
    /// Changes what keeps ears from harm.
    MainSet: "main.set" -> Done,
    /// Begins a recording.
    RecordStart: "record.start" -> RecordStartReply,
    /// Lets a held recording begin.
    RecordBegin: "record.begin" -> Done,
    /// Ends a recording.
    RecordStop: "record.stop" -> Recorded,
    /// Ends the daemon.
    Shutdown: "shutdown" -> Done,
    /// Asks for a sign of life.
    Ping: "ping" -> Done,
}

fn typed<T: DeserializeOwned>(method: &str, params: Option<Value>) -> Result<T, ErrorObject> {
    let params = match params {
        None | Some(Value::Null) => Value::Object(serde_json::Map::new()),
        Some(object @ Value::Object(_)) => object,
        Some(_) => {
            let message = format!("the params of {method} must be an object with named members");
            return Err(ErrorObject::new(ErrorWord::InvalidParams, message));
        }
    };
    serde_json::from_value(params).map_err(|error| {
        let error = shortened(&error.to_string(), 240);
        ErrorObject::new(ErrorWord::InvalidParams, format!("params of {method}: {error}"))
    })
}

/// At most about `most_bytes` of a text that the sender chose, so that the answer fits into a line whatever it was: the
/// begin, which says what is wrong, and the end, which says what is possible.
fn shortened(text: &str, most_bytes: usize) -> String {
    if text.len() <= most_bytes {
        return text.to_owned();
    }
    let begin = text.floor_char_boundary(most_bytes / 3);
    let end = text.ceil_char_boundary(text.len() - (most_bytes - most_bytes / 3));
    format!("{}...{}", &text[..begin], &text[end..])
}

/// `hello`: opens the session of this connection. The first line of every producer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`crate::PROTOCOL_VERSION`] of the sender.
    pub protocol: u32,
    /// `LAYOUT_VERSION` of the sender.
    pub layout: u32,
    /// What the program calls itself, 1 to 64 bytes; shown to people.
    pub client: String,
    /// The process id, shown to people. The daemon trusts what the kernel says instead, where it says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The ways of hand-off that the sender is able to take. Empty: no session, only questions and commands.
    #[serde(default)]
    pub handoff: Vec<HandOff>,
    /// Target lead of the voices that name none. Absent: what the daemon was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_ms: Option<LeadSetting>,
}

/// Reply to `hello`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HelloReply {
    /// Protocol version of the daemon.
    pub protocol: u32,
    /// Layout version of the daemon.
    pub layout: u32,
    /// Version of the daemon.
    pub daemon: String,
    /// Process id of the daemon.
    pub pid: u32,
    /// Number of the session, never 0; 0 without a session.
    pub session: u32,
    /// Frames per second of the engine: of every ring and every frame number.
    pub rate_hz: u32,
    /// Channels of main.
    pub channels: u32,
    /// Frames of a cross-fade.
    pub crossfade_frames: u32,
    /// Frames of the latest block (it may change; the clock line in shared memory has the present one).
    pub block_frames: u32,
    /// Target lead of voices that name none, now.
    pub target_lead_ms: f64,
    /// The control memory; absent without a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<MemoryRef>,
}

/// `voice.open`: a new voice with a ring of its own. It is idle until its first start marker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VoiceOpen {
    /// 1 to 64 bytes, unique among the open voices of the session.
    pub name: String,
    /// 1 to 8.
    pub channels: u32,
    /// What becomes of frames that were missed.
    #[serde(default)]
    pub policy: LatePolicy,
    /// 0 to 255; low ones are shed first under overload.
    #[serde(default = "default_priority")]
    pub priority: u8,
    /// Gain of the strip.
    #[serde(default)]
    pub gain_db: f64,
    /// -1 (left) to 1 (right).
    #[serde(default)]
    pub pan: f64,
    /// Length of the fade-in of its first sound; 0 leaves it to the cross-fade of a start.
    #[serde(default)]
    pub fade_in_ms: f64,
    /// Target lead of this voice alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_ms: Option<LeadSetting>,
    /// At least this capacity; rounded up to a power of two. Absent: one second or what the target lead needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_frames: Option<u32>,
}

const fn default_priority() -> u8 {
    128
}

impl VoiceOpen {
    /// A voice with every choice left to its default.
    pub fn new(name: impl Into<String>, channels: u32) -> Self {
        Self {
            name: name.into(),
            channels,
            policy: LatePolicy::default(),
            priority: default_priority(),
            gain_db: 0.0,
            pan: 0.0,
            fade_in_ms: 0.0,
            lead_ms: None,
            capacity_frames: None,
        }
    }
}

/// Reply to `voice.open`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VoiceOpenReply {
    /// Index into every per-slot table of the control memory, 0 to 63.
    pub slot: u32,
    /// As asked for.
    pub name: String,
    /// As asked for.
    pub channels: u32,
    /// Capacity of the ring, a power of two.
    pub capacity_frames: u32,
    /// The ring position of the first frame: what `write` and `read` hold now.
    pub first: u32,
    /// Target lead, now; the present one is in the slot's engine words.
    pub target_lead_frames: u32,
    /// The samples of the ring.
    pub ring: MemoryRef,
}

/// `voice.close`: ends a voice of this session; its slot returns when the engine has let go of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VoiceClose {
    /// The slot.
    pub slot: u32,
    /// How.
    #[serde(default)]
    pub mode: CloseMode,
}

/// `voice.set`: changes the strip of a voice; what is absent stays. Every change is a ramp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VoiceSet {
    /// Which voice or voices.
    pub voice: VoiceRef,
    /// New gain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain_db: Option<f64>,
    /// New pan, -1 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan: Option<f64>,
    /// Muted or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<bool>,
    /// Solo or not; while any voice is solo, only those are heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solo: Option<bool>,
    /// New priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}

impl VoiceSet {
    /// Changes nothing yet.
    pub fn new(voice: VoiceRef) -> Self {
        Self { voice, gain_db: None, pan: None, mute: None, solo: None, priority: None }
    }
}

/// `status`: the status document, whole or from a producer on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {
    /// Leave out producers with a session number below this (from `more_from` of the document before).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
}

/// `status.watch`: sends the status document as a `status` notification every `interval_ms`; 0 ends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusWatch {
    /// 20 to 60000, or 0.
    pub interval_ms: u32,
}

/// `main.set`: what keeps ears from harm, as this connection wishes it; a later call takes the place of an earlier one, and the
/// end of the connection takes it back. The lowest ceiling that anybody wishes counts. What makes main louder than the daemon's
/// own options do is refused while another session is here, and everybody is told of each change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MainSet {
    /// The sample value that nothing on main passes, within [`crate::CEILING_DB_RANGE`]. Absent: no wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling_db: Option<f64>,
    /// Neither guards nor limiter nor ceiling.
    #[serde(default, rename = "unsafe", skip_serializing_if = "std::ops::Not::not")]
    pub is_unsafe: bool,
}

/// `record.start`: records main into a file until `record.stop`, or the end of this connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordStart {
    /// The file, from / on; at most [`crate::MAX_PATH_BYTES`], without control characters.
    pub path: String,
    /// `wav` (32-bit float; RF64 above 4 GiB) or `flac` (24 bit). Absent: as the name of the file ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whether a file of that name may be overwritten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrite: bool,
    /// Only makes the file: the recording begins with `record.begin`. One that never does leaves no file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
}

/// Reply to `record.start`: the file is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordStartReply {
    /// Its number.
    pub record: u32,
    /// What kind of file it is.
    pub format: String,
    /// Frames per second.
    pub rate_hz: u32,
    /// Channels of main.
    pub channels: u32,
}

/// `record.begin`: lets a held recording begin with what the voices play from an engine frame on, past or to come. What lies
/// longer ago than main's tap remembers (a second) is lost by count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordBegin {
    /// Its number.
    pub record: u32,
    /// The low 32 bits of the engine frame; the nearest to the present one is meant.
    pub frame: u32,
    /// It ends by itself after so many frames; absent: not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
}

/// `record.stop`: ends a recording with what was played until now. The reply comes when its file is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordStop {
    /// Its number.
    pub record: u32,
}

macro_rules! empty {
    ($($(#[$doc:meta])* $name:ident),*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name {})*
    };
}

empty! {
    /// `devices`: what the backends can play on.
    Devices,
    /// `hush`: fades every voice out within 20 ms.
    Hush,
    /// `ping`: an empty reply.
    Ping
}

/// `shutdown`: fades out and ends the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// Nobody is to start another in its place by itself: every producer is told so with `closing`.
    #[serde(default, rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
}

/// The reply of what has nothing to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Done {}

/// Reply to `devices`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DevicesReply {
    /// Every device of every backend.
    pub devices: Vec<DeviceInfo>,
}
