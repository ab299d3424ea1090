//! The file backend: a sound file as the device, paced like a card or as fast as producers deliver.

use crate::backend::{
    Backend, CloseError, DeviceInfo, FileWant, Gate, Health, LatencyParts, OpenError, Poke, RunInfo, Running,
    Want, period_frames,
};
use crate::null::wanted_format;
use crate::paced::{Pace, Stop, settle};
use crate::priority::Priority;
use crate::pump::{Pump, Timing};
use crate::render::{Claim, Format};
use crate::stats::Counters;
use dsp::room::touched;
use media::{SoundWriter, WriteError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Frames per block where none are wanted.
const PERIOD_FRAMES: usize = 512;
/// How long a shut gate is left before it is asked again.
const GATE_PAUSE: Duration = Duration::from_micros(200);

/// See the module. What it writes to is `Want::file`.
#[derive(Clone, Copy, Debug, Default)]
pub struct File;

struct RunningFile {
    info: RunInfo,
    counters: Arc<Counters>,
    priority: Priority,
    stop: Stop,
    thread: Option<JoinHandle<Result<(), WriteError>>>,
    real_time: bool,
    /// What ended the thread, if it was not told to.
    failure: Arc<OnceLock<String>>,
}

impl Backend for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn devices(&self) -> Result<Vec<DeviceInfo>, OpenError> {
        Ok(Vec::new())
    }

    fn open(&self, want: &Want, claim: Claim, poke: Poke) -> Result<Box<dyn Running>, OpenError> {
        let Some(file) = want.file.clone() else {
            let detail = "which file? give its path as the device, for example --device out.wav";
            return Err(OpenError::Failed { backend: "file", detail: detail.into() });
        };
        let period = period_frames(want, PERIOD_FRAMES)?;
        let format = wanted_format(want, &claim);
        let writer = SoundWriter::create(&file.path, format.rate, format.channels, file.format)
            .map_err(|error| OpenError::Failed { backend: "file", detail: error.to_string() })?;
        let counters = Arc::new(Counters::default());
        let pump = Pump::new(claim, format, Arc::clone(&counters));
        let info = RunInfo {
            backend: "file",
            device: file.path.display().to_string(),
            format,
            period_frames: period as u32,
            latency: LatencyParts {
                period_frames: period as u32,
                device_frames: 0,
                resampler_frames: pump.resampler_frames(),
            },
            remark: None,
        };
        // A free-running render is never real-time: it would stop the machine.
        let no_realtime = want.no_realtime || !file.real_time;
        let priority = Priority::new(&Want { no_realtime, ..want.clone() });
        let stop = Stop::new(AtomicBool::new(false));
        let failure = Arc::new(OnceLock::new());
        let real_time = file.real_time;
        let work = Work {
            pump,
            writer,
            file,
            format,
            period,
            gate: want.gate.clone(),
            counters: Arc::clone(&counters),
            priority: priority.clone(),
            stop: Arc::clone(&stop),
        };
        let failed = Arc::clone(&failure);
        let thread = std::thread::Builder::new().name("forebay-file".into()).spawn(move || {
            let done = work.run();
            if let Err(error) = &done {
                // Set once: the thread ends once.
                let _ = failed.set(error.to_string());
            }
            poke.poke();
            done
        });
        let thread =
            thread.map_err(|error| OpenError::Failed { backend: "file", detail: error.to_string() })?;
        Ok(Box::new(RunningFile { info, counters, priority, stop, thread: Some(thread), real_time, failure }))
    }
}

/// What the thread owns.
struct Work {
    pump: Pump,
    writer: SoundWriter,
    file: FileWant,
    format: Format,
    period: usize,
    gate: Option<Gate>,
    counters: Arc<Counters>,
    priority: Priority,
    stop: Stop,
}

impl Work {
    fn run(mut self) -> Result<(), WriteError> {
        settle(&mut self.pump, &self.priority);
        let channels = self.format.channels.get();
        let mut out = touched(self.period * channels);
        let mut pace = self.file.real_time.then(|| Pace::new(self.format.rate));
        let mut left = self.file.frames.unwrap_or(u64::MAX);
        let mut skip = self.file.skip_frames;
        while left > 0 && !self.stop.load(Ordering::Relaxed) {
            let frames = self.period.min(usize::try_from(left.saturating_add(skip)).unwrap_or(usize::MAX));
            let timing = match &mut pace {
                Some(pace) => pace.wait(frames, &self.counters),
                None if !self.wait_for(self.engine_frames(frames)) => break,
                None => Timing::Free,
            };
            let out = &mut out[..frames * channels];
            self.pump.cycle(out, timing);
            let skipped = skip.min(frames as u64);
            self.writer.write(&out[skipped as usize * channels..])?;
            skip -= skipped;
            left -= frames as u64 - skipped;
        }
        self.writer.finish().map(drop)
    }

    /// Waits until someone is seated, the gate is open and no voice awaits frames; false where the device is closed meanwhile.
    fn wait_for(&self, frames: usize) -> bool {
        let shut = || self.gate.as_ref().is_some_and(|gate| !gate(frames));
        while self.pump.is_seat_empty() || shut() || self.pump.awaits(frames) {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            std::thread::sleep(GATE_PAUSE);
        }
        true
    }

    /// Frames that the Renderer has to give for `frames` of the file, at most.
    fn engine_frames(&self, frames: usize) -> usize {
        let (engine, file) = (u64::from(self.pump.engine().rate.hz()), u64::from(self.format.rate.hz()));
        if engine == file { frames } else { (frames as u64 * engine).div_ceil(file) as usize + 1 }
    }
}

impl Running for RunningFile {
    fn info(&self) -> RunInfo {
        self.info.clone()
    }

    fn health(&mut self) -> Health {
        match (self.failure.get(), &self.thread) {
            (Some(failure), _) => Health::Gone(failure.clone()),
            (None, Some(thread)) if thread.is_finished() => Health::Finished,
            _ => Health::Well,
        }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn is_paced(&self) -> bool {
        self.real_time
    }

    fn promotion(&self) -> Option<Result<rt::Promotion, rt::Refused>> {
        self.priority.answer()
    }

    fn close(mut self: Box<Self>) -> Result<(), CloseError> {
        self.end()
    }
}

impl RunningFile {
    fn end(&mut self) -> Result<(), CloseError> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(done)) => Ok(done?),
            Some(Err(_)) => Err(CloseError::Panicked("file")),
            None => Ok(()),
        }
    }
}

impl Drop for RunningFile {
    fn drop(&mut self) {
        // Nobody asked how it went; the header of the last patch holds.
        let _ = self.end();
    }
}
