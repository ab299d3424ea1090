//! What the supervisor tells: its status when asked, and notices when something happens.

use crate::backend::RunInfo;
use crate::choose::Choice;
use crate::stats::{Counters, DeviceFigures};
use std::fmt;
use std::sync::Arc;

/// What moves time now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The device that was chosen.
    Device,
    /// The null clock in its place.
    Null,
    /// Nothing: the device is closed for want of voices.
    #[default]
    Resting,
}

/// How it stands.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// What was chosen, and why.
    pub choice: Option<Choice>,
    /// The device as it was last open.
    pub device: Option<RunInfo>,
    /// What moves time.
    pub clock: Clock,
    /// Why the device is away, while it is.
    pub away: Option<String>,
    /// How often it was lost.
    pub losses: u64,
    /// Figures over all devices so far; load and lateness of the present one.
    pub figures: DeviceFigures,
    /// How the device's thread came to its priority, once known.
    pub promotion: Option<Result<rt::Promotion, rt::Refused>>,
    /// A callback hangs inside `render`.
    pub hung: bool,
    /// A render panicked: silence until another Renderer is seated.
    pub broken: bool,
    pub(crate) past: DeviceFigures,
    pub(crate) counters: Option<Arc<Counters>>,
}

impl Status {
    /// A copy with the figures of this moment.
    pub(crate) fn fresh(&self) -> Self {
        let figures = match &self.counters {
            Some(counters) => counters.snapshot().after(self.past),
            None => self.past,
        };
        Self { figures, ..self.clone() }
    }

    /// Later figures come from these counters (of the clock that runs now).
    pub(crate) fn count_with(&mut self, counters: Option<Arc<Counters>>) {
        if let Some(old) = self.counters.take() {
            self.past = old.snapshot().after(self.past);
        }
        self.counters = counters;
    }
}

/// Something happened that the user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// What plays, and why.
    Chosen(Choice),
    /// The device died; the null clock goes on.
    Lost {
        /// Its backend.
        backend: &'static str,
        /// The device.
        device: String,
        /// Why.
        reason: String,
        /// Whether it is taken back when it returns. (A file is not.)
        comes_back: bool,
    },
    /// It plays again.
    Back {
        /// Its backend.
        backend: &'static str,
        /// The device.
        device: String,
    },
    /// It is open and asks for nothing: nothing is heard; the null clock goes on.
    NotMoving {
        /// Its backend.
        backend: &'static str,
        /// The device.
        device: String,
    },
    /// A callback has been inside `render` for too long. The seat is not taken from it.
    Hung,
    /// A render panicked: silence until another Renderer is seated.
    Panicked,
    /// No real-time priority.
    PriorityRefused(rt::Refused),
    /// Something about the device that the user should know once.
    Remark(String),
    /// The device came to its end.
    Finished,
    /// Closed for want of voices.
    Resting,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen(choice) => write!(f, "playing on {choice}"),
            Self::Lost { backend, device, reason, comes_back } => {
                let then = if *comes_back { "it is taken back when it returns" } else { "nothing is heard" };
                write!(f, "{backend} ({device}) is gone: {reason}; time goes on, {then}")
            }
            Self::Back { backend, device } => write!(f, "{backend} ({device}) is back"),
            Self::NotMoving { backend, device } => write!(
                f,
                "{backend} ({device}) is open but asks for no sound: nothing is heard; check the sound server, or choose \
                 another with --backend"
            ),
            Self::Hung => write!(f, "an audio callback hangs inside the render: restart the program"),
            Self::Panicked => write!(f, "the render failed: silence; restart the program"),
            Self::PriorityRefused(refused) => write!(f, "{refused}"),
            Self::Remark(remark) => write!(f, "{remark}"),
            Self::Finished => write!(f, "the output is complete"),
            Self::Resting => write!(f, "no voices: the sound device is closed until there is one"),
        }
    }
}
