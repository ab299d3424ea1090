//! The null backend: no sound, exact time. It is the clock where there is no device, and while one is away.

use crate::backend::{
    Backend, CloseError, DeviceInfo, Health, LatencyParts, OpenError, Poke, RunInfo, Running, Want,
    period_frames,
};
use crate::paced::{Pace, Stop, settle};
use crate::priority::Priority;
use crate::pump::Pump;
use crate::render::{Claim, Format};
use crate::stats::Counters;
use dsp::room::touched;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use units::{ChannelCount, SampleRate};

/// Frames per block where none are wanted.
const PERIOD_FRAMES: usize = 256;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

struct RunningNull {
    info: RunInfo,
    counters: Arc<Counters>,
    priority: Priority,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Backend for Null {
    fn name(&self) -> &'static str {
        "null"
    }

    fn devices(&self) -> Result<Vec<DeviceInfo>, OpenError> {
        Ok(vec![DeviceInfo {
            backend: "null",
            name: "null".into(),
            description: "no sound, paced like a sound card".into(),
            is_default: true,
        }])
    }

    fn open(&self, want: &Want, claim: Claim, _: Poke) -> Result<Box<dyn Running>, OpenError> {
        if let Some(device) = want.device.as_deref().filter(|name| *name != "null") {
            return Err(OpenError::NoSuchDevice {
                backend: "null",
                wanted: device.into(),
                found: vec!["null".into()],
            });
        }
        let period = period_frames(want, PERIOD_FRAMES)?;
        let format = wanted_format(want, &claim);
        let counters = Arc::new(Counters::default());
        let priority = Priority::new(want);
        let stop = Stop::new(AtomicBool::new(false));
        let mut pump = Pump::new(claim, format, Arc::clone(&counters));
        let resampler_frames = pump.resampler_frames();
        let thread = {
            let (counters, priority, stop) = (Arc::clone(&counters), priority.clone(), Arc::clone(&stop));
            std::thread::Builder::new().name("forebay-null".into()).spawn(move || {
                settle(&mut pump, &priority);
                let mut out = touched(period * format.channels.get());
                let mut pace = Pace::new(format.rate);
                while !stop.load(Ordering::Relaxed) {
                    let timing = pace.wait(period, &counters);
                    pump.cycle(&mut out, timing);
                }
            })
        }
        .map_err(|error| OpenError::Failed { backend: "null", detail: error.to_string() })?;
        let info = RunInfo {
            backend: "null",
            device: "null".into(),
            format,
            period_frames: period as u32,
            latency: LatencyParts { period_frames: period as u32, device_frames: 0, resampler_frames },
            remark: None,
        };
        Ok(Box::new(RunningNull { info, counters, priority, stop, thread: Some(thread) }))
    }
}

/// Rate and channels for a device that can do anything: as wanted, else as the Renderer, else 48 kHz stereo.
pub(crate) fn wanted_format(want: &Want, claim: &Claim) -> Format {
    let engine = claim.format();
    Format {
        rate: want.rate.or(engine.map(|it| it.rate)).unwrap_or(SampleRate::DEFAULT),
        channels: want.channels.or(engine.map(|it| it.channels)).unwrap_or(ChannelCount::STEREO),
    }
}

impl Running for RunningNull {
    fn info(&self) -> RunInfo {
        self.info.clone()
    }

    fn health(&mut self) -> Health {
        match &self.thread {
            Some(thread) if thread.is_finished() => Health::Gone("its thread ended".into()),
            _ => Health::Well,
        }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn promotion(&self) -> Option<Result<rt::Promotion, rt::Refused>> {
        self.priority.answer()
    }

    fn close(mut self: Box<Self>) -> Result<(), CloseError> {
        self.end()
    }
}

impl RunningNull {
    fn end(&mut self) -> Result<(), CloseError> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(CloseError::Panicked("null")),
            _ => Ok(()),
        }
    }
}

impl Drop for RunningNull {
    fn drop(&mut self) {
        // Nobody asked how it went.
        let _ = self.end();
    }
}
