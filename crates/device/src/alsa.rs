//! The system's own sound layer through cpal: ALSA on Linux, CoreAudio and WASAPI elsewhere.

mod callback;
mod format;

use crate::backend::{
    Backend, CloseError, DeviceInfo, Health, LatencyParts, OpenError, Poke, RunInfo, Running, Want,
    period_frames,
};
use crate::priority::Priority;
use crate::pump::Pump;
use crate::render::{Claim, Format};
use crate::stats::Counters;
use crate::sync::Ordering::Relaxed;
use callback::Callback;
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, ErrorKind, SampleFormat, StreamConfig};
use format::Offer;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Its name as a backend.
const NAME: &str = if cfg!(target_os = "linux") { "alsa" } else { "system" };
/// How long cpal waits for the device: on ALSA to want frames, before it looks whether it is still there; elsewhere to be
/// built.
const DEVICE_PATIENCE: Duration = Duration::from_secs(3);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alsa;

struct RunningAlsa {
    /// Dropped on close: cpal joins its thread then.
    stream: cpal::Stream,
    info: RunInfo,
    counters: Arc<Counters>,
    gone: Arc<Mutex<Option<String>>>,
    priority: Priority,
}

impl Backend for Alsa {
    fn name(&self) -> &'static str {
        NAME
    }

    fn devices(&self) -> Result<Vec<DeviceInfo>, OpenError> {
        keep_quiet();
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
        keep_quiet();
        period_frames(want, format::PERIOD_FRAMES)?;
        let device = find(want.device.as_deref())?;
        let name = device.id().map(|id| id.id().to_string()).unwrap_or_default();
        let offer = Offer::of(&device).map_err(|error| open_error(&error, &name, "any format"))?;
        let format = offer.format(want, claim.format()).map_err(|what| OpenError::Unsupported {
            backend: NAME,
            device: name.clone(),
            what,
        })?;
        let gone = Arc::new(Mutex::new(None));
        let plan = Plan { device, format, sample_format: offer.sample_format(format), gone, poke };
        let (stream, counters, resampler_frames) =
            first_supported(offer.periods(want.period_frames, format), |size| plan.stream(size, &claim))
                .map_err(|error| open_error(&error, &name, &offer.asked(want, format)))?;
        stream.play().map_err(|error| open_error(&error, &name, "to play"))?;
        let period = stream.buffer_size().unwrap_or(format::PERIOD_FRAMES as u32);
        let info = RunInfo {
            backend: NAME,
            device: name,
            format,
            period_frames: period,
            latency: LatencyParts {
                period_frames: period,
                // Double buffering: one period is played while the next is asked for.
                device_frames: period,
                resampler_frames,
            },
            remark: format::remark(want, format),
        };
        Ok(Box::new(RunningAlsa { stream, info, counters, gone: plan.gone, priority: Priority::new(want) }))
    }
}

/// Keeps ALSA's library from writing to stderr on this thread: it does so at length each time that a card is not there, and
/// what matters comes back as an error.
fn keep_quiet() {
    #[cfg(target_os = "linux")]
    // Without memory for it the library is as loud as ever.
    drop(::alsa::Output::local_error_handler());
}

/// What is to be opened, but for the period.
struct Plan {
    device: cpal::Device,
    format: Format,
    sample_format: SampleFormat,
    gone: Arc<Mutex<Option<String>>>,
    poke: Poke,
}

impl Plan {
    /// A stream with this period, its counters, and the frames that its resampler delays.
    fn stream(
        &self,
        buffer_size: BufferSize,
        claim: &Claim,
    ) -> Result<(cpal::Stream, Arc<Counters>, u32), cpal::Error> {
        let channels = self.format.channels.get();
        let config =
            StreamConfig { channels: channels as u16, sample_rate: self.format.rate.hz(), buffer_size };
        let counters = Arc::new(Counters::default());
        let mut pump = Pump::new(claim.clone(), self.format, Arc::clone(&counters));
        pump.settle();
        let resampler_frames = pump.resampler_frames();
        let mut callback = Callback::new(pump, self.format);
        let stream = self.device.build_output_stream_raw(
            config,
            self.sample_format,
            move |out, _| callback.cycle(out),
            on_error(Arc::clone(&counters), Arc::clone(&self.gone), self.poke.clone()),
            Some(DEVICE_PATIENCE),
        )?;
        Ok((stream, counters, resampler_frames))
    }
}

/// The first period that the device takes.
fn first_supported<T>(
    sizes: Vec<BufferSize>,
    open: impl Fn(BufferSize) -> Result<T, cpal::Error>,
) -> Result<T, cpal::Error> {
    let mut refusal = None;
    for size in sizes {
        match open(size) {
            Err(error) if error.kind() == ErrorKind::UnsupportedConfig => {
                refusal.get_or_insert(error);
            }
            opened => return opened,
        }
    }
    Err(refusal.unwrap_or_else(|| ErrorKind::UnsupportedConfig.into()))
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
        self.priority.ask_when_known(&self.counters)
    }

    fn close(self: Box<Self>) -> Result<(), CloseError> {
        // A pause drops what is buffered at once; refused, the drop does the same a little later.
        let _ = self.stream.pause();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// A period that the device can't do is no refusal while another may serve; any other refusal is.
    #[test]
    fn periods_are_tried() {
        let sizes = vec![BufferSize::Fixed(512), BufferSize::Fixed(1024), BufferSize::Default];
        let tried = RefCell::new(Vec::new());
        let open = |answers: &'static [ErrorKind]| {
            tried.borrow_mut().clear();
            first_supported(sizes.clone(), |size| {
                tried.borrow_mut().push(size);
                answers.get(tried.borrow().len() - 1).map_or(Ok(()), |kind| Err((*kind).into()))
            })
        };
        assert!(open(&[]).is_ok() && tried.borrow().len() == 1);
        assert!(open(&[ErrorKind::UnsupportedConfig; 2]).is_ok());
        assert_eq!(tried.borrow()[2], BufferSize::Default);
        assert_eq!(
            open(&[ErrorKind::UnsupportedConfig; 3]).unwrap_err().kind(),
            ErrorKind::UnsupportedConfig
        );
        assert_eq!(open(&[ErrorKind::DeviceBusy]).unwrap_err().kind(), ErrorKind::DeviceBusy);
        assert_eq!(tried.borrow().len(), 1);
    }
}
