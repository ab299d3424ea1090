use super::*;
use units::ChannelCount;

fn route() -> Route {
    Route::new(ChannelCount::MONO, ChannelCount::STEREO)
}

fn strip() -> Strip {
    let shape = ring::RingShape { channels: ChannelCount::MONO, capacity_frames: 64, first: 0 };
    let memory = ring::RingMemory::heap(shape).unwrap();
    let (_, reader) = ring::ring(memory, ring::ReaderConfig::default());
    let mut strip = Strip::new(&crate::VoiceSpec::new("v", reader, crate::GroupId(0)), &route(), 100);
    let asked = Params { gain: 1.0, pan: Pan::CENTRE, mute: false };
    strip.ask(asked, &route(), 0, 0);
    strip
}

fn left(strip: &Strip, frame: u64) -> f32 {
    strip.gains(frame).at(0)[0]
}

/// Each reason keeps the gate shut by itself, and it only opens when the last one is gone.
#[test]
fn reasons_add_up() {
    let mut strip = strip();
    strip.set_silence(Silence::MUTE, true, &route(), 1000, 100);
    strip.set_silence(Silence::GUARD, true, &route(), 1050, 100);
    assert!(strip.is_silent_from(1100) && !strip.is_silent_from(1099));
    strip.set_silence(Silence::MUTE, false, &route(), 2000, 100);
    assert_eq!(left(&strip, 2200), 0.0);
    strip.set_silence(Silence::GUARD, false, &route(), 3000, 100);
    assert!(left(&strip, 3050) > 0.0 && left(&strip, 3050) < left(&strip, 3100));
}

/// A fast reason overtakes a slow fade-out, a slow one does not stretch a fast one.
#[test]
fn the_faster_fade_wins() {
    let mut strip = strip();
    strip.set_silence(Silence::LEAVING, true, &route(), 0, 10_000);
    strip.set_silence(Silence::HUSH, true, &route(), 100, 200);
    assert!(strip.is_silent_from(300));
    strip.set_silence(Silence::MUTE, true, &route(), 200, 5000);
    assert!(strip.is_silent_from(300));
}

/// Gain, pan and gate move at the same time without a step larger than the sum of their slopes.
#[test]
fn everything_is_a_ramp() {
    let mut strip = strip();
    strip.set_gain(0.5, &route(), 100);
    strip.set_pan(Pan::new(-1.0), &route(), 130);
    strip.set_silence(Silence::MUTE, true, &route(), 160, 50);
    strip.set_silence(Silence::MUTE, false, &route(), 180, 50);
    strip.set_gain(2.0, &route(), 190);
    let mut frame = 90;
    let mut last = left(&strip, frame);
    while frame < 400 {
        frame += 1;
        let now = left(&strip, frame);
        assert!((now - last).abs() <= 0.06, "{frame}: {last} to {now}");
        last = now;
    }
    assert_eq!(last, 2.0);
}

/// A stretch never runs past the end of a ramp, so that a line stays exact.
#[test]
fn stretches_end_with_the_ramps() {
    let mut strip = strip();
    strip.set_gain(0.5, &route(), 100);
    strip.set_silence(Silence::MUTE, true, &route(), 120, 30);
    assert_eq!(strip.boundary(120, 500), 150);
    assert_eq!(strip.boundary(150, 500), 200);
    assert_eq!(strip.boundary(200, 500), 500);
}

/// A gain that is no number is silence, and absurd ones are clamped.
#[test]
fn absurd_gains() {
    let mut strip = strip();
    strip.set_gain(f32::NAN, &route(), 0);
    assert_eq!(left(&strip, 1000), 0.0);
    strip.set_gain(f32::INFINITY, &route(), 2000);
    assert!(left(&strip, 3000) <= ring::MAX_GAIN);
}
