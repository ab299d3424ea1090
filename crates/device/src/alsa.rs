//! The system's own sound layer through cpal: ALSA on Linux, CoreAudio and WASAPI elsewhere.

use crate::backend::{
    Backend, CloseError, DeviceInfo, Health, LatencyParts, MAX_PERIOD_FRAMES, OpenError, Poke, RunInfo,
    Running, Want, period_frames,
};
use crate::pump::{Pump, Timing};
use crate::render::{Claim, Format};
use crate::stats::Counters;
use crate::sync::Ordering::Relaxed;
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, Data, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use units::{ChannelCount, Frames, SampleRate};

/// Its name as a backend.
const NAME: &str = if cfg!(target_os = "linux") { "alsa" } else { "system" };
/// Frames per callback where none are wanted: ALSA plugins would else take half a second.
const PERIOD_FRAMES: usize = 512;
/// A device that is this far ahead of real time (or four periods) is no hardware: it is held back.
const MOST_AHEAD: Duration = Duration::from_millis(500);
/// How long building a stream may take.
const BUILD_PATIENCE: Duration = Duration::from_secs(3);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alsa;

struct RunningAlsa {
    /// Dropped on close: cpal joins its thread then.
    stream: cpal::Stream,
    info: RunInfo,
    counters: Arc<Counters>,
    gone: Arc<Mutex<Option<String>>>,
    realtime: bool,
    asked: OnceLock<Result<rt::Promotion, rt::Refused>>,
}

impl Backend for Alsa {
    fn name(&self) -> &'static str {
        NAME
    }

    fn devices(&self) -> Result<Vec<DeviceInfo>, OpenError> {
        let host = cpal::default_host();
        let default = host.default_output_device().and_then(|it| it.id().ok());
        let list = host.output_devices().map_err(|error| failed(&error))?;
        let info = list.filter_map(|device| {
            let id = device.id().ok()?;
            let description = device.description().map(|it| it.name().to_string()).unwrap_or_default();
            let is_default = Some(&id) == default.as_ref();
            Some(DeviceInfo { backend: NAME, name: id.id().to_string(), description, is_default })
        });
        Ok(info.collect())
    }

    fn open(&self, want: &Want, claim: Claim, poke: Poke) -> Result<Box<dyn Running>, OpenError> {
        let period = period_frames(want, PERIOD_FRAMES)?;
        let device = find(want.device.as_deref())?;
        let name = device.id().map(|id| id.id().to_string()).unwrap_or_default();
        let offered =
            device.default_output_config().map_err(|error| open_error(&error, &name, "any format"))?;
        let format = wanted(want, &claim, &offered, &device, &name)?;
        let config = StreamConfig {
            channels: format.channels.get() as u16,
            sample_rate: format.rate.hz(),
            buffer_size: BufferSize::Fixed(period as u32),
        };
        let counters = Arc::new(Counters::default());
        let mut pump = Pump::new(claim, format, Arc::clone(&counters));
        pump.settle();
        let resampler_frames = pump.resampler_frames();
        let gone = Arc::new(Mutex::new(None));
        let mut callback = Callback {
            pump,
            channels: format.channels.get(),
            frames: vec![0.0; MAX_PERIOD_FRAMES * format.channels.get()],
            governor: Governor::new(format.rate, period),
        };
        let stream = device
            .build_output_stream_raw(
                config,
                sample_format(&device, &offered, format),
                move |out, _| callback.cycle(out),
                on_error(Arc::clone(&counters), Arc::clone(&gone), poke),
                Some(BUILD_PATIENCE),
            )
            .map_err(|error| open_error(&error, &name, &format!("{config:?}")))?;
        stream.play().map_err(|error| open_error(&error, &name, "to play"))?;
        let info = RunInfo {
            backend: NAME,
            device: name,
            format,
            period_frames: period as u32,
            latency: LatencyParts {
                period_frames: period as u32,
                // Double buffering: one period is played while the next is asked for.
                device_frames: period as u32,
                resampler_frames,
            },
            remark: None,
        };
        let realtime = !want.no_realtime;
        Ok(Box::new(RunningAlsa { stream, info, counters, gone, realtime, asked: OnceLock::new() }))
    }
}

fn find(wanted: Option<&str>) -> Result<cpal::Device, OpenError> {
    let host = cpal::default_host();
    let Some(wanted) = wanted else {
        return host.default_output_device().ok_or_else(|| OpenError::NoServer {
            backend: NAME,
            detail: "no sound device".into(),
            remedy: "plug one in, or choose --backend null".into(),
        });
    };
    let devices: Vec<_> = host.output_devices().map_err(|error| failed(&error))?.collect();
    let named = |device: &cpal::Device| {
        device.id().is_ok_and(|id| id.id() == wanted)
            || device.description().is_ok_and(|description| description.name() == wanted)
    };
    if let Some(at) = devices.iter().position(named) {
        return Ok(devices.into_iter().nth(at).expect("just found"));
    }
    let found = devices.iter().filter_map(|it| it.id().ok()).map(|id| id.id().to_string()).collect();
    Err(OpenError::NoSuchDevice { backend: NAME, wanted: wanted.into(), found })
}

/// The format to open: as wanted; else the Renderer's where the device can, so that nothing needs converting; else as the
/// device offers.
fn wanted(
    want: &Want,
    claim: &Claim,
    offered: &cpal::SupportedStreamConfig,
    device: &cpal::Device,
    name: &str,
) -> Result<Format, OpenError> {
    let engine = claim.format();
    let ranges: Vec<_> = device.supported_output_configs().map(Iterator::collect).unwrap_or_default();
    let can = |channels: u16, hz: u32| {
        ranges.iter().any(|range: &cpal::SupportedStreamConfigRange| {
            range.channels() == channels && (range.min_sample_rate()..=range.max_sample_rate()).contains(&hz)
        })
    };
    let channels = match (want.channels, engine) {
        (Some(channels), _) => channels.get() as u16,
        (None, Some(engine)) if can(engine.channels.get() as u16, offered.sample_rate()) => {
            engine.channels.get() as u16
        }
        _ if can(2, offered.sample_rate()) => 2,
        _ => offered.channels(),
    };
    let hz = match (want.rate, engine) {
        (Some(rate), _) => rate.hz(),
        (None, Some(engine)) if can(channels, engine.rate.hz()) => engine.rate.hz(),
        _ if can(channels, SampleRate::DEFAULT.hz()) => SampleRate::DEFAULT.hz(),
        _ => offered.sample_rate(),
    };
    let unsupported = |what: String| OpenError::Unsupported { backend: NAME, device: name.into(), what };
    if !ranges.is_empty() && !can(channels, hz) {
        return Err(unsupported(format!("{channels} channels at {hz} Hz")));
    }
    Ok(Format {
        rate: SampleRate::new(hz).map_err(|error| unsupported(error.to_string()))?,
        channels: ChannelCount::new(usize::from(channels)).map_err(|error| unsupported(error.to_string()))?,
    })
}

/// The most exact format of samples that the device takes.
fn sample_format(
    device: &cpal::Device,
    offered: &cpal::SupportedStreamConfig,
    format: Format,
) -> SampleFormat {
    const BEST_FIRST: [SampleFormat; 5] =
        [SampleFormat::F32, SampleFormat::F64, SampleFormat::I32, SampleFormat::I24, SampleFormat::I16];
    let ranges: Vec<_> = device.supported_output_configs().map(Iterator::collect).unwrap_or_default();
    let fits = |range: &cpal::SupportedStreamConfigRange, wanted: SampleFormat| {
        range.sample_format() == wanted && usize::from(range.channels()) == format.channels.get()
    };
    BEST_FIRST
        .into_iter()
        .find(|wanted| ranges.iter().any(|range| fits(range, *wanted)))
        .unwrap_or(offered.sample_format())
}

fn failed(error: &cpal::Error) -> OpenError {
    OpenError::Failed { backend: NAME, detail: error.to_string() }
}

fn open_error(error: &cpal::Error, name: &str, what: &str) -> OpenError {
    match error.kind() {
        ErrorKind::DeviceBusy => OpenError::Busy { backend: NAME, device: name.into() },
        ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput => {
            OpenError::Unsupported { backend: NAME, device: name.into(), what: what.into() }
        }
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => OpenError::NoServer {
            backend: NAME,
            detail: format!("device `{name}` can't be opened ({error})"),
            remedy: "plug it in, or choose another with --device (see: forebay devices)".into(),
        },
        _ => failed(error),
    }
}

fn on_error(
    counters: Arc<Counters>,
    gone: Arc<Mutex<Option<String>>>,
    poke: Poke,
) -> impl FnMut(cpal::Error) + Send + 'static {
    move |error| match error.kind() {
        ErrorKind::Xrun => {
            counters.xruns.fetch_add(1, Relaxed);
        }
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated => {
            gone.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.to_string());
            poke.poke();
        }
        // Others pass: a device that does not recover stands still, and that is noticed.
        _ => {}
    }
}

/// What cpal's thread owns.
struct Callback {
    pump: Pump,
    channels: usize,
    /// Interleaved frames, where the device takes no f32.
    frames: Vec<f32>,
    governor: Governor,
}

impl Callback {
    /// One callback. `[rt]`
    fn cycle(&mut self, out: &mut Data) {
        self.governor.hold_back(out.len() / self.channels);
        match out.sample_format() {
            SampleFormat::F32 => {
                if let Some(out) = out.as_slice_mut::<f32>() {
                    self.pump.cycle(out, Timing::Interval);
                }
            }
            SampleFormat::F64 => self.convert::<f64>(out),
            SampleFormat::I32 => self.convert::<i32>(out),
            SampleFormat::I24 => self.convert::<cpal::I24>(out),
            SampleFormat::I16 => self.convert::<i16>(out),
            SampleFormat::U8 => self.convert::<u8>(out),
            SampleFormat::U16 => self.convert::<u16>(out),
            // Formats that no device of today has as its only one stay as cpal prepared them: silent.
            _ => {}
        }
    }

    fn convert<T: SizedSample + FromSample<f32>>(&mut self, out: &mut Data) {
        let Some(out) = out.as_slice_mut::<T>() else { return };
        for part in out.chunks_mut(self.frames.len()) {
            let frames = &mut self.frames[..part.len()];
            self.pump.cycle(frames, Timing::Interval);
            for (sample, frame) in part.iter_mut().zip(frames) {
                *sample = T::from_sample_(*frame);
            }
        }
    }
}

/// Keeps devices at real time that have no clock of their own (ALSA's `null` and `file` plugins would take 68,000 periods a
/// second). Hardware is never ahead by more than it holds, and so is never held.
struct Governor {
    rate: SampleRate,
    start_ns: u64,
    frames: u64,
    most_ahead_ns: u64,
}

impl Governor {
    fn new(rate: SampleRate, period: usize) -> Self {
        let four = rate.duration(Frames(4 * period as u64));
        Self { rate, start_ns: 0, frames: 0, most_ahead_ns: four.max(MOST_AHEAD).as_nanos() as u64 }
    }

    fn hold_back(&mut self, frames: usize) {
        let now_ns = rt::monotonic_ns();
        if self.start_ns == 0 {
            self.start_ns = now_ns;
        }
        let due_ns = self.start_ns + self.rate.duration(Frames(self.frames)).as_nanos() as u64;
        self.frames += frames as u64;
        if due_ns > now_ns + self.most_ahead_ns {
            rt::sleep_until_ns(due_ns - self.most_ahead_ns);
        } else if now_ns > due_ns + self.most_ahead_ns {
            // It stood still for a while: the account starts anew.
            self.start_ns += now_ns - due_ns;
        }
    }
}

impl Running for RunningAlsa {
    fn info(&self) -> RunInfo {
        let period = self.counters.period_frames.load(Relaxed).max(1);
        let mut info = self.info.clone();
        if self.counters.cycles.load(Relaxed) > 0 {
            info.period_frames = period;
            info.latency.period_frames = period;
        }
        info
    }

    fn health(&mut self) -> Health {
        match self.gone.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(reason) => Health::Gone(reason),
            None => Health::Well,
        }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn promotion(&self) -> Option<Result<rt::Promotion, rt::Refused>> {
        let thread = self.counters.thread.load(Relaxed);
        if thread == 0 || !self.realtime {
            return None;
        }
        let thread = rt::ThreadId::from_raw(thread as i32);
        Some(self.asked.get_or_init(|| rt::promote_thread(thread, rt::Want::AUDIO)).clone())
    }

    fn close(self: Box<Self>) -> Result<(), CloseError> {
        // A pause drops what is buffered at once; refused, the drop does the same a little later.
        let _ = self.stream.pause();
        Ok(())
    }
}
