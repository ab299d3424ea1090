//! PipeWire by its own library: the feature `pipewire`. For systems without PipeWire's JACK library.

mod sinks;

use crate::backend::{
    Backend, CloseError, DeviceInfo, Health, LatencyParts, OpenError, Poke, RunInfo, Running, Want,
    period_frames,
};
use crate::jack::pipewire_answers;
use crate::null::wanted_format;
use crate::pump::{Pump, Timing};
use crate::render::{Claim, Format};
use crate::stats::Counters;
use crate::sync::{AtomicU64, Ordering::Relaxed};
use pipewire::spa::param::audio::{AudioFormat, AudioInfoRaw, MAX_CHANNELS};
use pipewire::spa::pod::serialize::PodSerializer;
use pipewire::spa::pod::{Object, Pod, Value};
use pipewire::spa::{sys, utils::Direction};
use pipewire::stream::{Stream, StreamBox, StreamFlags, StreamState};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const NAME: &str = "pipewire";
/// Frames per callback where none are wanted.
const PERIOD_FRAMES: usize = 256;
/// How long the server may take to accept the stream.
const PATIENCE: Duration = Duration::from_secs(4);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct PipeWire;

/// Shared by the stream's thread and its owner.
struct Signals {
    counters: Arc<Counters>,
    gone: Mutex<Option<String>>,
    delay_frames: AtomicU64,
    /// The server's clock at the last callback.
    ticks: AtomicU64,
    /// The stream's own rate.
    rate_hz: u64,
    poke: Poke,
}

struct RunningPipeWire {
    info: RunInfo,
    signals: Arc<Signals>,
    quit: pipewire::channel::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Backend for PipeWire {
    fn name(&self) -> &'static str {
        NAME
    }

    fn devices(&self) -> Result<Vec<DeviceInfo>, OpenError> {
        if !pipewire_answers() {
            return Ok(Vec::new());
        }
        let sinks = sinks::sinks().map_err(|error| failed(&error))?;
        let info = |sink: sinks::Sink| DeviceInfo {
            backend: NAME,
            name: sink.name,
            description: sink.description,
            is_default: false,
        };
        Ok(sinks.into_iter().map(info).collect())
    }

    fn open(&self, want: &Want, claim: Claim, poke: Poke) -> Result<Box<dyn Running>, OpenError> {
        if !pipewire_answers() {
            return Err(OpenError::NoServer {
                backend: NAME,
                detail: "PipeWire is not running".into(),
                remedy: "start it (systemctl --user start pipewire), or choose another with --backend".into(),
            });
        }
        let period = period_frames(want, PERIOD_FRAMES)?;
        if let Some(wanted) = &want.device {
            let found: Vec<String> = self.devices()?.into_iter().map(|sink| sink.name).collect();
            if !found.contains(wanted) {
                return Err(OpenError::NoSuchDevice { backend: NAME, wanted: wanted.clone(), found });
            }
        }
        let format = wanted_format(want, &claim);
        let counters = Arc::new(Counters::default());
        let mut pump = Pump::new(claim, format, Arc::clone(&counters));
        pump.settle();
        let resampler_frames = pump.resampler_frames();
        let signals = Arc::new(Signals {
            counters,
            gone: Mutex::new(None),
            delay_frames: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            rate_hz: u64::from(format.rate.hz()),
            poke,
        });
        let (quit, quits) = pipewire::channel::channel();
        let (tell, up) = channel();
        let work = Work { want: want.clone(), format, period, signals: Arc::clone(&signals), tell };
        let thread = std::thread::Builder::new()
            .name("forebay-pipewire".into())
            .spawn(move || work.run(pump, quits))
            .map_err(|error| failed(&error))?;
        let mut running = RunningPipeWire {
            info: RunInfo {
                backend: NAME,
                device: want.device.clone().unwrap_or_else(|| "default".into()),
                format,
                period_frames: period as u32,
                latency: LatencyParts { period_frames: period as u32, device_frames: 0, resampler_frames },
                remark: None,
            },
            signals,
            quit,
            thread: Some(thread),
        };
        match up.recv_timeout(PATIENCE) {
            Ok(Ok(())) => Ok(Box::new(running)),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                // A thread that hangs in the server's library is left to itself.
                running.thread = None;
                Err(OpenError::NoAnswer { backend: NAME, seconds: PATIENCE.as_secs() })
            }
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Failed { backend: NAME, detail: error.to_string() }
}

/// What the stream's thread is started with.
struct Work {
    want: Want,
    format: Format,
    period: usize,
    signals: Arc<Signals>,
    tell: Sender<Result<(), OpenError>>,
}

impl Work {
    fn run(self, pump: Pump, quits: pipewire::channel::Receiver<()>) {
        let tell = self.tell.clone();
        if let Err(error) = self.stream(pump, quits) {
            // Nobody waits for the opening any more: then the health tells.
            let _ = tell.send(Err(failed(&error)));
        }
    }

    fn stream(self, mut pump: Pump, quits: pipewire::channel::Receiver<()>) -> Result<(), pipewire::Error> {
        use pipewire::{context::ContextRc, main_loop::MainLoopRc};
        pipewire::init();
        let main_loop = MainLoopRc::new(None)?;
        let context = ContextRc::new(&main_loop, None)?;
        let core = context.connect_rc(None)?;
        let _core_listener = self.watch_core(&core);
        let stream = StreamBox::new(&core, self.want.client_name(), self.properties())?;
        let channels = self.format.channels.get();
        let (signals, tell) = (Arc::clone(&self.signals), self.tell.clone());
        let _listener = stream
            .add_local_listener_with_user_data(())
            .state_changed(move |_, (), _, state| match state {
                StreamState::Paused | StreamState::Streaming => {
                    // Only the first one is waited for.
                    let _ = tell.send(Ok(()));
                }
                StreamState::Error(reason) => {
                    let _ = tell.send(Err(failed(&reason)));
                    signals.lose(reason);
                }
                StreamState::Unconnected => signals.lose("the stream was disconnected".into()),
                StreamState::Connecting => {}
            })
            .process({
                let signals = Arc::clone(&self.signals);
                let period = self.period;
                move |stream, ()| fill(stream, &mut pump, channels, period, &signals)
            })
            .register()?;
        let format = format_pod(self.format);
        let pod = Pod::from_bytes(&format).expect("a pod that was serialised just before");
        let flags = StreamFlags::MAP_BUFFERS | StreamFlags::RT_PROCESS;
        let connect = if self.want.no_connect { StreamFlags::empty() } else { StreamFlags::AUTOCONNECT };
        stream.connect(Direction::Output, None, flags | connect, &mut [pod])?;
        let _quits = quits.attach(main_loop.loop_(), {
            let main_loop = main_loop.clone();
            move |()| main_loop.quit()
        });
        main_loop.run();
        Ok(())
    }

    fn watch_core(&self, core: &pipewire::core::CoreRc) -> pipewire::core::Listener {
        let signals = Arc::clone(&self.signals);
        core.add_listener_local()
            .error(move |id, _, _, reason| {
                // Object 0 is the server itself; others are single objects that it refused.
                if id == 0 {
                    signals.lose(format!("the connection to PipeWire broke: {reason}"));
                }
            })
            .register()
    }

    fn properties(&self) -> pipewire::properties::PropertiesBox {
        let mut properties = pipewire::properties::properties! {
            *pipewire::keys::MEDIA_TYPE => "Audio",
            *pipewire::keys::MEDIA_CATEGORY => "Playback",
            *pipewire::keys::MEDIA_ROLE => "Production",
            *pipewire::keys::NODE_NAME => self.want.client_name(),
            *pipewire::keys::NODE_LATENCY => format!("{}/{}", self.period, self.format.rate.hz()),
        };
        if let Some(device) = &self.want.device {
            properties.insert("target.object", device.as_str());
        }
        properties
    }
}

impl Signals {
    /// The server's clock counts on in cycles that we missed: those are xruns.
    fn note_ticks(&self, ticks: u64, hz: u64, period: usize) {
        let last = self.ticks.swap(ticks, Relaxed);
        let passed = ticks.saturating_sub(last);
        let asked = u64::from(self.counters.period_frames.load(Relaxed)).max(period as u64);
        let asked_ticks = asked * hz / self.rate_hz;
        if last > 0 && passed > asked_ticks + asked_ticks / 2 {
            self.counters.xruns.fetch_add(1, Relaxed);
            self.counters.lost_frames.fetch_add((passed - asked_ticks) * self.rate_hz / hz.max(1), Relaxed);
        }
    }

    fn lose(&self, reason: String) {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.poke.poke();
    }
}

/// One callback of the stream. `[rt]`, after the first
fn fill(stream: &Stream, pump: &mut Pump, channels: usize, period: usize, signals: &Signals) {
    pump.keep_stack();
    if let Ok(time) = stream.time() {
        signals.delay_frames.store(time.delay().max(0) as u64, Relaxed);
        signals.note_ticks(time.ticks(), u64::from(time.rate().denom), period);
    }
    let Some(mut buffer) = stream.dequeue_buffer() else { return };
    let requested = usize::try_from(buffer.requested()).unwrap_or(0);
    let Some(memory) = buffer.datas_mut().first_mut() else { return };
    let stride = channels * size_of::<f32>();
    let Some(bytes) = memory.data() else { return };
    let room = bytes.len() / stride;
    let frames = if requested > 0 { requested } else { period }.min(room);
    let bytes = &mut bytes[..frames * stride];
    // SAFETY: any bit pattern is an f32; `align_to_mut` gives only what is aligned, and what is not is left out below.
    let (before, samples, after) = unsafe { bytes.align_to_mut::<f32>() };
    if before.is_empty() && after.is_empty() {
        pump.cycle(samples, Timing::Interval);
    }
    let chunk = memory.chunk_mut();
    *chunk.offset_mut() = 0;
    *chunk.stride_mut() = stride as i32;
    *chunk.size_mut() = (frames * stride) as u32;
}

/// The format, as the server takes it: interleaved f32.
fn format_pod(format: Format) -> Vec<u8> {
    let mut info = AudioInfoRaw::new();
    info.set_format(AudioFormat::F32LE);
    info.set_rate(format.rate.hz());
    info.set_channels(format.channels.get() as u32);
    let mut position = [0; MAX_CHANNELS];
    let known: &[u32] = match format.channels.get() {
        1 => &[sys::SPA_AUDIO_CHANNEL_MONO],
        2 => &[sys::SPA_AUDIO_CHANNEL_FL, sys::SPA_AUDIO_CHANNEL_FR],
        _ => &[
            sys::SPA_AUDIO_CHANNEL_FL,
            sys::SPA_AUDIO_CHANNEL_FR,
            sys::SPA_AUDIO_CHANNEL_FC,
            sys::SPA_AUDIO_CHANNEL_LFE,
            sys::SPA_AUDIO_CHANNEL_RL,
            sys::SPA_AUDIO_CHANNEL_RR,
            sys::SPA_AUDIO_CHANNEL_SL,
            sys::SPA_AUDIO_CHANNEL_SR,
        ],
    };
    for (place, channel) in position.iter_mut().zip(known).take(format.channels.get()) {
        *place = *channel;
    }
    info.set_position(position);
    let object =
        Object { type_: sys::SPA_TYPE_OBJECT_Format, id: sys::SPA_PARAM_EnumFormat, properties: info.into() };
    PodSerializer::serialize(std::io::Cursor::new(Vec::new()), &Value::Object(object))
        .expect("memory takes any pod")
        .0
        .into_inner()
}

impl Running for RunningPipeWire {
    fn info(&self) -> RunInfo {
        let mut info = self.info.clone();
        let period = self.signals.counters.period_frames.load(Relaxed);
        if period > 0 {
            (info.period_frames, info.latency.period_frames) = (period, period);
        }
        info.latency.device_frames = self.signals.delay_frames.load(Relaxed) as u32;
        info
    }

    fn health(&mut self) -> Health {
        match self.signals.gone.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(reason) => Health::Gone(reason),
            None if self.thread.as_ref().is_none_or(JoinHandle::is_finished) => {
                Health::Gone("its thread ended".into())
            }
            None => Health::Well,
        }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.signals.counters
    }

    fn close(mut self: Box<Self>) -> Result<(), CloseError> {
        self.end()
    }
}

impl RunningPipeWire {
    fn end(&mut self) -> Result<(), CloseError> {
        // It has ended by itself: then there is nobody to tell.
        let _ = self.quit.send(());
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(CloseError::Panicked(NAME)),
            _ => Ok(()),
        }
    }
}

impl Drop for RunningPipeWire {
    fn drop(&mut self) {
        // Nobody asked how it went.
        let _ = self.end();
    }
}
