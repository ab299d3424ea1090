use super::*;

fn stereo() -> Limiter {
    Limiter::new(LimiterConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO))
}

/// Repeatable noise in -1.0..1.0.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u32 << 23) as f32) - 1.0
    }
}

/// Music with everything that hurts: calm, loud, far over, no numbers, infinite, denormal.
fn hostile(samples: usize) -> Vec<f32> {
    let mut next = noise(7);
    (0..samples)
        .map(|i| match (i / 700) % 7 {
            0 | 1 => 0.5 * next(),
            2 => 3.0 * next(),
            3 => 1e30 * next(),
            4 => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.1][i % 4],
            5 => f32::from_bits(i as u32 % 100),
            _ => 0.9 * next(),
        })
        .collect()
}

/// Below the threshold the limiter is a delay and changes no bit, denormals and negative zero included.
#[test]
fn transparent_below_the_threshold() {
    let mut limiter = stereo();
    let mut next = noise(1);
    let mut input: Vec<f32> = (0..4000).map(|_| 0.96 * next()).collect();
    input[101] = f32::from_bits(1);
    input[102] = -0.0;
    let mut output = input.clone();
    for block in output.chunks_mut(2 * 37) {
        limiter.process(block);
    }
    let delay = 2 * limiter.latency_frames();
    assert_eq!(limiter.latency_frames(), 64);
    assert!(output[..delay].iter().all(|x| x.to_bits() == 0));
    assert!(input.iter().zip(&output[delay..]).all(|(a, b)| a.to_bits() == b.to_bits()));
    assert_eq!(limiter.take_deepest_gain(), 1.0);
}

/// Nothing passes the ceiling and everything is a number, whatever comes in.
#[test]
fn nothing_passes_the_ceiling() {
    let mut limiter = stereo();
    let mut frames = hostile(100_000);
    limiter.process(&mut frames);
    assert!(frames.iter().all(|x| x.abs() <= limiter.ceiling()));
    assert!(limiter.take_deepest_gain() < 0.01);
}

/// Cutting into other blocks changes no bit, in calm and in noise.
#[test]
fn block_size_does_not_matter() {
    let mut whole = hostile(60_000);
    stereo().process(&mut whole);
    for frames in [1, 17, 64, 441] {
        let mut limiter = stereo();
        let mut cut = hostile(60_000);
        for block in cut.chunks_mut(2 * frames) {
            limiter.process(block);
        }
        assert!(whole.iter().zip(&cut).all(|(a, b)| a.to_bits() == b.to_bits()), "{frames} frames");
    }
}

/// The look-ahead alone keeps the threshold: with the ceiling far above, no peak gets through (but for rounding).
#[test]
fn lookahead_alone_meets_the_threshold() {
    let config = LimiterConfig {
        threshold_db: -12.0,
        ceiling_db: 0.0,
        release_ms: 1.0,
        ..LimiterConfig::new(SampleRate::DEFAULT, ChannelCount::MONO)
    };
    let mut limiter = Limiter::new(config);
    let mut next = noise(3);
    let mut frames: Vec<f32> =
        (0..50_000).map(|i| if i % 997 == 0 { 40.0 } else { (i % 5) as f32 * next() }).collect();
    limiter.process(&mut frames);
    let threshold = Decibels(-12.0).amplitude();
    assert!(frames.iter().all(|x| x.abs() <= threshold * 1.000_001));
    assert!(frames.iter().any(|x| x.abs() > threshold * 0.99), "and it does not duck more than needed");
}

/// The gain moves without a step: over a constant input with one spike it bends by at most what two averages
/// as long as the look-ahead allow.
#[test]
fn gain_moves_smoothly() {
    let config = LimiterConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO);
    let mut limiter = Limiter::new(config);
    let mut frames = vec![0.5; 2 * 20_000];
    frames[2 * 1000] = 8.0; // the spike is on the left: the right shows the gain
    limiter.process(&mut frames);
    let right: Vec<f32> = frames.chunks(2).map(|frame| frame[1]).skip(64).collect();
    let steps: Vec<f32> = right.windows(2).map(|w| w[1] - w[0]).collect();
    let bends = steps.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    let largest = steps.iter().fold(0.0_f32, |most, step| most.max(step.abs()));
    assert!(largest < 0.5 * 2.0 / 32.0, "{largest}");
    assert!(bends < 0.5 * 1.5 / (32.0 * 32.0), "{bends}");
    assert!(right[1000] < 0.07, "the right channel follows the left: {}", right[1000]);
}

/// After a peak the gain comes back to exactly 1.0, and bits are bits again.
#[test]
fn release_ends_at_unity() {
    let mut limiter = stereo();
    limiter.process(&mut [9.0, -9.0]);
    let mut next = noise(5);
    let mut settle: Vec<f32> = (0..2 * 48_000 * 2).map(|_| 0.5 * next()).collect();
    limiter.process(&mut settle);
    assert!(limiter.take_deepest_gain() < 0.11);
    let input: Vec<f32> = (0..1000).map(|_| 0.5 * next()).collect();
    let mut output = input.clone();
    limiter.process(&mut output);
    assert_eq!(limiter.take_deepest_gain(), 1.0);
    assert_eq!(&input[..1000 - 128], &output[128..]);
}

/// A faster release brings more level back within the same time; a lower threshold holds a lower level.
#[test]
fn settings_change_the_sound() {
    let level_after = |release_ms: f32, threshold_db: f32| {
        let mut limiter = stereo();
        limiter.set_release_ms(release_ms);
        limiter.set_threshold_db(threshold_db);
        limiter.process(&mut [9.0, 9.0]);
        let mut frames = vec![0.9; 2 * 2000];
        limiter.process(&mut frames);
        frames[2 * 1999]
    };
    assert!(level_after(10.0, -0.3) > level_after(200.0, -0.3) + 0.1);
    assert!(level_after(10.0, -6.0) < Decibels(-6.0).amplitude() * 1.000_001);
}

/// Settings that are no numbers change nothing, absurd ones are brought into range.
#[test]
fn absurd_settings() {
    let config = LimiterConfig {
        lookahead_ms: f32::NAN,
        threshold_db: f32::NAN,
        release_ms: -1.0,
        ceiling_db: f32::INFINITY,
        ..LimiterConfig::new(SampleRate::new(8).unwrap(), ChannelCount::MONO)
    };
    let mut limiter = Limiter::new(config);
    let mut frames = hostile(3000);
    limiter.process(&mut frames);
    limiter.set_threshold_db(f32::NAN);
    limiter.set_release_ms(f32::NAN);
    assert!(frames.iter().all(|x| x.abs() <= 1.0));
}

/// Without a level, what goes in comes out, delayed, bit for bit, however loud; what is no number is kept out.
#[test]
fn without_a_level_nothing_is_limited() {
    let mut limiter = stereo();
    limiter.set_level_db(None);
    let mut next = noise(11);
    let input: Vec<f32> = (0..4000).map(|_| 50.0 * next()).collect();
    let mut output = input.clone();
    limiter.process(&mut output);
    assert_eq!(&input[..4000 - 128], &output[128..]);
    let mut hostile = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 9.0];
    limiter.process(&mut hostile);
    let mut out = [0.0; 128];
    limiter.process(&mut out);
    assert_eq!(out[124..], [0.0, 0.0, 0.0, 9.0]);
}

/// The level may change at any moment: what is loud comes down to a lower one without a step or a clipped sample, what the
/// ceiling holds is never passed once the look-ahead is over, and a higher one lets it rise again.
#[test]
fn the_level_moves_smoothly() {
    let mut limiter = stereo();
    let mut run = |db: Option<f32>, frames: usize| {
        limiter.set_level_db(db);
        let mut out = vec![0.9; 2 * frames];
        limiter.process(&mut out);
        (out.iter().step_by(2).copied().collect::<Vec<f32>>(), limiter.ceiling())
    };
    let (start, _) = run(Some(-0.3), 2000);
    assert_eq!(start[1999], 0.9);
    let (fallen, ceiling) = run(Some(-20.0), 4000);
    assert_eq!(ceiling, Decibels(-20.0).amplitude());
    assert!(fallen[64..].iter().all(|x| *x <= ceiling));
    let steps = |row: &[f32]| row.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(fallen[0] > 0.89 && steps(&fallen[..65]) < 0.9 * 2.0 / 32.0, "{}", steps(&fallen));
    let (risen, ceiling) = run(None, 80_000);
    assert_eq!((ceiling, risen[79_999]), (UNLIMITED, 0.9));
    assert!(steps(&risen) < 0.01, "{}", steps(&risen));
}

/// Cutting into other blocks changes no bit while the level moves.
#[test]
fn block_size_does_not_matter_to_a_level() {
    let levels = [Some(-20.0), None, Some(0.0), Some(-6.0), Some(-6.5), None, Some(-40.0)];
    let run = |frames: usize| {
        let mut limiter = stereo();
        let mut samples = hostile(levels.len() * 2 * 1764);
        for (part, level) in samples.chunks_mut(2 * 1764).zip(levels) {
            limiter.set_level_db(level);
            part.chunks_mut(2 * frames).for_each(|block| limiter.process(block));
        }
        samples.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let whole = run(1764);
    assert!([1, 17, 64, 441].into_iter().all(|frames| run(frames) == whole));
}
