//! What a session is to become: recorded, and over by itself.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use live::Event;
use serde_json::json;
use units::SampleRate;

use super::ending::Ending;
use super::take::{self, Take};
use crate::length::LengthArgs;
use crate::terminal;
use crate::trouble::{Exit, Trouble};

/// The end and the recording of a session. Both begin with the first frame of its first script that sounds.
pub(super) struct Course {
    ending: Ending,
    take: Option<Take>,
    json: bool,
    /// Of the daemon that plays it, and its process.
    rate_hz: u32,
    daemon: Option<u32>,
}

impl Course {
    /// Has the file of a recording made, before anything plays. The last `fade` of the length is a fade.
    ///
    /// # Errors
    /// [`Exit::Output`] where there is no such file.
    pub(super) fn prepare(
        record: Option<&Path>,
        overwrite: bool,
        length: LengthArgs,
        fade: Duration,
        json: bool,
    ) -> Result<Self, Trouble> {
        let take = record.map(|path| Take::prepare(path, overwrite)).transpose()?;
        Ok(Self { ending: Ending::new(length, fade), take, json, rate_hz: 0, daemon: None })
    }

    /// Takes what a script says of daemons and beginnings.
    ///
    /// # Errors
    /// When the recording can't begin.
    pub(super) fn note(&mut self, event: &Event) -> Result<(), Trouble> {
        match event {
            Event::Connected { pid, rate_hz, .. } => {
                if self.daemon.replace(*pid) != Some(*pid) {
                    self.rate_hz = *rate_hz;
                    let rate =
                        SampleRate::new(*rate_hz).map_err(|error| Trouble::new(Exit::Daemon, error))?;
                    self.ending.begin_anew(rate);
                }
                Ok(())
            }
            Event::Rejoined { engine_frame, .. } => {
                self.ending.rejoined(*engine_frame);
                Ok(())
            }
            Event::Edited(edit) => match (self.ending.edited(edit), &mut self.take) {
                (Some((frame, frames)), Some(take)) => take.begin(frame, frames),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The frame at which the fade is to begin, when that is near, and how far away it is. `engine_frame` asks the daemon.
    pub(super) fn end_that_is_near(
        &mut self,
        engine_frame: impl FnOnce() -> Option<u64>,
    ) -> Option<(u32, Duration)> {
        if !self.ending.asks() {
            return None;
        }
        self.ending.look(engine_frame()?)
    }

    /// Whether the scripts were told to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_told
    }

    /// A recording that fails is told at once; the piece plays on. Returns what a person is to know.
    ///
    /// # Errors
    /// When nobody can be told.
    pub(super) fn watch(&mut self) -> Result<Option<String>> {
        let Some(take) = &mut self.take else { return Ok(None) };
        let Some(why) = take.failure() else { return Ok(None) };
        if self.json {
            let failed = json!({ "event": "recorded", "file": take.path(), "error": why });
            terminal::print(&failed.to_string())?;
            return Ok(None);
        }
        Ok(Some(format!("forebay: the recording has ended: {why}")))
    }

    /// Ends the recording. Returns what a person is to know.
    ///
    /// # Errors
    /// [`Exit::Output`] when the recording is not whole.
    pub(super) fn finish(&mut self) -> Result<Option<String>> {
        let Some(take) = self.take.take() else { return Ok(None) };
        let recorded = take.finish()?;
        if let Some(error) = recorded.error {
            return Err(Trouble::new(Exit::Output, error).into());
        }
        if self.json {
            terminal::print(&take::as_json(&recorded, self.rate_hz).to_string())?;
            return Ok(None);
        }
        Ok(Some(take::as_text(&recorded, self.rate_hz)))
    }
}
