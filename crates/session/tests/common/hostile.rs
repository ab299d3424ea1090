//! A producer that may do anything to the memory of its session, spelt by the bytes of an input, while an engine renders
//! it beside an honest one and the daemon reads its figures.
//!
//! Two worlds see the same input. In the second one somebody also writes over the words that the daemon owns. Whatever
//! the input: nothing panics, main stays below full scale, every frame is accounted for, both worlds come to the same
//! sound and figures, for the engine reads none of its own words back, and not a bit of the honest voice is another one.

mod world;

use forebay_session::layout::{
    self, AREAS, CONTROL_BYTES, ENTRY_BYTES, EVENTS, LINE_BYTES, MARKERS, Owner, SLOTS,
};
use ring::sync::Ordering;
use ring::{EventKind, LatePolicy, Marker, MarkerKind, TimedEvent};
use units::ChannelCount;
pub(crate) use world::Played;
use world::{MOST_OPENED, Session, VOICES, Voice, World, word_of};

/// The bytes of an input, zeros behind their end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> usize {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                usize::from(*first)
            }
            None => 0,
        }
    }

    fn word(&mut self) -> u32 {
        (0..4).fold(0, |word, place| word | (self.byte() as u32) << (8 * place))
    }
}

/// Plays the input; panics where a promise is broken.
pub(crate) fn play(input: &[u8]) -> Played {
    let lies = &input[input.len().saturating_sub(LINE_BYTES)..];
    let mut input = Input(input);
    let mut story = Story::new(&mut input);
    while !input.0.is_empty() {
        match input.byte() % 16 {
            0 => story.poke(4 * (input.word() as usize % (CONTROL_BYTES / 4)), input.word()),
            1 | 2 => story.poke_a_field(&mut input),
            3 => story.poke_a_sample(&mut input),
            4 => story.likely_marker(&mut input),
            5 => story.frames(&mut input),
            6 => story.add(layout::COMMIT, 1),
            7 | 8 => story.likely_change(&mut input),
            9 => story.likely_event(&mut input),
            10 => story.flood(&mut input),
            11 => story.close(input.byte() % VOICES, input.byte() as u32),
            12 => story.open(&mut input),
            _ => story.block(input.byte()),
        }
    }
    story.end(lies)
}

/// The two worlds, and the acts of the liar in them.
struct Story {
    worlds: [World; 2],
    opened: usize,
}

impl Story {
    fn new(input: &mut Input<'_>) -> Self {
        let first_frame = u64::from(input.word()) << (input.byte() % 8);
        let first = input.word();
        let mut story = Self { worlds: [(); 2].map(|()| World::new(first_frame, first)), opened: 0 };
        story.open(input);
        story
    }

    fn open(&mut self, input: &mut Input<'_>) {
        let channels = ChannelCount::new(input.byte() % 8 + 1).expect("1 to 8");
        let capacity_frames = 2 << (input.byte() % 8);
        let policy = if input.byte().is_multiple_of(2) { LatePolicy::Hold } else { LatePolicy::Skip };
        let free = self.worlds[0].liar.voices.iter().position(Option::is_none);
        let Some(place) = free.filter(|_| self.opened < MOST_OPENED) else { return };
        self.opened += 1;
        for World { engine, liar, .. } in &mut self.worlds {
            liar.open(engine, place, (channels, capacity_frames, policy));
        }
    }

    fn close(&mut self, place: usize, fade_frames: u32) {
        for World { engine, liar, .. } in &mut self.worlds {
            liar.close(engine, place, fade_frames);
        }
    }

    /// Writes a word of the control memory: what is the producer's in both worlds, what is the daemon's in the second.
    fn poke(&self, byte: usize, value: u32) {
        let is_daemons = AREAS.iter().any(|area| {
            let bytes = area.offset..area.offset + area.stride_bytes * area.count;
            matches!(area.owner, Owner::Daemon | Owner::DaemonOnce) && bytes.contains(&byte)
        });
        for world in &self.worlds[usize::from(is_daemons)..] {
            word_of(&world.liar.control, byte).store(value, Ordering::Relaxed);
        }
    }

    /// A word of the first world, in which nobody but the daemon writes the daemon's.
    fn word(&self, byte: usize) -> u32 {
        word_of(&self.worlds[0].liar.control, byte).load(Ordering::Relaxed)
    }

    fn add(&self, byte: usize, count: u32) {
        self.poke(byte, self.word(byte).wrapping_add(count));
    }

    fn voice(&self, place: usize) -> Option<&Voice> {
        self.worlds[0].liar.voices[place % VOICES].as_ref()
    }

    /// Engine frames from half a block ago to half a block ahead, and then some.
    fn soon(&self, byte: usize) -> u32 {
        self.worlds[0].renderer.frame().low().wrapping_add(byte as u32).wrapping_sub(128)
    }

    /// Writes a word that means something: any value, or one that is near.
    fn poke_a_field(&self, input: &mut Input<'_>) {
        let area = &AREAS[input.byte() % AREAS.len()];
        let record = area.offset + input.byte() % area.count * area.stride_bytes;
        let Some(field) = area.fields.get(input.byte() % area.fields.len().max(1)) else { return };
        match input.byte() {
            0..128 => self.poke(record + field.offset, input.word()),
            near => self.add(record + field.offset, (near as u32).wrapping_sub(192)),
        }
    }

    fn poke_a_sample(&self, input: &mut Input<'_>) {
        let (place, at, value) = (input.byte() % VOICES, input.word() as usize, input.word());
        for world in &self.worlds {
            let Some(voice) = &world.liar.voices[place] else { return };
            let samples = world.liar.host.samples(voice.slot).expect("open").region();
            word_of(&samples, 4 * (at % (voice.shape.sample_bytes() / 4))).store(value, Ordering::Relaxed);
        }
    }

    /// Frames come, whatever lies in the ring.
    fn frames(&self, input: &mut Input<'_>) {
        let (place, count) = (input.byte(), input.byte() as u32);
        if let Some(voice) = self.voice(place) {
            self.add(layout::PRODUCER_WORDS + voice.slot * LINE_BYTES, count);
        }
    }

    /// A marker that may well be in order, so that stories get past the checks.
    fn likely_marker(&self, input: &mut Input<'_>) {
        let [place, kind, at, back, group] = [(); 5].map(|()| input.byte());
        let Some(voice) = self.voice(place) else { return };
        let ours = layout::PRODUCER_WORDS + voice.slot * LINE_BYTES;
        let anchor = self.word(layout::ENGINE_WORDS + voice.slot * LINE_BYTES + 0x08);
        let kind = kind as u32 % 3 + 1;
        let since_start = if kind == MarkerKind::Start as u32 { 0 } else { anchor };
        let values = [
            self.soon(at).wrapping_sub(since_start),
            self.word(ours).wrapping_sub(back as u32 / 64),
            self.word(layout::COMMIT).wrapping_add(group as u32 % 3),
            anchor,
            kind,
        ];
        let entry = voice.slot * MARKERS + self.word(ours + 4) as usize % MARKERS;
        for (index, value) in values.into_iter().enumerate() {
            self.poke(layout::MARKER_WORDS + entry * ENTRY_BYTES + 4 * index, value);
        }
        self.add(ours + 4, 1);
    }

    /// Marker, frames, commit.
    fn likely_change(&self, input: &mut Input<'_>) {
        self.likely_marker(input);
        self.frames(input);
        self.add(layout::COMMIT, 1);
    }

    /// An event that may well be in order, in the next entry.
    fn likely_event(&self, input: &mut Input<'_>) {
        let [at, slot, kind, value, ramp] = [(); 5].map(|()| input.byte());
        let value = (value as f32 / 64.0 - 2.0).to_bits();
        self.push_event([self.soon(at), slot as u32 % 4, kind as u32 % 5, value, ramp as u32]);
    }

    /// Up to a queue of events at once.
    fn flood(&self, input: &mut Input<'_>) {
        let (count, step, kind) = (input.word() % (EVENTS as u32 + 1), input.byte(), input.byte() as u32);
        for index in 0..count {
            let at = self.soon(index as usize * step % 2048);
            self.push_event([at, index % 3, kind % 5, (index as f32 / 512.0).to_bits(), index % 64]);
        }
    }

    fn push_event(&self, values: [u32; 5]) {
        let entry = self.word(layout::EVENT_WRITE) as usize % EVENTS;
        for (index, value) in values.into_iter().enumerate() {
            self.poke(layout::EVENT_ENTRIES + entry * ENTRY_BYTES + 4 * index, value);
        }
        self.add(layout::EVENT_WRITE, 1);
    }

    /// One block of both worlds, which must not differ.
    fn block(&mut self, frames: usize) {
        let [heard, other] = self.worlds.each_mut().map(|world| world.block(frames));
        assert!(heard == other, "the daemon read back a word of its own");
        let [world, other] = &self.worlds;
        assert_eq!(world.engine.main_stats(), other.engine.main_stats());
        assert_eq!(world.played, other.played);
        let [world, other] = [&world.liar.host, &other.liar.host];
        assert_eq!(world.pacing(), other.pacing());
        assert!((0..SLOTS).all(|slot| world.render_stats(slot) == other.render_stats(slot)));
    }

    /// Lets everything go: every slot returns. Then a producer comes to the second world.
    fn end(mut self, lies: &[u8]) -> Played {
        self.block(64);
        (0..VOICES).for_each(|place| self.close(place, 0));
        self.block(255); // the longest fade of those that left before
        for world in &mut self.worlds {
            assert_eq!(world.liar.host.ring_bytes(), 0, "every ring is unmapped");
            assert!(!world.liar.host.has_hole());
        }
        let World { engine, liar, played, .. } = &mut self.worlds[1];
        liar.open(engine, 0, (ChannelCount::MONO, 64, LatePolicy::Skip));
        visit(liar, lies);
        *played
    }
}

/// A producer comes to a memory in which anything may stand, the daemon's words included: it refuses it, or writes within
/// the bounds of its ring.
fn visit(session: &Session, lies: &[u8]) {
    let voice = session.voices[0].as_ref().expect("open");
    for (index, lie) in lies.chunks_exact(4).enumerate() {
        let word = word_of(&session.control, layout::ENGINE_WORDS + voice.slot * LINE_BYTES + 4 * index);
        word.store(u32::from_le_bytes([lie[0], lie[1], lie[2], lie[3]]), Ordering::Relaxed);
    }
    let Some(guest) = session.guest() else { return };
    let samples = session.host.samples(voice.slot).expect("open");
    let mut writer = guest.writer(voice.slot as u32, samples, voice.shape).expect("its shape");
    let capacity_frames = voice.shape.capacity_frames;
    assert!(writer.space_frames() <= capacity_frames);
    assert!(writer.write(&[0.25; 100]) <= capacity_frames as usize);
    let (mut commit, mut events) = (guest.commit(), guest.events());
    let (at, to, group, anchor) =
        (commit.clock().0, writer.position(), commit.next(), writer.engine().anchor);
    // Full queues are an answer, too.
    let _ = writer.mark(Marker { kind: MarkerKind::Start, at, to, group, anchor });
    let _ = events.push(TimedEvent { at, slot: 0, kind: EventKind::Gain, value: 1.0, ramp_frames: 0 });
    commit.bump();
}
