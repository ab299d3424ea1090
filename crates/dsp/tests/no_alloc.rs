//! Nothing of the real-time side of `dsp` allocates after it was built.

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use forebay_dsp::limiter::{Limiter, LimiterConfig};
use forebay_dsp::meter::Level;
use forebay_dsp::resample::{Quality, Resampler};
use units::{ChannelCount, SampleRate};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// The limiter at rest, limiting, recovering and being set allocates nothing.
#[test]
fn limiter() {
    let mut limiter = Limiter::new(LimiterConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO));
    let mut frames: Vec<f32> = (0..9600).map(|i| ((i / 1200) % 3) as f32).collect();
    assert_no_alloc(|| {
        for block in frames.chunks_mut(2 * 61) {
            limiter.process(block);
            limiter.set_threshold_db(-3.0);
            limiter.set_release_ms(20.0);
        }
    });
}

/// The resampler pulled in all sizes allocates nothing.
#[test]
fn resampler() {
    let rate = |hz| SampleRate::new(hz).unwrap();
    for (from, to) in [(44_100, 48_000), (192_000, 44_100), (8_000, 96_000)] {
        let mut resampler =
            Resampler::new(rate(from), rate(to), ChannelCount::new(8).unwrap(), Quality::Live);
        let mut out = vec![0.0; 8 * 2000];
        assert_no_alloc(|| {
            for frames in 1..200 {
                resampler.pull(&mut out[..8 * frames], |input| input.fill(0.25));
            }
            resampler.pull(&mut out, |input| input.fill(0.25));
        });
    }
}

/// Meters allocate nothing.
#[test]
fn meters() {
    let block = [0.5; 441];
    let level =
        assert_no_alloc(|| (0..1000).fold(Level::default(), |level, _| level.merged(Level::of(&block))));
    assert_eq!(level.peak, 0.5);
}
