//! When the daemon lets go of its device: a decision from voices and time, without a clock.

use std::time::Duration;

/// What is to be done with the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing new for so long; `None`: until the number of voices changes.
    Wait(Option<Duration>),
    /// Open it: there is a voice.
    Wake,
    /// Close it: others may want it, and it wakes the machine for nothing.
    Rest,
}

/// Follows the number of voices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceLife {
    patience: Duration,
    voices: usize,
    voiceless_since: Duration,
    resting: bool,
}

impl DeviceLife {
    /// A device that is open, without voices, at time zero of the caller's clock; closed after `patience` without any.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, voices: 0, voiceless_since: Duration::ZERO, resting: false }
    }

    /// There are `voices` from `now` on.
    pub(crate) fn voices(&mut self, now: Duration, voices: usize) {
        if self.voices > 0 && voices == 0 {
            self.voiceless_since = now;
        }
        self.voices = voices;
    }

    /// What to do at `now`; what it says is taken as done.
    pub(crate) fn wish(&mut self, now: Duration) -> Wish {
        let left = (self.voiceless_since + self.patience).saturating_sub(now);
        match (self.voices > 0, self.resting) {
            (true, true) => {
                self.resting = false;
                Wish::Wake
            }
            (false, false) if left.is_zero() => {
                self.resting = true;
                Wish::Rest
            }
            (false, false) => Wish::Wait(Some(left)),
            (true, false) | (false, true) => Wish::Wait(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// It goes 30 s after the last voice, not before, comes with the next one, and is then left alone.
    #[test]
    fn rests_and_wakes() {
        let mut life = DeviceLife::new(seconds(30));
        assert_eq!(life.wish(seconds(10)), Wish::Wait(Some(seconds(20))));
        life.voices(seconds(20), 2);
        assert_eq!(life.wish(seconds(100)), Wish::Wait(None));
        life.voices(seconds(110), 0);
        assert_eq!(life.wish(seconds(139)), Wish::Wait(Some(seconds(1))));
        life.voices(seconds(139), 0);
        assert_eq!(life.wish(seconds(140)), Wish::Rest);
        assert_eq!(life.wish(seconds(1000)), Wish::Wait(None));
        life.voices(seconds(1000), 1);
        assert_eq!(life.wish(seconds(1000)), Wish::Wake);
        assert_eq!(life.wish(seconds(1000)), Wish::Wait(None));
    }

    /// A voice that comes and goes while the device rests starts the wait anew.
    #[test]
    fn a_short_voice() {
        let mut life = DeviceLife::new(seconds(30));
        assert_eq!(life.wish(seconds(30)), Wish::Rest);
        life.voices(seconds(50), 1);
        assert_eq!(life.wish(seconds(50)), Wish::Wake);
        life.voices(seconds(51), 0);
        assert_eq!(life.wish(seconds(51)), Wish::Wait(Some(seconds(30))));
    }
}
