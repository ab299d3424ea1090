//! A producer for the system tests: one voice of exact noise in one channel of main.
//! `noise VOICE CHANNELS SECONDS LEAD_MS`: says `opened`, waits for a line on its standard input (or its end), says `started`
//! when its first frames are written, and at the end `stats`: how often it ran dry, and how many frames of it were shed.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Instant;

use producer::protocol::{CloseMode, LatePolicy, LeadSetting, VoiceOpen};
use producer::{ChannelCount, Connect};

/// The same integers as `noise` in tests/system/support/audio.rs.
fn noise(voice: u32, n: u32) -> f32 {
    let mut x = n.wrapping_mul(0x9E37_79B1).wrapping_add((voice + 1).wrapping_mul(0x85EB_CA77));
    x ^= x >> 15;
    x = x.wrapping_mul(0x2C1B_3C6D);
    x ^= x >> 12;
    ((x >> 8) as i32 - (1 << 23)) as f32 / (1 << 26) as f32
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = std::env::args().skip(1).map(|arg| arg.parse::<u32>()).collect::<Result<Vec<_>, _>>()?;
    let [number, channels, seconds, lead_ms] = args[..] else {
        return Err("noise VOICE CHANNELS SECONDS LEAD_MS".into());
    };
    let lead = LeadSetting::Ms(lead_ms.into());
    let session = Connect::new(format!("noise {number}")).start_daemon(false).lead(lead).session()?;
    let channels = ChannelCount::new(channels as usize)?;
    // `hold`: however late a busy machine lets it begin, its first frame is heard. An underrun would show as silence within.
    let mut wanted = VoiceOpen::new(format!("noise{number}"), channels.get() as u32);
    wanted.policy = LatePolicy::Hold;
    let mut voice = session.open(&wanted)?;
    let total = seconds * session.rate().hz();
    let own = (number as usize) % channels.get();
    let render = |frames: u32, from: u32| {
        let mut chunk = vec![0.0; frames as usize * channels.get()];
        for (n, out) in (from..).zip(chunk.chunks_exact_mut(channels.get())) {
            out[own] = noise(number, n);
        }
        chunk
    };
    println!("opened");
    std::io::stdin().read_line(&mut String::new())?;
    // The first write begins the voice: at its full lead, so that a machine that starts many of these at once does not
    // let it run dry at its beginning.
    let first = (lead_ms * session.rate().hz() / 1000).min(total);
    voice.write(&render(first, 0))?;
    println!("started");
    let mut frame = first;
    while frame < total {
        let before = Instant::now();
        let frames = 480.min(total - frame);
        let chunk = render(frames, frame);
        voice.tell_render(frames, before.elapsed());
        voice.write(&chunk)?;
        frame += frames;
    }
    voice.drain()?;
    let stats = voice.stats();
    println!("stats {{\"underruns\": {}, \"shedFrames\": {}}}", stats.underruns, stats.shed_frames);
    voice.close(CloseMode::Drain)?;
    Ok(())
}
