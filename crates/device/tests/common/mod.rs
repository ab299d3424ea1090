//! What the device tests share: a Renderer whose every sample says which frame it is, and ways to wait for facts.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

pub mod jack_tools;

use forebay_device::{Block, Claim, Render, RendererSeat};
use ring::BroadcastWriter;
use ring::sync::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use units::{ChannelCount, FramePos, SampleRate};

/// What a [`Numbered`] has seen.
#[derive(Default)]
pub struct Log {
    pub blocks: AtomicU64,
    pub frames: AtomicU64,
    /// Largest block so far, in frames.
    pub largest: AtomicUsize,
    /// Blocks that came while another was being rendered.
    pub beside: AtomicU64,
    inside: AtomicU64,
}

/// What a [`Numbered`] says of its own delay.
pub const LATENCY_FRAMES: usize = 64;

/// Renders frame numbers as sound: see [`sample`].
pub struct Numbered {
    rate: SampleRate,
    channels: ChannelCount,
    frame: u64,
    pub log: Arc<Log>,
    /// Gets every block, as a voice's tap would.
    pub tap: Option<BroadcastWriter>,
}

impl Numbered {
    pub fn new(hz: u32, channels: usize) -> (Box<Self>, Arc<Log>) {
        let log = Arc::new(Log::default());
        let rate = SampleRate::new(hz).unwrap();
        let channels = ChannelCount::new(channels).unwrap();
        (Box::new(Self { rate, channels, frame: 0, log: Arc::clone(&log), tap: None }), log)
    }
}

/// Sample of `channel` at `frame`: an exact number below 1 that differs from frame to frame for 2^20 frames and from
/// channel to channel.
pub fn sample(frame: u64, channel: usize) -> f32 {
    (((frame & 0xF_FFFF) << 3 | channel as u64) + 8) as f32 / (1 << 24) as f32
}

/// The frame of a sample of channel 0 (modulo 2^20); `None` for silence.
pub fn frame_of(sample: f32) -> Option<u64> {
    (sample != 0.0).then(|| ((sample * (1 << 24) as f32) as u64 - 8) >> 3)
}

impl Render for Numbered {
    fn render(&mut self, block: Block<'_>) {
        if self.log.inside.swap(1, SeqCst) == 1 {
            self.log.beside.fetch_add(1, SeqCst);
        }
        let channels = self.channels.get();
        for frame in block.out.chunks_mut(channels) {
            for (channel, out) in frame.iter_mut().enumerate() {
                *out = sample(self.frame, channel);
            }
            self.frame += 1;
        }
        if let Some(tap) = &mut self.tap {
            tap.write(block.out);
        }
        let frames = block.out.len() / channels;
        self.log.blocks.fetch_add(1, SeqCst);
        self.log.frames.fetch_add(frames as u64, SeqCst);
        self.log.largest.fetch_max(frames, SeqCst);
        self.log.inside.store(0, SeqCst);
    }

    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn channels(&self) -> ChannelCount {
        self.channels
    }

    fn frame(&self) -> FramePos {
        FramePos(self.frame)
    }

    fn latency_frames(&self) -> usize {
        LATENCY_FRAMES
    }
}

/// A seat with a [`Numbered`] in it, and a claim that is assigned.
pub fn seated(hz: u32, channels: usize) -> (RendererSeat, Claim, Arc<Log>) {
    let (renderer, log) = Numbered::new(hz, channels);
    let seat = RendererSeat::new();
    assert!(seat.replace(Some(renderer), Duration::ZERO).unwrap().is_none());
    let claim = seat.claim();
    seat.assign(&claim);
    (seat, claim, log)
}

/// Waits until `fact` holds; fails the test, naming it, when it does not within 20 s (a bound for a broken run, not a
/// measure).
pub fn wait_for(what: &str, mut fact: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !fact() {
        assert!(Instant::now() < end, "waited 20 s for: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The first frame number in `frames` (interleaved) and how many follow it without a gap or a wrong bit, on every channel
/// up to `sounding`; channels from there on must be silent.
pub fn run_of_frames(frames: &[f32], channels: usize, sounding: usize) -> (u64, usize) {
    let mut frames = frames.chunks_exact(channels).skip_while(|frame| frame[0] == 0.0);
    let Some(first) = frames.next() else { return (0, 0) };
    let start = frame_of(first[0]).unwrap();
    let mut count = 1;
    for frame in frames {
        let right = |(channel, got): (usize, &f32)| {
            let wanted = if channel < sounding { sample(start + count as u64, channel) } else { 0.0 };
            got.to_bits() == wanted.to_bits()
        };
        if !frame.iter().enumerate().all(right) {
            break;
        }
        count += 1;
    }
    (start, count)
}

/// Names the case that a child of this test binary runs.
const CASE: &str = "FOREBAY_TEST_CASE";

/// True in the child that runs `case` with `env` set; else runs that child, for what belongs to a whole process (its
/// environment, a loaded library), passes on what it skipped, and fails where it fails.
pub fn is_child(case: &str, env: &[(&str, std::ffi::OsString)]) -> bool {
    is_child_under(&[], case, env)
}

/// The same with the child started by the command `wrap`.
pub fn is_child_under(wrap: &[&str], case: &str, env: &[(&str, std::ffi::OsString)]) -> bool {
    if std::env::var(CASE).is_ok_and(|running| running == case) {
        return true;
    }
    let exe = std::env::current_exe().unwrap();
    // A library that hangs inside a call is a failure, not the end of all tests.
    let bounded = ["timeout", "-k", "5", "240"];
    let mut words = bounded.iter().chain(wrap).map(std::ffi::OsString::from).chain([exe.into()]);
    let output = Command::new(words.next().unwrap())
        .args(words)
        .args([case, "--exact", "--nocapture"])
        .env(CASE, case)
        .envs(env.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    for line in said.lines().filter(|line| line.starts_with("SKIPPED") || line.starts_with("FIGURE")) {
        eprintln!("{line}");
    }
    assert!(output.status.success(), "{said}");
    false
}
