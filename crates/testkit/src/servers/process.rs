//! A process that does not outlive its test, with the last of what it said.

use std::fmt;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before a test says that it hangs. No claim about speed.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How much of what a process says is kept. A server gone mad writes gigabytes.
const KEPT_BYTES: usize = 1024 * 1024;

/// Something that a test needs is not on this machine, or does not come up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SKIPPED: {}", self.0)
    }
}

/// Whether a program of this name is on the PATH.
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A running process. Dropping it sends SIGTERM, then SIGKILL, and waits for its end. It also ends when this process
/// dies without dropping it: killed, aborted, or with the value in a static.
#[derive(Debug)]
pub struct Process {
    child: Child,
    guard: Child,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Process {
    /// Starts `command`, with no input and with its output kept.
    ///
    /// # Errors
    /// When the program is not there or can't be started.
    pub fn start(mut command: Command) -> Result<Self, Missing> {
        let program = command.get_program().to_string_lossy().into_owned();
        if !program.contains('/') && !is_installed(&program) {
            return Err(Missing(format!("{program} is not installed")));
        }
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| Missing(format!("{program} does not start: {error}")))?;
        let said = Arc::new(Mutex::new(Vec::new()));
        keep(child.stdout.take(), &said);
        keep(child.stderr.take(), &said);
        match guard(child.id()) {
            Ok(guard) => Ok(Self { child, guard, said }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(Missing(format!("no shell to guard {program}: {error}")))
            }
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far, at most the first MiB.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            // An error means that it has ended already.
            let _ = kill_process(pid, signal);
        }
    }

    /// Its end, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end, forces it to after some seconds, and waits.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        if !wait_for(Duration::from_secs(3), || self.ended().is_some()) {
            self.kill();
        }
    }

    /// SIGKILL, and waits for its end.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        // Both fail only where it is gone.
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        // The guard must not act on a process id that is free by now.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
    }
}

/// A shell that ends process `pid` when the pipe to its input breaks, which happens however we end.
fn guard(pid: u32) -> std::io::Result<Child> {
    let script = format!("read -r _; kill -TERM {pid}; sleep 3; kill -KILL {pid}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn()
}

/// Keeps the first part of a pipe and reads on, so that the writer never stands still.
fn keep(pipe: Option<impl Read + Send + 'static>, said: &Arc<Mutex<Vec<u8>>>) {
    let Some(mut pipe) = pipe else { return };
    let said = Arc::clone(said);
    thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut part) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            let room = KEPT_BYTES.saturating_sub(said.len());
            said.extend_from_slice(&part[..n.min(room)]);
        }
    });
}

/// Looks again and again until `is_true`; false when that takes longer than `patience`. For processes of others,
/// which offer nothing to wait on.
pub(super) fn wait_for(patience: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !is_true() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Runs a short command to its end; false when it fails, is not there, or hangs.
pub(super) fn succeeds(command: Command) -> bool {
    let Ok(mut process) = Process::start(command) else { return false };
    wait_for(Duration::from_secs(5), || process.ended().is_some())
        && process.ended().is_some_and(|end| end.success())
}
