//! Fades: every change of what a voice plays is one.

use units::MAX_CHANNELS;

/// One fade from an old sound to a new one: `out = old + g * (new - old)`, `g = (k + 1) / (length + 1)`.
///
/// Where both are equal the result has the same bits (but -0.0 becomes +0.0). An old sound that ends inside the fade
/// goes on as its last frame, so that nothing ever steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fade {
    /// Frames done.
    pub(super) done: i64,
    pub(super) old: Old,
}

/// What a fade comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Old {
    /// Silence.
    Silence,
    /// One frame, held.
    Held([f32; MAX_CHANNELS]),
    /// A future that was left: `left` more frames from `position` on.
    Left {
        /// Its next frame.
        position: i64,
        /// Frames to its end, at least one.
        left: i64,
    },
    /// The future that the voice is in, whose frames run out.
    Ending,
}

impl Fade {
    pub(super) fn from(old: Old) -> Self {
        Self { done: 0, old }
    }

    /// A decay from what was heard last.
    pub(super) fn from_last(last: [f32; MAX_CHANNELS]) -> Self {
        Self::from(Old::Held(last))
    }

    /// Weight of the new sound at frame `k`.
    #[inline]
    pub(super) fn gain(k: i64, length: i64) -> f32 {
        (k + 1) as f32 / (length + 1) as f32
    }
}

/// One frame of a fade, in place: `new` becomes the mix.
#[inline]
pub(super) fn mix(old: &[f32], new: &mut [f32], gain: f32) {
    for (new, old) in new.iter_mut().zip(old) {
        *new = old + gain * (*new - old);
    }
}
