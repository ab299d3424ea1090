//! The thread that reads the tap, and never waits for the disk.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use ring::BroadcastReader;

use crate::recorder::{SharedFigures, State};

/// How often the tap is looked at; it holds a second.
const LOOK: Duration = Duration::from_millis(50);
/// Frames that are passed on at once, at most.
const PIECE_FRAMES: usize = 4096;

/// What the owner wants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Begin at this frame, with an end after so many.
    Begin { frame: u64, frames: Option<u64> },
    /// End with what is there.
    Stop,
}

/// What the disk gets, in order.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Interleaved frames.
    Sound(Vec<f32>),
    /// So many frames of silence, in place of what was lost.
    Silence(u64),
}

/// See the module.
pub(crate) struct Listener {
    tap: BroadcastReader,
    orders: Receiver<Order>,
    disk: SyncSender<Piece>,
    figures: SharedFigures,
    /// Where a held recording is to begin, until the tap knows its numbers.
    begin: Option<u64>,
    running: bool,
    /// Frames until it ends by itself.
    left: u64,
    /// What the disk had no room for.
    kept: VecDeque<Piece>,
}

impl Listener {
    pub(crate) fn new(
        tap: BroadcastReader,
        hold: bool,
        orders: Receiver<Order>,
        disk: SyncSender<Piece>,
        figures: SharedFigures,
    ) -> Self {
        let listener = Self {
            tap,
            orders,
            disk,
            figures,
            begin: None,
            running: false,
            left: u64::MAX,
            kept: VecDeque::new(),
        };
        if hold { listener } else { listener.running() }
    }

    fn running(mut self) -> Self {
        self.run_from_here();
        self
    }

    fn run_from_here(&mut self) {
        self.running = true;
        self.figures.change(|figures| figures.state = State::Running);
    }

    /// Listens until it is told to end, or the disk has. The end of the queue ends the disk.
    pub(crate) fn run(mut self) {
        loop {
            match self.orders.recv_timeout(LOOK) {
                Ok(Order::Begin { frame, frames }) if !self.running => {
                    self.begin = Some(frame);
                    self.left = frames.unwrap_or(u64::MAX);
                }
                Ok(Order::Begin { .. }) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            self.begin_if_told();
            if self.running && self.take(u64::MAX).is_err() {
                return;
            }
            if self.left == 0 && self.kept.is_empty() {
                return;
            }
        }
    }

    /// Begins where it was told to, as soon as the tap has numbers.
    fn begin_if_told(&mut self) {
        let Some(frame) = self.begin else { return };
        let Some(next) = self.tap.frame_of(self.tap.position()) else { return };
        self.begin = None;
        self.tap.skip(frame.saturating_sub(next));
        self.run_from_here();
    }

    /// Takes what is there now, and no more, however long the disk takes for it.
    fn end(mut self) {
        self.begin_if_told();
        let mut most = if self.running { self.tap.waiting_frames() } else { 0 };
        loop {
            let before = self.tap.position();
            if self.take(most).is_err() || self.kept.is_empty() {
                return;
            }
            most = most.saturating_sub(self.tap.position() - before);
            for kept in std::mem::take(&mut self.kept) {
                // A disk that has ended takes no more: the next look finds that, too.
                let _ = self.disk.send(kept);
            }
        }
    }

    /// Passes on what the tap has, at most so many frames, as far as there is room for it.
    fn take(&mut self, most: u64) -> Result<(), Gone> {
        let mut most = most.min(self.left);
        loop {
            self.pass()?;
            if !self.kept.is_empty() || most == 0 {
                return Ok(());
            }
            let channels = self.tap.channels();
            let room = usize::try_from(most).unwrap_or(usize::MAX).min(PIECE_FRAMES);
            let mut piece = vec![0.0; room * channels];
            let read = self.tap.read(&mut piece);
            if read.frames == 0 && read.gap_frames == 0 {
                return Ok(());
            }
            // A gap may be longer than what is still wanted: then what follows is beyond the end.
            let lost = read.gap_frames.min(most);
            let heard = (read.frames as u64).min(most - lost);
            piece.truncate(heard as usize * channels);
            most -= lost + heard;
            self.left -= lost + heard;
            self.figures.change(|figures| {
                figures.taken_frames += lost + heard;
                figures.lost_frames += lost;
            });
            self.kept.extend((lost > 0).then_some(Piece::Silence(lost)));
            self.kept.extend((heard > 0).then_some(Piece::Sound(piece)));
        }
    }

    /// Gives the disk what it has room for.
    fn pass(&mut self) -> Result<(), Gone> {
        while let Some(piece) = self.kept.pop_front() {
            match self.disk.try_send(piece) {
                Ok(()) => {}
                Err(TrySendError::Full(piece)) => {
                    self.kept.push_front(piece);
                    return Ok(());
                }
                Err(TrySendError::Disconnected(_)) => return Err(Gone),
            }
        }
        Ok(())
    }
}

/// The disk has ended.
struct Gone;
