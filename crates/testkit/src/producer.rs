//! Producers in virtual time: steady, slow, bursty, dying, lying.

use ring::sync::Ordering;
use ring::{
    Commit, Group, GroupMemory, Marker, MarkerKind, Reader, ReaderConfig, RingMemory, RingShape, Writer,
};
use units::ChannelCount;

use crate::signal::Signal;

/// How a producer behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Behaviour {
    /// Fills its ring to the lead at every turn.
    Steady,
    /// Renders at this part of real time (1.0 just keeps up).
    Slow {
        /// Frames rendered per frame of time.
        speed: f64,
    },
    /// Does nothing for the last `pause_frames` of every `every_frames`.
    Bursty {
        /// The period.
        every_frames: u64,
        /// The pause at its end.
        pause_frames: u64,
    },
    /// Does nothing any more from this engine frame on.
    Dying {
        /// When.
        at_frame: u64,
    },
    /// Is steady, then tells a lie at every turn from this engine frame on.
    Lying {
        /// When.
        at_frame: u64,
        /// What.
        lie: Lie,
    },
}

/// What a hostile or broken producer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A write counter far beyond what the ring holds.
    WriteFarAhead,
    /// A write counter that goes back.
    WriteBack,
    /// A marker counter that says that hundreds of markers are waiting.
    MarkerFlood,
    /// A marker whose `to` lies far outside.
    MarkerOutside,
    /// A marker in the far future.
    MarkerFarAway,
    /// A marker of no known kind.
    MarkerOfNoKind,
    /// Frames of NaN.
    NotANumber,
    /// Frames of infinity.
    Infinite,
    /// Frames of 1e30.
    Huge,
    /// Frames of denormals.
    Denormal,
    /// Full-scale direct current.
    Dc,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::WriteFarAhead,
        Self::WriteBack,
        Self::MarkerFlood,
        Self::MarkerOutside,
        Self::MarkerFarAway,
        Self::MarkerOfNoKind,
        Self::NotANumber,
        Self::Infinite,
        Self::Huge,
        Self::Denormal,
        Self::Dc,
    ];

    fn sample(self) -> Option<f32> {
        match self {
            Self::NotANumber => Some(f32::NAN),
            Self::Infinite => Some(f32::NEG_INFINITY),
            Self::Huge => Some(1e30),
            Self::Denormal => Some(f32::from_bits(1)),
            Self::Dc => Some(1.0),
            _ => None,
        }
    }
}

/// What a [`VirtualProducer`] is made of.
pub struct ProducerSpec {
    /// Channels of its voice.
    pub channels: ChannelCount,
    /// Size of its ring: a power of two.
    pub capacity_frames: u32,
    /// How far it runs ahead.
    pub lead_frames: u32,
    /// The engine frame at which its voice starts.
    pub start_frame: u64,
    /// Where its counters start: near the top, to cross their wrap.
    pub first: u32,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// What it plays.
    pub signal: Signal,
    /// The engine's side of the ring.
    pub reader: ReaderConfig,
}

impl ProducerSpec {
    /// A steady stereo producer of `signal` with a ring of 32768 frames and a lead of 8192, from frame 0.
    pub fn steady(signal: Signal) -> Self {
        Self {
            channels: ChannelCount::STEREO,
            capacity_frames: 32_768,
            lead_frames: 8192,
            start_frame: 0,
            first: 0,
            behaviour: Behaviour::Steady,
            signal,
            reader: ReaderConfig::default(),
        }
    }

    /// The same with another behaviour.
    pub fn behaving(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }

    /// Makes the producer, and the engine's ends of its ring and of its group.
    ///
    /// # Panics
    /// When the capacity is no power of two.
    pub fn open(self) -> (VirtualProducer, Reader, Group) {
        let shape =
            RingShape { channels: self.channels, capacity_frames: self.capacity_frames, first: self.first };
        let memory = RingMemory::heap(shape).expect("a capacity that is a power of two");
        let (writer, reader) = ring::ring(memory.clone(), self.reader);
        let (commit, group) = ring::group(GroupMemory::heap());
        let producer = VirtualProducer {
            spec: self,
            memory,
            writer,
            commit,
            made: 0,
            credit: 0.0,
            last_turn: None,
            started: false,
        };
        (producer, reader, group)
    }
}

/// A producer that gets its turns from a test.
pub struct VirtualProducer {
    spec: ProducerSpec,
    memory: RingMemory,
    writer: Writer,
    commit: Commit,
    made: u64,
    credit: f64,
    last_turn: Option<u64>,
    started: bool,
}

impl VirtualProducer {
    /// Its turn at engine frame `now`: does what its behaviour lets it do. Turns may come at any distance.
    pub fn turn(&mut self, now: u64) {
        let passed = now - self.last_turn.unwrap_or(now);
        self.last_turn = Some(now);
        let wanted = self.spec.lead_frames.saturating_sub(self.lead_frames());
        let lie = match self.spec.behaviour {
            Behaviour::Lying { at_frame, lie } if now >= at_frame => Some(lie),
            _ => None,
        };
        let frames = self.allowed(now, passed, wanted);
        self.render(frames, lie.and_then(Lie::sample));
        if let Some(lie) = lie {
            self.tell(lie, now);
        }
    }

    /// Frames written and not yet consumed, as the producer sees it.
    pub fn lead_frames(&self) -> u32 {
        self.writer.position().wrapping_sub(self.writer.engine().read)
    }

    /// Frames rendered since the start.
    pub fn made_frames(&self) -> u64 {
        self.made
    }

    /// The writing end, for what a test wants to do itself.
    pub fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// The commit word of its group.
    pub fn commit(&mut self) -> &mut Commit {
        &mut self.commit
    }

    fn allowed(&mut self, now: u64, passed: u64, wanted: u32) -> u32 {
        match self.spec.behaviour {
            Behaviour::Steady | Behaviour::Lying { .. } => wanted,
            Behaviour::Slow { speed } => {
                // Idle time is not saved up: what is not used within a turn is gone.
                self.credit = (self.credit + passed as f64 * speed).min(f64::from(self.spec.lead_frames));
                if !self.started {
                    self.credit = f64::from(self.spec.lead_frames);
                }
                let frames = wanted.min(self.credit as u32);
                self.credit -= f64::from(frames);
                frames
            }
            Behaviour::Bursty { every_frames, pause_frames } => {
                if now % every_frames < every_frames - pause_frames { wanted } else { 0 }
            }
            Behaviour::Dying { at_frame } => {
                if now < at_frame {
                    wanted
                } else {
                    0
                }
            }
        }
    }

    /// Renders `frames` frames into the ring; the first ones behind a start marker.
    fn render(&mut self, frames: u32, instead: Option<f32>) {
        if frames == 0 {
            return;
        }
        let starts = !self.started;
        if starts {
            let (at, to) = (self.spec.start_frame as u32, self.writer.position());
            let marker = Marker { at, to, group: self.commit.next(), anchor: 0, kind: MarkerKind::Start };
            self.writer.mark(marker).expect("the first marker finds room");
            self.started = true;
        }
        let channels = self.spec.channels.get();
        let made = self.made;
        let signal = &self.spec.signal;
        let one =
            |frame: u64| (0..channels).map(move |channel| instead.unwrap_or_else(|| signal(frame, channel)));
        let interleaved: Vec<f32> = (made..made + u64::from(frames)).flat_map(one).collect();
        self.made += self.writer.write(&interleaved) as u64;
        if starts {
            self.commit.bump();
        }
    }

    fn tell(&mut self, lie: Lie, now: u64) {
        let words = self.memory.producer_words();
        let write = self.writer.position();
        match lie {
            Lie::WriteFarAhead => words.write.store(write.wrapping_add(1 << 30), Ordering::Release),
            Lie::WriteBack => words.write.store(write.wrapping_sub(1 << 20), Ordering::Release),
            Lie::MarkerFlood => {
                words.marker_write.store(self.writer.marker_count().wrapping_add(400), Ordering::Release);
            }
            Lie::MarkerOutside => {
                self.lying_marker(now as u32, write.wrapping_add(1 << 29), MarkerKind::Splice)
            }
            Lie::MarkerFarAway => {
                self.lying_marker((now as u32).wrapping_add(1 << 31), write, MarkerKind::Splice);
            }
            Lie::MarkerOfNoKind => {
                let count = self.writer.marker_count();
                self.lying_marker(now as u32, write, MarkerKind::Splice);
                let markers = self.memory.marker_words();
                markers[count as usize % markers.len()].kind.store(77, Ordering::Release);
            }
            Lie::NotANumber | Lie::Infinite | Lie::Huge | Lie::Denormal | Lie::Dc => {}
        }
    }

    /// Queues a committed marker where there is room for one.
    fn lying_marker(&mut self, at: u32, to: u32, kind: MarkerKind) {
        let marker = Marker { at, to, group: self.commit.next(), anchor: 0, kind };
        if self.writer.mark(marker).is_ok() {
            self.commit.bump();
        }
    }
}
