//! Where the newest future of a voice ends, seen from the producer's side.

use ring::{EngineSide, State};

/// The newest future: everything written since the newest marker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Future {
    /// Its marker's number in the ring's count of markers.
    pub(crate) marker: u32,
    /// Ring position of its first frame.
    pub(crate) to: u32,
    /// Voice frame of its first frame, by the anchor below.
    pub(crate) at: u32,
    /// The anchor that `at` was computed with; a start has none.
    pub(crate) anchor: Option<u32>,
}

/// Whether `later - earlier` is above zero, for counters that wrap.
pub(crate) fn is_after(later: u32, earlier: u32) -> bool {
    (later.wrapping_sub(earlier) as i32) > 0
}

impl Future {
    /// Whether the engine has not yet come to its marker.
    pub(crate) fn is_pending(&self, engine: &EngineSide) -> bool {
        !is_after(engine.marker_read, self.marker)
    }

    /// Voice frame of the frame at ring position `write`.
    ///
    /// Until the engine comes to the marker it is computed as the engine will (an anchor that changed since moves
    /// `at`); from then on the engine says where it really put it.
    pub(crate) fn voice_frame(&self, write: u32, engine: &EngineSide) -> u32 {
        if !self.is_pending(engine) {
            return write.wrapping_sub(engine.offset);
        }
        let moved = self.anchor.map_or(0, |anchor| anchor.wrapping_sub(engine.anchor));
        self.at.wrapping_add(moved).wrapping_add(write.wrapping_sub(self.to))
    }

    /// Frames from where the voice is to the frame at ring position `write`.
    pub(crate) fn lead(&self, write: u32, engine: &EngineSide) -> u32 {
        if self.is_pending(engine) && engine.state == State::Idle {
            return write.wrapping_sub(self.to);
        }
        let lead = self.voice_frame(write, engine).wrapping_sub(engine.voice_frame) as i32;
        lead.max(0) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> EngineSide {
        EngineSide {
            read: 0,
            voice_frame: u32::MAX - 99,
            anchor: 50,
            marker_read: 0,
            offset: 7,
            state: State::Playing,
            late: 0,
            superseded: 0,
            shed: 0,
            concealed: 0,
            underruns: 0,
            last_stall: 0,
            target_lead: 0,
            fault: 0,
        }
    }

    /// A pending splice counts from its `at`, also when the anchor moved under it; across the wrap of every counter.
    #[test]
    fn pending_and_taken() {
        let future = Future { marker: u32::MAX, to: u32::MAX - 9, at: u32::MAX - 49, anchor: Some(50) };
        let pending = EngineSide { marker_read: u32::MAX, ..engine() };
        assert!(future.is_pending(&pending));
        assert_eq!(future.lead(20, &pending), 50 + 30);
        let moved = EngineSide { anchor: 40, ..pending };
        assert_eq!(future.lead(20, &moved), 50 + 30 + 10);
        let taken = EngineSide { marker_read: 0, offset: 20_u32.wrapping_sub(u32::MAX - 99), ..engine() };
        assert_eq!(future.lead(25, &taken), 5);
        assert_eq!(future.lead(15, &taken), 0, "a voice that has overtaken its producer has no lead");
    }
}
