//! A producer that may do anything to the shared memory, spelt by the bytes of an input.
//!
//! Two Readers with the same history read side by side. In the memory of the second one somebody also writes over the
//! words that the engine owns. Whatever the input: nothing panics, every frame is accounted for, the sound stays within
//! what the frames in the ring are, and the second Reader sounds like the first, for the engine reads none of its own
//! words back.

use forebay_ring::sync::{AtomicU32, Ordering};
use forebay_ring::{
    EventMemory, EventReader, LatePolicy, Ledger, Reader, ReaderConfig, Region, RingMemory, RingShape, State,
};
use units::ChannelCount;

const PRODUCER: usize = 0;
const ENGINE: usize = 64;
const MARKERS: usize = 128;
const EVENTS: usize = 384;
const SAMPLES: usize = 1024;

/// The bytes of an input, zeros behind their end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One session's memory, its Reader, and what was ever in its ring.
struct Side {
    region: Region,
    memory: RingMemory,
    reader: Reader,
    events: EventReader,
}

impl Side {
    fn new(shape: RingShape, config: ReaderConfig) -> Self {
        let region = Region::heap(SAMPLES + shape.sample_bytes());
        let part = |at, len| region.slice(at, len);
        let memory = RingMemory::new(
            &part(PRODUCER, 64),
            &part(ENGINE, 64),
            &part(MARKERS, 256),
            &part(SAMPLES, shape.sample_bytes()),
            shape,
        )
        .expect("a possible ring");
        let reader = Reader::attach(memory.clone(), config);
        let events = EventMemory::new(&part(EVENTS, 64), &part(EVENTS + 64, 64), &part(EVENTS + 128, 256));
        Self { region, memory, reader, events: EventReader::attach(events.expect("a possible queue")) }
    }

    fn word(&self, byte: usize) -> &AtomicU32 {
        assert!(byte.is_multiple_of(4) && byte + 4 <= self.region.len());
        // SAFETY: inside the region and aligned; the words are only ever reached as atomics.
        unsafe { AtomicU32::from_ptr(self.region.start().add(byte).cast().as_ptr()) }
    }
}

/// Plays the input; panics where a promise is broken. The account at its end says how far it came.
pub(crate) fn play(input: &[u8]) -> Ledger {
    let mut input = Input(input);
    let shape = RingShape {
        channels: ChannelCount::new(usize::from(input.byte() % 8) + 1).expect("1 to 8"),
        capacity_frames: 2 << (input.byte() % 8),
        first: input.word(),
    };
    let policy = if input.byte().is_multiple_of(2) { LatePolicy::Hold } else { LatePolicy::Skip };
    let config = ReaderConfig { policy, crossfade_frames: u32::from(input.byte()) };
    let mut sides = [Side::new(shape, config), Side::new(shape, config)];
    let mut now = u64::from(input.word()) << (input.byte() % 8);
    let (mut committed, mut loudest) = (0_u32, 0.0_f32);
    while !input.is_empty() {
        match input.byte() % 16 {
            0 => set(&sides, PRODUCER + usize::from(input.byte() % 16) * 4, input.word()),
            1 => set(&sides, MARKERS + usize::from(input.byte() % 64) * 4, input.word()),
            2 => {
                let value = f32::from_bits(input.word());
                // A NaN stays: from here on anything may be heard.
                loudest = if value.is_finite() { loudest.max(value.abs()) } else { f32::INFINITY };
                let at = input.word() as usize % (shape.sample_bytes() / 4);
                set(&sides, SAMPLES + at * 4, value.to_bits());
            }
            3 => sides[1]
                .word(ENGINE + usize::from(input.byte() % 16) * 4)
                .store(input.word(), Ordering::Relaxed),
            4 => set(&sides, EVENTS + usize::from(input.byte() % 96) * 4, input.word()),
            5 => committed = input.word(),
            6 => committed = committed.wrapping_add(1),
            7 | 8 => add(&sides, PRODUCER, u32::from(input.byte())),
            9 | 10 => likely_marker(&sides, &mut input, committed, now as u32),
            11 => now += u64::from(input.word()),
            _ => block(&mut sides, &mut input, committed, &mut now, loudest),
        }
    }
    block(&mut sides, &mut input, committed, &mut now, loudest);
    sides[0].reader.ledger()
}

fn set(sides: &[Side; 2], byte: usize, word: u32) {
    sides.iter().for_each(|side| side.word(byte).store(word, Ordering::Relaxed));
}

fn add(sides: &[Side; 2], byte: usize, count: u32) {
    for side in sides {
        side.word(byte).fetch_add(count, Ordering::Relaxed);
    }
}

/// A marker that may well be in order, so that inputs get past the checks.
fn likely_marker(sides: &[Side; 2], input: &mut Input<'_>, committed: u32, now: u32) {
    let words = &sides[0].memory;
    let slot = MARKERS + (words.producer_words().marker_write.load(Ordering::Relaxed) % 8) as usize * 32;
    let write = words.producer_words().write.load(Ordering::Relaxed);
    let [kind, at, back, group] = [input.byte(), input.byte(), input.byte(), input.byte()];
    let values = [
        now.wrapping_add_signed(i32::from(at as i8)),
        write.wrapping_sub(u32::from(back / 32)),
        committed.wrapping_add(u32::from(group % 3)),
        sides[0].memory.engine_words().anchor.load(Ordering::Relaxed),
        u32::from(kind % 3) + 1,
    ];
    values.iter().enumerate().for_each(|(index, value)| set(sides, slot + index * 4, *value));
    add(sides, PRODUCER + 4, 1);
}

/// One block of both Readers, in the same pieces, with every promise checked.
fn block(sides: &mut [Side; 2], input: &mut Input<'_>, committed: u32, now: &mut u64, loudest: f32) {
    let pieces: Vec<u8> = (0..input.byte() % 4 + 1).map(|_| input.byte()).collect();
    let skipped = input.byte().is_multiple_of(8);
    let heard = sides.each_mut().map(|side| {
        let channels = side.reader.shape().channels.get();
        let mut heard = Vec::new();
        side.reader.begin(committed, *now);
        for frames in &pieces {
            let frames = usize::from(*frames);
            if skipped {
                side.reader.skip(frames);
                continue;
            }
            let mut out = vec![f32::NAN; frames * channels];
            side.reader.read(&mut out, frames);
            heard.extend(out.iter().map(|sample| sample.to_bits()));
        }
        side.reader.finish();
        check(side, loudest, &heard);
        heard
    });
    assert_eq!(heard[0], heard[1], "the engine read back a word of its own");
    assert_eq!(sides[0].reader.ledger(), sides[1].reader.ledger(), "the engine read back a word of its own");
    *now += pieces.iter().map(|frames| u64::from(*frames)).sum::<u64>();
}

fn check(side: &mut Side, loudest: f32, heard: &[u32]) {
    let ledger = side.reader.ledger();
    let spent = ledger.delivered.checked_add(ledger.superseded).and_then(|sum| sum.checked_add(ledger.shed));
    assert_eq!(spent.and_then(|sum| sum.checked_add(ledger.in_ring)), Some(ledger.produced), "{ledger:?}");
    assert!(ledger.in_ring <= u64::from(side.reader.shape().capacity_frames), "{ledger:?}");
    assert_eq!(side.reader.state() == State::Faulted, side.reader.fault().is_some());
    if loudest.is_finite() {
        // A step of a fade between extremes may round up by a bit or two.
        let most = loudest * 1.000_001;
        let within = |bits: &u32| f32::from_bits(*bits).abs() <= most || most > f32::MAX / 2.0;
        assert!(heard.iter().all(within), "louder than {loudest}");
    }
    let params = side.reader.params();
    assert!((0.0..=forebay_ring::MAX_GAIN).contains(&params.gain) && params.pan.get().abs() <= 1.0);
    let waiting = side.events.begin();
    let taken = (0..64).take_while(|_| side.events.pop().is_some()).count();
    assert!(waiting <= 8 && taken <= waiting as usize);
    side.events.finish();
    let _ = (side.reader.lead_frames(), side.reader.take_underrun(), side.reader.take_resume());
}
