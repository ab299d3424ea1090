//! Two voices that change their minds together, once a second, though each has two thirds of a second written ahead:
//! `cargo run --example splice`. The new pitch is heard within milliseconds, without a click, and in step.

use std::time::{Duration, Instant};

use forebay_producer::{ChannelCount, Connect, Part, Voice};

/// A tone whose phase belongs to the clock of its voice, so that any moment of it can be rendered again.
fn render(hz: f32, rate: u32, from: u64, frames: usize) -> Vec<f32> {
    let turns = |frame: u64| (frame as f64 * f64::from(hz) / f64::from(rate)).fract() as f32;
    (from..from + frames as u64).map(|frame| 0.15 * (turns(frame) * std::f32::consts::TAU).sin()).collect()
}

/// Fills up to the target lead.
fn fill(voice: &mut Voice, hz: f32) -> Result<(), Box<dyn std::error::Error>> {
    let rate = voice.rate().hz();
    while voice.try_write(&render(hz, rate, voice.clock_frames(), 2048))? > 0 {}
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let session = Connect::new("splice").session()?;
    let rate = session.rate().hz();
    let mut low = session.voice("low", ChannelCount::MONO)?;
    let mut high = session.voice("high", ChannelCount::MONO)?;
    // 60 ms of the new future are written before it counts: what survives a stall right after the change.
    let cover = rate as usize * 60 / 1000;
    for root in [110.0, 130.8, 98.0, 146.8].into_iter().cycle().take(16) {
        fill(&mut low, root)?;
        fill(&mut high, root * 3.0)?;
        let next = Instant::now() + Duration::from_secs(1);
        while Instant::now() < next {
            fill(&mut low, root)?;
            fill(&mut high, root * 3.0)?;
            std::thread::sleep(Duration::from_millis(20));
        }
        let trigger = Instant::now();
        let root = root * 1.5;
        let at = session.soonest_change(&[&low, &high], Duration::from_millis(2))?;
        let (low_at, high_at) = (low.clock_at(at).unwrap_or(0), high.clock_at(at).unwrap_or(0));
        let (low_frames, high_frames) =
            (render(root, rate, low_at, cover), render(root * 3.0, rate, high_at, cover));
        session.commit(
            &mut [Part::splice(&mut low, at, &low_frames), Part::splice(&mut high, at, &high_frames)],
            trigger,
        )?;
    }
    low.drain()?;
    high.drain()?;
    Ok(())
}
