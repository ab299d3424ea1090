//! What every backend is: opened with a want and a claim to the seat, running until closed.

use crate::render::{Claim, Format};
use crate::stats::Counters;
use crate::supervisor::Ask;
use ring::BroadcastReader;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use units::{ChannelCount, SampleRate};

/// The largest period that is taken, in frames.
pub const MAX_PERIOD_FRAMES: usize = 8192;
/// The smallest period that is asked for, in frames.
pub const MIN_PERIOD_FRAMES: usize = 16;

/// Which ports a JACK client shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JackPorts {
    /// `out_1`..: the main channels.
    #[default]
    Main,
    /// The main channels, and a pair for each voice, fed from the voice's tap.
    Voice,
}

/// Asked before each block of a free-running render: are there `frames` frames to render, that is, has every producer
/// written that far (or is none expected to)? The device asks again a little later while the answer is no. Arguments:
/// the number of frames of the block, at the Renderer's rate.
pub type Gate = Arc<dyn Fn(usize) -> bool + Send + Sync>;

/// Where and how the `file` backend writes.
#[derive(Clone)]
pub struct FileWant {
    /// The file.
    pub path: PathBuf,
    /// What kind of file it is.
    pub format: media::SoundFormat,
    /// Paced like a sound card; else as fast as the gate lets it.
    pub real_time: bool,
    /// Frames at the start that are rendered and not written: by how much main lies behind the voices, for a file that begins
    /// with their first frame.
    pub skip_frames: u64,
    /// Ends by itself after this many frames are written.
    pub frames: Option<u64>,
}

/// What is wanted of a device. `None` = as the device likes.
#[derive(Clone, Default)]
pub struct Want {
    /// The device by name, as `devices` lists it (JACK: the client whose inputs to connect to).
    pub device: Option<String>,
    /// Frames per second. JACK has its server's.
    pub rate: Option<SampleRate>,
    /// Channels of the device.
    pub channels: Option<ChannelCount>,
    /// Frames per callback, 16 to 8192. JACK has its server's.
    pub period_frames: Option<usize>,
    /// Name of this program among the server's clients; empty = `forebay`.
    pub client_name: String,
    /// JACK server by name; `None` = `$JACK_DEFAULT_SERVER`, else `default`.
    pub jack_server: Option<String>,
    /// Which ports JACK shows.
    pub jack_ports: JackPorts,
    /// Leave ports unconnected.
    pub no_connect: bool,
    /// Never ask for real-time priority.
    pub no_realtime: bool,
    /// For the `file` backend.
    pub file: Option<FileWant>,
    /// Back-pressure of free-running renders (file as fast as possible, JACK freewheel).
    pub gate: Option<Gate>,
}

impl Want {
    /// The client name to use.
    pub fn client_name(&self) -> &str {
        if self.client_name.is_empty() { "forebay" } else { &self.client_name }
    }
}

impl std::fmt::Debug for Want {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Want")
            .field("device", &self.device)
            .field("rate", &self.rate)
            .field("channels", &self.channels)
            .field("period_frames", &self.period_frames)
            .field("client_name", &self.client_name())
            .finish_non_exhaustive()
    }
}

/// A device that could be opened, as `devices` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Backend that has it.
    pub backend: &'static str,
    /// Its name, for `--device`.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Taken where no name is given.
    pub is_default: bool,
}

/// The parts of the way from the Renderer to the ear that the device knows of, in frames at the device's rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyParts {
    /// One block: what is rendered is heard a block later.
    pub period_frames: u32,
    /// What lies behind the callback: server and hardware, by their own word.
    pub device_frames: u32,
    /// The resampler's filter, where the rates differ.
    pub resampler_frames: u32,
}

/// An opened device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// Which backend.
    pub backend: &'static str,
    /// Which device, by the name that opens it.
    pub device: String,
    /// Format of the device.
    pub format: Format,
    /// Frames per callback as opened (it may vary; see `Counters::period_frames`).
    pub period_frames: u32,
    /// Latency in its parts.
    pub latency: LatencyParts,
    /// Something the user should know once (a wish that was not granted).
    pub remark: Option<String>,
}

/// Whether a running device is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// As far as the backend knows. Whether it moves, `Counters::cycles` tells.
    Well,
    /// Rate or layout changed under way: close and open again.
    Changed(String),
    /// Dead: why.
    Gone(String),
    /// It came to its end (a file that was to have so many frames).
    Finished,
}

/// One voice as ports of its own.
#[derive(Clone, Debug)]
pub struct VoicePort {
    /// The voice, as control numbers it.
    pub key: u64,
    /// Its name.
    pub name: String,
    /// Its tap; a clone that is at the newest frame is read after each render.
    pub tap: BroadcastReader,
}

/// An opened device. Dropping it closes it. No method but `close` waits for anybody.
pub trait Running: Send {
    /// What it is. `[control]`
    fn info(&self) -> RunInfo;
    /// How it is. `[control]`
    fn health(&mut self) -> Health;
    /// Its counters. `[control]`
    fn counters(&self) -> &Arc<Counters>;
    /// How its thread came to its priority, once known. Asks for it, where the thread is known only by now. `[control]`
    fn promotion(&self) -> Option<Result<rt::Promotion, rt::Refused>> {
        None
    }
    /// Whether it asks by the clock now. One that runs freely (a file as fast as possible, a freewheeling server) may wait
    /// for producers as long as they take: it does not stand still then. `[control]`
    fn is_paced(&self) -> bool {
        true
    }
    /// Gives a voice ports of its own, as soon as the server does (JACK with [`JackPorts::Voice`]; others have none). Refused,
    /// the voice plays on main as before, and the poke tells why. `[control]`
    fn add_voice_port(&mut self, _port: VoicePort) {}
    /// Takes them away. `[control]`
    fn remove_voice_port(&mut self, _key: u64) {}
    /// Closes it and says how that went; a file is complete only now. `[control]`, may take long with a dead server.
    ///
    /// # Errors
    /// What was lost.
    fn close(self: Box<Self>) -> Result<(), CloseError>;
}

/// Wakes the supervisor, or tells it something, instead of letting it find out.
#[derive(Clone, Debug)]
pub struct Poke(Option<Sender<Ask>>);

impl Poke {
    /// Wakes nobody.
    pub fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new(sender: Sender<Ask>) -> Self {
        Self(Some(sender))
    }

    /// Wakes it. `[control]`
    pub fn poke(&self) {
        if let Some(sender) = &self.0 {
            // The supervisor may have ended: nobody to wake.
            let _ = sender.send(Ask::Look);
        }
    }

    /// Tells something that the user should know once. `[control]`
    pub(crate) fn remark(&self, remark: String) {
        if let Some(sender) = &self.0 {
            // As above.
            let _ = sender.send(Ask::Remark(remark));
        }
    }
}

/// A kind of device.
pub trait Backend: Send + Sync {
    /// Its name, as `--backend` takes it. Several ways to one server have one name.
    fn name(&self) -> &'static str;
    /// What its calls go through. One that hangs there holds up all others that do, so these wait for it, and no others.
    fn way(&self) -> &'static str {
        self.name()
    }
    /// What it could open now. `[control]`
    ///
    /// # Errors
    /// When its server can't be asked.
    fn devices(&self) -> Result<Vec<DeviceInfo>, OpenError>;
    /// Opens a device; it renders whenever `claim` is the assigned one, else plays silence. `[control]`
    ///
    /// # Errors
    /// [`OpenError`], with what to do.
    fn open(&self, want: &Want, claim: Claim, poke: Poke) -> Result<Box<dyn Running>, OpenError>;
}

/// A device was not opened. Nothing is left behind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No backend has this name.
    #[error("no backend `{name}`; there are: auto, {}", .known.join(", "))]
    UnknownBackend {
        /// As given.
        name: String,
        /// What there is in this build.
        known: Vec<&'static str>,
    },
    /// The sound server (or its library) is not there.
    #[error("{backend}: {detail}; {remedy}")]
    NoServer {
        /// The backend.
        backend: &'static str,
        /// What is missing.
        detail: String,
        /// What to do.
        remedy: String,
    },
    /// The server did not answer in time.
    #[error("{backend}: no answer within {seconds} s; the sound server seems to hang: restart it")]
    NoAnswer {
        /// The backend.
        backend: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// No device has this name.
    #[error("{backend}: no device `{wanted}`; there are: {}", list(.found))]
    NoSuchDevice {
        /// The backend.
        backend: &'static str,
        /// As given.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// Someone else has the device.
    #[error(
        "{backend}: device `{device}` is in use by another program: close that, or choose another with --device"
    )]
    Busy {
        /// The backend.
        backend: &'static str,
        /// The device.
        device: String,
    },
    /// The device can't do what was asked.
    #[error(
        "{backend}: device `{device}` refuses {what}; leave out --rate, --channels or --period to take what it offers"
    )]
    Unsupported {
        /// The backend.
        backend: &'static str,
        /// The device.
        device: String,
        /// What was asked.
        what: String,
    },
    /// A period outside its range.
    #[error("a period of {0} frames is not possible: give {MIN_PERIOD_FRAMES} to {MAX_PERIOD_FRAMES}")]
    Period(usize),
    /// Anything else, in the system's words.
    #[error("{backend}: {detail}")]
    Failed {
        /// The backend.
        backend: &'static str,
        /// What happened.
        detail: String,
    },
}

fn list(found: &[String]) -> String {
    if found.is_empty() { "none at all".into() } else { found.join(", ") }
}

/// A device did not close as it should; it is closed all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The file is not complete.
    #[error(transparent)]
    File(#[from] media::WriteError),
    /// It did not answer: what it recorded last may be missing.
    #[error("the {backend} device did not close within {seconds} s: its end may be missing")]
    NoAnswer {
        /// The backend.
        backend: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// A thread of the device panicked; the backend's name.
    #[error("the thread of the {0} device panicked: what it rendered last is lost")]
    Panicked(&'static str),
}

/// The wanted period, checked; `otherwise` where none is wanted.
pub(crate) fn period_frames(want: &Want, otherwise: usize) -> Result<usize, OpenError> {
    match want.period_frames {
        Some(frames) if !(MIN_PERIOD_FRAMES..=MAX_PERIOD_FRAMES).contains(&frames) => {
            Err(OpenError::Period(frames))
        }
        Some(frames) => Ok(frames),
        None => Ok(otherwise),
    }
}
