//! Why frames of a voice were not heard, and when: the causes beside the ring's own ledger.

use units::FramePos;

/// Why frames were not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossCause {
    /// The producer had not written them in time: concealed by a fade, or shed because they came late.
    ProducerLate,
    /// The producer is gone; the voice ran dry after its last frame.
    ProducerGone,
    /// The engine was late and dropped the voice.
    Overload,
    /// Muted by the guard.
    Guard,
    /// Rendered, but no device played them.
    Device,
}

impl LossCause {
    /// All of them, in the order of [`LossBook`]'s entries.
    pub const ALL: [Self; 5] =
        [Self::ProducerLate, Self::ProducerGone, Self::Overload, Self::Guard, Self::Device];

    /// The cause's name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProducerLate => "producer late",
            Self::ProducerGone => "producer gone",
            Self::Overload => "overload",
            Self::Guard => "guard",
            Self::Device => "device",
        }
    }
}

/// What one cause has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Frames so far.
    pub frames: u64,
    /// Engine frame of the end of the block in which it last cost something; for what the ring lacks, of the meter window
    /// (about 20 ms).
    pub last: FramePos,
}

/// Losses of one voice by cause.
///
/// `ProducerLate + ProducerGone` concealed frames equal the ring ledger's `concealed` plus the frames it shed for
/// being late; `Overload` equals what it shed by being skipped. `Guard` and `Device` count frames that the ring
/// ledger has as delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossBook([Loss; LossCause::ALL.len()]);

impl LossBook {
    /// What `cause` has cost.
    pub const fn of(&self, cause: LossCause) -> Loss {
        self.0[cause as usize]
    }

    pub(crate) fn from_losses(losses: [Loss; LossCause::ALL.len()]) -> Self {
        Self(losses)
    }

    pub(crate) fn add(&mut self, cause: LossCause, frames: u64, frame: u64) {
        if frames > 0 {
            let loss = &mut self.0[cause as usize];
            loss.frames += frames;
            loss.last = FramePos(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each cause has its own account, and the time is that of its last entry.
    #[test]
    fn accounts_are_separate() {
        let mut book = LossBook::default();
        book.add(LossCause::Guard, 64, 1000);
        book.add(LossCause::Guard, 36, 1064);
        book.add(LossCause::Overload, 0, 2000);
        assert_eq!(book.of(LossCause::Guard), Loss { frames: 100, last: FramePos(1064) });
        assert_eq!(book.of(LossCause::Overload), Loss::default());
        for (k, cause) in LossCause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, k, "{}", cause.name());
        }
    }
}
