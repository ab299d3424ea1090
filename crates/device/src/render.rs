//! What sits in the seat.

pub use engine::{Block, Cycle};

use crate::seat::{Look, NoSeat, Seat, Token};
use crate::sync::{AtomicU32, Ordering};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use units::{ChannelCount, FramePos, SampleRate};

/// Something that renders: the engine's Renderer, or a stand-in of a test.
pub trait Render: Send {
    /// What the device knows of the cycle whose blocks come next. `[rt]`
    fn begin_cycle(&mut self, _cycle: Cycle) {}
    /// Fills the block, and so moves time. Never allocates, waits or panics. `[rt]`
    fn render(&mut self, block: Block<'_>);
    /// Frames per second of what it renders; never changes.
    fn rate(&self) -> SampleRate;
    /// Channels of what it renders; never changes.
    fn channels(&self) -> ChannelCount;
    /// The frame that the next block begins with. `[rt]`
    fn frame(&self) -> FramePos;
    /// Frames by which what it renders lies behind its sources.
    fn latency_frames(&self) -> usize {
        0
    }
    /// The sample value that nothing it renders passes. `[rt]`
    fn ceiling(&self) -> f32 {
        1.0
    }
    /// Whether `frames` frames are not all there yet: a render that is bound to no clock asks again a little later. `[rt]`
    fn awaits(&mut self, _frames: usize) -> bool {
        false
    }
}

impl Render for engine::Renderer {
    fn begin_cycle(&mut self, cycle: Cycle) {
        Self::begin_cycle(self, cycle);
    }

    fn render(&mut self, block: Block<'_>) {
        Self::render(self, block);
    }

    fn rate(&self) -> SampleRate {
        Self::rate(self)
    }

    fn channels(&self) -> ChannelCount {
        Self::channels(self)
    }

    fn frame(&self) -> FramePos {
        Self::frame(self)
    }

    fn latency_frames(&self) -> usize {
        Self::latency_frames(self)
    }

    fn ceiling(&self) -> f32 {
        Self::ceiling(self)
    }

    fn awaits(&mut self, frames: usize) -> bool {
        Self::awaits(self, frames)
    }
}

/// Who sits in the seat, if anyone.
pub type Sitter = Option<Box<dyn Render>>;

/// Rate and channels of a [`Render`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Frames per second.
    pub rate: SampleRate,
    /// Samples per frame.
    pub channels: ChannelCount,
}

impl std::fmt::Debug for dyn Render {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Render at {:?}", self.frame())
    }
}

/// The seat of the Renderer, as devices and the supervisor share it.
#[derive(Clone, Default)]
pub struct RendererSeat(Arc<Shared>);

#[derive(Default)]
struct Shared {
    seat: Seat<Box<dyn Render>>,
    tokens: AtomicU32,
    /// Whether the clock is a stand-in, which nobody hears.
    unheard: AtomicBool,
    /// That of who sits there.
    latency_frames: AtomicU32,
    format: Mutex<Option<Format>>,
}

/// One device's claim to the seat: opens it while its token is the assigned one.
#[derive(Clone)]
pub struct Claim {
    shared: Arc<Shared>,
    token: Token,
}

impl RendererSeat {
    /// An empty seat.
    pub fn new() -> Self {
        Self::default()
    }

    /// A claim for a device about to be opened; worth nothing until [`RendererSeat::assign`]ed. `[control]`
    pub fn claim(&self) -> Claim {
        let number = self.0.tokens.fetch_add(1, Ordering::Relaxed) + 1;
        Claim { shared: Arc::clone(&self.0), token: Token::new(number) }
    }

    /// Makes the claim's device the clock. `[control]`
    pub fn assign(&self, claim: &Claim) {
        self.0.unheard.store(false, Ordering::Relaxed);
        self.0.seat.assign(claim.token);
    }

    /// Makes the claim's clock stand in for a device that is away: what it renders is lost to the device. `[control]`
    pub fn assign_stand_in(&self, claim: &Claim) {
        self.0.unheard.store(true, Ordering::Relaxed);
        self.0.seat.assign(claim.token);
    }

    /// Makes nobody the clock: time stands still. `[control]`
    pub fn rest(&self) {
        self.0.seat.assign(Token::NOBODY);
    }

    /// Seats `renderer` and hands back who sat there. `[control]`; waits for a block that is being rendered.
    ///
    /// # Errors
    /// Gives `renderer` back when a device is still inside after `patience`: it hangs in `render`.
    pub fn replace(&self, renderer: Sitter, patience: Duration) -> Result<Sitter, Sitter> {
        let format = renderer.as_ref().map(|it| Format { rate: it.rate(), channels: it.channels() });
        let latency_frames = renderer.as_ref().map_or(0, |it| it.latency_frames() as u32);
        let until_ns = rt::monotonic_ns() + patience.as_nanos() as u64;
        let mut renderer = renderer;
        loop {
            match self.0.seat.replace(renderer) {
                Ok(old) => {
                    self.0.latency_frames.store(latency_frames, Ordering::Relaxed);
                    *self.0.format.lock().unwrap_or_else(PoisonError::into_inner) = format;
                    return Ok(old);
                }
                Err(back) if rt::monotonic_ns() >= until_ns => return Err(back),
                Err(back) => renderer = back,
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Format of who sits there; `None` while it is empty. `[control]`
    pub fn format(&self) -> Option<Format> {
        *self.0.format.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the seat looks like. `[any]`
    pub fn look(&self) -> Look {
        self.0.seat.look()
    }
}

impl Claim {
    /// Works with the Renderer if it is this device's turn. `[rt]`
    ///
    /// # Errors
    /// [`NoSeat`]: play silence.
    pub fn with<R>(&self, work: impl FnOnce(&mut dyn Render) -> R) -> Result<R, NoSeat> {
        let mut sitting = self.shared.seat.take(self.token)?;
        sitting.with(|renderer| work(&mut **renderer)).ok_or(NoSeat::Empty)
    }

    /// Whether what is rendered may be heard: no stand-in is the clock. `[any]`
    pub fn is_heard(&self) -> bool {
        !self.shared.unheard.load(Ordering::Relaxed)
    }

    /// Frames by which what is rendered lies behind its sources, at the Renderer's rate. `[any]`
    pub fn latency_frames(&self) -> u32 {
        self.shared.latency_frames.load(Ordering::Relaxed)
    }

    /// Format of who sits there. `[control]`
    pub fn format(&self) -> Option<Format> {
        *self.shared.format.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for RendererSeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RendererSeat").field(&self.look()).finish()
    }
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").field("token", &self.token).field("seat", &self.shared.seat.look()).finish()
    }
}
