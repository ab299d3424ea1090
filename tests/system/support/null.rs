//! A daemon's parts in this process, on the null device: what no device lets out is heard on a tap of main.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use control::{NoHooks, Server, Settings};
use device::{Supervisor, SupervisorConfig, Want};
use engine::EngineConfig;
use ring::BroadcastReader;
use units::{ChannelCount, SampleRate};

use super::audio::Recording;
use super::scene::Scene;

/// How often the tap is looked at: the resolution of times.
const LOOK: Duration = Duration::from_micros(250);

/// What was heard, and when.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    samples: Vec<f32>,
    /// At each look, by the monotonic clock: so many frames were there.
    looks: Vec<(u64, usize)>,
}

impl Heard {
    /// Both channels from engine frame 0 on.
    pub(crate) fn recording(&self) -> Recording {
        let channels = (0..2).map(|c| self.samples.chunks_exact(2).map(|frame| frame[c]).collect()).collect();
        Recording { rate_hz: SampleRate::DEFAULT.hz(), channels }
    }

    /// When main's frame `frame` was first there, by the monotonic clock.
    pub(crate) fn when_ns(&self, frame: usize) -> Option<u64> {
        let first = self.looks.partition_point(|(_, frames)| *frames <= frame);
        self.looks.get(first).map(|(when_ns, _)| *when_ns)
    }
}

/// The parts, serving the scene's socket.
pub(crate) struct NullDaemon {
    supervisor: Supervisor,
    server: Server,
    hearing: JoinHandle<Heard>,
    end: Sender<()>,
    /// Frames by which main lies behind the voices.
    pub(crate) latency_frames: usize,
}

impl NullDaemon {
    pub(crate) fn start(scene: &Scene, period_frames: usize) -> Self {
        let want = Want { period_frames: Some(period_frames), ..Want::default() };
        let (supervisor, _) = Supervisor::open(SupervisorConfig { backend: "null".into(), want }).unwrap();
        let (mut engine, renderer) =
            engine::engine(EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO));
        let (tap, latency_frames) = (engine.tap_main(), renderer.latency_frames());
        let (end, ended) = channel();
        let hearing = std::thread::spawn(move || hear(tap, &ended));
        assert!(supervisor.seat(Box::new(renderer)).is_ok(), "the seat is free");
        let folder = scene.path("run/forebay");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        let listener = UnixListener::bind(folder.join("daemon.sock")).unwrap();
        let server = Server::start(listener, engine, Settings::default(), Arc::new(NoHooks)).unwrap();
        Self { supervisor, server, hearing, end, latency_frames }
    }

    /// Ends it; returns what was heard since engine frame 0.
    pub(crate) fn end(self) -> Heard {
        drop(self.server.stop());
        drop(self.end);
        let heard = self.hearing.join().expect("it heard all");
        self.supervisor.close().unwrap();
        heard
    }
}

fn hear(mut tap: BroadcastReader, ended: &Receiver<()>) -> Heard {
    let (mut heard, mut piece) = (Heard::default(), vec![0.0; 2 * 4096]);
    loop {
        let read = tap.read(&mut piece);
        assert_eq!(read.gap_frames, 0, "the test itself was too slow to hear all");
        heard.samples.extend_from_slice(&piece[..2 * read.frames]);
        if read.frames > 0 {
            heard.looks.push((rt::monotonic_ns(), heard.samples.len() / 2));
        } else if ended.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
            return heard;
        }
    }
}
