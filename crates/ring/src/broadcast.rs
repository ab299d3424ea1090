//! One writer that never waits, any number of readers that learn what they lost.

use crate::MAX_CAPACITY_FRAMES;
use crate::pairs::Pairs;
use crate::region::Region;
use crate::sync::{AtomicU64, Ordering, fence};
use crate::words::{Shared, Words};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use units::ChannelCount;

/// The writer's counters. 64 bytes, one cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
struct BroadcastWords {
    /// One past the last frame that the writer has begun to write; what lies a capacity before it is spoilt.
    claimed: AtomicU64,
    /// One past the last frame that is written.
    written: AtomicU64,
    /// The number that the writer's frame 0 has elsewhere, on a time line that is not the ring's own.
    origin: AtomicU64,
    reserved: [AtomicU64; 5],
}

// SAFETY: repr(C), eight atomic words of 64 bits.
unsafe impl Words for BroadcastWords {}

/// What the counters take at the start of a region.
const HEADER_BYTES: usize = 64;

/// Both ends of a broadcast ring over `region`: 64 bytes of counters, the rest frames, as many as the largest power of
/// two that fits. The counters start at 0.
///
/// # Panics
/// When the region holds no two frames or is not aligned to 64 bytes.
///
/// ```
/// use forebay_ring::{Region, broadcast};
/// use units::ChannelCount;
///
/// let (mut writer, mut reader) = broadcast(&Region::heap(64 + 4 * 4), ChannelCount::MONO);
/// let mut out = [0.0; 4];
/// writer.write(&[1.0, 2.0]);
/// assert_eq!((reader.read(&mut out).frames, &out[..2]), (2, &[1.0, 2.0][..]));
///
/// // More than fit: the reader hears of the gap, and goes on with what is left.
/// writer.write(&[3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
/// let read = reader.read(&mut out);
/// assert_eq!((read.gap_frames, &out[..read.frames]), (3, &[6.0, 7.0, 8.0][..]));
/// ```
pub fn broadcast(region: &Region, channels: ChannelCount) -> (BroadcastWriter, BroadcastReader) {
    let frame_bytes = channels.get() * size_of::<f32>();
    let fit = region.len().saturating_sub(HEADER_BYTES) / frame_bytes;
    assert!(fit >= 2, "{} bytes hold no broadcast ring of {} channels", region.len(), channels.get());
    let capacity = MAX_CAPACITY_FRAMES.min(1 << fit.ilog2().min(31));
    let (words, frames) = place(region, channels.get() as u32, capacity);
    ends(words, frames)
}

#[cfg(not(loom))]
fn place(region: &Region, channels: u32, capacity: u32) -> (Shared<BroadcastWords>, Pairs) {
    let words = Shared::over(region, "broadcast counters").expect("a region of this size, aligned");
    let frames = region.slice(HEADER_BYTES, region.len() - HEADER_BYTES);
    (words, Pairs::over(&frames, channels, capacity).expect("a region of this size"))
}

/// Loom's atomics are larger than the region's words: under it the memory is the ring's own.
#[cfg(loom)]
fn place(_: &Region, channels: u32, capacity: u32) -> (Shared<BroadcastWords>, Pairs) {
    (Shared::new(BroadcastWords::default()), Pairs::heap(channels, capacity))
}

fn ends(words: Shared<BroadcastWords>, frames: Pairs) -> (BroadcastWriter, BroadcastReader) {
    words.claimed.store(0, Ordering::Relaxed);
    words.origin.store(0, Ordering::Relaxed);
    words.written.store(0, Ordering::Release);
    let reader = BroadcastReader { words: words.clone(), frames: frames.clone(), next: 0 };
    (BroadcastWriter { words, frames, written: 0, not_sync: PhantomData }, reader)
}

/// The end that writes. It never waits, whatever readers do: it does not know them, and reads nothing that they could
/// write. Send, not Sync.
pub struct BroadcastWriter {
    words: Shared<BroadcastWords>,
    frames: Pairs,
    written: u64,
    not_sync: PhantomData<Cell<()>>,
}

impl BroadcastWriter {
    /// Appends whole interleaved frames over the oldest ones. \[rt\] Of more than a capacity only the end is kept.
    #[inline]
    pub fn write(&mut self, interleaved: &[f32]) {
        let channels = self.frames.channels();
        let frames = if channels == 1 { interleaved.len() } else { interleaved.len() / channels };
        let end = self.written + frames as u64;
        let kept = frames.min(self.frames.capacity_frames() as usize);
        self.words.claimed.store(end, Ordering::Relaxed);
        // A reader that sees any of the new samples sees the claim, too.
        fence(Ordering::Release);
        let first = end - kept as u64;
        self.frames.copy_in(first as u32, &interleaved[(frames - kept) * channels..frames * channels]);
        self.written = end;
        self.words.written.store(end, Ordering::Release);
    }

    /// Says which number the next frame has on the time line that the ring is a copy of. Before the first write; later the
    /// numbers of readers would shift.
    pub fn count_from(&mut self, frame: u64) {
        self.words.origin.store(frame.wrapping_sub(self.written), Ordering::Relaxed);
    }

    /// How many frames were ever written.
    pub fn written_frames(&self) -> u64 {
        self.written
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Frames that are now in the buffer.
    pub frames: usize,
    /// Frames that were lost just before them, because the reader was too slow.
    pub gap_frames: u64,
}

/// An end that reads. Clones go on independently from the same frame.
#[derive(Clone)]
pub struct BroadcastReader {
    words: Shared<BroadcastWords>,
    frames: Pairs,
    next: u64,
}

impl BroadcastReader {
    /// Samples per frame.
    pub fn channels(&self) -> usize {
        self.frames.channels()
    }

    /// How many frames the ring holds.
    pub fn capacity_frames(&self) -> u32 {
        self.frames.capacity_frames()
    }

    /// How many frames wait, those that are already lost included.
    pub fn waiting_frames(&self) -> u64 {
        self.words.written.load(Ordering::Acquire).saturating_sub(self.next)
    }

    /// The number of the next frame, counted from the writer's first.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The number that frame `position` has on the writer's time line ([`BroadcastWriter::count_from`]); `None` until
    /// anything is written.
    pub fn frame_of(&self, position: u64) -> Option<u64> {
        let written = self.words.written.load(Ordering::Acquire);
        (written > 0).then(|| self.words.origin.load(Ordering::Relaxed).wrapping_add(position))
    }

    /// Leaves out `frames` frames, without counting them as lost; they need not be written yet.
    pub fn skip(&mut self, frames: u64) {
        self.next = self.next.saturating_add(frames);
    }

    /// Forgets everything that was written so far, without counting it as lost.
    pub fn skip_to_newest(&mut self) {
        self.next = self.words.written.load(Ordering::Acquire);
    }

    /// Copies the next frames into `out` (interleaved; as many whole frames as fit and are there), and says how many
    /// were lost before them. After a loss the reader goes on a quarter of the ring ahead of the writer's heels.
    pub fn read(&mut self, out: &mut [f32]) -> Read {
        let channels = self.frames.channels();
        let capacity = u64::from(self.frames.capacity_frames());
        let written = self.words.written.load(Ordering::Acquire);
        let mut gap_frames = 0;
        if written.saturating_sub(self.next) > capacity {
            let resume = written - capacity + capacity / 4;
            gap_frames = resume - self.next;
            self.next = resume;
        }
        let frames = (written.saturating_sub(self.next) as usize).min(out.len() / channels);
        let out = &mut out[..frames * channels];
        self.frames.copy_out(self.next as u32, out);
        // What was overwritten during the copy is spoilt: a claim that any copied sample came from is seen here.
        fence(Ordering::Acquire);
        let claimed = self.words.claimed.load(Ordering::Relaxed);
        let spoilt = (claimed.saturating_sub(capacity).saturating_sub(self.next) as usize).min(frames);
        out.copy_within(spoilt * channels.., 0);
        self.next += frames as u64;
        Read { frames: frames - spoilt, gap_frames: gap_frames + spoilt as u64 }
    }
}

impl fmt::Debug for BroadcastReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastReader").field("next", &self.next).finish_non_exhaustive()
    }
}

impl fmt::Debug for BroadcastWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastWriter").field("written", &self.written).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A copy of a time line keeps its numbers, and a reader may begin at one of them, be it past or to come.
    #[test]
    fn frames_have_their_numbers() {
        let (mut writer, mut reader) = broadcast(&Region::heap(64 + 16 * 4), ChannelCount::MONO);
        assert_eq!(reader.frame_of(0), None);
        writer.count_from(1000);
        writer.write(&[0.0, 1.0, 2.0]);
        assert_eq!(reader.frame_of(reader.position()), Some(1000));
        reader.skip(5);
        let mut out = [0.0; 8];
        assert_eq!((reader.waiting_frames(), reader.read(&mut out)), (0, Read::default()));
        writer.write(&[3.0, 4.0, 5.0, 6.0]);
        assert_eq!((reader.read(&mut out).frames, reader.frame_of(reader.position())), (2, Some(1007)));
        assert_eq!(out[..2], [5.0, 6.0]);
    }

    /// A reader that keeps up gets every frame; one that sleeps learns exactly how many it lost.
    #[test]
    fn gaps_are_counted_exactly() {
        let (mut writer, mut reader) = broadcast(&Region::heap(64 + 16 * 4), ChannelCount::MONO);
        let mut out = [0.0; 64];
        let mut next = 0_u64;
        for burst in [3_usize, 16, 17, 1, 40, 5, 64, 2] {
            let frames: Vec<f32> = (0..burst).map(|k| (writer.written_frames() + k as u64) as f32).collect();
            writer.write(&frames);
            let read = reader.read(&mut out);
            next += read.gap_frames;
            for sample in &out[..read.frames] {
                assert_eq!(*sample, next as f32);
                next += 1;
            }
            assert_eq!(next, writer.written_frames());
            assert_eq!(read.gap_frames > 0, burst > 16);
        }
    }
}
