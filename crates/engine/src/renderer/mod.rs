//! The real-time half: all that moves time.

mod commands;
pub(crate) mod events;
mod memory;
mod probe;
mod protect;
mod slots;
mod step;

use crate::config::EngineConfig;
use crate::stats::{MainPage, MainStats};
use crate::voice;
use crate::wire::{Command, RawNotice, Trash};
use dsp::guard::GuardLimits;
use dsp::room::touched;
use dsp::route::Route;
use dsp::simd::Cpu;
use events::Events;
use probe::Probe;
use protect::Protection;
use slots::Slots;
use std::sync::Arc;
use step::Step;
use units::{ChannelCount, FramePos, MAX_CHANNELS, SampleRate};

/// What a device knows of one of its cycles, told before the blocks of it.
#[derive(Clone, Copy, Debug)]
pub struct Cycle {
    /// Frames that the engine will render for it, or about so many.
    pub frames: usize,
    /// Time that the cycle before took, as a part of its period. 0 where nothing waits for it.
    pub load: f32,
    /// Whether somebody may hear it. Else its frames are booked as lost to the device.
    pub heard: bool,
}

impl Cycle {
    /// A cycle that nothing waits for.
    pub const FREE: Self = Self { frames: 0, load: 0.0, heard: true };
}

/// One render pass.
pub struct Block<'a> {
    /// Where main goes: interleaved, [`Renderer::channels`] samples per frame. Its length says how far time moves.
    pub out: &'a mut [f32],
    /// Counts the page faults of this thread: called once before and after a block, and between voices for a while after a
    /// block that had some, to find the voice whose memory is being taken away.
    pub faults: Option<fn() -> u64>,
}

/// The half of the engine that renders. Send: it moves from seat to seat; whoever has it renders.
///
/// Every method is `[rt]`: no allocation, no lock, no system call but the fault counter that it is given, no logging, work
/// in proportion to frames and voices.
pub struct Renderer {
    frame: u64,
    rate: SampleRate,
    channels: ChannelCount,
    piece_frames: usize,
    hush_frames: u32,
    ramp_frames: u32,
    cpu: Cpu,
    guard: GuardLimits,
    /// By channel count of the voice, less one.
    routes: Box<[Route]>,
    slots: Slots,
    groups: Box<[Option<ring::Group>]>,
    committed: Box<[u32]>,
    events: Events,
    shedder: crate::shed::Shedder,
    probe: Probe,
    protection: Protection,
    soloed: usize,
    /// Somebody's solo has changed since the silence of the others was worked out.
    solos_changed: bool,
    hushed: bool,
    cycle: Cycle,
    scratch: Scratch,
    commands: rtrb::Consumer<Command>,
    trash: rtrb::Producer<Trash>,
    notices: Notices,
    page: Arc<MainPage>,
    blocks: u64,
}

/// Room for one piece of one voice.
struct Scratch {
    voice: Box<[f32]>,
    /// The voice behind its strip, for its tap.
    tapped: Box<[f32]>,
}

/// The way of notices to the control side. What finds no room is counted.
pub(crate) struct Notices {
    ring: rtrb::Producer<RawNotice>,
    lost: u64,
}

impl Notices {
    pub(crate) fn tell(&mut self, notice: RawNotice) {
        self.lost += u64::from(self.ring.push(notice).is_err());
    }
}

/// The Renderer's ends of the rings to and from the control side.
pub(crate) struct Ends {
    pub(crate) commands: rtrb::Consumer<Command>,
    pub(crate) trash: rtrb::Producer<Trash>,
    pub(crate) notices: rtrb::Producer<RawNotice>,
    pub(crate) page: Arc<MainPage>,
}

impl Renderer {
    /// `[control]`
    pub(crate) fn new(config: &EngineConfig, groups: usize, sources: usize, ends: Ends) -> Self {
        let piece_frames = config.max_block_frames.clamp(1, 1 << 16);
        let scratch = || touched(piece_frames * MAX_CHANNELS);
        let routes = (1..=MAX_CHANNELS)
            .map(|from| Route::new(ChannelCount::new(from).expect("1 to 8"), config.channels));
        let protection = Protection::new(config);
        let latency = protection.latency_frames() as u32;
        Self {
            frame: config.first_frame,
            rate: config.rate,
            channels: config.channels,
            piece_frames,
            hush_frames: config.hush_frames.saturating_sub(latency),
            ramp_frames: config.crossfade_frames,
            cpu: config.cpu,
            guard: if config.protected { config.guard } else { config.guard.off() },
            routes: routes.collect(),
            slots: Slots::new(config.max_voices),
            groups: (0..groups).map(|_| None).collect(),
            committed: vec![0; groups].into_boxed_slice(),
            events: Events::new(sources),
            shedder: crate::shed::Shedder::new(&config.shedding, config.rate),
            probe: Probe::default(),
            protection,
            soloed: 0,
            solos_changed: false,
            hushed: false,
            cycle: Cycle::FREE,
            scratch: Scratch { voice: scratch(), tapped: scratch() },
            commands: ends.commands,
            trash: ends.trash,
            notices: Notices { ring: ends.notices, lost: 0 },
            page: ends.page,
            blocks: 0,
        }
    }

    /// What the device knows of the cycle whose blocks come next; without it they belong to the cycle before. `[rt]`
    pub fn begin_cycle(&mut self, cycle: Cycle) {
        self.cycle = cycle;
        self.weigh_load(cycle.load, cycle.frames);
    }

    /// Renders one block, of any length. `[rt]`
    pub fn render(&mut self, block: Block<'_>) {
        let channels = self.channels.get();
        let block_frames = block.out.len() / channels;
        let (out, rest) = block.out.split_at_mut(block_frames * channels);
        rest.fill(0.0);
        self.take_commands();
        self.probe.begin_block(block.faults);
        for piece in out.chunks_mut(self.piece_frames * channels) {
            let frames = piece.len() / channels;
            self.load_commits();
            self.find_due_events(frames);
            self.sum_voices(piece, frames);
            self.protection.process(piece);
            self.frame += frames as u64;
        }
        self.probe.end_block(block.faults);
        self.send_leavers_back();
        self.store_clocks(block_frames);
        self.publish(block_frames);
    }

    /// What every group has committed, once, before any ring is looked at.
    fn load_commits(&mut self) {
        for (commit, group) in self.committed.iter_mut().zip(&self.groups) {
            if let Some(group) = group {
                *commit = group.load();
            }
        }
    }

    fn find_due_events(&mut self, frames: usize) {
        let slots = &mut self.slots;
        let all_obeyed = self.commands.is_empty();
        self.events.find_due(self.frame, frames, all_obeyed, |due, id, place| match slots.get_mut(id) {
            Some(voice) => {
                match due.get_mut(usize::from(voice.due.1)) {
                    Some(last) => last.next = place,
                    None => voice.due.0 = place,
                }
                voice.due.1 = place;
                true
            }
            None => false,
        });
    }

    /// Every voice through its strip onto `out`, in slot order.
    fn sum_voices(&mut self, out: &mut [f32], frames: usize) {
        out.fill(0.0);
        let mut step = Step {
            frame: self.frame,
            frames,
            cpu: self.cpu,
            main_channels: self.channels.get(),
            heard: self.cycle.heard,
            guard: &self.guard,
            routes: &self.routes,
            committed: &self.committed,
            events: &self.events,
            scratch: &mut self.scratch,
            notices: &mut self.notices,
        };
        let top = self.slots.top();
        for slot in 0..top {
            self.slots.prefetch(slot, frames);
            self.probe.before(slot, top);
            if let Some(voice) = self.slots.at_mut(slot) {
                step.run(voice, out);
            }
            if let Some(faults) = self.probe.after(slot, top)
                && let Some(voice) = self.slots.at_mut(slot)
            {
                step.blame_for_faults(voice, faults);
            }
        }
    }

    /// Tells every session where the engine is.
    fn store_clocks(&mut self, block_frames: usize) {
        for group in self.groups.iter().flatten() {
            group.store_clock(self.frame, block_frames as u32);
        }
    }

    fn publish(&mut self, block_frames: usize) {
        self.blocks += 1;
        let stats = MainStats {
            frame: FramePos(self.frame),
            blocks: self.blocks,
            block_frames: block_frames as u32,
            load: self.cycle.load,
            meter: self.protection.shown(),
            limiter_gain: self.protection.limiter_gain(),
            voices: self.slots.count() as u32,
            shed_voices: self.shedder.count() as u32,
            hushed: self.hushed,
            guarded: self.guard.mutes,
            ceiling: self.protection.ceiling(),
            events_applied: self.events.applied,
            events_late: self.events.late,
            events_refused: self.events.refused,
            page_faults: self.probe.total(),
            notices_lost: self.notices.lost,
        };
        self.page.write(&stats.to_words());
    }

    /// Whether a block of `frames` frames would find a voice whose producer has yet to write them: what a render that is
    /// bound to no clock waits for. Takes commands, so that whoever leaves meanwhile is not waited for. `[rt]`
    pub fn awaits(&mut self, frames: usize) -> bool {
        self.take_commands();
        let comes = |voice: &voice::Voice| !voice.producer_gone && voice.leaves_at.is_none();
        self.slots.iter().any(|voice| comes(voice) && voice.reader.awaits(frames as u32))
    }

    /// Frames per second.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Channels of main.
    pub fn channels(&self) -> ChannelCount {
        self.channels
    }

    /// Engine frame of the next block.
    pub fn frame(&self) -> FramePos {
        FramePos(self.frame)
    }

    /// The sample value that no sample of main passes; [`dsp::limiter::UNLIMITED`] without protection.
    pub fn ceiling(&self) -> f32 {
        self.protection.ceiling()
    }

    /// How far main lies behind the voices, in frames: the limiter's look-ahead.
    pub fn latency_frames(&self) -> usize {
        self.protection.latency_frames()
    }
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderer")
            .field("frame", &self.frame)
            .field("voices", &self.slots.count())
            .finish_non_exhaustive()
    }
}
