//! The status document. Every figure in it comes from a counter; what is not known is absent, never a constant.

use serde::{Deserialize, Serialize};

use crate::values::{LatePolicy, LeadSetting};

/// Reply to `status`: everything that the daemon knows about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status {
    /// The process.
    pub daemon: DaemonStatus,
    /// The engine and main.
    pub engine: EngineStatus,
    /// The device that is the clock, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceStatus>,
    /// Recordings that run, in the order of their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<RecordingStatus>,
    /// Every producer with its voices, in the order of their session numbers.
    pub producers: Vec<ProducerStatus>,
    /// There are more producers than fit into a line: ask again with this `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_from: Option<u32>,
}

/// The daemon as a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DaemonStatus {
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// How long it runs.
    pub uptime_ms: u64,
    /// The socket that it serves.
    pub socket: String,
    /// Open connections, this one among them.
    pub connections: u32,
    /// Open sessions.
    pub sessions: u32,
    /// Producers thrown out so far.
    pub evicted: u64,
    /// Lines refused so far (no JSON, no request, too long).
    pub refused_lines: u64,
}

/// The engine and its main bus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EngineStatus {
    /// Frames per second.
    pub rate_hz: u32,
    /// Channels of main.
    pub channels: u32,
    /// Engine frame of the next block.
    pub frame: u64,
    /// Frames of the latest block.
    pub block_frames: u32,
    /// Render time / block time of late, 0 to 1 and above; absent while nothing renders in real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Voices in the engine, leaving ones included.
    pub voices: u32,
    /// Of these, dropped under overload now.
    pub shed_voices: u32,
    /// Timed events that took effect.
    pub events_applied: u64,
    /// Of these, the ones that came after their frame.
    pub events_late: u64,
    /// Timed events for no voice, from liars, or with absurd values.
    pub events_refused: u64,
    /// By how much main lies behind the voices: the limiter's look-ahead.
    pub latency_ms: f64,
    /// The main bus.
    pub main: MainStatus,
}

/// The main bus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MainStatus {
    /// Highest sample of late, one value for all channels (they are measured together); -144 is silence.
    pub peak_db: Vec<f64>,
    /// Mean power of the last 20 ms, one value for all channels; -144 is silence.
    pub rms_db: Vec<f64>,
    /// Gain of the limiter, 0 or below.
    pub limiter_db: f64,
    /// The sample value that nothing passes; absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling_db: Option<f64>,
    /// Neither guards nor limiter nor ceiling: somebody has spelled it out.
    #[serde(default, rename = "unsafe", skip_serializing_if = "std::ops::Not::not")]
    pub is_unsafe: bool,
}

/// A recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordingStatus {
    /// Its number.
    pub record: u32,
    /// The file.
    pub path: String,
    /// What kind of file.
    pub format: String,
    /// What it does.
    pub state: RecordingState,
    /// Its length: frames of main since it began. `frames = saved_frames + waiting_frames`.
    pub frames: u64,
    /// Of these, the ones that are silence because the recorder was too slow.
    pub lost_frames: u64,
    /// Frames that the file has.
    pub saved_frames: u64,
    /// Frames that wait for the disk.
    pub waiting_frames: u64,
    /// The size of the file.
    pub file_bytes: u64,
    /// Bytes that its disk has room for; absent where nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_bytes: Option<u64>,
}

/// What a recording does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// Waits to be told to begin.
    #[default]
    Held,
    /// Records.
    Running,
    /// On its way to a whole file.
    Ending,
}

/// The device that is the clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceStatus {
    /// Its backend: `null`, `file`, `jack`, `alsa`, `pipewire`.
    pub backend: String,
    /// Its name.
    pub name: String,
    /// `running`, `closed`, `lost` (the null clock goes on), `not moving`.
    pub state: String,
    /// Why this device, in one line.
    pub why: String,
    /// Its own rate.
    pub rate_hz: u32,
    /// Its channels.
    pub channels: u32,
    /// Its period.
    pub period_frames: u32,
    /// How long a frame takes behind main, in parts.
    pub latency: LatencyStatus,
    /// Frames that were due while it missed deadlines by more than could be made up for, so that time jumped over them.
    pub lost_frames: u64,
    /// Missed deadlines so far.
    pub xruns: u64,
    /// Missed deadlines per hour.
    pub xruns_per_hour: f64,
    /// Good at 0 an hour, fair below 5, warning below 50, else critical.
    pub health: Health,
}

/// The latency of a device, in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LatencyStatus {
    /// One period: what is rendered is heard a period later.
    pub period_ms: f64,
    /// The resampler's filter, where the rates differ.
    pub resampler_ms: f64,
    /// What lies behind the callback: server and hardware, by their own word.
    pub device_ms: f64,
    /// All of it.
    pub total_ms: f64,
}

/// A device that can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceInfo {
    /// Its backend.
    pub backend: String,
    /// Its name, as `--device` takes it.
    pub name: String,
    /// The one that the backend takes when none is named.
    pub default: bool,
}

/// Health in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing to judge yet.
    #[default]
    Unknown,
    /// All is well.
    Good,
    /// All is well with a lead.
    Fine,
    /// All is well, with less in reserve.
    Fair,
    /// A new future is filling up: not to be judged.
    Refilling,
    /// Worth a look.
    Watch,
    /// Trouble is near.
    Warning,
    /// Trouble is here.
    Critical,
}

/// A producer: a connection with a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProducerStatus {
    /// Its session number.
    pub session: u32,
    /// What it calls itself.
    pub client: String,
    /// Its process id.
    pub pid: u32,
    /// It is gone; its voices play out.
    pub dead: bool,
    /// What it asked for.
    pub lead_setting: LeadSetting,
    /// Target lead of voices that name none.
    pub target_lead_ms: f64,
    /// Frames rendered / time spent rendering, as a multiple of real time; absent until it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Good above 2, fair above 1.25, warning above 1, else critical.
    pub speed_health: Health,
    /// The latest stall.
    pub last_stall_ms: f64,
    /// The worst stall.
    pub worst_stall_ms: f64,
    /// How many stalls there were, by length.
    pub stalls: Vec<StallCount>,
    /// Its splices: what passes from the trigger to the first changed frame; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_latency: Option<ChangeLatency>,
    /// Its voices, in slot order.
    pub voices: Vec<VoiceStatus>,
}

/// One bar of the stall histogram.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StallCount {
    /// Stalls of this length up to twice it.
    pub from_ms: f64,
    /// How many.
    pub count: u64,
}

/// The parts of a change's way to the ear.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChangeLatency {
    /// Replay and cover: what the producer renders before it commits.
    pub render_ms: f64,
    /// How far ahead of the voice the producer puts the change.
    pub guard_ms: f64,
    /// At most one block until the engine looks.
    pub block_ms: f64,
    /// From the voice to main: the limiter's look-ahead.
    pub engine_ms: f64,
    /// Latency of the device, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_ms: Option<f64>,
    /// All of it.
    pub total_ms: f64,
    /// Good below 10 ms, fair below 50, warning below 200, else critical.
    pub health: Health,
}

/// State of a voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum VoiceState {
    /// Not started, or flushed.
    #[default]
    Idle,
    /// Plays.
    Playing,
    /// Has nothing to play.
    Starved,
    /// Muted by the engine for what it wrote.
    Faulted,
    /// On its way out.
    Closing,
}

/// A voice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VoiceStatus {
    /// Its slot.
    pub slot: u32,
    /// Its name.
    pub name: String,
    /// Its channels.
    pub channels: u32,
    /// Its state.
    pub state: VoiceState,
    /// What becomes of frames that were missed.
    pub policy: LatePolicy,
    /// Who is shed first.
    pub priority: u8,
    /// Gain of the strip.
    pub gain_db: f64,
    /// Pan of the strip.
    pub pan: f64,
    /// Muted by a person or program.
    pub mute: bool,
    /// Solo.
    pub solo: bool,
    /// Frames written and not yet read, as time.
    pub lead_ms: f64,
    /// Its target lead.
    pub target_lead_ms: f64,
    /// Lead / target lead.
    pub lead_percent: f64,
    /// Fine from 50 % of the target, fair from 30, watch from 20, warning from 10, else critical; refilling while a
    /// future is younger than its refill. Warning also when lead / drain rate is below 250 ms.
    pub health: Health,
    /// Underruns so far.
    pub underruns: u32,
    /// Underruns per hour.
    pub underruns_per_hour: f64,
    /// Highest sample of late (all channels); -144 is silence.
    pub peak_db: f64,
    /// Mean power of the last 20 ms (all channels); -144 is silence.
    pub rms_db: f64,
    /// Frames that were not heard, by cause; causes without any are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<LossStatus>,
    /// What the engine muted it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<crate::values::MuteReason>,
    /// Where its frames went.
    pub ledger: LedgerStatus,
}

/// Where frames went: `produced = delivered + superseded + shed + in_ring`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LedgerStatus {
    /// Written by the producer.
    pub produced: u64,
    /// Heard.
    pub delivered: u64,
    /// Given up for a newer future.
    pub superseded: u64,
    /// Dropped: late, or under overload.
    pub shed: u64,
    /// Still in the ring.
    pub in_ring: u64,
    /// Due and not there: what was heard instead is a fade or silence.
    pub concealed: u64,
    /// By how many frames changes came too late, in all: they were heard as soon as the engine saw them.
    pub late: u64,
}

/// Frames of a voice that were not heard for one cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LossStatus {
    /// `producer late`, `producer gone`, `overload`, `guard`, `device`.
    pub cause: String,
    /// How many so far.
    pub frames: u64,
    /// Engine frame of the latest.
    pub last_frame: u64,
}
