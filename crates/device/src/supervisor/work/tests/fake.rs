//! A device that does what a test says.

use crate::backend::{
    Backend, CloseError, DeviceInfo, Health, LatencyParts, OpenError, Poke, RunInfo, Running, Want,
};
use crate::render::{Claim, Format};
use crate::stats::Counters;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use units::{ChannelCount, SampleRate};

#[derive(Clone)]
pub(super) struct Fake {
    name: &'static str,
    way: &'static str,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    is_present: AtomicBool,
    stands_still: AtomicBool,
    is_sounding: AtomicBool,
    is_finished: AtomicBool,
    ends_badly: AtomicBool,
    openings: AtomicU32,
    opening: Mutex<()>,
    closing: Mutex<()>,
}

struct RunningFake {
    name: &'static str,
    told: Arc<Told>,
    counters: Arc<Counters>,
}

impl Fake {
    pub(super) fn present(name: &'static str) -> Self {
        let this = Self::absent(name);
        this.set_present(true);
        this
    }

    pub(super) fn absent(name: &'static str) -> Self {
        Self { name, way: name, told: Arc::default() }
    }

    pub(super) fn by(self, way: &'static str) -> Self {
        Self { way, ..self }
    }

    pub(super) fn set_present(&self, is_present: bool) {
        self.told.is_present.store(is_present, SeqCst);
    }

    pub(super) fn set_moving(&self, moves: bool) {
        self.told.stands_still.store(!moves, SeqCst);
    }

    /// It holds sound of the Renderer from now on.
    pub(super) fn set_sounding(&self) {
        self.told.is_sounding.store(true, SeqCst);
    }

    pub(super) fn set_finished(&self) {
        self.told.is_finished.store(true, SeqCst);
    }

    pub(super) fn set_bad_end(&self) {
        self.told.ends_badly.store(true, SeqCst);
    }

    /// How often it was opened, or tried to.
    pub(super) fn openings(&self) -> u32 {
        self.told.openings.load(SeqCst)
    }

    /// Its opening hangs until this is dropped.
    pub(super) fn hang_opening(&self) -> MutexGuard<'_, ()> {
        self.told.opening.lock().unwrap()
    }

    /// Its closing hangs until this is dropped.
    pub(super) fn hang_closing(&self) -> MutexGuard<'_, ()> {
        self.told.closing.lock().unwrap()
    }
}

impl Backend for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn way(&self) -> &'static str {
        self.way
    }

    fn devices(&self) -> Result<Vec<DeviceInfo>, OpenError> {
        Ok(Vec::new())
    }

    fn open(&self, _: &Want, _: Claim, _: Poke) -> Result<Box<dyn Running>, OpenError> {
        self.told.openings.fetch_add(1, SeqCst);
        drop(self.told.opening.lock().unwrap());
        if !self.told.is_present.load(SeqCst) {
            return Err(OpenError::Failed { backend: self.name, detail: "it is not there".into() });
        }
        Ok(Box::new(RunningFake { name: self.name, told: Arc::clone(&self.told), counters: Arc::default() }))
    }
}

impl Running for RunningFake {
    fn info(&self) -> RunInfo {
        RunInfo {
            backend: self.name,
            device: "fake".into(),
            format: Format { rate: SampleRate::DEFAULT, channels: ChannelCount::STEREO },
            period_frames: 256,
            latency: LatencyParts::default(),
            remark: None,
        }
    }

    /// Each look finds it a cycle further.
    fn health(&mut self) -> Health {
        if !self.told.stands_still.load(SeqCst) {
            self.counters.cycles.fetch_add(1, SeqCst);
        }
        if self.told.is_sounding.load(SeqCst) {
            self.counters.rendered_frames.fetch_add(256, SeqCst);
        }
        match (self.told.is_present.load(SeqCst), self.told.is_finished.load(SeqCst)) {
            (false, _) => Health::Gone("unplugged".into()),
            (true, true) => Health::Finished,
            (true, false) => Health::Well,
        }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn close(self: Box<Self>) -> Result<(), CloseError> {
        drop(self.told.closing.lock().unwrap());
        if self.told.ends_badly.load(SeqCst) { Err(CloseError::Panicked(self.name)) } else { Ok(()) }
    }
}
