//! The control protocol: messages, framing, schema, versions.
//!
//! Newline-delimited JSON-RPC 2.0 over a Unix socket, at most [`MAX_LINE_BYTES`] a line in either direction. An
//! empty line from the daemon is a *doorbell*: it wakes a producer that sleeps, and says nothing else.
//! `docs/protocol.md` describes the whole to somebody who writes an SDK; `golden/schema-1.json` is its schema, held
//! under test. Nothing here opens a socket or knows the daemon: bytes in, types out.
//!
//! [`Call`] has a variant per request and [`Notification`] one per notification, each holding the `params` as a
//! struct. A server reads a [`Request`] with [`Request::parse`] and answers with [`reply_line`] or [`error_line`]. A
//! client writes with [`request_line`] and reads with [`FromDaemon::parse`].
#![forbid(unsafe_code)]

mod call;
mod envelope;
mod error;
mod framing;
mod notification;
mod status;
mod values;

#[cfg(test)]
mod schema;

pub use call::{
    Call, Devices, DevicesReply, Done, Hello, HelloReply, Hush, MainSet, Method, Ping, RecordBegin,
    RecordStart, RecordStartReply, RecordStop, Shutdown, StatusRequest, StatusWatch, VoiceClose, VoiceOpen,
    VoiceOpenReply, VoiceSet,
};
pub use envelope::{
    DOORBELL, Envelope, FromDaemon, Id, Refusal, Request, error_line, notification_line, reply_line,
    request_line, unanswered_line,
};
pub use error::{ErrorObject, ErrorWord};
pub use framing::{LineBuffer, LineTooLong, MAX_LINE_BYTES};
pub use notification::{
    Closing, DeviceChanged, Evicted, MainChanged, Muted, Notification, Notify, Recorded, Resumed, TargetLead,
    Underrun, Unmuted,
};
pub use status::{
    ChangeLatency, DaemonStatus, DeviceInfo, DeviceStatus, EngineStatus, Health, LatencyStatus, LedgerStatus,
    LossStatus, MainStatus, ProducerStatus, RecordingState, RecordingStatus, StallCount, Status, VoiceState,
    VoiceStatus,
};
pub use values::{
    CloseMode, EvictReason, HandOff, LatePolicy, LeadSetting, LeadWord, MemoryRef, MuteReason, UnderrunCause,
    VoiceRef,
};

/// The version of the messages. A daemon refuses every other one with [`ErrorWord::VersionMismatch`].
pub const PROTOCOL_VERSION: u32 = 1;
/// The most bytes that a client name or a voice name has (UTF-8, no control characters).
pub const MAX_NAME_BYTES: usize = 64;
/// The range of every `gain_db`. At or below -120 dB a gain is silence.
pub const GAIN_DB_RANGE: std::ops::RangeInclusive<f64> = -144.0..=24.0;
/// The range of every `ceiling_db`.
pub const CEILING_DB_RANGE: std::ops::RangeInclusive<f64> = -60.0..=0.0;
/// The most bytes that the path of a recording has.
pub const MAX_PATH_BYTES: usize = 512;
/// The range of `fade_in_ms`.
pub const FADE_IN_MS_RANGE: std::ops::RangeInclusive<f64> = 0.0..=1_000.0;
/// The range of every `lead_ms`.
pub const LEAD_MS_RANGE: std::ops::RangeInclusive<f64> = 20.0..=10_000.0;
/// The range of `capacity_frames`; a capacity is rounded up to a power of two.
pub const CAPACITY_FRAMES_RANGE: std::ops::RangeInclusive<u32> = 1_024..=1 << 21;
/// The range of `interval_ms` of `status.watch`.
pub const INTERVAL_MS_RANGE: std::ops::RangeInclusive<u32> = 20..=60_000;
