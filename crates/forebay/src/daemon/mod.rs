//! The daemon: the only place where device, engine and server meet.
//!
//! ```text
//! signals, hooks of the server, notices of the device --> one queue --> main thread --> Supervisor, Server
//! ```
//! The main thread does what may take long (opening a device); the control thread never waits for it.

pub(crate) mod devices;
pub(crate) mod door;
pub(crate) mod end;
pub(crate) mod ensure;
mod lifetime;
pub(crate) mod lock;
pub(crate) mod log;
mod ports;
mod resident;
pub(crate) mod start;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use control::{Hooks, Server, Settings};
use device::{Clock, Format, Supervisor};
use engine::{Engine, EngineConfig};
use protocol::{DeviceChanged, DeviceInfo, DeviceStatus};
use serde_json::{Value, json};
use session::Place;

use crate::cli::{AudioArgs, JackPorts};
use crate::trouble::{Exit, Trouble};
use crate::{interrupt, version};
use door::OwnSocket;
use lifetime::{DeviceLife, Wish};
use ports::VoicePorts;
use resident::Resident;

/// How long the end may take beyond the fade itself.
const FADE_PATIENCE: Duration = Duration::from_millis(500);

/// How long the daemon waits before it lets go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Without anybody it ends; `None`: it stays.
    pub(crate) idle: Option<Duration>,
    /// Without voices it closes the device.
    pub(crate) device: Duration,
}

/// What reaches the main thread.
enum News {
    /// So many voices are open now.
    Voices(usize),
    /// Nobody was here for long.
    Idle,
    /// Told to end: by a signal, or over the socket.
    End(&'static str),
    /// Of the device.
    Device(device::Notice),
}

/// What the server asks of the daemon.
struct DaemonHooks {
    news: Sender<News>,
    devices: Weak<Supervisor>,
    resident: Resident,
    began: Instant,
}

impl Hooks for DaemonHooks {
    fn device(&self) -> Option<DeviceStatus> {
        devices::status(&self.devices.upgrade()?.status(), self.began.elapsed())
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        devices::list()
    }

    fn memory(&self, region: &ring::Region, needed: bool) {
        self.resident.change(region, needed);
    }

    // The main thread may be on its way out: then nobody needs the news.
    fn voices(&self, open: usize) {
        let _ = self.news.send(News::Voices(open));
    }

    fn idle(&self) {
        let _ = self.news.send(News::Idle);
    }

    fn shutdown(&self) {
        let _ = self.news.send(News::End("asked over the socket"));
    }

    fn say(&self, line: &str) {
        tracing::warn!("{line}");
    }
}

/// A daemon that serves.
pub(crate) struct Daemon {
    supervisor: Arc<Supervisor>,
    server: Server,
    news: Receiver<News>,
    began: Instant,
    life: DeviceLife,
    socket: OwnSocket,
    choice: String,
}

impl Daemon {
    /// Opens the device, makes an engine of its rate, and serves the socket. The lock is held by the caller.
    ///
    /// # Errors
    /// When the device, the socket or a thread is refused. Nothing is left behind.
    pub(crate) fn start(place: &Place, audio: &AudioArgs, patience: Patience) -> anyhow::Result<Self> {
        let began = Instant::now();
        let (news_in, news) = channel();
        let end = news_in.clone();
        interrupt::on_signal(move || {
            let _ = end.send(News::End("asked by a signal"));
        })?;
        let (config, _) = devices::wanted(audio)?;
        let (supervisor, notices) = Supervisor::open(config).map_err(|error| devices::not_opened(&error))?;
        let supervisor = Arc::new(supervisor);
        let choice = supervisor.status().choice.map(|choice| choice.to_string()).unwrap_or_default();
        let (engine, renderer) = engine::engine(engine_config(audio, supervisor.format())?);
        let renderer = Box::new(renderer);
        resident::keep_renderer(&renderer);
        if supervisor.seat(renderer).is_err() {
            return Err(Trouble::new(Exit::Device, "the device hangs")
                .remedy("choose another with --backend")
                .into());
        }
        forward(notices, news_in.clone())?;
        let (listener, socket) = door::bind(place.socket())?;
        let settings = Settings {
            lead: audio.lead.map(ensure::lead_setting).unwrap_or_default(),
            socket: place.socket().display().to_string(),
            version: version::OURS.to_owned(),
            idle_after: patience.idle,
            ..Settings::default()
        };
        let (devices, resident) = (Arc::downgrade(&supervisor), Resident::default());
        let hooks = DaemonHooks { news: news_in, devices, resident, began };
        let server = Server::start(listener, engine, settings, Arc::new(hooks))?;
        let life = DeviceLife::new(patience.device);
        Ok(Self { supervisor, server, news, began, life, socket, choice })
    }

    /// What plays, and why, in one line.
    pub(crate) fn choice(&self) -> &str {
        &self.choice
    }

    /// Rate and channels of the device.
    pub(crate) fn format(&self) -> Format {
        self.supervisor.format()
    }

    /// Does what comes until the end; fades out. Returns the device's figures.
    ///
    /// # Errors
    /// What was lost at the end: a file that is not complete.
    pub(crate) fn serve(mut self, audio: &AudioArgs) -> anyhow::Result<Value> {
        let mut ports = (audio.jack_ports == Some(JackPorts::Voice)).then(VoicePorts::default);
        let why = loop {
            let wait = match self.life.wish(self.began.elapsed()) {
                Wish::Wait(wait) => wait,
                Wish::Wake => {
                    self.supervisor.wake();
                    continue;
                }
                Wish::Rest => {
                    self.supervisor.rest();
                    continue;
                }
            };
            let news = match wait {
                Some(wait) => self.news.recv_timeout(wait),
                None => self.news.recv().map_err(RecvTimeoutError::from),
            };
            match news {
                Ok(News::Voices(open)) => {
                    self.life.voices(self.began.elapsed(), open);
                    if let Some(ports) = &mut ports {
                        ports.follow(&self.server, &self.supervisor);
                    }
                }
                Ok(News::Idle) => break "no producers",
                Ok(News::End(why)) => break why,
                Ok(News::Device(notice)) => self.tell_device(&notice),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break "nobody is left to ask for anything",
            }
        };
        tracing::info!("ends: {why}");
        self.end()
    }

    /// Into the log, and to every producer.
    fn tell_device(&self, notice: &device::Notice) {
        match notice {
            device::Notice::Chosen(_) | device::Notice::Back { .. } | device::Notice::Resting => {
                tracing::info!("{notice}");
            }
            _ => tracing::warn!("{notice}"),
        }
        if let Some(status) = devices::status(&self.supervisor.status(), self.began.elapsed()) {
            let DeviceStatus { backend, name, state, .. } = status;
            // A server that has stopped has nobody to tell.
            let _ = self.server.device_changed(&DeviceChanged { backend, name, state });
        }
    }

    /// Fade, goodbye, file complete, socket gone.
    fn end(self) -> anyhow::Result<Value> {
        // Gone before anything else: whoever looks for a daemon from now on starts a new one, which waits for the lock.
        self.socket.remove();
        if let Some(remains) = self.server.stop() {
            await_fade(&remains.engine, &self.supervisor);
            remains.finish();
        }
        let status = self.supervisor.status();
        let figures = status.figures;
        tracing::info!(
            "device: {} cycles, {} xruns, lateness p99.9 {} us, worst {} us",
            figures.cycles,
            figures.xruns,
            figures.late_p999_ns / 1000,
            figures.late_worst_ns / 1000
        );
        let report = json!({
            "cycles": figures.cycles, "xruns": figures.xruns, "engine_late": figures.engine_late,
            "rendered_frames": figures.rendered_frames, "silent_frames": figures.silent_frames,
            "late_p50_us": figures.late_p50_ns / 1000, "late_p999_us": figures.late_p999_ns / 1000,
            "late_worst_us": figures.late_worst_ns / 1000, "worst_load": figures.worst_load,
        });
        if let Some(supervisor) = Arc::into_inner(self.supervisor) {
            supervisor.close().map_err(|error| Trouble::new(Exit::Output, error))?;
        }
        Ok(report)
    }
}

/// Waits while the engine fades to silence, if anything moves time.
fn await_fade(engine: &Engine, supervisor: &Supervisor) {
    let config = engine.config();
    let begun = engine.main_stats();
    let frames = u64::from(config.hush_frames) + 2 * u64::from(begun.block_frames.max(1));
    let silent_at = begun.frame.0 + frames;
    let deadline = Instant::now() + config.rate.duration(units::Frames(frames)) + FADE_PATIENCE;
    while supervisor.status().clock != Clock::Resting
        && engine.main_stats().frame.0 < silent_at
        && Instant::now() < deadline
    {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `--rate` and `--channels`, else the device's; `--gain-db`, `--ceiling-db` and `--unsafe` concern main.
fn engine_config(audio: &AudioArgs, device: Format) -> Result<EngineConfig, Trouble> {
    let usage = |error: &dyn std::fmt::Display| Trouble::new(Exit::Usage, error);
    let rate = audio.rate.map_or(Ok(device.rate), units::SampleRate::new).map_err(|error| usage(&error))?;
    let channels = audio.channels.map_or(Ok(device.channels), |n| units::ChannelCount::new(n.into()));
    let mut config = EngineConfig::new(rate, channels.map_err(|error| usage(&error))?);
    audio.protect(&mut config);
    config.gain = audio.gain_db.map_or(1.0, |gain_db| units::Decibels(gain_db).amplitude());
    Ok(config)
}

/// Puts the device's notices into the queue of the main thread.
fn forward(notices: Receiver<device::Notice>, news: Sender<News>) -> std::io::Result<()> {
    let forward = move || {
        for notice in notices {
            if news.send(News::Device(notice)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("notices".into()).spawn(forward).map(drop)
}
