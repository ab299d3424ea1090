//! Units of time, level and layout. Everything that crosses a crate border in forebay is in one of these.
//!
//! A *frame* is one sample per channel at one instant; all counts are in frames. Levels are decibels at the
//! edges (`_db`) and linear amplitude inside.
#![forbid(unsafe_code)]

mod channels;
mod level;
mod time;

pub use channels::{ChannelCount, ChannelCountError, MAX_CHANNELS};
pub use level::{Decibels, Pan};
pub use time::{FramePos, Frames, SampleRate, SampleRateError, wrapped_distance};
