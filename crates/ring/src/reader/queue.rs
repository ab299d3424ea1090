//! The markers that wait, as private checked copies.

use crate::marker::MarkerKind;
use crate::words::MARKERS;

/// A marker that passed the checks. Its times can't wrap any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    /// Start, splice: engine frame. Flush: voice frame, for a flush ends what the voice plays, however late it is.
    pub(super) at: i64,
    pub(super) to: i64,
    pub(super) group: u32,
    pub(super) kind: MarkerKind,
}

/// Up to eight of them, oldest first; `to` and `group` never decrease.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queue {
    markers: [Option<Pending>; MARKERS],
    len: usize,
}

impl Queue {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn get(&self, index: usize) -> Option<&Pending> {
        self.markers[..self.len].get(index)?.as_ref()
    }

    pub(super) fn newest(&self) -> Option<&Pending> {
        self.get(self.len.checked_sub(1)?)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Pending> + ExactSizeIterator {
        self.markers[..self.len].iter().map(|slot| slot.as_ref().expect("slots below len are filled"))
    }

    /// The newest start that waits among the first `count`.
    pub(super) fn start_within(&self, count: usize) -> Option<&Pending> {
        self.iter().take(count).rev().find(|marker| marker.kind == MarkerKind::Start)
    }

    /// Adds one; the caller knows that there is room.
    pub(super) fn push(&mut self, marker: Pending) {
        if let Some(slot) = self.markers.get_mut(self.len) {
            *slot = Some(marker);
            self.len += 1;
        }
    }

    /// Removes the `count` oldest.
    pub(super) fn drop_oldest(&mut self, count: usize) {
        self.markers.copy_within(count..self.len, 0);
        self.len -= count;
    }

    /// How many, from the oldest on, name a group up to `committed`.
    pub(super) fn committed(&self, committed: u32) -> usize {
        self.iter().take_while(|marker| committed.wrapping_sub(marker.group) as i32 >= 0).count()
    }
}
