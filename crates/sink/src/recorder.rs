//! A recording as its owner holds it.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use media::SoundFormat;
use ring::BroadcastReader;
use units::{ChannelCount, SampleRate};

use crate::disk::Disk;
use crate::file::FileError;
use crate::listen::{Listener, Order};

/// What is recorded, and into what.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where, from / on.
    pub path: PathBuf,
    /// What kind of file.
    pub format: SoundFormat,
    /// Whether a file of that name may be overwritten.
    pub overwrite: bool,
    /// Frames per second of what is tapped.
    pub rate: SampleRate,
    /// Channels of what is tapped.
    pub channels: ChannelCount,
    /// It begins when it is told to ([`Recorder::begin`]), else with the next frame.
    pub hold: bool,
}

/// What a recording is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Its file is there; it waits to be told to begin.
    #[default]
    Held,
    /// It records.
    Running,
    /// It has ended; its file is whole as far as it goes.
    Ended,
}

/// Where the frames of a recording are: taken = saved + waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What it does.
    pub state: State,
    /// Frames of what was played since it began: its length.
    pub taken_frames: u64,
    /// Of these, the ones that are silence because the recorder was too slow for the tap.
    pub lost_frames: u64,
    /// Of the taken ones, those that the file has.
    pub saved_frames: u64,
    /// The size of the file.
    pub file_bytes: u64,
    /// Bytes that its disk has room for, as of late; `None` where nobody can say.
    pub room_bytes: Option<u64>,
}

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The last figures. After an end that was asked for, everything that was taken is saved.
    pub figures: Figures,
    /// What ended it, if nobody asked for it: a full disk. What was saved before is readable.
    pub failure: Option<String>,
}

/// What a recording tells its owner, on a thread of its own.
#[derive(Debug)]
pub enum News {
    /// Its file is made, or not: then nothing else follows.
    Opened(Result<(), FileError>),
    /// It is over, asked for or not. The last of its news.
    Ended(Ended),
}

/// A recording that runs. Dropping it ends it, without waiting for that.
#[derive(Debug)]
pub struct Recorder {
    orders: Sender<Order>,
    figures: SharedFigures,
    threads: Vec<JoinHandle<()>>,
}

/// What both threads and the owner look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedFigures(Arc<Mutex<Figures>>);

impl SharedFigures {
    pub(crate) fn change(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn get(&self) -> Figures {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pieces that wait for the disk: at a look every 50 ms about half a minute.
const QUEUE_PIECES: usize = 600;

impl Recorder {
    /// Makes the file and records `tap` from its next frame on, or from where it is told to begin. `tell` hears what comes of
    /// it.
    ///
    /// # Errors
    /// When the system refuses a thread. What becomes of the file is told.
    pub fn start(tap: BroadcastReader, wish: Wish, tell: impl Fn(News) + Send + 'static) -> io::Result<Self> {
        let figures = SharedFigures::default();
        let (orders, orders_out) = channel();
        let (pieces, pieces_out) = sync_channel(QUEUE_PIECES);
        let listener = Listener::new(tap, wish.hold, orders_out, pieces, figures.clone());
        let disk = Disk { wish, pieces: pieces_out, figures: figures.clone() };
        let disk = Builder::new().name("forebay-disk".into()).spawn(move || disk.run(tell))?;
        let listener = Builder::new().name("forebay-tap".into()).spawn(move || listener.run())?;
        Ok(Self { orders, figures, threads: vec![listener, disk] })
    }

    /// Lets a held recording begin with the tap's frame of number `frame` (`BroadcastWriter::count_from`), past or to come,
    /// and end by itself after `frames`, if any. What of it the tap has forgotten is lost by count.
    pub fn begin(&self, frame: u64, frames: Option<u64>) {
        self.order(Order::Begin { frame, frames });
    }

    /// Ends it with what was played until now. [`News::Ended`] follows.
    pub fn stop(&self) {
        self.order(Order::Stop);
    }

    /// Ends it and waits until its file is whole.
    pub fn finish(mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }

    /// A recording that has ended obeys nobody any more.
    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// Where its frames are now.
    pub fn figures(&self) -> Figures {
        self.figures.get()
    }
}
