//! What the daemon tells by itself. A client ignores notifications and members that it does not know.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::status::Status;
use crate::values::{EvictReason, MuteReason, UnderrunCause};

/// A notification as a type: the struct is its `params`.
pub trait Notify: Serialize {
    /// The `method` member.
    const NAME: &'static str;
}

macro_rules! notifications {
    ($($(#[$doc:meta])* $variant:ident($params:ty): $name:literal),* $(,)?) => {
        /// Any notification.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Notification { $($(#[$doc])* $variant($params)),* }

        impl Notification {
            /// The names of all notifications.
            pub const METHODS: &[&str] = &[$($name),*];

            /// Types a notification; `None` for one that is not known here or whose params are not as agreed.
            pub fn from_parts(method: &str, params: Option<Value>) -> Option<Self> {
                let params = params.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
                match method {
                    $($name => serde_json::from_value(params).ok().map(Self::$variant),)*
                    _ => None,
                }
            }
        }

        $(impl Notify for $params { const NAME: &'static str = $name; })*

        impl Notify for Status { const NAME: &'static str = "status"; }
    };
}

notifications! {
    /// A voice ran dry.
    Underrun(Underrun): "underrun",
    /// A voice that ran dry plays again.
    Resumed(Resumed): "resumed",
    /// The engine muted a voice.
    Muted(Muted): "muted",
    /// The engine lets a voice sound again.
    Unmuted(Unmuted): "unmuted",
    /// This producer is thrown out; the connection closes after this.
    Evicted(Evicted): "evicted",
    /// The target lead of a voice changed.
    TargetLead(TargetLead): "target_lead",
    /// The device changed.
    Device(DeviceChanged): "device",
    /// What keeps ears from harm changed.
    Main(MainChanged): "main",
    /// A recording has ended by itself.
    Recorded(Recorded): "recorded",
    /// The daemon ends.
    Closing(Closing): "closing",
    /// The status document, for who watches it.
    Status(Box<Status>): "status",
}

/// `underrun`: the voice has no frames to play; it fades out and is silent until frames come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Underrun {
    /// Slot of the voice.
    pub slot: u32,
    /// Name of the voice.
    pub name: String,
    /// Engine frame at which it ran dry.
    pub frame: u64,
    /// Frames that this voice missed so far, in all underruns together.
    pub frames: u64,
    /// Why.
    pub cause: UnderrunCause,
}

/// `resumed`: the voice plays again after an underrun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Resumed {
    /// Slot of the voice.
    pub slot: u32,
    /// Name of the voice.
    pub name: String,
    /// Engine frame at which it plays again.
    pub frame: u64,
    /// Frames that were missing in all.
    pub frames: u64,
}

/// `muted`: the engine faded the voice out and names the reason. Its ring is still read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Muted {
    /// Slot of the voice.
    pub slot: u32,
    /// Name of the voice.
    pub name: String,
    /// Why.
    pub reason: MuteReason,
    /// Engine frame at which it was seen.
    pub frame: u64,
}

/// `unmuted`: what muted the voice is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unmuted {
    /// Slot of the voice.
    pub slot: u32,
    /// Name of the voice.
    pub name: String,
    /// Engine frame at which it sounds again.
    pub frame: u64,
}

/// `evicted`: the last line before the daemon hangs up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Evicted {
    /// Why.
    pub reason: EvictReason,
}

/// `target_lead`: fill to this from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TargetLead {
    /// Slot of the voice.
    pub slot: u32,
    /// Target lead; also in the slot's engine words.
    pub frames: u32,
}

/// `device`: the clock moved to another device, or the device changed its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceChanged {
    /// Its backend.
    pub backend: String,
    /// Its name.
    pub name: String,
    /// Its state, in the words of the status document.
    pub state: String,
}

/// `main`: what keeps ears from harm is this from now on. Everybody is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MainChanged {
    /// The sample value that nothing on main passes; absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling_db: Option<f64>,
    /// Neither guards nor limiter nor ceiling.
    #[serde(rename = "unsafe")]
    pub is_unsafe: bool,
    /// Whose wish it was, or who went with a wish.
    pub client: String,
    /// The process of that client.
    pub pid: u32,
}

/// `recorded`: a recording is over, and its file whole as far as it goes. Told to who began it, where nobody asked for the end;
/// and the reply to `record.stop`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recorded {
    /// Its number.
    pub record: u32,
    /// The file.
    pub path: String,
    /// Its length: frames of main since it began.
    pub frames: u64,
    /// Of these, the ones that are silence because the recorder was too slow.
    pub lost_frames: u64,
    /// Frames that the file has: all, but for an `error`. With none there is no file.
    pub saved_frames: u64,
    /// The size of the file.
    pub file_bytes: u64,
    /// What ended it, with what to do: a full disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `closing`: the daemon fades out and ends; the connection closes after this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Closing {
    /// Somebody wants no daemon at all (`forebay stop`): start none in its place. Else another may come, or be started.
    #[serde(default, rename = "final")]
    pub is_final: bool,
}
