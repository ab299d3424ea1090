//! A producer without manners: raw shared memory, no checks.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use protocol::{HandOff, Hello, HelloReply, Notification, VoiceOpen, VoiceOpenReply};
use session::{layout, os};

use super::Wire;

pub struct Hostile {
    pub wire: Wire,
    pub hello: HelloReply,
    pub control: File,
    pub voices: Vec<(VoiceOpenReply, File)>,
    random: u64,
}

fn open(path: &str) -> File {
    File::from(os::open_by_path(Path::new(path)).unwrap())
}

impl Hostile {
    /// A session with `voices` stereo voices, which it has not started.
    pub fn new(socket: &Path, voices: usize) -> Self {
        let mut wire = Wire::connect(socket);
        let hello = wire.call(&Hello {
            protocol: protocol::PROTOCOL_VERSION,
            layout: layout::LAYOUT_VERSION,
            client: "hostile".into(),
            pid: None,
            handoff: vec![HandOff::Path],
            lead_ms: None,
        });
        let control = open(&hello.control.as_ref().unwrap().path);
        let voices = (0..voices)
            .map(|number| {
                let reply = wire.call(&VoiceOpen::new(format!("hostile {number}"), 2));
                let ring = open(&reply.ring.path);
                (reply, ring)
            })
            .collect();
        Self { wire, hello, control, voices, random: 88_172_645_463_325_252 }
    }

    /// The same numbers in every run.
    pub fn random(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) as u32
    }

    pub fn word(&self, offset: usize) -> u32 {
        let mut bytes = [0; 4];
        self.control.read_exact_at(&mut bytes, offset as u64).unwrap();
        u32::from_le_bytes(bytes)
    }

    pub fn poke(&self, offset: usize, value: u32) {
        self.control.write_all_at(&value.to_le_bytes(), offset as u64).unwrap();
    }

    pub fn producer_word(slot: u32, field: usize) -> usize {
        layout::PRODUCER_WORDS + slot as usize * layout::LINE_BYTES + field
    }

    /// Writes `sample` everywhere into a ring.
    pub fn fill(&self, voice: usize, sample: f32) {
        let (reply, ring) = &self.voices[voice];
        let bytes: Vec<u8> = sample.to_le_bytes().repeat(reply.capacity_frames as usize * 2);
        ring.write_all_at(&bytes, 0).unwrap();
    }

    /// Starts a voice by the rules, over frames that are all `sample`, and says that the whole ring is written.
    pub fn start(&mut self, voice: usize, sample: f32) {
        self.fill(voice, sample);
        let (reply, _) = &self.voices[voice];
        let (slot, capacity) = (reply.slot, reply.capacity_frames);
        let at = self.word(layout::CLOCK).wrapping_add(2048);
        let group = self.word(layout::COMMIT).wrapping_add(1);
        let marker = layout::MARKER_WORDS + slot as usize * layout::MARKERS * layout::ENTRY_BYTES;
        for (field, value) in [(0, at), (4, reply.first), (8, group), (12, 0), (16, 1)] {
            self.poke(marker + field, value);
        }
        self.poke(Self::producer_word(slot, 4), 1);
        self.poke(Self::producer_word(slot, 0), reply.first.wrapping_add(capacity));
        self.poke(layout::COMMIT, group);
    }

    /// Takes every page away, again and again, for as long as the daemon bears it; what it said at last.
    pub fn punch_until_thrown_out(&mut self) -> Vec<Notification> {
        self.wire.stream.set_nonblocking(true).unwrap();
        loop {
            for file in self.voices.iter().map(|(_, ring)| ring).chain([&self.control]) {
                let bytes = file.metadata().unwrap().len();
                os::punch_hole(file.as_fd(), 0, bytes).unwrap();
            }
            let mut byte = [0];
            let peeked = rustix::net::recv(&self.wire.stream, &mut byte[..], rustix::net::RecvFlags::PEEK);
            if peeked.is_ok() {
                break;
            }
        }
        self.wire.stream.set_nonblocking(false).unwrap();
        self.wire.until_hung_up()
    }
}
