//! What the audio thread touches, kept in memory as far as the limit goes: the Renderer, then the memory of sessions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ring::Region;

/// Keeps the Renderer where the audio thread finds it without a page fault: for as long as the daemon runs.
pub(super) fn keep_renderer(renderer: &engine::Renderer) {
    for (start, bytes) in renderer.memory() {
        rt::keep_resident(rt::Part::range(start, bytes));
    }
}

/// What became of each region that sessions use now, by its address.
#[derive(Default)]
pub(super) struct Resident(Mutex<HashMap<usize, rt::Touch>>);

impl Resident {
    /// Takes a region up, or lets it go. Words come before rings: a session's control memory is made first.
    pub(super) fn change(&self, region: &Region, needed: bool) {
        let start = region.start().as_ptr();
        let part = rt::Part::range(start, region.len());
        let mut touched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if needed {
            touched.insert(start.addr(), rt::keep_resident(part));
        } else if let Some(touch) = touched.remove(&start.addr()) {
            rt::release(part, touch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was taken up is let go once, whatever the limit allowed.
    #[test]
    fn up_and_down() {
        let (resident, region) = (Resident::default(), Region::heap(8192));
        let before = rt::memory_totals();
        resident.change(&region, true);
        assert!(rt::memory_totals().wanted_bytes >= before.wanted_bytes + 8192);
        resident.change(&region, false);
        resident.change(&region, false);
        assert_eq!(rt::memory_totals(), before);
    }
}
