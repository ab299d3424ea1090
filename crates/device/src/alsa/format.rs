//! Which of the formats that a device offers is opened.

use crate::backend::Want;
use crate::render::Format;
use cpal::traits::DeviceTrait;
use cpal::{BufferSize, SampleFormat, SupportedBufferSize, SupportedStreamConfigRange};
use units::{ChannelCount, SampleRate};

/// Frames per callback where none are wanted: ALSA plugins would else take half a second.
pub(super) const PERIOD_FRAMES: usize = 512;

/// What a device can do.
pub(super) struct Offer {
    /// What it is set to by itself.
    channels: u16,
    hz: u32,
    sample_format: SampleFormat,
    /// Empty where it does not tell.
    ranges: Vec<SupportedStreamConfigRange>,
}

impl Offer {
    /// Asks the device.
    pub(super) fn of(device: &cpal::Device) -> Result<Self, cpal::Error> {
        let own = device.default_output_config()?;
        let ranges = device.supported_output_configs().map(Iterator::collect).unwrap_or_default();
        let (channels, hz) = (own.channels(), own.sample_rate());
        Ok(Self { channels, hz, sample_format: own.sample_format(), ranges })
    }

    /// The format to open: as wanted, else the Renderer's, so that nothing needs converting, else the usual; in each the first
    /// that the device can. It may have none of them: the skeleton brings any to any.
    ///
    /// # Errors
    /// What of its own format is out of our range.
    pub(super) fn format(&self, want: &Want, engine: Option<Format>) -> Result<Format, String> {
        let channels = [want.channels, engine.map(|it| it.channels), Some(ChannelCount::STEREO)];
        // Of a device that tells nothing, a wish is believed, for it comes first; else it is taken as it is.
        let is_mute = self.ranges.is_empty();
        let fits = |it: &u16| if is_mute { want.channels.is_some() } else { self.can(*it, None) };
        let channels = channels.into_iter().flatten().map(|it| it.get() as u16).find(fits);
        let channels = channels.unwrap_or(self.channels);
        let rates = [want.rate, engine.map(|it| it.rate), Some(SampleRate::DEFAULT)];
        let fits = |it: &u32| if is_mute { want.rate.is_some() } else { self.can(channels, Some(*it)) };
        let hz = rates.into_iter().flatten().map(SampleRate::hz).find(fits).unwrap_or(self.hz);
        Ok(Format {
            rate: SampleRate::new(hz).map_err(|error| error.to_string())?,
            channels: ChannelCount::new(usize::from(channels)).map_err(|error| error.to_string())?,
        })
    }

    fn can(&self, channels: u16, hz: Option<u32>) -> bool {
        let fits = |range: &SupportedStreamConfigRange| {
            let rates = range.min_sample_rate()..=range.max_sample_rate();
            range.channels() == channels && hz.is_none_or(|hz| rates.contains(&hz))
        };
        self.ranges.iter().any(fits)
    }

    /// The ranges of `format`'s channels.
    fn ranges_of(&self, format: Format) -> impl Iterator<Item = &SupportedStreamConfigRange> {
        self.ranges.iter().filter(move |range| usize::from(range.channels()) == format.channels.get())
    }

    /// The most exact format of samples that the device takes.
    pub(super) fn sample_format(&self, format: Format) -> SampleFormat {
        const BEST_FIRST: [SampleFormat; 5] =
            [SampleFormat::F32, SampleFormat::F64, SampleFormat::I32, SampleFormat::I24, SampleFormat::I16];
        BEST_FIRST
            .into_iter()
            .find(|wanted| self.ranges_of(format).any(|range| range.sample_format() == *wanted))
            .unwrap_or(self.sample_format)
    }

    /// The periods to try, in this order: the one that is wished and no other; else ours, the nearest to it that the device
    /// names, and what it takes by itself.
    pub(super) fn periods(&self, wished: Option<usize>, format: Format) -> Vec<BufferSize> {
        if let Some(frames) = wished {
            return vec![BufferSize::Fixed(frames as u32)];
        }
        let ours = PERIOD_FRAMES as u32;
        let sample_format = self.sample_format(format);
        let range = self.ranges_of(format).find(|range| range.sample_format() == sample_format);
        let nearest = match range.map(SupportedStreamConfigRange::buffer_size) {
            Some(SupportedBufferSize::Range { min, max }) if min <= max => ours.clamp(*min, *max),
            _ => ours,
        };
        let mut sizes = vec![BufferSize::Fixed(ours), BufferSize::Fixed(nearest), BufferSize::Default];
        sizes.dedup();
        sizes
    }

    /// What the device was asked for, for an error.
    pub(super) fn asked(&self, want: &Want, format: Format) -> String {
        let period = want.period_frames.map(|frames| format!(" in periods of {frames} frames"));
        let (channels, hz) = (format.channels.get(), format.rate.hz());
        format!(
            "{channels} channels of {} at {hz} Hz{}",
            self.sample_format(format),
            period.unwrap_or_default()
        )
    }
}

/// What was wished and not to be had.
pub(super) fn remark(want: &Want, format: Format) -> Option<String> {
    let rate = want.rate.filter(|rate| *rate != format.rate).map(|rate| {
        format!(
            "the device has no {} Hz: it runs at {} Hz, and the sound is resampled",
            rate.hz(),
            format.rate.hz()
        )
    });
    let channels = want.channels.filter(|channels| *channels != format.channels).map(|channels| {
        let (wished, has) = (channels.get(), format.channels.get());
        format!("the device has no {wished} channels: it runs with {has}, and the sound is mixed to them")
    });
    let said: Vec<String> = [rate, channels].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(channels: u16, rates: (u32, u32), periods: (u32, u32)) -> Offer {
        let buffer_size = SupportedBufferSize::Range { min: periods.0, max: periods.1 };
        let range =
            SupportedStreamConfigRange::new(channels, rates.0, rates.1, buffer_size, SampleFormat::I16);
        Offer { channels, hz: rates.1, sample_format: SampleFormat::I16, ranges: vec![range] }
    }

    fn format(hz: u32, channels: usize) -> Format {
        Format { rate: SampleRate::new(hz).unwrap(), channels: ChannelCount::new(channels).unwrap() }
    }

    /// A wish that the device can't fulfil is remarked, not refused: it runs as it can.
    #[test]
    fn any_wish_opens() {
        let fixed = offer(2, (48_000, 48_000), (16, 8192));
        let wish = format(44_100, 6);
        let want = Want { rate: Some(wish.rate), channels: Some(wish.channels), ..Want::default() };
        let opened = fixed.format(&want, Some(wish)).unwrap();
        assert_eq!(opened, format(48_000, 2));
        let said = remark(&want, opened).unwrap();
        assert!(
            said.contains("no 44100 Hz") && said.contains("no 6 channels") && !said.contains('\n'),
            "{said}"
        );
        assert_eq!(remark(&Want::default(), opened), None);
    }

    /// In this order: what is wanted, what the Renderer has, the usual, what the device is set to.
    #[test]
    fn the_nearest_format() {
        let wide = offer(2, (8_000, 192_000), (16, 8192));
        let want = |hz| Want { rate: SampleRate::new(hz).ok(), ..Want::default() };
        assert_eq!(wide.format(&want(96_000), Some(format(44_100, 2))), Ok(format(96_000, 2)));
        assert_eq!(wide.format(&Want::default(), Some(format(44_100, 1))), Ok(format(44_100, 2)));
        assert_eq!(wide.format(&Want::default(), None), Ok(format(48_000, 2)));
        let odd = offer(4, (22_050, 32_000), (16, 8192));
        assert_eq!(odd.format(&Want::default(), Some(format(44_100, 2))), Ok(format(32_000, 4)));
        let silent = Offer { ranges: Vec::new(), ..wide };
        assert_eq!(silent.format(&want(96_000), None), Ok(format(96_000, 2)));
        assert_eq!(silent.format(&Want::default(), Some(format(44_100, 2))), Ok(format(192_000, 2)));
    }

    /// A card that has no 512 frames is asked for what is nearest, then for its own; a wish is not replaced.
    #[test]
    fn the_nearest_period() {
        use BufferSize::{Default, Fixed};
        let any = offer(2, (48_000, 48_000), (16, 8192));
        assert_eq!(any.periods(None, format(48_000, 2)), [Fixed(512), Default]);
        let dmix = offer(2, (48_000, 48_000), (1024, 1024));
        assert_eq!(dmix.periods(None, format(48_000, 2)), [Fixed(512), Fixed(1024), Default]);
        assert_eq!(dmix.periods(Some(64), format(48_000, 2)), [Fixed(64)]);
    }
}
