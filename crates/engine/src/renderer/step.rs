//! One voice in one piece of a block: read, guard, strip, sum, tap.

use super::events::Events;
use super::{Notices, Scratch};
use crate::ledger::LossCause;
use crate::voice::{NO_EVENT, Silence, Voice};
use crate::wire::{RawKind, RawNotice};
use dsp::guard::{Blame, CELL_FRAMES, GuardLimits};
use dsp::mix::{self, Gains};
use dsp::route::Route;
use dsp::simd::Cpu;
use ring::{EventKind, Params};
use units::Pan;

/// What all voices of a piece have in common.
pub(super) struct Step<'a> {
    pub(super) frame: u64,
    pub(super) frames: usize,
    pub(super) cpu: Cpu,
    pub(super) main_channels: usize,
    pub(super) heard: bool,
    pub(super) guard: &'a GuardLimits,
    pub(super) routes: &'a [Route],
    pub(super) committed: &'a [u32],
    pub(super) events: &'a Events,
    pub(super) scratch: &'a mut Scratch,
    pub(super) notices: &'a mut Notices,
}

impl Step<'_> {
    /// Lets the piece's frames of `voice` pass, onto `out`.
    #[inline]
    pub(super) fn run(&mut self, voice: &mut Voice, out: &mut [f32]) {
        let end = self.frame + self.frames as u64;
        let committed = self.committed.get(voice.group as usize).copied().unwrap_or_default();
        let begun = voice.reader.begin(committed, self.frame);
        let routes = self.routes;
        let route = &routes[usize::from(voice.channels) - 1];
        voice.strip.heed(&voice.reader, route, self.frame);
        if voice.is_dropped(self.frame) {
            self.drop_voice(voice, end);
            return;
        }
        let unheard = !self.heard || voice.strip.silence().has(Silence::GUARD);
        let calm = begun.calm_frames as usize >= self.frames;
        let before = if calm { 0 } else { voice.reader.ledger().delivered };
        voice.reader.read(&mut self.scratch.voice, self.frames);
        voice.reader.finish();
        if !calm {
            self.tell_changes(voice);
        }
        if !self.mix_plain(voice, route, out) {
            self.mix(voice, out);
        }
        if unheard || voice.strip.silence().has(Silence::GUARD) {
            let there = if calm { self.frames as u64 } else { voice.reader.ledger().delivered - before };
            self.book_unheard(voice, there, unheard);
        }
    }

    /// Books the frames of this piece that were `there` and that nobody heard: all, or those since the guard has acted.
    #[cold]
    fn book_unheard(&self, voice: &mut Voice, there: u64, all: bool) {
        let end = self.frame + self.frames as u64;
        let cause = if self.heard { LossCause::Guard } else { LossCause::Device };
        let frames = if all { there } else { there.min(end - voice.figures.guarded_at) };
        voice.book_loss(cause, frames, end);
    }

    /// The usual case of [`Step::mix`]: a piece within one cell, without event, ramp or tap. False where it is not that.
    #[inline]
    fn mix_plain(&mut self, voice: &mut Voice, route: &Route, out: &mut [f32]) -> bool {
        let first = self.frame as usize % CELL_FRAMES;
        let is_plain = voice.due.0 == NO_EVENT && voice.tap.is_none() && first + self.frames <= CELL_FRAMES;
        let Some((sides, loudest)) = voice.strip.steady(self.frame).filter(|_| is_plain) else {
            return false;
        };
        let samples = &mut self.scratch.voice[..self.frames * route.from_channels()];
        voice.watch.admit(self.cpu, samples, route.from_channels(), self.guard.blast);
        mix::add(self.cpu, route, &Gains::Steady(sides), samples, out);
        voice.meter.weigh(loudest, samples.len());
        if first + self.frames == CELL_FRAMES {
            self.close_cell(voice, self.frame + self.frames as u64);
        }
        true
    }

    /// The strip: from scratch onto `out`, in stretches in which no event falls, no ramp begins or ends, and no cell of
    /// the guard is crossed.
    #[inline(never)]
    fn mix(&mut self, voice: &mut Voice, out: &mut [f32]) {
        let route = &self.routes[usize::from(voice.channels) - 1];
        let channels = usize::from(voice.channels);
        let end = self.frame + self.frames as u64;
        if voice.tap.is_some() {
            self.scratch.tapped[..self.frames * self.main_channels].fill(0.0);
        }
        let mut at = self.frame;
        while at < end {
            if voice.due.0 != NO_EVENT {
                self.apply_due(voice, at, at);
            }
            let cell_end = (at / CELL_FRAMES as u64 + 1) * CELL_FRAMES as u64;
            let stretch_end = voice.strip.boundary(at, self.next_event(voice, end.min(cell_end)));
            let (first, frames) = ((at - self.frame) as usize, (stretch_end - at) as usize);
            let samples = &mut self.scratch.voice[first * channels..][..frames * channels];
            let bus = first * self.main_channels..(first + frames) * self.main_channels;
            let gains = voice.strip.gains(at);
            voice.watch.admit(self.cpu, samples, channels, self.guard.blast);
            mix::add(self.cpu, route, &gains, samples, &mut out[bus.clone()]);
            if voice.tap.is_some() {
                mix::add(self.cpu, route, &gains, samples, &mut self.scratch.tapped[bus]);
            }
            voice.meter.weigh(voice.strip.loudest(route, at, stretch_end), samples.len());
            at = stretch_end;
            if at == cell_end {
                self.close_cell(voice, at);
            }
        }
        if let Some(tap) = &mut voice.tap {
            tap.write(&self.scratch.tapped[..self.frames * self.main_channels]);
        }
    }

    /// The guard and the meter look at a cell that ends at `at`.
    #[inline]
    fn close_cell(&mut self, voice: &mut Voice, at: u64) {
        let cell = voice.watch.close_cell();
        let mut blame = None;
        if cell.bad | cell.denormal != 0 {
            voice.figures.bad_samples += u64::from(cell.bad);
            voice.figures.denormals += u64::from(cell.denormal);
            blame = (cell.bad > 0).then_some(Blame::NotSound);
        }
        if cell.peak >= self.guard.blast {
            blame = blame.or(Some(Blame::Blast));
        }
        voice.dc_cells_left -= 1;
        if voice.dc_cells_left == 0 {
            let stuck = voice.watch.close_window(usize::from(voice.channels), self.guard);
            voice.dc_cells_left = self.guard.dc_window_cells.max(1);
            blame = blame.or(stuck.then_some(Blame::Dc));
        }
        if let Some(blame) = blame.filter(|_| self.guard.mutes) {
            self.mute(voice, at, blame);
        }
        if voice.meter.close_cell(cell.peak, cell.energy) {
            publish(voice, at);
        }
    }

    /// Fades a faulty voice out, and says who it was.
    #[cold]
    fn mute(&mut self, voice: &mut Voice, at: u64, blame: Blame) {
        if voice.strip.silence().has(Silence::GUARD) {
            return;
        }
        let route = &self.routes[usize::from(voice.channels) - 1];
        voice.strip.set_silence(Silence::GUARD, true, route, at, voice.strip.ramp_frames());
        voice.figures.guarded_at = at;
        self.notices.tell(RawNotice { voice: voice.id, frame: at, kind: RawKind::Muted(blame) });
    }

    /// Where the voice's next due event cuts the stretch that would go on to `end`.
    #[inline]
    fn next_event(&self, voice: &Voice, end: u64) -> u64 {
        self.events.get(voice.due.0).map_or(end, |event| event.frame.min(end))
    }

    /// Applies the voice's events that are due up to `until`, none before `at`.
    #[cold]
    fn apply_due(&mut self, voice: &mut Voice, at: u64, until: u64) {
        let route = &self.routes[usize::from(voice.channels) - 1];
        while let Some(event) = self.events.get(voice.due.0).filter(|event| event.frame <= until) {
            voice.due.0 = event.next;
            if event.next == NO_EVENT {
                voice.due.1 = NO_EVENT;
            }
            let asked = voice.strip.asked();
            let asked = match event.kind {
                EventKind::Gain if event.value.is_nan() => continue,
                EventKind::Gain => Params { gain: event.value.clamp(0.0, ring::MAX_GAIN), ..asked },
                EventKind::Pan => Params { pan: Pan::new(event.value), ..asked },
                EventKind::Mute => Params { mute: event.value > 0.5, ..asked },
            };
            voice.strip.ask(asked, route, event.frame.max(at), event.ramp_frames);
        }
    }

    /// What happened to the ring in this piece, told and acted on.
    #[cold]
    fn tell_changes(&mut self, voice: &mut Voice) {
        let route = &self.routes[usize::from(voice.channels) - 1];
        if let Some(start) = voice.reader.take_start()
            && voice.strip.silence().has(Silence::BEFORE_FADE_IN)
        {
            voice.strip.set_silence(Silence::BEFORE_FADE_IN, false, route, start, voice.fade_in_frames);
        }
        let underrun = voice.reader.take_underrun().map(|it| (it.engine_frame, RawKind::Underrun));
        let resume = voice.reader.take_resume();
        let resume = resume.map(|it| (it.engine_frame, RawKind::Resumed(it.missed_frames)));
        let (first, second) = match (underrun, resume) {
            (Some(dry), Some(wet)) if wet.0 <= dry.0 => (resume, underrun),
            _ => (underrun, resume),
        };
        for (frame, kind) in first.into_iter().chain(second) {
            self.notices.tell(RawNotice { voice: voice.id, frame, kind });
        }
        if let Some(fault) = voice.reader.fault()
            && !voice.corrupt_told
        {
            voice.corrupt_told = true;
            let kind = RawKind::Corrupt(fault);
            self.notices.tell(RawNotice { voice: voice.id, frame: self.frame, kind });
        }
    }

    /// Under overload: the voice keeps its time line, and costs next to nothing.
    #[cold]
    fn drop_voice(&mut self, voice: &mut Voice, end: u64) {
        self.apply_due(voice, self.frame, u64::MAX);
        voice.drop_frames(self.frames, end);
        voice.reader.finish();
        self.tell_changes(voice);
        if let Some(tap) = &mut voice.tap {
            let silence = &mut self.scratch.tapped[..self.frames * self.main_channels];
            silence.fill(0.0);
            tap.write(silence);
        }
        let cells = (end / CELL_FRAMES as u64 - self.frame / CELL_FRAMES as u64) as usize;
        for _ in 0..cells {
            if voice.meter.close_cell(0.0, 0.0) {
                publish(voice, end);
            }
        }
    }

    /// Page faults happened while this voice was rendered.
    #[cold]
    pub(super) fn blame_for_faults(&mut self, voice: &mut Voice, faults: u64) {
        voice.figures.page_faults += faults;
        let kind = RawKind::PageFaults(faults);
        self.notices.tell(RawNotice { voice: voice.id, frame: self.frame, kind });
    }
}

/// Ends the voice's meter window and publishes its figures as of `frame`.
#[inline(never)]
pub(super) fn publish(voice: &mut Voice, frame: u64) {
    let window = voice.meter.close_window();
    let stats = voice.stats(frame, window);
    voice.page.write(&stats.to_words());
}
