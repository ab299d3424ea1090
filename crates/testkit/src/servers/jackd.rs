//! jackd with its dummy driver: paced, and exact to the bit.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::process::{Missing, PATIENCE, Process, succeeds, wait_for};

/// Where all servers of this machine are listed.
const REGISTRY: &str = "/dev/shm/jack-shm-registry";
/// Its first word.
const MAGIC: u32 = 0x4a41_434b;
/// Where the list of eight begins, and how far its entries lie apart: each a process id and a name.
const FIRST: u64 = 24;
const STRIDE: u64 = 264;

/// Takes servers that were killed off the list: it has eight places, JACK never frees those of the dead, and with none
/// left no server starts.
fn forget_dead_servers() {
    let Ok(registry) = OpenOptions::new().read(true).write(true).open(REGISTRY) else { return };
    let word = |at: u64| {
        let mut bytes = [0; 4];
        registry.read_exact_at(&mut bytes, at).is_ok().then(|| u32::from_ne_bytes(bytes))
    };
    // Another version of JACK: hands off.
    if word(0) != Some(MAGIC) || word(16) != Some((FIRST + 8 * STRIDE) as u32) {
        return;
    }
    for entry in (0..8).map(|index| FIRST + index * STRIDE) {
        if word(entry).is_some_and(|pid| pid != 0 && !Path::new(&format!("/proc/{pid}")).exists()) {
            // Its name, too: a server of that name with no process counts as one that runs.
            let _ = registry.write_all_at(&[0; STRIDE as usize], entry);
        }
    }
}

/// A jackd of a test's own.
#[derive(Debug)]
pub struct Jackd {
    name: String,
    process: Process,
}

impl Jackd {
    /// Starts a server with `channels` playback and capture ports. With `realtime` it runs under SCHED_FIFO, which
    /// wants root or a limit.
    ///
    /// # Errors
    /// [`Missing`] when jackd is not installed or does not come up: its words are in the message.
    pub fn start(rate_hz: u32, period_frames: u32, channels: u32, realtime: bool) -> Result<Self, Missing> {
        static NEXT: Mutex<u32> = Mutex::new(0);
        let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        let number = *next;
        drop(next);
        Self::start_named(
            &format!("fb{}x{number}", std::process::id()),
            rate_hz,
            period_frames,
            channels,
            realtime,
        )
    }

    /// The same under a given name: to bring a server back that was there before.
    ///
    /// # Errors
    /// As [`Jackd::start`].
    pub fn start_named(
        name: &str,
        rate_hz: u32,
        period_frames: u32,
        channels: u32,
        realtime: bool,
    ) -> Result<Self, Missing> {
        forget_dead_servers();
        let mut command = Command::new("jackd");
        command.args(["-n", name]);
        command.args(if realtime { &["-R", "-P", "70"][..] } else { &["-r"] });
        command.args(["-d", "dummy", "-r", &rate_hz.to_string(), "-p", &period_frames.to_string()]);
        command.args(["-C", &channels.to_string(), "-P", &channels.to_string()]);
        command.env("JACK_NO_AUDIO_RESERVATION", "1");
        let mut server = Self { name: name.to_string(), process: Process::start(command)? };
        let up = wait_for(PATIENCE, || server.process.ended().is_some() || server.answers());
        if up && server.process.ended().is_none() {
            return Ok(server);
        }
        Err(Missing(format!("jackd does not come up: {}", server.process.said())))
    }

    fn answers(&self) -> bool {
        let sockets = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
        let begin = format!("jack_{}_", self.name);
        let mut names = sockets.map(|entry| entry.file_name().to_string_lossy().into_owned());
        if !names.any(|name| name.starts_with(&begin)) {
            return false;
        }
        let mut command = Command::new("jack_lsp");
        command.envs(self.env());
        succeeds(command)
    }

    /// The server's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a client's environment needs to find this server and to start no other.
    pub fn env(&self) -> [(&'static str, String); 3] {
        [
            ("JACK_DEFAULT_SERVER", self.name.clone()),
            ("JACK_NO_START_SERVER", "1".to_string()),
            ("JACK_NO_AUDIO_RESERVATION", "1".to_string()),
        ]
    }

    /// How many cycles the client `client` was not done with in time, as the server has told.
    pub fn lates_of(&self, client: &str) -> u64 {
        let told = format!("client = {client} was not finished");
        self.process.said().matches(&told).count() as u64
    }

    /// The server's process: to stop, continue or kill it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Drop for Jackd {
    fn drop(&mut self) {
        self.process.stop();
        // A killed server leaves its files; the registry is shared by all servers of the user and stays.
        for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            if file.starts_with("jack") && file.contains(&format!("_{}_", self.name)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}
