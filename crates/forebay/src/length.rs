//! How much of a piece there is to be: a time, or a number of bars.

use clap::Args;
use units::SampleRate;

/// Options of the commands that end by themselves.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct LengthArgs {
    /// End after so many seconds of sound: `live` fades out within them, `render` cuts there, so that what it makes loops
    #[arg(long, value_name = "N", value_parser = seconds, conflicts_with = "bars")]
    seconds: Option<f64>,
    /// End after so many bars, at the tempo with which the piece begins
    #[arg(long, value_name = "N", value_parser = bars)]
    bars: Option<f64>,
}

impl LengthArgs {
    /// Whether there is an end at all.
    pub(crate) fn is_given(&self) -> bool {
        self.seconds.is_some() || self.bars.is_some()
    }

    /// How long it is, where a bar has so many seconds; `None`: without an end.
    pub(crate) fn seconds(&self, bar_s: f64) -> Option<f64> {
        self.seconds.or(self.bars.map(|bars| bars * bar_s))
    }

    /// The same in frames, at least one.
    pub(crate) fn frames(&self, rate: SampleRate, bar_s: f64) -> Option<u64> {
        self.seconds(bar_s).map(|seconds| rate.frames_in_ms(seconds * 1e3).0.max(1))
    }
}

fn positive(text: &str, what: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1e6 => Ok(number),
        _ => Err(format!("give a number of {what} above 0")),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    positive(text, "seconds")
}

fn bars(text: &str) -> Result<f64, String> {
    positive(text, "bars")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bars are as long as they are said to be; seconds do not care.
    #[test]
    fn bars_and_seconds() {
        let bars = LengthArgs { seconds: None, bars: Some(4.0) };
        let seconds = LengthArgs { seconds: Some(1.5), bars: None };
        assert_eq!(bars.frames(SampleRate::DEFAULT, 2.0), Some(384_000));
        assert_eq!(bars.frames(SampleRate::DEFAULT, 60.0 / 90.0 * 3.0), Some(384_000));
        assert_eq!(seconds.frames(SampleRate::DEFAULT, 2.0), Some(72_000));
        assert_eq!(LengthArgs { seconds: None, bars: None }.frames(SampleRate::DEFAULT, 2.0), None);
        assert!(positive("0", "bars").is_err() && positive("nan", "bars").is_err());
    }
}
