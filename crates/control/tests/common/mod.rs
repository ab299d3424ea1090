//! A stage for tests: a real server on a real socket, an engine whose device is the test, honest producers that are
//! fed by the test, and dishonest ones in processes of their own.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of the stage")]

pub mod hostile;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::{Block, EngineConfig, MainStats, Renderer, VoiceId, VoiceStats};
use forebay_control::{Hooks, Server, Settings};
use producer::{Connect, Session, Voice};
use protocol::{
    Call, FromDaemon, HandOff, Hello, LineBuffer, Method, Notification, Status, StatusRequest, VoiceOpen,
};
use ring::BroadcastReader;
use units::{ChannelCount, SampleRate};

/// Frames of a block of the stage.
pub const BLOCK: usize = 256;
/// Nothing in a test takes longer, however busy the machine is; reached only by a test that fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The greeting of a producer called `client`, which takes memory by its path.
pub fn hello(client: &str) -> Hello {
    Hello {
        protocol: protocol::PROTOCOL_VERSION,
        layout: session::layout::LAYOUT_VERSION,
        client: client.into(),
        pid: None,
        handoff: vec![HandOff::Path],
        lead_ms: None,
    }
}

/// What the hooks were told.
#[derive(Default)]
pub struct Told {
    pub lines: Mutex<Vec<String>>,
    pub voices: Mutex<Vec<usize>>,
    pub idle: Mutex<usize>,
    pub shutdown: Mutex<usize>,
}

impl Hooks for Told {
    fn voices(&self, open: usize) {
        self.voices.lock().unwrap().push(open);
    }
    fn idle(&self) {
        *self.idle.lock().unwrap() += 1;
    }
    fn shutdown(&self) {
        *self.shutdown.lock().unwrap() += 1;
    }
    fn say(&self, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }
}

struct Tap {
    reader: BroadcastReader,
    recorded: Vec<f32>,
}

pub struct Stage {
    folder: tempfile::TempDir,
    pub server: Option<Server>,
    pub told: Arc<Told>,
    renderer: Renderer,
    block: Vec<f32>,
    pub main: Vec<f32>,
    taps: BTreeMap<VoiceId, Tap>,
    faults: Option<fn() -> u64>,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(Settings::default(), |_| {})
    }

    pub fn with(settings: Settings, change: impl FnOnce(&mut EngineConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let mut config = EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO);
        change(&mut config);
        let (engine, renderer) = engine::engine(config);
        let told = Arc::new(Told::default());
        let server = Server::start(listener, engine, settings, told.clone()).unwrap();
        let block = vec![0.0; BLOCK * 2];
        let (main, taps) = (Vec::new(), BTreeMap::new());
        Self { folder, server: Some(server), told, renderer, block, main, taps, faults: None }
    }

    /// Counts the page faults of the rendering thread, as a device does.
    pub fn count_faults(&mut self) {
        self.count_faults_by(rt::minor_faults);
    }

    pub fn count_faults_by(&mut self, counter: fn() -> u64) {
        self.faults = Some(counter);
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// How much later main is than the voices.
    pub fn latency_frames(&self) -> usize {
        self.renderer.latency_frames()
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub fn frame(&self) -> u64 {
        self.renderer.frame().0
    }

    /// One block.
    pub fn step(&mut self) {
        self.renderer.render(Block { out: &mut self.block, faults: self.faults });
        self.main.extend_from_slice(&self.block);
        for tap in self.taps.values_mut() {
            let mut piece = vec![0.0; 2 * BLOCK];
            let read = tap.reader.read(&mut piece);
            assert_eq!(read.gap_frames, 0);
            tap.recorded.extend_from_slice(&piece[..read.frames * 2]);
        }
    }

    /// Blocks until `until` holds; fails when it never does.
    pub fn steps_until(&mut self, what: &str, mut until: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !until(self) {
            assert!(Instant::now() < deadline, "never: {what}");
            self.step();
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    pub fn session(&self, name: &str) -> Session {
        Connect::new(name).socket(self.socket()).start_daemon(false).session().unwrap()
    }

    pub fn id_of(&self, name: &str) -> Option<VoiceId> {
        let name = name.to_owned();
        let find = move |engine: &mut engine::Engine| {
            let ids: Vec<_> = engine.voices().collect();
            ids.into_iter().find(|id| engine.name(*id).is_ok_and(|found| *found == *name))
        };
        self.server().ask_engine(find).unwrap()
    }

    pub fn stats(&self, name: &str) -> Option<VoiceStats> {
        let id = self.id_of(name)?;
        self.server().ask_engine(move |engine| engine.stats(id).ok()).unwrap()
    }

    pub fn main_stats(&self) -> MainStats {
        self.server().ask_engine(|engine| engine.main_stats()).unwrap()
    }

    /// Records a voice's tap from the next block on.
    pub fn record(&mut self, name: &str) -> VoiceId {
        let id = self.id_of(name).expect("an open voice");
        let reader = self.server().ask_engine(move |engine| engine.tap_voice(id)).unwrap().unwrap();
        self.taps.insert(id, Tap { reader, recorded: Vec::new() });
        id
    }

    pub fn recorded(&self, id: VoiceId) -> &[f32] {
        &self.taps[&id].recorded
    }

    pub fn status(&self) -> Status {
        let mut console = Wire::connect(&self.socket());
        console.call(&StatusRequest::default())
    }
}

/// A signal that no two frames share, loud enough to be seen and quiet enough for every guard.
pub fn signal(frame: u64, channel: u64) -> f32 {
    let word = (frame * 2 + channel).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    (word as f32 / (1 << 24) as f32 - 0.5) * 0.2
}

/// Interleaved stereo frames of [`signal`].
pub fn frames_of_signal(from: u64, frames: usize) -> Vec<f32> {
    (from..from + frames as u64).flat_map(|frame| [signal(frame, 0), signal(frame, 1)]).collect()
}

/// Asserts that a recorded tap is silence and then the signal from its first frame on, bit by bit, but for the fade-in.
/// Gives how many frames of it were heard.
pub fn assert_is_signal(recorded: &[f32]) -> u64 {
    assert_is_signal_from(recorded, 0)
}

/// The same for a signal that begins at its frame `from`.
pub fn assert_is_signal_from(recorded: &[f32], from: u64) -> u64 {
    const FADE_IN: usize = 960;
    let start = recorded.chunks(2).position(|frame| frame != [0.0, 0.0]).expect("a sound");
    let heard = &recorded[start * 2..];
    assert!(heard.len() / 2 > 2 * FADE_IN, "more than its fade-in is heard");
    for (frame, samples) in heard.chunks(2).enumerate().skip(FADE_IN) {
        let want = [signal(from + frame as u64, 0), signal(from + frame as u64, 1)];
        assert!(
            samples[0].to_bits() == want[0].to_bits() && samples[1].to_bits() == want[1].to_bits(),
            "frame {frame} of the sound is {samples:?}, was written as {want:?}"
        );
    }
    (heard.len() / 2) as u64
}

/// A producer that plays [`signal`] and is fed by the test: it never is late.
pub struct Honest {
    pub session: Session,
    pub voice: Voice,
}

impl Honest {
    pub fn new(stage: &Stage, name: &str) -> Self {
        let session = stage.session(name);
        let voice = session.open(&VoiceOpen::new(name, 2)).unwrap();
        Self { session, voice }
    }

    /// Fills up to the target lead.
    pub fn feed(&mut self) {
        loop {
            let chunk = frames_of_signal(self.voice.clock_frames(), 1920);
            if self.voice.try_write(&chunk).unwrap() == 0 {
                return;
            }
        }
    }
}

/// Feeds all, then renders a block, `blocks` times; in steps of real time when others live in it.
pub fn play(stage: &mut Stage, honest: &mut [Honest], blocks: usize, pace: Pace) {
    for _ in 0..blocks {
        for one in &mut *honest {
            one.feed();
        }
        stage.step();
        if pace == Pace::Real {
            std::thread::sleep(Duration::from_micros(BLOCK as u64 * 1_000_000 / 48_000));
        }
    }
}

/// How fast a stage is played.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it goes.
    Free,
    /// Real time or slower: for processes that live in it.
    Real,
}

/// A raw connection.
pub struct Wire {
    pub stream: UnixStream,
    lines: LineBuffer,
    next_id: u64,
    pub news: Vec<Notification>,
    pub bells: usize,
}

impl Wire {
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, lines: LineBuffer::new(), next_id: 1, news: Vec::new(), bells: 0 }
    }

    pub fn send(&mut self, line: &str) {
        // A daemon that has hung up is found by the next read.
        let _hung_up = self.stream.write_all(line.as_bytes());
    }

    /// The next line; `None`: the daemon hung up.
    pub fn next(&mut self) -> Option<FromDaemon> {
        loop {
            if let Some(line) = self.lines.next_line() {
                return Some(FromDaemon::parse(line.unwrap()).unwrap());
            }
            let mut piece = [0; 4096];
            match std::io::Read::read(&mut self.stream, &mut piece) {
                Ok(0) => return None,
                Ok(bytes) => self.lines.push(&piece[..bytes]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no line comes: {error}"),
            }
        }
    }

    /// The next reply.
    pub fn reply(&mut self) -> Result<serde_json::Value, protocol::ErrorObject> {
        loop {
            match self.next().expect("the daemon is there") {
                FromDaemon::Reply { outcome, .. } => return outcome,
                FromDaemon::Notification(news) => self.news.push(news),
                FromDaemon::Doorbell => self.bells += 1,
                FromDaemon::Unknown => {}
            }
        }
    }

    pub fn ask<M: Method>(&mut self, params: &M) -> Result<M::Reply, protocol::ErrorObject> {
        let line = protocol::request_line(self.next_id, params);
        self.next_id += 1;
        self.stream.write_all(&line).unwrap();
        self.reply().map(|value| serde_json::from_value(value).unwrap())
    }

    pub fn call<M: Method>(&mut self, params: &M) -> M::Reply {
        self.ask(params).unwrap()
    }

    /// Reads until the daemon hangs up; the notifications on the way.
    pub fn until_hung_up(&mut self) -> Vec<Notification> {
        while let Some(line) = self.next() {
            if let FromDaemon::Notification(news) = line {
                self.news.push(news);
            }
        }
        std::mem::take(&mut self.news)
    }
}

/// The variable that tells a process of a test what to be.
pub const ROLE: &str = "FOREBAY_TEST_ROLE";

/// Another process: this test program again, in a role. Killed when dropped.
pub struct Actor {
    pub child: Child,
    pub stdin: ChildStdin,
    out: BufReader<ChildStdout>,
}

impl Actor {
    pub fn new(stage: &Stage, role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "actor", "--nocapture", "--test-threads", "1"])
            .env(ROLE, role)
            .env("FOREBAY_SOCKET", stage.socket())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, out) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, out }
    }

    /// Waits for a line that begins with `word`; the rest of it.
    pub fn wait_for(&mut self, word: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "the actor ended before it said {word}");
            // The test runner writes its own words, some without a newline, in front of ours.
            if let Some(at) = line.find(&format!("@{word}")) {
                return line[at + word.len() + 1..].trim().to_owned();
            }
        }
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _no_zombie = self.child.wait();
    }
}

/// What an actor says to its test.
pub fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{word}").unwrap();
    out.flush().unwrap();
}

/// Makes sure that every method has been thought of in a test that walks over all of them.
pub fn methods() -> &'static [&'static str] {
    Call::METHODS
}

impl Stage {
    /// How many were thrown out so far.
    pub fn evicted(&self) -> u64 {
        self.status().daemon.evicted
    }
}

impl Wire {
    /// The next notification.
    pub fn next_news(&mut self) -> Notification {
        loop {
            if let FromDaemon::Notification(news) = self.next().expect("the daemon is there") {
                return news;
            }
        }
    }
}
