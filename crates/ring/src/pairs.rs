//! Frames that are overwritten while they are read: every access is a relaxed atomic, two samples wide. (One sample at a
//! time costs half as much again as the copies it stands for.)

#[cfg(not(loom))]
use crate::memory::MemoryError;
#[cfg(not(loom))]
use crate::region::Region;
use crate::sync::{AtomicU64, Ordering};
use crate::words::{SharedSlice, Words};

/// Two neighbours, the first one in the low half.
#[derive(Default)]
#[repr(transparent)]
struct Pair(AtomicU64);

// SAFETY: one atomic word of 64 bits.
unsafe impl Words for Pair {}

impl Pair {
    #[inline]
    fn load(&self) -> [f32; 2] {
        let bits = self.0.load(Ordering::Relaxed);
        [bits as u32, (bits >> 32) as u32].map(f32::from_bits)
    }

    #[inline]
    fn store(&self, samples: [f32; 2]) {
        let [first, second] = samples.map(|sample| u64::from(sample.to_bits()));
        self.0.store(first | second << 32, Ordering::Relaxed);
    }
}

/// Interleaved frames in a power-of-two number of frames, at least two: frame `p` at sample `(p & mask) * channels`. One
/// side writes; what a reader gets of a frame that is written at the same time is anything.
#[derive(Clone)]
pub(crate) struct Pairs {
    pairs: SharedSlice<Pair>,
    mask: u32,
    channels: u32,
}

impl Pairs {
    /// The frames at the start of `region`.
    #[cfg(not(loom))]
    pub(crate) fn over(region: &Region, channels: u32, capacity_frames: u32) -> Result<Self, MemoryError> {
        let (part, wanted) = ("frames", channels as usize * capacity_frames as usize * size_of::<f32>());
        if region.len() < wanted {
            return Err(MemoryError::TooSmall { part, bytes: region.len(), wanted });
        }
        let pairs = SharedSlice::over(&region.slice(0, wanted), part)?;
        Ok(Self { pairs, mask: capacity_frames - 1, channels })
    }

    /// Silence of its own: loom's atomics are larger than the words of a region.
    #[cfg(loom)]
    pub(crate) fn heap(channels: u32, capacity_frames: u32) -> Self {
        let pairs = (0..channels * capacity_frames / 2).map(|_| Pair::default()).collect();
        Self { pairs: SharedSlice::new(pairs), mask: capacity_frames - 1, channels }
    }

    #[inline]
    pub(crate) fn channels(&self) -> usize {
        self.channels as usize
    }

    #[inline]
    pub(crate) fn capacity_frames(&self) -> u32 {
        self.mask + 1
    }

    /// At which sample frame `position` begins, and how many samples there are from it to the wrap.
    #[inline]
    fn place(&self, position: u32) -> (usize, usize) {
        let index = (position & self.mask) as usize * self.channels();
        (index, 2 * self.pairs.len() - index)
    }

    /// Copies the frames from `position` on into `out` (interleaved, whole frames, at most one capacity).
    #[inline]
    pub(crate) fn copy_out(&self, position: u32, out: &mut [f32]) {
        let (index, before_wrap) = self.place(position);
        if out.len() <= before_wrap {
            self.load(index, out);
        } else {
            let (head, tail) = out.split_at_mut(before_wrap);
            self.load(index, head);
            self.load(0, tail);
        }
    }

    /// Copies `frames` (interleaved, whole frames, at most one capacity) to `position` and on.
    #[inline]
    pub(crate) fn copy_in(&self, position: u32, frames: &[f32]) {
        let (index, before_wrap) = self.place(position);
        if frames.len() <= before_wrap {
            self.store(index, frames);
        } else {
            let (head, tail) = frames.split_at(before_wrap);
            self.store(index, head);
            self.store(0, tail);
        }
    }

    #[inline]
    fn load(&self, index: usize, mut out: &mut [f32]) {
        let mut pairs = &self.pairs[index / 2..];
        if index % 2 == 1
            && let (Some(first), Some(pair)) = (out.split_off_first_mut(), pairs.split_off_first())
        {
            *first = pair.load()[1];
        }
        let (whole, last) = out.as_chunks_mut();
        for (samples, pair) in whole.iter_mut().zip(pairs) {
            *samples = pair.load();
        }
        if let ([last], Some(pair)) = (last, pairs.get(whole.len())) {
            *last = pair.load()[0];
        }
    }

    /// The other half of a pair that is written by half is the writer's own, so it is still what it was.
    #[inline]
    fn store(&self, index: usize, mut samples: &[f32]) {
        let mut pairs = &self.pairs[index / 2..];
        if index % 2 == 1
            && let (Some(first), Some(pair)) = (samples.split_off_first(), pairs.split_off_first())
        {
            pair.store([pair.load()[0], *first]);
        }
        let (whole, last) = samples.as_chunks();
        for (samples, pair) in whole.iter().zip(pairs) {
            pair.store(*samples);
        }
        if let ([last], Some(pair)) = (last, pairs.get(whole.len())) {
            pair.store([*last, pair.load()[1]]);
        }
    }
}
