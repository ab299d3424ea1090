//! What a voice should sound like, worked out one frame at a time.
//!
//! The model knows every frame and every marker since the beginning, counts in 64 bits, forgets nothing and reuses
//! no memory. It follows the rules as they are written for voice frames; the Reader follows them in engine frames, in
//! stretches, over words that wrap. Where the two differ in one bit or one count, one of them is wrong.

use forebay_ring::{LatePolicy, Ledger, MarkerKind, State};

/// A marker with nothing cut to 32 bits. `to` counts from the first frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) kind: MarkerKind,
    pub(crate) at: i64,
    pub(crate) to: i64,
    pub(crate) group: i64,
    pub(crate) anchor: i64,
}

#[derive(Clone, Copy, Debug)]
enum Old {
    Nothing,
    Frame(f32),
    /// Frames from here to there, then the last one for ever.
    Span(i64, i64),
    /// Whatever the future that ends still has.
    Future,
}

#[derive(Clone, Copy, Debug)]
struct Fading {
    k: i64,
    old: Old,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) policy: LatePolicy,
    pub(crate) fade_frames: i64,
    pub(crate) capacity: i64,
    /// Every frame ever published.
    pub(crate) history: Vec<f32>,
    /// Every marker ever published and not yet done with, as far as the engine may know them.
    pub(crate) known: Vec<Wish>,
    /// How many there ever were.
    pub(crate) learned: usize,
    pub(crate) committed: i64,
    pub(crate) state: State,
    pub(crate) position: i64,
    pub(crate) voice_frame: i64,
    pub(crate) engine_frame: i64,
    pub(crate) ledger: Ledger,
    fading: Option<Fading>,
    debt: i64,
    stall: i64,
    last: f32,
    delivered: i64,
    superseded: i64,
    shed: i64,
    anchor_at_rest: i64,
}

impl Model {
    pub(crate) fn new(policy: LatePolicy, fade_frames: i64, capacity: i64, engine_frame: i64) -> Self {
        Self {
            policy,
            fade_frames,
            capacity,
            history: Vec::new(),
            known: Vec::new(),
            learned: 0,
            committed: 0,
            state: State::Idle,
            position: 0,
            voice_frame: 0,
            engine_frame,
            ledger: Ledger::default(),
            fading: None,
            debt: 0,
            stall: 0,
            last: 0.0,
            delivered: 0,
            superseded: 0,
            shed: 0,
            anchor_at_rest: 0,
        }
    }

    pub(crate) fn anchor(&self) -> i64 {
        match self.state {
            State::Playing | State::Starved => self.engine_frame - self.voice_frame,
            _ => self.anchor_at_rest,
        }
    }

    /// The oldest position that may still be heard.
    pub(crate) fn oldest(&self) -> i64 {
        match self.fading {
            Some(Fading { old: Old::Span(from, to), k }) if from + k < to => (from + k).min(self.position),
            _ => self.position,
        }
    }

    pub(crate) fn is_fading(&self) -> bool {
        self.fading.is_some()
    }

    /// A marker comes in sight whose times are words: each means the time nearest to where the voice is then.
    /// `Ok(false)` where its frames are still to come, `Err` where the producer broke a rule.
    pub(crate) fn learn(&mut self, words: Wish) -> Result<bool, ()> {
        const WINDOW: i64 = 1 << 30;
        let near = |reference: i64, word: i64| reference + i64::from((word - reference) as i32);
        let written = self.history.len() as i64;
        let before = self.known.last();
        if words.to < before.map_or(self.position, |wish| wish.to)
            || before.is_some_and(|wish| words.group < wish.group)
        {
            return Err(());
        }
        let start = self.known.iter().rev().find(|wish| wish.kind == MarkerKind::Start).map(|wish| wish.at);
        let (voice, anchor) = start.map_or((self.voice_frame, self.anchor()), |at| (at, 0));
        let reference = if words.kind == MarkerKind::Start { self.engine_frame } else { voice };
        let wish = Wish { at: near(reference, words.at), anchor: near(anchor, words.anchor), ..words };
        let falls = self.state == State::Idle && start.is_none();
        let far =
            wish.kind == MarkerKind::Splice && (wish.at + wish.anchor - self.engine_frame).abs() >= WINDOW;
        if (wish.at - reference).abs() >= WINDOW || (far && !falls) || wish.to > written + self.capacity {
            return Err(());
        }
        let whole = wish.to <= written;
        if whole {
            self.known.push(wish);
            self.learned += 1;
        }
        Ok(whole)
    }

    /// New frames and markers are in sight: at the begin of a block.
    pub(crate) fn arrive(&mut self) {
        while self.debt > 0 && self.position < self.end(0) {
            self.position += 1;
            self.shed += 1;
            self.debt -= 1;
        }
        self.drop_out_of_reach();
    }

    fn drop_out_of_reach(&mut self) {
        if self.state == State::Idle && !self.known.is_empty() {
            self.superseded += self.known[0].to - self.position;
            self.position = self.known[0].to;
        }
    }

    /// Where the future before marker `i` ends.
    fn end(&self, i: usize) -> i64 {
        if i < self.known.len() { self.known[i].to } else { self.history.len() as i64 }
    }

    fn starts_before(&self, i: usize) -> bool {
        self.known[..i].iter().any(|wish| wish.kind == MarkerKind::Start)
    }

    /// By how much marker `i` is late (negative: not yet due).
    fn lateness(&self, i: usize) -> i64 {
        let wish = self.known[i];
        match wish.kind {
            MarkerKind::Start => self.engine_frame - wish.at,
            MarkerKind::Splice => self.voice_frame - (wish.at + wish.anchor - self.anchor()),
            MarkerKind::Flush if self.starts_before(i) => self.engine_frame - wish.at,
            MarkerKind::Flush => self.voice_frame - wish.at,
        }
    }

    fn is_committed(&self, i: usize) -> bool {
        self.known[..=i].iter().all(|wish| wish.group <= self.committed)
    }

    fn enters_at(&self, i: usize, late: i64) -> i64 {
        let wish = self.known[i];
        match wish.kind {
            MarkerKind::Flush => wish.to,
            MarkerKind::Start if self.policy == LatePolicy::Hold => wish.to,
            _ => wish.to + late.max(0),
        }
    }

    fn has_cover(&self, i: usize, late: i64) -> bool {
        self.known[i].kind == MarkerKind::Flush
            || self.end(i + 1) - self.enters_at(i, late) >= self.fade_frames
    }

    fn is_ready(&self, i: usize) -> bool {
        self.is_committed(i) && self.lateness(i) >= 0 && self.has_cover(i, self.lateness(i))
    }

    fn oldest_may_go(&self, ahead: i64) -> bool {
        if self.known.is_empty() || !self.is_committed(0) {
            return false;
        }
        let at_once = self.policy == LatePolicy::Hold && self.known[0].kind != MarkerKind::Start;
        at_once || self.lateness(0) + ahead >= 0
    }

    /// One decision; false when there is none to make.
    fn decide(&mut self, wanted: i64) -> bool {
        let left = self.end(0) - self.position;
        if self.fading.is_some() {
            if !(self.state == State::Playing && left == 0) {
                return false;
            }
            self.fading = None;
        }
        let count = self.known.len();
        match self.state {
            State::Faulted => return false,
            State::Idle => {
                let start = |i: &usize| self.known[*i].kind == MarkerKind::Start;
                if let Some(i) = (0..count).rev().filter(start).find(|&i| self.is_ready(i)) {
                    self.take(i);
                } else if count > 0 && self.is_committed(0) && !start(&0) {
                    self.known.remove(0);
                } else if self.oldest_may_go(0) {
                    self.take(0);
                } else {
                    return false;
                }
                self.drop_out_of_reach();
                return true;
            }
            State::Playing | State::Starved => {}
        }
        if let Some(i) = (0..count).rev().find(|&i| self.is_ready(i)) {
            self.take(i);
            return true;
        }
        let starved = self.state == State::Starved;
        if (left == 0 || (starved && left < self.fade_frames)) && self.oldest_may_go(0) {
            self.take(0);
            return true;
        }
        if starved {
            if self.debt == 0 && left >= self.fade_frames {
                self.state = State::Playing;
                self.fading = Some(Fading { k: 0, old: Old::Nothing });
                return true;
            }
            if self.policy == LatePolicy::Skip && self.stall >= self.capacity {
                self.rest();
                return true;
            }
            return false;
        }
        let saved = (0..count).any(|i| {
            let wait = -self.lateness(i);
            self.is_committed(i) && (0..=left).contains(&wait) && self.has_cover(i, 0)
        });
        if wanted > left && left <= self.fade_frames && !saved && !self.oldest_may_go(left) {
            let old = if left > 0 { Old::Future } else { Old::Frame(self.last) };
            self.fading = Some(Fading { k: 0, old });
            self.state = State::Starved;
            self.stall = 0;
            self.ledger.underruns += 1;
            return true;
        }
        false
    }

    fn rest(&mut self) {
        self.anchor_at_rest = self.anchor();
        self.state = State::Idle;
        self.debt = 0;
        self.drop_out_of_reach();
    }

    fn take(&mut self, i: usize) {
        let wish = self.known[i];
        let late = self.lateness(i);
        let enter = self.enters_at(i, late);
        let end = self.end(i + 1);
        let left = self.end(0) - self.position;
        let old = match self.state {
            State::Playing if left > 0 => Old::Span(self.position, self.position + left),
            State::Playing => Old::Frame(self.last),
            _ => Old::Nothing,
        };
        if late > 0 {
            self.ledger.late += late as u64;
        } else {
            self.ledger.jumped += -late as u64;
            self.voice_frame += -late;
        }
        if wish.kind == MarkerKind::Start {
            self.voice_frame = if self.policy == LatePolicy::Hold { wish.at } else { self.engine_frame };
        }
        self.superseded += enter.min(end) - self.position;
        self.position = enter.min(end);
        self.debt = enter - self.position;
        self.known.drain(..=i);
        self.fading = Some(Fading { k: 0, old });
        if wish.kind == MarkerKind::Flush {
            self.rest();
            if matches!(old, Old::Nothing) {
                self.fading = None;
            }
        } else {
            self.state = State::Playing;
        }
    }

    pub(crate) fn fault(&mut self) {
        self.anchor_at_rest = self.anchor();
        self.state = State::Faulted;
        self.fading = Some(Fading { k: 0, old: Old::Frame(self.last) });
    }

    /// One frame; `wanted` counts it and those that the same read still asks for.
    pub(crate) fn frame(&mut self, wanted: i64, heard: bool) -> f32 {
        while self.decide(wanted) {}
        let at = |history: &[f32], position: i64| history[position as usize];
        let ending = matches!(self.fading, Some(Fading { old: Old::Future, .. }));
        let new = if self.state == State::Playing { at(&self.history, self.position) } else { 0.0 };
        let mut out = new;
        if let Some(Fading { k, old }) = self.fading {
            let old = match old {
                Old::Nothing => 0.0,
                Old::Frame(frame) => frame,
                Old::Span(from, to) => at(&self.history, (from + k).min(to - 1)),
                Old::Future => at(&self.history, self.position),
            };
            let g = (k + 1) as f32 / (self.fade_frames + 1) as f32;
            out = old + g * (new - old);
        }
        match self.state {
            State::Playing => self.play_one(heard),
            State::Starved if ending => self.play_one(heard),
            State::Starved => self.miss_one(),
            State::Idle | State::Faulted => {}
        }
        if let Some(fading) = &mut self.fading {
            fading.k += 1;
            if ending
                && self.position
                    == if self.known.is_empty() { self.history.len() as i64 } else { self.known[0].to }
            {
                fading.old = Old::Frame(at(&self.history, self.position - 1));
            }
            if fading.k == self.fade_frames {
                self.fading = None;
            }
        }
        self.engine_frame += 1;
        self.last = if heard { out } else { 0.0 };
        out
    }

    /// The engine's clock jumps between two blocks. With `skip` a voice stays on the time line, unheard; otherwise it stands
    /// still.
    pub(crate) fn jump(&mut self, frames: i64) {
        let moves = matches!(self.state, State::Playing | State::Starved);
        if self.policy == LatePolicy::Skip && moves && frames > 0 {
            for passed in 0..frames {
                self.frame(frames - passed, false);
            }
        } else {
            self.engine_frame += frames;
        }
    }

    fn play_one(&mut self, heard: bool) {
        self.position += 1;
        self.voice_frame += 1;
        if heard { self.delivered += 1 } else { self.shed += 1 }
    }

    fn miss_one(&mut self) {
        self.ledger.concealed += 1;
        self.stall += 1;
        if self.policy == LatePolicy::Skip {
            self.voice_frame += 1;
            if self.position < self.end(0) {
                self.position += 1;
                self.shed += 1;
            } else {
                self.debt += 1;
            }
        }
    }

    /// The account so far. Delivered frames are counted one by one here, not worked out.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger {
            produced: self.history.len() as u64,
            delivered: self.delivered as u64,
            superseded: self.superseded as u64,
            shed: self.shed as u64,
            in_ring: (self.history.len() as i64 - self.position) as u64,
            ..self.ledger
        }
    }
}
