//! Finds the voice whose memory is being taken away: counts page faults around stretches of voices, and narrows down.
//!
//! A file's owner can punch holes into it even when it is sealed; each page then costs the reader a fault. One look at the
//! counter before and after each block tells that it happens; only then, and for a while, voices are looked at more
//! closely: [`STRETCHES`] looks per block, over all voices at first, over the guilty stretch once it is known.

/// Looks at the counter per block while searching.
const STRETCHES: usize = 64;
/// Blocks without a fault after which the search ends.
const PATIENCE_BLOCKS: u32 = 1024;

/// The search.
#[derive(Default)]
pub(super) struct Probe {
    total: u64,
    at_block: u64,
    /// Blocks left of the search; 0 when there is none.
    patience: u32,
    counter: Option<fn() -> u64>,
    /// Slots that are searched.
    first: usize,
    stretch: usize,
    at_stretch: u64,
    narrowed: Option<(usize, usize)>,
    /// A fault of this block was seen inside a stretch.
    seen: bool,
}

impl Probe {
    /// Page faults inside blocks so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// A block begins. `counter` counts this thread's page faults.
    #[inline]
    pub(super) fn begin_block(&mut self, counter: Option<fn() -> u64>) {
        if let Some(counter) = counter {
            self.at_block = counter();
        }
        self.counter = counter.filter(|_| self.patience > 0);
        self.seen = false;
    }

    /// A block ends.
    #[inline]
    pub(super) fn end_block(&mut self, counter: Option<fn() -> u64>) {
        let Some(counter) = counter else { return };
        let faults = counter().saturating_sub(self.at_block);
        if faults > 0 {
            self.total += faults;
            if !self.seen {
                (self.first, self.stretch) = (0, usize::MAX);
            }
            self.patience = PATIENCE_BLOCKS;
        } else if self.patience > 0 {
            self.patience -= 1;
        }
        if let Some((first, stretch)) = self.narrowed.take() {
            (self.first, self.stretch) = (first, stretch);
        }
    }

    /// Before the voice in `slot` of `top` is rendered.
    #[inline]
    pub(super) fn before(&mut self, slot: usize, top: usize) {
        if let Some(counter) = self.counter
            && self.stretch_begins(slot, top)
        {
            self.at_stretch = counter();
        }
    }

    #[cold]
    fn stretch_begins(&mut self, slot: usize, top: usize) -> bool {
        let wide = top.div_ceil(STRETCHES).max(1);
        self.stretch = self.stretch.min(wide);
        slot >= self.first && (slot - self.first).is_multiple_of(self.stretch)
    }

    /// After it: the faults that it is to be blamed for.
    #[inline]
    pub(super) fn after(&mut self, slot: usize, top: usize) -> Option<u64> {
        let counter = self.counter?;
        self.stretch_ends(slot, top, counter)
    }

    #[cold]
    fn stretch_ends(&mut self, slot: usize, top: usize, counter: fn() -> u64) -> Option<u64> {
        let inside = slot.checked_sub(self.first)?;
        if inside / self.stretch >= STRETCHES
            || !((inside + 1).is_multiple_of(self.stretch) || slot + 1 == top)
        {
            return None;
        }
        let faults = counter().saturating_sub(self.at_stretch);
        if faults == 0 {
            return None;
        }
        self.seen = true;
        if self.stretch == 1 {
            return Some(faults);
        }
        let first = self.first + inside / self.stretch * self.stretch;
        self.narrowed = Some((first, self.stretch.div_ceil(STRETCHES)));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local!(static FAULTS: Cell<u64> = const { Cell::new(0) });

    fn counter() -> u64 {
        FAULTS.get()
    }

    /// Renders blocks over `top` slots of which `guilty` faults in every block, and says who was blamed when.
    fn search(probe: &mut Probe, top: usize, guilty: usize, blocks: usize) -> Vec<(usize, usize)> {
        let mut blamed = vec![];
        for block in 0..blocks {
            probe.begin_block(Some(counter));
            for slot in 0..top {
                probe.before(slot, top);
                if slot == guilty {
                    FAULTS.set(FAULTS.get() + 1);
                }
                if probe.after(slot, top).is_some() {
                    blamed.push((block, slot));
                }
            }
            probe.end_block(Some(counter));
        }
        blamed
    }

    /// With few voices the one who faults is named in the block after its first fault; with many it takes one block
    /// more per narrowing; nobody else is ever named, also when the guilt moves on.
    #[test]
    fn names_the_guilty() {
        let mut probe = Probe::default();
        assert_eq!(search(&mut probe, 40, 7, 3), [(1, 7), (2, 7)]);
        let mut probe = Probe::default();
        for guilty in [4095, 0, 1234] {
            let blamed = search(&mut probe, 4096, guilty, 6);
            assert!(blamed.len() >= 2 && blamed.iter().all(|(_, slot)| *slot == guilty), "{blamed:?}");
        }
    }

    /// Without faults nobody looks between voices, and a search ends.
    #[test]
    fn looks_only_when_needed() {
        let mut probe = Probe::default();
        search(&mut probe, 8, 3, 2);
        assert!(search(&mut probe, 8, usize::MAX, PATIENCE_BLOCKS as usize + 1).is_empty());
        probe.begin_block(Some(counter));
        assert!(probe.counter.is_none());
        assert_eq!(probe.total(), 2);
    }
}
