//! What a producer asks for: start here, go on there, stop.

use crate::sync::Ordering;
use crate::words::MarkerWords;

/// What a marker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum MarkerKind {
    /// The voice begins (anew) at `to` when the engine reaches *engine* frame `at`.
    Start = 1,
    /// From voice frame `at` on the voice continues at `to`.
    Splice = 2,
    /// From voice frame `at` on the voice is silent and idle; what follows at `to` needs a start.
    Flush = 3,
}

impl MarkerKind {
    pub(crate) const fn from_word(word: u32) -> Option<Self> {
        match word {
            1 => Some(Self::Start),
            2 => Some(Self::Splice),
            3 => Some(Self::Flush),
            _ => None,
        }
    }
}

/// One change of mind, as it stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// When: voice frame (splice, flush) or engine frame (start); the low word of it.
    pub at: u32,
    /// Where the new future begins: the producer's position at the time of marking.
    pub to: u32,
    /// Counts once the group word has reached this.
    pub group: u32,
    /// The anchor that `at` of a splice was computed with; if it has changed by then, the engine re-bases `at`.
    pub anchor: u32,
    /// What to do.
    pub kind: MarkerKind,
}

impl Marker {
    pub(crate) fn store(&self, words: &MarkerWords) {
        words.at.store(self.at, Ordering::Relaxed);
        words.to.store(self.to, Ordering::Relaxed);
        words.group.store(self.group, Ordering::Relaxed);
        words.anchor.store(self.anchor, Ordering::Relaxed);
        words.kind.store(self.kind as u32, Ordering::Relaxed);
    }

    /// A private copy, each word read once; `None` where the kind is none.
    pub(crate) fn load(words: &MarkerWords) -> Option<Self> {
        Some(Self {
            kind: MarkerKind::from_word(words.kind.load(Ordering::Relaxed))?,
            at: words.at.load(Ordering::Relaxed),
            to: words.to.load(Ordering::Relaxed),
            group: words.group.load(Ordering::Relaxed),
            anchor: words.anchor.load(Ordering::Relaxed),
        })
    }
}
