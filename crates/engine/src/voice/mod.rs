//! The real-time half of a voice: its ring, its strip, its guard and its figures, in one allocation.

mod meter;
mod strip;

pub(crate) use meter::{Meter, Window};
pub(crate) use strip::{Silence, Strip};

use crate::config::EngineConfig;
use crate::ledger::{LossBook, LossCause};
use crate::notice::VoiceId;
use crate::shed::ShedRank;
use crate::stats::{VoicePage, VoiceStats};
use dsp::guard::Watch;
use ring::State;
use std::sync::Arc;
use units::FramePos;

/// No entry in the list of due events.
pub(crate) const NO_EVENT: u16 = u16::MAX;

/// One voice. Made and freed on the control side; lives in a slot of the Renderer.
pub(crate) struct Voice {
    pub(crate) reader: ring::Reader,
    pub(crate) strip: Strip,
    pub(crate) watch: Watch,
    pub(crate) meter: Meter,
    /// First and last of this block's due events, as indices into the Renderer's list.
    pub(crate) due: (u16, u16),
    pub(crate) channels: u8,
    pub(crate) priority: u8,
    pub(crate) group: u32,
    pub(crate) id: VoiceId,
    /// Cells left of the guard's DC window.
    pub(crate) dc_cells_left: u32,
    /// Frames of the first sound's fade-in; taken at the start.
    pub(crate) fade_in_frames: u32,
    /// Set once the voice is to leave: the frame from which it is silent.
    pub(crate) leaves_at: Option<u64>,
    pub(crate) producer_gone: bool,
    pub(crate) corrupt_told: bool,
    pub(crate) tap: Option<Box<ring::BroadcastWriter>>,
    pub(crate) page: Arc<VoicePage>,
    pub(crate) figures: Figures,
}

/// Sums that only a statistics window or a rare event touches.
#[derive(Default)]
pub(crate) struct Figures {
    losses: LossBook,
    /// What of the ring's concealed and shed frames is already in `losses`.
    booked_concealed: u64,
    booked_shed: u64,
    pub(crate) bad_samples: u64,
    pub(crate) denormals: u64,
    pub(crate) page_faults: u64,
    /// Frame from which the guard has muted it, the last time.
    pub(crate) guarded_at: u64,
}

impl Voice {
    /// `[control]`
    pub(crate) fn new(
        id: VoiceId,
        spec: crate::VoiceSpec,
        page: Arc<VoicePage>,
        config: &EngineConfig,
        route: &dsp::route::Route,
    ) -> Self {
        let shape = spec.reader.shape();
        let strip = Strip::new(&spec, route, config.crossfade_frames);
        Self {
            strip,
            watch: Watch::default(),
            meter: Meter::new(config.rate, id.slot),
            due: (NO_EVENT, NO_EVENT),
            channels: shape.channels.get() as u8,
            priority: spec.priority,
            group: spec.group.0,
            id,
            dc_cells_left: config.guard.dc_window_cells.max(1),
            fade_in_frames: spec.fade_in_frames,
            leaves_at: None,
            producer_gone: false,
            corrupt_told: false,
            tap: None,
            page,
            figures: Figures::default(),
            reader: spec.reader,
        }
    }

    /// Whether it may be heard: nothing silences it but an overload.
    pub(crate) fn is_audible(&self) -> bool {
        self.strip.silence().is_none_but(Silence::SHED) && self.plays()
    }

    fn plays(&self) -> bool {
        matches!(self.reader.state(), State::Playing | State::Starved)
    }

    /// When it is dropped under overload; `None`: never.
    pub(crate) fn shed_rank(&self) -> Option<ShedRank> {
        ShedRank::new(self.priority, self.plays(), self.is_audible())
    }

    /// Its producer is gone: what its ring lacks from `frame` on is no lateness.
    pub(crate) fn lose_producer(&mut self, frame: u64) {
        self.book_ring(frame);
        self.producer_gone = true;
    }

    /// Whether the voice may be dropped for the whole of a block that begins at `frame`.
    pub(crate) fn is_dropped(&self, frame: u64) -> bool {
        self.strip.silence().has(Silence::SHED) && self.strip.is_silent_from(frame)
    }

    /// Lets `frames` frames pass unheard under overload, up to engine frame `end`.
    pub(crate) fn drop_frames(&mut self, frames: usize, end: u64) {
        let before = self.reader.ledger().shed;
        self.reader.skip(frames);
        let shed = self.reader.ledger().shed - before;
        self.figures.booked_shed += shed;
        self.figures.losses.add(LossCause::Overload, shed, end);
    }

    /// Books frames that the ring delivered and nobody heard.
    pub(crate) fn book_loss(&mut self, cause: LossCause, frames: u64, end: u64) {
        self.figures.losses.add(cause, frames, end);
    }

    /// Books what the ring has concealed and shed since the last time.
    fn book_ring(&mut self, frame: u64) {
        let ledger = self.reader.ledger();
        let figures = &mut self.figures;
        let cause = if self.producer_gone { LossCause::ProducerGone } else { LossCause::ProducerLate };
        let lost = ledger.concealed - figures.booked_concealed + (ledger.shed - figures.booked_shed);
        figures.losses.add(cause, lost, frame);
        figures.booked_concealed = ledger.concealed;
        figures.booked_shed = ledger.shed;
    }

    /// The figures as of `frame`.
    pub(crate) fn stats(&mut self, frame: u64, window: Window) -> VoiceStats {
        self.book_ring(frame);
        let figures = &self.figures;
        VoiceStats {
            frame: FramePos(frame),
            meter: window.shown,
            state: self.reader.state(),
            lead_frames: self.reader.lead_frames(),
            ledger: self.reader.ledger(),
            losses: figures.losses,
            muted_by_guard: self.strip.silence().has(Silence::GUARD),
            shed: self.strip.silence().has(Silence::SHED),
            bad_samples: figures.bad_samples,
            denormals: figures.denormals,
            page_faults: figures.page_faults,
        }
    }
}
