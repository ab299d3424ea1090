//! How many channels a frame has.

use std::fmt;
use std::num::NonZeroU8;

/// The most channels that a voice, a bus or a device has.
pub const MAX_CHANNELS: usize = 8;

/// A number of channels, 1 to [`MAX_CHANNELS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelCount(NonZeroU8);

/// A channel count outside 1 to [`MAX_CHANNELS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelCountError(pub usize);

impl fmt::Display for ChannelCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} channels are not possible: give 1 to {MAX_CHANNELS}", self.0)
    }
}

impl std::error::Error for ChannelCountError {}

impl ChannelCount {
    /// One channel.
    pub const MONO: Self = Self(NonZeroU8::new(1).expect("not zero"));
    /// Left and right.
    pub const STEREO: Self = Self(NonZeroU8::new(2).expect("not zero"));

    /// Takes `count` channels.
    ///
    /// # Errors
    /// When `count` is 0 or above [`MAX_CHANNELS`].
    pub const fn new(count: usize) -> Result<Self, ChannelCountError> {
        if count > MAX_CHANNELS {
            return Err(ChannelCountError(count));
        }
        match NonZeroU8::new(count as u8) {
            Some(channels) => Ok(Self(channels)),
            None => Err(ChannelCountError(count)),
        }
    }

    /// The number.
    pub const fn get(self) -> usize {
        self.0.get() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 to 8 and nothing else, also where the low byte alone would pass.
    #[test]
    fn range() {
        assert_eq!(ChannelCount::new(2), Ok(ChannelCount::STEREO));
        assert_eq!(ChannelCount::new(0), Err(ChannelCountError(0)));
        assert_eq!(ChannelCount::new(9), Err(ChannelCountError(9)));
        assert_eq!(ChannelCount::new(257), Err(ChannelCountError(257)));
    }
}
