//! What a producer says about itself. Told, not measured: shown to people, and never trusted with anything.

/// How a producer's pacing and splicing go: the pacing line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pacing {
    /// Turns of its loop, wrapping.
    pub turns: u32,
    /// Its latest stall in microseconds.
    pub last_stall_us: u32,
    /// Its worst stall in microseconds.
    pub worst_stall_us: u32,
    /// Splices committed, wrapping.
    pub splices: u32,
    /// Latest splice, trigger to commit, in microseconds.
    pub change_us: u32,
    /// Latest splice, voice frame at the trigger to `at`.
    pub guard_frames: u32,
    /// Latest splice, frames of the new future at the commit.
    pub cover_frames: u32,
}

/// How the rendering of a voice goes: its producer stats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenderStats {
    /// Frames rendered, wrapping.
    pub frames_rendered: u32,
    /// Microseconds spent on them, wrapping.
    pub busy_us: u32,
    /// Microseconds of the longest chunk.
    pub longest_chunk_us: u32,
    /// Frames of the latest chunk.
    pub chunk_frames: u32,
}
