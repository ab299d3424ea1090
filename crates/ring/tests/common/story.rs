//! A random producer, its reader and the model of what should come out.

use super::dice::Dice;
use super::model::{Model, Wish};
use forebay_ring::{
    Commit, Group, GroupMemory, LatePolicy, Marker, MarkerKind, Reader, ReaderConfig, RingMemory, RingShape,
    State, Writer, group, ring,
};
use units::ChannelCount;

/// A producer, a reader and the model of what should come out, in one virtual time.
pub(crate) struct Story {
    pub(crate) dice: Dice,
    pub(crate) memory: RingMemory,
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) commit: Commit,
    pub(crate) group: Group,
    pub(crate) model: Model,
    /// Where the counters began: the model counts from 0.
    pub(crate) first: i64,
    /// Everything published; the model learns of it at the next block.
    pub(crate) history: Vec<f32>,
    pub(crate) wishes: Vec<Wish>,
    pub(crate) last_wish: Wish,
    pub(crate) bumps: i64,
    /// Whether `at` and `to` may be nonsense.
    pub(crate) wild: bool,
    /// A counter was made to lie.
    pub(crate) broken: bool,
    /// Every frame is this, where given.
    pub(crate) constant: Option<f32>,
}

impl Story {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let policy = if dice.once_in(2) { LatePolicy::Hold } else { LatePolicy::Skip };
        let capacity_frames = 1_u32 << dice.within(3, 9);
        let crossfade_frames = dice.within(1, i64::from(capacity_frames) / 2) as u32;
        // Every counter starts shortly before its wrap.
        let first = u32::MAX - dice.below(1 << 12) as u32;
        let engine_frame = (1_i64 << 32) * dice.within(1, 3) - dice.below(1 << 12);
        let shape = RingShape { channels: ChannelCount::MONO, capacity_frames, first };
        let memory = RingMemory::heap(shape).unwrap().with_first_marker(u32::MAX - dice.below(16) as u32);
        let (writer, reader) = ring(memory.clone(), ReaderConfig { policy, crossfade_frames });
        let first_group = (1 << 32) - dice.below(20);
        let (commit, group) = group(GroupMemory::heap().with_count(first_group as u32));
        let mut model = Model::new(policy, crossfade_frames.into(), capacity_frames.into(), engine_frame);
        model.committed = first_group;
        let wild = dice.once_in(4);
        Self {
            dice,
            memory,
            writer,
            reader,
            commit,
            group,
            model,
            first: i64::from(first),
            history: Vec::new(),
            wishes: Vec::new(),
            last_wish: Wish { kind: MarkerKind::Start, at: 0, to: 0, group: first_group, anchor: 0 },
            bumps: first_group,
            wild,
            broken: false,
            constant: None,
        }
    }

    pub(crate) fn write_some(&mut self) {
        let wanted = self.dice.below(self.model.capacity + 4) as usize;
        // No two frames are alike, so that a frame from the wrong place is always seen.
        let any = |dice: &mut Dice| (dice.next() >> 40) as f32 / 65_536.0 - 128.0;
        let chunk: Vec<f32> =
            (0..wanted).map(|_| self.constant.unwrap_or_else(|| any(&mut self.dice))).collect();
        let taken = self.writer.write(&chunk);
        self.history.extend_from_slice(&chunk[..taken]);
    }

    pub(crate) fn mark(&mut self, kind: MarkerKind) {
        let (dice, model) = (&mut self.dice, &self.model);
        let near = 2 * model.capacity;
        let lies = self.wild && dice.once_in(30);
        let anchor = if lies { dice.next() as u32 as i64 } else { model.anchor() }
            + if dice.once_in(6) { dice.within(-3, 3) } else { 0 };
        let at = match kind {
            MarkerKind::Start => model.engine_frame + dice.within(-near, near),
            _ if self.wild && dice.once_in(30) => dice.next() as u32 as i64,
            _ if dice.once_in(20) => model.voice_frame + dice.within(-20 * near, 20 * near),
            _ => model.voice_frame + dice.within(-near / 4, near),
        };
        // As if published between the engine's two looks: the frames before `to` follow later.
        let room = i64::from(self.writer.space_frames());
        let ahead = if dice.once_in(20) { dice.below(4).min(room) } else { 0 };
        let back = if self.wild && dice.once_in(8) { dice.below(near) } else { 0 };
        let (mut to, mut group) =
            ((self.history.len() as i64 + ahead - back).max(0), self.bumps + dice.within(0, 1));
        if !self.wild {
            to = to.max(self.last_wish.to);
            group = group.max(self.last_wish.group);
        }
        let wish = Wish { kind, at, to, group, anchor };
        let marker = Marker {
            kind,
            at: at as u32,
            to: (to + self.first) as u32,
            group: group as u32,
            anchor: anchor as u32,
        };
        if self.writer.mark(marker).is_ok() {
            self.wishes.push(wish);
            self.last_wish = wish;
        }
    }

    /// A proper splice, start or drain: marker, frames, commit.
    pub(crate) fn change_of_mind(&mut self) {
        let kind = match (self.model.state, self.dice.below(4)) {
            (State::Idle, _) => MarkerKind::Start,
            (_, 0) => MarkerKind::Flush,
            _ => MarkerKind::Splice,
        };
        self.mark(kind);
        self.write_some();
        self.bump();
    }

    pub(crate) fn bump(&mut self) {
        self.commit.bump();
        self.bumps += 1;
    }

    /// A few random acts of the producer, or none; the `lazier` the fewer.
    pub(crate) fn acts(&mut self, lazier: i64) {
        for _ in 0..self.dice.below(4) {
            if !self.dice.once_in(lazier + 1) {
                self.act();
            }
        }
    }

    pub(crate) fn act(&mut self) {
        match self.dice.below(20) {
            0..=9 => self.write_some(),
            10..=12 => self.change_of_mind(),
            13 => self.mark(MarkerKind::Splice),
            14 => self.mark(MarkerKind::Flush),
            15 => self.mark(MarkerKind::Start),
            16..=17 => self.bump(),
            _ => {}
        }
    }

    /// What the model may know at this block: all frames, and the markers up to the first whose frames are still to
    /// come. Says whether the producer broke a rule.
    pub(crate) fn intake(&mut self) -> bool {
        let oldest = self.model.oldest();
        let committed = self.bumps;
        let model = &mut self.model;
        model.committed = committed;
        model.history.extend_from_slice(&self.history[model.history.len()..]);
        let written = model.history.len() as i64;
        assert!(written <= oldest + model.capacity, "the writer must not overfill");
        while let Some(&wish) = self.wishes.first() {
            match model.learn(wish) {
                Ok(true) => self.wishes.remove(0),
                Ok(false) => return false,
                Err(()) => return true,
            };
        }
        false
    }

    /// One block of random length in random pieces: the same bits and counts as the model's. What was heard.
    pub(crate) fn block(&mut self, label: &str) -> Vec<f32> {
        let frames = match self.dice.below(8) {
            0 => self.dice.within(1, 3),
            1 => self.dice.within(1, 4 * self.model.capacity),
            _ => self.dice.within(1, 64),
        };
        if self.constant.is_none() && self.dice.once_in(30) {
            // Nobody reads for a while, or the clock is put back: what is new comes in sight after it.
            self.model.committed = self.bumps;
            self.model.jump(self.dice.within(-8, 2 * self.model.capacity));
        }
        let begin = self.model.engine_frame;
        let mut all = Vec::new();
        if self.model.state != State::Faulted && (self.broken || self.intake()) {
            self.model.fault();
        }
        self.model.arrive();
        self.reader.begin(self.group.load(), begin as u64);
        let mut left = frames;
        while left > 0 {
            let part = if self.dice.once_in(2) { left } else { self.dice.within(1, left) };
            let heard = self.constant.is_some() || !self.dice.once_in(40);
            let expected: Vec<f32> = (0..part).map(|k| self.model.frame(part - k, heard)).collect();
            if heard {
                let mut out = vec![f32::NAN; part as usize];
                self.reader.read(&mut out, part as usize);
                for (k, (ours, theirs)) in out.iter().zip(&expected).enumerate() {
                    assert_eq!(
                        ours.to_bits(),
                        theirs.to_bits(),
                        "{label}: frame {k} of {part}: {ours} instead of {theirs}\n{:?}\n{:?}",
                        self.reader,
                        Quiet(&self.model)
                    );
                }
            } else {
                self.reader.skip(part as usize);
            }
            all.extend_from_slice(if heard { &expected } else { &[] });
            left -= part;
        }
        self.reader.finish();
        self.compare(label);
        all
    }

    pub(crate) fn compare(&mut self, label: &str) {
        let ledger = self.reader.ledger();
        assert_eq!(ledger, self.model.ledger(), "{label}");
        assert_eq!(
            ledger.produced,
            ledger.delivered + ledger.superseded + ledger.shed + ledger.in_ring,
            "{label}"
        );
        assert_eq!(self.reader.state(), self.model.state, "{label}");
        let engine = self.writer.engine();
        assert_eq!(engine.read, (self.model.oldest() + self.first) as u32, "{label}");
        if matches!(self.model.state, State::Playing | State::Starved) {
            assert_eq!(engine.voice_frame, self.model.voice_frame as u32, "{label}");
            assert_eq!(engine.anchor, self.model.anchor() as u32, "{label}");
        }
        let waiting = self.wishes.len() + self.model.known.len();
        let told = self.writer.marker_count().wrapping_sub(engine.marker_read);
        if self.model.state != State::Faulted {
            assert_eq!(told as usize, waiting, "{label}");
        }
    }
}

/// The model without its history.
struct Quiet<'a>(&'a Model);

impl std::fmt::Debug for Quiet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let m = self.0;
        write!(f, "{:?} {:?} at {} of {}, ", m.policy, m.state, m.position, m.history.len())?;
        write!(
            f,
            "voice {}, engine {}, fades {}, knows {:?}",
            m.voice_frame,
            m.engine_frame,
            m.is_fading(),
            m.known
        )
    }
}
