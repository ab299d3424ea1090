//! A JACK client for the system tests: hears what is connected to it, plays silence, and counts what the server did to
//! it. `jack_listener NAME CHANNELS SECONDS [OUT.wav [FROM]]`; prints `ready` when its ports are there, and one JSON line
//! at the end (SIGTERM ends it early).
//!
//! As a silent client beside the daemon it is the measure of what the server itself manages: its xruns and its lateness
//! are what no other client can fall below.
#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jack::{
    AudioIn, AudioOut, Client, ClientOptions, Control, NotificationHandler, Port, ProcessHandler,
    ProcessScope,
};

/// Lateness is counted in buckets of one microsecond; what is beyond counts as the last.
const BUCKETS: usize = 100_000;

struct Listener {
    ears: Vec<Port<AudioIn>>,
    mouths: Vec<Port<AudioOut>>,
    heard: rtrb::Producer<f32>,
    late_us: Vec<u32>,
    worst_us: u64,
    cycles: u64,
    done: Option<rtrb::Producer<(Vec<u32>, u64, u64)>>,
    until_cycle_us: u64,
    told_to_end: Arc<AtomicBool>,
}

impl ProcessHandler for Listener {
    fn process(&mut self, client: &Client, scope: &ProcessScope) -> Control {
        let now_us = client.time();
        if let Ok(times) = scope.cycle_times() {
            let late_us = now_us.saturating_sub(times.current_usecs);
            self.late_us[(late_us as usize).min(BUCKETS - 1)] += 1;
            self.worst_us = self.worst_us.max(late_us);
        }
        self.cycles += 1;
        for mouth in &mut self.mouths {
            mouth.as_mut_slice(scope).fill(0.0);
        }
        for frame in 0..scope.n_frames() as usize {
            for ear in &self.ears {
                // A full queue loses the recording, which then is too short to pass.
                let _ = self.heard.push(ear.as_slice(scope)[frame]);
            }
        }
        if (now_us >= self.until_cycle_us || self.told_to_end.load(Ordering::Relaxed))
            && let Some(mut done) = self.done.take()
        {
            let _ = done.push((std::mem::take(&mut self.late_us), self.worst_us, self.cycles));
            return Control::Quit;
        }
        Control::Continue
    }
}

struct Xruns(Arc<AtomicU64>);

impl NotificationHandler for Xruns {
    fn xrun(&mut self, _: &Client) -> Control {
        self.0.fetch_add(1, Ordering::Relaxed);
        Control::Continue
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [name, channels, seconds, rest @ ..] = args.as_slice() else {
        return Err("jack_listener NAME CHANNELS SECONDS [OUT.wav]".into());
    };
    let (channels, seconds): (u16, f64) = (channels.parse()?, seconds.parse()?);
    let (client, _) = Client::new(name, ClientOptions::NO_START_SERVER)?;
    let rate_hz = client.sample_rate();
    let ports = 1..=channels;
    let ears = ports.clone().map(|n| client.register_port(&format!("in_{n}"), AudioIn::default()));
    let ears = ears.collect::<Result<Vec<_>, _>>()?;
    let mouths = ports.map(|n| client.register_port(&format!("out_{n}"), AudioOut::default()));
    let mouths = mouths.collect::<Result<Vec<_>, _>>()?;
    let (heard, mut hearing) = rtrb::RingBuffer::new(rate_hz as usize * usize::from(channels) * 2);
    let (done, mut doing) = rtrb::RingBuffer::new(1);
    let xruns = Arc::new(AtomicU64::new(0));
    let until_cycle_us = client.time() + (seconds * 1e6) as u64;
    let late_us = vec![0; BUCKETS];
    let told_to_end = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&told_to_end))?;
    let listener = Listener {
        ears,
        mouths,
        heard,
        late_us,
        worst_us: 0,
        cycles: 0,
        done: Some(done),
        until_cycle_us,
        told_to_end,
    };
    let active = client.activate_async(Xruns(Arc::clone(&xruns)), listener)?;
    if let Some(from) = rest.get(1) {
        for n in 1..=channels {
            let own = format!("{}:in_{n}", active.as_client().name());
            active.as_client().connect_ports_by_name(&format!("{from}:out_{n}"), &own)?;
        }
    }
    println!("ready");
    let mut writer = rest.first().map(|path| writer(path, channels, rate_hz)).transpose()?;
    let deadline = Instant::now() + Duration::from_secs_f64(seconds + 10.0);
    let mut result = None;
    while result.is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        result = doing.pop().ok();
        while let Ok(sample) = hearing.pop() {
            if let Some(writer) = &mut writer {
                writer.write_sample(sample)?;
            }
        }
    }
    drop(active.deactivate());
    writer.map(hound::WavWriter::finalize).transpose()?;
    let counted = result.ok_or("the server did not call back to the end")?;
    println!("{}", report(&counted, xruns.load(Ordering::Relaxed)));
    Ok(())
}

fn report((late_us, worst_us, cycles): &(Vec<u32>, u64, u64), xruns: u64) -> serde_json::Value {
    serde_json::json!({
        "cycles": cycles,
        "xruns": xruns,
        "late_p50_us": quantile(late_us, 0.5),
        "late_p999_us": quantile(late_us, 0.999),
        "late_worst_us": worst_us,
    })
}

fn writer(
    path: &str,
    channels: u16,
    sample_rate: u32,
) -> hound::Result<hound::WavWriter<impl std::io::Write + std::io::Seek>> {
    let sample_format = hound::SampleFormat::Float;
    hound::WavWriter::create(
        path,
        hound::WavSpec { channels, sample_rate, bits_per_sample: 32, sample_format },
    )
}

fn quantile(buckets: &[u32], part: f64) -> usize {
    let all: u64 = buckets.iter().map(|count| u64::from(*count)).sum();
    let rank = (all as f64 * part).ceil() as u64;
    let mut below = 0;
    buckets
        .iter()
        .position(|count| {
            below += u64::from(*count);
            below >= rank
        })
        .unwrap_or(0)
}
