//! Ports of single voices: a pair each, filled from the voice's tap right after the render, in the same callback.

use super::ffi::{Library, RawPort};
use crate::render::Format;
use dsp::resample::{Quality, Resampler};
use dsp::room::touched;
use ring::BroadcastReader;
use units::{ChannelCount, SampleRate};

/// Most voices that have ports.
pub(super) const MOST_VOICES: usize = 64;
/// Frames kept back where rates differ: the resampler of a voice may ask for a frame or two more than main's did.
const SLACK_FRAMES: usize = 8;

/// A voice's ports and its tap, owned by the callback while in the rack.
pub(super) struct VoicePair {
    pub(super) key: u64,
    pub(super) ports: [*mut RawPort; 2],
    tap: BroadcastReader,
    channels: usize,
    scratch: Box<[f32]>,
    fit: Option<Fit>,
}

// SAFETY: the port pointers are handles of libjack, valid on any thread until they are unregistered, which happens
// only after the pair has come back from the callback.
unsafe impl Send for VoicePair {}

/// Brings a tap to the device's rate.
struct Fit {
    resampler: Resampler,
    /// Frames that were read from the tap and not yet pulled.
    waiting: Vec<f32>,
}

impl VoicePair {
    pub(super) fn new(
        key: u64,
        ports: [*mut RawPort; 2],
        mut tap: BroadcastReader,
        engine: Format,
        device: SampleRate,
        most_frames: usize,
    ) -> Self {
        tap.skip_to_newest();
        let channels = tap.channels();
        let fit = (engine.rate != device).then(|| {
            let count = ChannelCount::new(channels).unwrap_or(ChannelCount::STEREO);
            let ratio = f64::from(engine.rate.hz()) / f64::from(device.hz());
            let most = (most_frames as f64 * ratio) as usize * 2 + 1024;
            let mut waiting = touched(most * channels).into_vec();
            waiting.truncate(SLACK_FRAMES * channels);
            Fit { resampler: Resampler::new(engine.rate, device, count, Quality::Fine), waiting }
        });
        Self { key, ports, tap, channels, scratch: touched(most_frames * channels), fit }
    }

    /// Fills frames `at..at + frames` of both ports' buffers of `whole` frames. `[rt]`
    fn fill(&mut self, library: &Library, at: usize, frames: usize, whole: usize) {
        let channels = self.channels;
        let scratch = &mut self.scratch[..frames * channels];
        match &mut self.fit {
            None => read_all(&mut self.tap, scratch, channels),
            Some(fit) => fit.fill(&mut self.tap, scratch, channels),
        }
        for (side, port) in self.ports.into_iter().enumerate() {
            // SAFETY: a registered port of this client, in its process callback, asked for the cycle's frames; the
            // buffer holds `whole` floats until the callback returns, and each port has its own.
            let buffer = unsafe {
                let buffer = (library.jack_port_get_buffer)(port, whole as u32).cast::<f32>();
                if buffer.is_null() {
                    continue;
                }
                std::slice::from_raw_parts_mut(buffer.add(at), frames)
            };
            let channel = side.min(channels - 1);
            for (sample, frame) in buffer.iter_mut().zip(scratch.chunks(channels)) {
                *sample = frame[channel];
            }
        }
    }
}

/// What the tap does not have is silence: a voice that has just come or gone.
fn read_all(tap: &mut BroadcastReader, out: &mut [f32], channels: usize) {
    let read = tap.read(out);
    out[read.frames * channels..].fill(0.0);
}

impl Fit {
    fn fill(&mut self, tap: &mut BroadcastReader, out: &mut [f32], channels: usize) {
        let Self { resampler, waiting } = self;
        let held = waiting.len();
        let room = waiting.capacity() / channels * channels;
        waiting.resize(room, 0.0);
        let read = tap.read(&mut waiting[held..]);
        waiting.truncate(held + read.frames * channels);
        let mut used = 0;
        resampler.pull(out, |input| {
            let take = input.len().min(waiting.len() - used);
            input[..take].copy_from_slice(&waiting[used..used + take]);
            input[take..].fill(0.0);
            used += take;
        });
        waiting.copy_within(used.., 0);
        waiting.truncate(waiting.len() - used);
    }
}

/// What control asks of the rack.
pub(super) enum Ask {
    Add(Box<VoicePair>),
    Remove(u64),
}

/// All pairs, as the callback holds them.
pub(super) struct Rack {
    pairs: [Option<Box<VoicePair>>; MOST_VOICES],
    asked: rtrb::Consumer<Ask>,
    returned: rtrb::Producer<Box<VoicePair>>,
}

/// Control's end of the rack.
pub(super) struct RackControl {
    pub(super) ask: rtrb::Producer<Ask>,
    pub(super) returned: rtrb::Consumer<Box<VoicePair>>,
}

pub(super) fn rack() -> (RackControl, Rack) {
    // Room for every pair to be asked for and to come back without anyone waiting.
    let (ask, asked) = rtrb::RingBuffer::new(4 * MOST_VOICES);
    let (give, returned) = rtrb::RingBuffer::new(2 * MOST_VOICES);
    let rack = Rack { pairs: [const { None }; MOST_VOICES], asked, returned: give };
    (RackControl { ask, returned }, rack)
}

impl Rack {
    /// Takes in what control asked since the last cycle. `[rt]`
    pub(super) fn attend(&mut self) {
        while let Ok(ask) = self.asked.pop() {
            match ask {
                Ask::Add(pair) => match self.pairs.iter_mut().find(|place| place.is_none()) {
                    Some(place) => *place = Some(pair),
                    None => give_back(&mut self.returned, pair),
                },
                Ask::Remove(key) => {
                    for place in &mut self.pairs {
                        if place.as_ref().is_some_and(|pair| pair.key == key)
                            && let Some(pair) = place.take()
                        {
                            give_back(&mut self.returned, pair);
                        }
                    }
                }
            }
        }
    }

    /// Fills all pairs with the frames that were just rendered. `[rt]`
    pub(super) fn fill(&mut self, library: &Library, at: usize, frames: usize, whole: usize) {
        for pair in self.pairs.iter_mut().flatten() {
            pair.fill(library, at, frames, whole);
        }
    }
}

/// Invariant: control has at most [`MOST_VOICES`] pairs out, so there is room; were there none, the pair is leaked rather
/// than freed here.
fn give_back(returned: &mut rtrb::Producer<Box<VoicePair>>, pair: Box<VoicePair>) {
    if let Err(rtrb::PushError::Full(pair)) = returned.push(pair) {
        std::mem::forget(pair);
    }
}
