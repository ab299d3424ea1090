//! The skeleton that every backend's callback is: take the seat, go through the door, render, fit rate and channels to the
//! device, put back, count. Format conversion is here and nowhere else.

use crate::backend::MAX_PERIOD_FRAMES;
use crate::render::{Block, Claim, Cycle, Format, Render};
use crate::stats::Counters;
use crate::sync::Ordering::Relaxed;
use dsp::limiter::hold_below;
use dsp::resample::{Quality, Resampler};
use dsp::room::touched;
use dsp::route::Route;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// How a callback relates to time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timing {
    /// It was to begin at this moment of the monotonic clock, in ns.
    Due { at_ns: u64 },
    /// It began this long after its moment, by the server's clock.
    LateBy { ns: u64 },
    /// Nobody says: judged by the time since the last one.
    Interval,
    /// Free-running: no lateness, no load.
    Free,
}

/// Stack of a rendering thread that is kept resident, in bytes.
pub(crate) const STACK_BYTES: usize = 256 << 10;

/// Sound that begins in the middle of a piece (a device taken back) is faded in over this time.
const FADE_IN: Duration = Duration::from_millis(5);

/// The callback of one opened device.
pub(crate) struct Pump {
    claim: Claim,
    device: Format,
    engine: Format,
    fitter: Fitter,
    counters: Arc<Counters>,
    last_begin_ns: u64,
    last_length_ns: u64,
    /// Whether the last callback had the seat.
    seated: bool,
    /// Frames of fade-in still to come, of how many.
    fade: (usize, usize),
    locked: Vec<(rt::Part, rt::Touch)>,
    /// Whether the stack of a thread that is not ours was seen to.
    stack_kept: bool,
}

/// Turns what the engine renders into what the device takes.
struct Fitter {
    route: Option<Route>,
    resampler: Option<Resampler>,
    /// One chunk in engine channels at the device's rate, where the channels differ.
    chunk: Box<[f32]>,
}

impl Pump {
    /// A callback for a device of format `device`. The Renderer's format is what sits in the seat now, else as the
    /// device's. `[control]`
    pub(crate) fn new(claim: Claim, device: Format, counters: Arc<Counters>) -> Self {
        let engine = claim.format().unwrap_or(device);
        let fitter = Fitter::new(engine, device);
        Self {
            claim,
            device,
            engine,
            fitter,
            counters,
            last_begin_ns: 0,
            last_length_ns: 0,
            seated: false,
            fade: (0, 1),
            locked: Vec::new(),
            stack_kept: false,
        }
    }

    /// Asks for its memory to stay resident, before the first cycle. `[control]`
    pub(crate) fn settle(&mut self) {
        let parts = [rt::Part::of(&*self.counters), rt::Part::of(&*self.fitter.chunk)];
        self.locked = parts.into_iter().map(|part| (part, rt::keep_resident(part))).collect();
    }

    /// Keeps the calling thread's stack resident, once: for threads that nothing but their callback lets us reach.
    pub(crate) fn keep_stack(&mut self) {
        if !std::mem::replace(&mut self.stack_kept, true) {
            rt::keep_stack_resident(STACK_BYTES);
        }
    }

    /// Frames that the resampler delays, at the device's rate.
    pub(crate) fn resampler_frames(&self) -> u32 {
        self.fitter.resampler.as_ref().map_or(0, |it| it.latency_frames() as u32)
    }

    /// Whether the next `frames` frames of the Renderer are not all there yet.
    pub(crate) fn awaits(&self, frames: usize) -> bool {
        self.claim.with(|renderer| renderer.awaits(frames)).unwrap_or(false)
    }

    /// Format of what is rendered.
    pub(crate) fn engine(&self) -> Format {
        self.engine
    }

    /// Whether nobody sits in the seat. `[control]`
    pub(crate) fn is_seat_empty(&self) -> bool {
        self.claim.format().is_none()
    }

    /// Fills `out` (interleaved, the device's channels), whatever happens. `[rt]`
    pub(crate) fn cycle(&mut self, out: &mut [f32], timing: Timing) {
        let frames = out.len() / self.device.channels.get();
        let begin_ns = rt::monotonic_ns();
        self.note_begin(begin_ns, timing);
        let cycle = self.cycle_of(frames, timing);
        let had_seat = rt::enter(|| self.fill(out, cycle));
        self.note_end(begin_ns, frames, had_seat, timing);
    }

    /// What the engine is told of a cycle of `frames` frames of the device.
    fn cycle_of(&self, frames: usize, timing: Timing) -> Cycle {
        let load = if matches!(timing, Timing::Free) { 0.0 } else { self.counters.load() };
        let (engine_hz, device_hz) = (self.engine.rate.hz() as usize, self.device.rate.hz() as usize);
        Cycle { frames: frames * engine_hz / device_hz, load, heard: self.claim.is_heard() }
    }

    /// Whether the Renderer filled `out`; else it is silent.
    fn fill(&mut self, out: &mut [f32], cycle: Cycle) -> bool {
        let Self { claim, fitter, engine, .. } = self;
        let format = *engine;
        let done = catch_unwind(AssertUnwindSafe(|| {
            claim.with(|renderer| {
                if renderer.rate() != format.rate || renderer.channels() != format.channels {
                    return None;
                }
                let in_the_middle = renderer.frame().0 > 0;
                renderer.begin_cycle(cycle);
                fitter.fill(renderer, out);
                if fitter.reaches_higher() {
                    hold_below(out, renderer.ceiling());
                }
                Some(in_the_middle)
            })
        }));
        let in_the_middle = match done {
            Ok(Ok(played)) => played,
            Ok(Err(_)) => None,
            Err(panic) => {
                // Not freed here: it happens once, for the seat is broken now.
                std::mem::forget(panic);
                None
            }
        };
        match in_the_middle {
            None => out.fill(0.0),
            Some(true) if !self.seated => {
                let frames = self.device.rate.frames(FADE_IN).0.max(1) as usize;
                self.fade = (frames, frames);
            }
            Some(_) => {}
        }
        self.seated = in_the_middle.is_some();
        self.fade_in(out);
        self.seated
    }

    fn fade_in(&mut self, out: &mut [f32]) {
        let (left, all) = &mut self.fade;
        for frame in out.chunks_mut(self.device.channels.get()) {
            if *left == 0 {
                return;
            }
            let gain = 1.0 - *left as f32 / *all as f32;
            frame.iter_mut().for_each(|sample| *sample *= gain);
            *left -= 1;
        }
    }

    fn note_begin(&mut self, begin_ns: u64, timing: Timing) {
        if self.last_begin_ns == 0 {
            self.counters.thread.store(rt::ThreadId::current().raw() as u32, Relaxed);
        }
        let late_ns = match timing {
            Timing::Due { at_ns } => Some(begin_ns.saturating_sub(at_ns)),
            Timing::LateBy { ns } => Some(ns),
            Timing::Interval if self.last_begin_ns > 0 => {
                Some(begin_ns.saturating_sub(self.last_begin_ns + self.last_length_ns))
            }
            Timing::Interval | Timing::Free => None,
        };
        if let Some(late_ns) = late_ns {
            self.counters.lateness.add(late_ns);
        }
        self.last_begin_ns = begin_ns;
    }

    fn note_end(&mut self, begin_ns: u64, frames: usize, played: bool, timing: Timing) {
        let counters = &*self.counters;
        let busy_ns = rt::monotonic_ns() - begin_ns;
        self.last_length_ns = frames as u64 * 1_000_000_000 / u64::from(self.device.rate.hz());
        counters.busy_ns.fetch_add(busy_ns, Relaxed);
        counters.asked_frames.fetch_add(frames as u64, Relaxed);
        let kind = if played { &counters.rendered_frames } else { &counters.silent_frames };
        kind.fetch_add(frames as u64, Relaxed);
        counters.period_frames.store(frames as u32, Relaxed);
        if !matches!(timing, Timing::Free) && frames > 0 {
            let load = busy_ns as f32 / self.last_length_ns as f32;
            counters.load_bits.store(load.to_bits(), Relaxed);
            // Bits of positive floats order as the floats do.
            counters.worst_load_bits.fetch_max(load.to_bits(), Relaxed);
            if load > 1.0 {
                counters.engine_late.fetch_add(1, Relaxed);
            }
        }
        // Last: who sees the number move sees the rest.
        counters.cycles.fetch_add(1, crate::sync::Ordering::Release);
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        for (part, touch) in self.locked.drain(..) {
            rt::release(part, touch);
        }
    }
}

impl Fitter {
    fn new(engine: Format, device: Format) -> Self {
        let route =
            (engine.channels != device.channels).then(|| Route::new(engine.channels, device.channels));
        let resampler = (engine.rate != device.rate)
            .then(|| Resampler::new(engine.rate, device.rate, engine.channels, Quality::Fine));
        let chunk_frames = if route.is_some() { MAX_PERIOD_FRAMES } else { 0 };
        Self { route, resampler, chunk: touched(chunk_frames * engine.channels.get()) }
    }

    /// Whether what it makes of samples below a ceiling may lie above it: folded channels add up, and between two samples a
    /// wave may swing higher than both.
    fn reaches_higher(&self) -> bool {
        self.route.is_some() || self.resampler.is_some()
    }

    fn fill(&mut self, renderer: &mut dyn Render, out: &mut [f32]) {
        let Self { route, resampler, chunk } = self;
        let Some(route) = route else {
            return at_device_rate(renderer, resampler, out);
        };
        let (from, to) = (route.from_channels(), route.to_channels());
        for part in out.chunks_mut(MAX_PERIOD_FRAMES * to) {
            let chunk = &mut chunk[..part.len() / to * from];
            at_device_rate(renderer, resampler, chunk);
            for (output, input) in part.chunks_mut(to).zip(chunk.chunks(from)) {
                for (channel, sample) in output.iter_mut().enumerate() {
                    *sample =
                        input.iter().enumerate().map(|(at, sample)| route.weight(channel, at) * sample).sum();
                }
            }
        }
    }
}

/// Fills `out` (engine channels, device rate).
fn at_device_rate(renderer: &mut dyn Render, resampler: &mut Option<Resampler>, out: &mut [f32]) {
    match resampler {
        None => in_blocks(renderer, out),
        Some(resampler) => resampler.pull(out, |input| in_blocks(renderer, input)),
    }
}

fn in_blocks(renderer: &mut dyn Render, out: &mut [f32]) {
    let channels = renderer.channels().get();
    for out in out.chunks_mut(MAX_PERIOD_FRAMES * channels) {
        renderer.render(Block { out, faults: Some(rt::minor_faults) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::RendererSeat;
    use units::{ChannelCount, FramePos, SampleRate};

    /// A square wave at its ceiling on every channel: the worst that a limiter lets out.
    struct Square {
        format: Format,
        frame: u64,
    }

    const CEILING: f32 = 0.966;

    impl Render for Square {
        fn render(&mut self, block: Block<'_>) {
            for frame in block.out.chunks_mut(self.format.channels.get()) {
                frame.fill(if (self.frame / 17).is_multiple_of(2) { CEILING } else { -CEILING });
                self.frame += 1;
            }
        }

        fn rate(&self) -> SampleRate {
            self.format.rate
        }

        fn channels(&self) -> ChannelCount {
            self.format.channels
        }

        fn frame(&self) -> FramePos {
            FramePos(self.frame)
        }

        fn ceiling(&self) -> f32 {
            CEILING
        }
    }

    fn format(hz: u32, channels: usize) -> Format {
        Format { rate: SampleRate::new(hz).unwrap(), channels: ChannelCount::new(channels).unwrap() }
    }

    /// A pump whose Renderer is seated, and the seat.
    fn pump(engine: Format, device: Format) -> (Pump, RendererSeat) {
        let seat = RendererSeat::new();
        seat.replace(Some(Box::new(Square { format: engine, frame: 0 })), Duration::ZERO).unwrap();
        let claim = seat.claim();
        seat.assign(&claim);
        let mut pump = Pump::new(claim, device, Arc::default());
        pump.settle();
        (pump, seat)
    }

    /// Nothing passes the Renderer's ceiling behind the resampler and the folding of channels, which both swing above it.
    #[test]
    fn the_ceiling_holds_behind_the_fitter() {
        let engines = [format(44_100, 2), format(48_000, 6), format(96_000, 8)];
        for (engine, device) in engines.into_iter().flat_map(|engine| [(engine, 2), (engine, 1)]) {
            let (mut pump, _seat) = pump(engine, format(48_000, device));
            let mut out = vec![0.0; 9600 * device];
            for _ in 0..4 {
                pump.cycle(&mut out, Timing::Free);
                assert!(out.iter().all(|x| x.abs() <= CEILING), "{engine:?} on {device} channels");
            }
            assert!(out.iter().any(|x| x.abs() == CEILING), "{engine:?}: it reaches it");
        }
    }

    /// From its first cycle on a pump meets no page that is not there, whatever it has to fit and however long the period is.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_first_cycle_faults_no_page() {
        let (engine, device) = (format(44_100, 8), format(48_000, 2));
        let mut out = dsp::room::touched(MAX_PERIOD_FRAMES * 2);
        // Kept: its memory must not serve the second one. It brings in the code, too.
        let (mut first, _seat) = pump(engine, device);
        first.keep_stack();
        first.cycle(&mut out, Timing::Free);
        let (mut pump, _seat) = pump(engine, device);
        for frames in [64, 1024, MAX_PERIOD_FRAMES] {
            let before = rt::minor_faults();
            pump.cycle(&mut out[..frames * 2], Timing::Free);
            assert_eq!(rt::minor_faults(), before, "{frames} frames");
        }
    }
}
