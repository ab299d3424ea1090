//! A sine, the shortest producer: `cargo run --example sine [HZ]`. Ctrl-C ends it; what is written plays out and fades.

use std::ops::ControlFlow;

use forebay_producer::{ChannelCount, Connect};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hz: f32 = std::env::args().nth(1).map_or(Ok(440.0), |text| text.parse())?;
    // Starts a daemon where none runs.
    let session = Connect::new("sine").session()?;
    let step = hz / session.rate().hz() as f32;
    let mut voice = session.voice("sine", ChannelCount::MONO)?;
    let mut turn = 0.0_f32;
    voice.play(512, |chunk| {
        for sample in chunk {
            *sample = 0.2 * (turn * std::f32::consts::TAU).sin();
            turn = (turn + step).fract();
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}
