//! The lock-free parts over a region of memory: splicing frame ring, timed events, params, broadcast ring.
//!
//! One side of a ring is a *producer*: ordinary code in any process, that may pause, die or lie. The other is the
//! *engine*: real-time code that never waits, allocates or believes. They share words that each have one writer
//! ([`words`]), a queue of eight markers, and frames.
//!
//! # A ring that changes its mind
//! A producer runs far ahead, and its write counter never moves back. To change the future it appends the new one behind
//! the old and leaves a [`Marker`]: *from frame `at` on, go on at position `to`*. The engine cross-fades there and jumps;
//! the frames between are superseded, and their space is free again. A start is a marker, too, and a flush is a marker
//! whose future is empty.
//! ```text
//! written    ....P=========old future=========W
//! marked     ....P======at....................to====new====W     at: when, to: where
//! jumped         ..........P (at)-- superseded -->P====new====W
//! ```
//! Nothing counts before its commit, one word for all rings of a session ([`Commit`], [`Group`]): the producer writes
//! *marker, frames, commit*, the engine looks at *commit, frames, marker*. So what is committed is there, and a producer
//! that dies half-way has changed nothing.
//!
//! # The states of a voice
//! ```text
//!              start due                     runs dry, nothing to go on with
//!   ┌──────┐ ────────────► ┌─────────┐ ───────────────────────────────────► ┌─────────┐
//!   │ Idle │               │ Playing │                                      │ Starved │
//!   └──────┘ ◄──────────── └─────────┘ ◄─────────────────────────────────── └─────────┘
//!       ▲      flush due     │     ▲    a fade's worth of frames, or a marker      │
//!       │                    └─────┘                                               │
//!       │                   splice due                                             │
//!       └──────────────────────────────────────────────────────────────────────────┘
//!             flush, or with `skip` a whole capacity of frames missed
//!   any ──► Faulted: a counter or marker that can't be. Silent for good.
//! ```
//! Every arrow is a fade of the cross-fade length, from whatever was heard last: the voice never steps. One fade runs
//! at a time; what falls due inside waits for its end. Where both sides of a fade are equal it changes no bit.
//!
//! Which marker, at any frame at which no fade runs:
//! 1. The newest that is committed, due, and *covered*: its future still holds a whole fade. Older ones fall with it.
//! 2. Where the old future has ended, or what is left of it is too short to come back in: the oldest that is committed,
//!    covered or not. With [`LatePolicy::Hold`] a splice or flush is then taken even before its time, and the voice
//!    frame jumps; otherwise a voice whose time stands still would wait for a time that never comes.
//! 3. An idle voice only begins at a start. A splice or flush that finds it idle falls, and the frames before the
//!    next marker, which nothing can reach any more, are given back.
//!
//! # Time
//! *Engine frames* count what the engine renders, *voice frames* what a voice has played; their difference is the
//! voice's *anchor*. It is constant while the voice plays. With `hold` an underrun moves it; then a splice whose `at` was
//! worked out with the old anchor is re-based, so that it still lands on its engine frame, in step with the other rings
//! of its group. A flush is not: it ends what the voice plays after its last frame, however late that comes.
//!
//! # What it does not do
//! * It never blocks, spins, allocates, locks or makes a system call, on either side. A full ring takes fewer frames.
//! * It does not hide a lost frame: `produced = delivered + superseded + shed + in the ring`, exactly ([`Ledger`]).
//! * It does not clean samples: NaN and infinities pass through as they are. The engine's strips scrub them.
//! * It does not protect a producer from itself: one that writes over frames which it has published, or runs two
//!   [`Writer`]s on one ring, spoils its own sound, and nobody else's. (Within one process that is a race of plain copies,
//!   which Rust leaves undefined: the types can't tell, since the same memory may be a ring in another process.)
//! * Words are 32 bits wide. A marker may lie up to 2^30 frames away from its voice: 6.2 h at 48 kHz, 1.55 h at
//!   192 kHz. Beyond that it is a [`Fault`]. What has come in is widened and never wraps again.
//!
//! # Example
//! ```
//! use forebay_ring::{GroupMemory, Marker, MarkerKind, ReaderConfig, RingMemory, RingShape, group, ring};
//! use units::ChannelCount;
//!
//! let shape = RingShape { channels: ChannelCount::MONO, capacity_frames: 1024, first: 0 };
//! let (mut writer, mut reader) = ring(RingMemory::heap(shape)?, ReaderConfig::default());
//! let (mut commit, group) = group(GroupMemory::heap());
//!
//! // Producer: start at engine frame 0. Marker, frames, commit.
//! let to = writer.position();
//! writer.mark(Marker { kind: MarkerKind::Start, at: 0, to, group: commit.next(), anchor: 0 })?;
//! assert_eq!(writer.write(&[0.5; 600]), 600);
//! commit.bump();
//!
//! // Engine: one block.
//! let mut out = [0.0; 256];
//! reader.begin(group.load(), 0);
//! reader.read(&mut out, 256);
//! reader.finish();
//! assert_eq!(out[240..], [0.5; 16]); // after the fade-in of 5 ms
//!
//! // Producer: another sound from voice frame 300 on, although 344 frames of the old one are written.
//! let (to, anchor) = (writer.position(), writer.engine().anchor);
//! writer.mark(Marker { kind: MarkerKind::Splice, at: 300, to, group: commit.next(), anchor })?;
//! writer.write(&[-0.5; 400]);
//! commit.bump();
//! # let mut out = [0.0; 344];
//! # reader.begin(group.load(), 256);
//! # reader.read(&mut out, 344);
//! # assert_eq!((out[43], out[343]), (0.5, -0.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod sync;
pub mod words;

mod broadcast;
mod event;
mod group;
mod marker;
mod memory;
mod pairs;
mod params;
mod reader;
mod region;
mod samples;
mod writer;

pub use broadcast::{BroadcastReader, BroadcastWriter, Read, broadcast};
pub use event::{
    EventKind, EventMemory, EventQueueFull, EventReader, EventWords, EventWriter, TimedEvent, events,
};
pub use group::{Commit, Group, GroupMemory, group};
pub use marker::{Marker, MarkerKind};
pub use memory::{MAX_CAPACITY_FRAMES, MemoryError, RingMemory, RingShape};
pub use params::{FLAG_MUTE, MAX_GAIN, Params};
pub use reader::{Begun, Fault, LatePolicy, Ledger, Reader, ReaderConfig, Resume, State, Underrun};
pub use region::Region;
pub use writer::{EngineSide, MarkerQueueFull, Writer};

/// Both ends of a fresh ring: every word is put to its first value.
pub fn ring(memory: RingMemory, config: ReaderConfig) -> (Writer, Reader) {
    let reader = Reader::attach(memory.clone(), config);
    (Writer::attach(memory), reader)
}
