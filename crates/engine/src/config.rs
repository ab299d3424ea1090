//! What an engine starts with.

use dsp::guard::GuardLimits;
use dsp::limiter::LimiterConfig;
use dsp::simd::Cpu;
use units::{ChannelCount, SampleRate};

/// What an engine starts with; [`EngineConfig::new`] fills in the usual.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineConfig {
    /// Frames per second; fixed for the engine's life.
    pub rate: SampleRate,
    /// Channels of main.
    pub channels: ChannelCount,
    /// How many voices there may be at once; 1 to 65536.
    pub max_voices: usize,
    /// Longer blocks are rendered in pieces of this many frames.
    pub max_block_frames: usize,
    /// Length of every ramp that nothing else is said about: gain, pan, mute, solo, guard.
    pub crossfade_frames: u32,
    /// From the call of [`crate::Engine::hush`] to silence on main.
    pub hush_frames: u32,
    /// The engine frame of the first block.
    pub first_frame: u64,
    /// Linear amplitude of main, before limiter and ceiling.
    pub gain: f32,
    /// What counts as sound.
    pub guard: GuardLimits,
    /// The limiter and the ceiling of main.
    pub limiter: LimiterConfig,
    /// Whether guards, limiter and ceiling are in force from the start ([`crate::Engine::protect`] changes it).
    pub protected: bool,
    /// When voices are shed under overload.
    pub shedding: SheddingConfig,
    /// Frames that a tap keeps for its readers; rounded up to a power of two.
    pub tap_frames: u32,
    /// The instruction set of the kernels. All give the same bits.
    pub cpu: Cpu,
}

impl EngineConfig {
    /// The usual: 256 voices, 5 ms ramps, hush in 20 ms, taps of one second, the fastest instruction set.
    pub fn new(rate: SampleRate, channels: ChannelCount) -> Self {
        Self {
            rate,
            channels,
            max_voices: 256,
            max_block_frames: 8192,
            crossfade_frames: rate.frames_in_ms(5.0).0 as u32,
            hush_frames: rate.frames_in_ms(20.0).0 as u32,
            first_frame: 0,
            gain: 1.0,
            guard: GuardLimits {
                dc_window_cells: rate.hz().div_ceil(2 * dsp::guard::CELL_FRAMES as u32),
                ..GuardLimits::default()
            },
            limiter: LimiterConfig::new(rate, channels),
            protected: true,
            shedding: SheddingConfig::default(),
            tap_frames: rate.hz().next_power_of_two(),
            cpu: Cpu::best(),
        }
    }
}

/// What keeps ears from harm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protection {
    /// The guards of all voices, the limiter, and the ceiling at this level (0 to -60 dB), which the limiter holds too.
    On {
        /// The sample value that nothing passes.
        ceiling_db: f32,
    },
    /// None of them: as loud as the voices are. What is no number is kept out of the mix nevertheless.
    Off,
}

/// When the engine drops voices to meet its deadline, and when it takes them back.
///
/// Loads are the time of a cycle as a part of its period, as the device reports them in [`crate::Cycle::load`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SheddingConfig {
    /// At this load a cycle is late.
    pub over: f32,
    /// Voices are shed once late cycles have outweighed those in time by so many milliseconds, and by three: less is a
    /// thread that was kept off its core, and fewer voices do not help that.
    pub sustain_ms: f32,
    /// Below this load voices are taken back...
    pub under: f32,
    /// ...after it has stayed there for so many milliseconds, one step at a time.
    pub calm_ms: f32,
}

impl Default for SheddingConfig {
    fn default() -> Self {
        Self { over: 0.9, sustain_ms: 20.0, under: 0.6, calm_ms: 500.0 }
    }
}

/// The level of a voice that is never shed.
pub const NEVER_SHED: u8 = 255;

/// A voice to be added.
pub struct VoiceSpec {
    /// Who it is, in every message about it.
    pub name: String,
    /// Its frames.
    pub reader: ring::Reader,
    /// The group whose commits its markers wait for.
    pub group: crate::GroupId,
    /// Linear amplitude of the strip; multiplied with the producer's own gain.
    pub gain: f32,
    /// Place between left and right; the producer's own pan is added.
    pub pan: units::Pan,
    /// Whether the strip starts muted.
    pub mute: bool,
    /// Who is shed first under overload: the lowest. [`NEVER_SHED`] never is.
    pub priority: u8,
    /// Length of the fade-in of the first sound, in frames. 0 leaves it to the ring's own cross-fade.
    pub fade_in_frames: u32,
}

impl VoiceSpec {
    /// A voice at unity gain in the centre, with the usual priority.
    pub fn new(name: impl Into<String>, reader: ring::Reader, group: crate::GroupId) -> Self {
        Self {
            name: name.into(),
            reader,
            group,
            gain: 1.0,
            pan: units::Pan::CENTRE,
            mute: false,
            priority: 128,
            fade_in_frames: 0,
        }
    }
}
