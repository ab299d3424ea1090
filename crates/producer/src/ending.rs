//! How a voice ends: played to its last frame, or faded out.

use std::time::{Duration, Instant};

use protocol::{CloseMode, VoiceClose};
use ring::{EngineSide, MarkerKind, MarkerQueueFull, State};

use crate::future::Future;
use crate::link::CallError;
use crate::voice::{Voice, WriteError};

impl Voice {
    /// Puts a flush behind the last frame of the newest future, and commits it.
    fn end_after_last(&mut self, future: Future, engine: &EngineSide) -> Result<(), MarkerQueueFull> {
        let shared = self.shared.clone();
        let mut commit = shared.commit();
        let end = future.voice_frame(self.writer.position(), engine);
        self.mark(MarkerKind::Flush, end, commit.next(), engine)?;
        commit.bump();
        Ok(())
    }

    /// Ends the sound after the last frame that is written, and waits until it was played. The voice stays open; more
    /// frames begin it anew.
    ///
    /// # Errors
    /// When the session is over, the voice muted for good, or the engine does not move.
    pub fn drain(&mut self) -> Result<(), WriteError> {
        let engine = self.writer.engine();
        self.check(&engine)?;
        let Some(future) = self.future.filter(|_| !self.flushed) else { return Ok(()) };
        let lead = self.lead(&engine);
        self.end_after_last(future, &engine)?;
        let patience = self.rate().duration(units::Frames(lead.into())) * 2 + Duration::from_secs(2);
        let deadline = Instant::now() + patience;
        loop {
            let engine = self.writer.engine();
            self.check(&engine)?;
            if self.future.is_none_or(|flush| !flush.is_pending(&engine)) && engine.state == State::Idle {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(WriteError::Timeout { name: self.name().to_owned() });
            }
            self.sleep(self.lead(&engine).max(64));
        }
    }

    /// Closes the voice: `drain` plays what is written to its end, `fade` fades out within 20 ms. Returns at once.
    ///
    /// # Errors
    /// When the session is over already.
    pub fn close(mut self, mode: CloseMode) -> Result<(), CallError> {
        self.closed = true;
        if mode == CloseMode::Drain
            && let Some(future) = self.future.filter(|_| !self.flushed)
        {
            let engine = self.writer.engine();
            // With a full queue the voice ends in an underrun, which fades as well.
            let _queue_full = self.end_after_last(future, &engine);
        }
        self.shared.console.call(&VoiceClose { slot: self.slot(), mode }).map(|_| ())
    }
}
