//! Pull: fill to the target lead, then sleep.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::voice::{Voice, WriteError};

/// How much is rendered before a voice begins, so that it speaks at once and does not starve at once either.
const FIRST_CHUNK: Duration = Duration::from_millis(30);

impl Voice {
    /// Plays what `render` writes, chunk by chunk, at the target lead, until it breaks: the whole pacing loop of a
    /// simple producer. `render` fills interleaved frames; what it wrote when it breaks is not played. The first call
    /// is for 30 ms or more, so that the sound begins at once, then the lead deepens.
    ///
    /// # Errors
    /// When the session is over or the voice muted for good.
    pub fn play(
        &mut self,
        chunk_frames: usize,
        mut render: impl FnMut(&mut [f32]) -> ControlFlow<()>,
    ) -> Result<(), WriteError> {
        let chunk_frames = chunk_frames.clamp(1, self.capacity_frames() as usize / 2);
        let first = (self.rate().frames(FIRST_CHUNK).0 as usize)
            .clamp(chunk_frames, self.capacity_frames() as usize / 2);
        let mut chunk = vec![0.0; first * self.channels()];
        loop {
            let before = Instant::now();
            if render(&mut chunk).is_break() {
                return Ok(());
            }
            self.tell_render((chunk.len() / self.channels()) as u32, before.elapsed());
            self.write(&chunk)?;
            chunk.truncate(chunk_frames * self.channels());
        }
    }
}
