//! JACK's own tools, against a server of the tests.

use rustix::process::{Pid, Signal, kill_process};
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use testkit::servers::{Jackd, is_installed};

/// A process can be a client of one JACK server at a time (libjack keeps its state in globals): so tests take turns.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed leaves nothing behind that the next one minds.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server, or the reason in a visible line. Take a [`turn`] first.
pub fn jackd(hz: u32, period: u32) -> Option<Jackd> {
    for program in ["jack_lsp", "jack_capture", "timeout"] {
        if !is_installed(program) {
            eprintln!("SKIPPED: {program} is not installed");
            return None;
        }
    }
    // Real-time where that is allowed: what other tests do on this machine then costs no cycle.
    let server = Jackd::start(hz, period, 8, true).or_else(|_| Jackd::start(hz, period, 8, false));
    server.map_err(|missing| eprintln!("{missing}")).ok()
}

/// Runs a JACK tool against `server` and gives its output.
pub fn tool(server: &Jackd, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("timeout");
    command.args(["20", program]).args(arguments).envs(server.env()).stdin(Stdio::null());
    String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
}

/// What `port` is connected to.
pub fn connections(server: &Jackd, port: &str) -> Vec<String> {
    let list = tool(server, "jack_lsp", &["-c"]);
    let below = list.lines().skip_while(|line| *line != port).skip(1);
    below.take_while(|line| line.starts_with(' ')).map(|line| line.trim().to_string()).collect()
}

/// `jack_capture` recording ports into a float WAV; stopped and read by [`Capture::finish`].
pub struct Capture {
    child: Child,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Capture {
    pub fn start(server: &Jackd, ports: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("capture.wav");
        let mut command = Command::new("jack_capture");
        command.args(["--no-stdin", "-f", "wav", "-b", "FLOAT", "-c", &ports.len().to_string()]);
        for port in ports {
            command.args(["-p", port]);
        }
        let command = command.arg(&path).envs(server.env()).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let is_recorded =
            |port: &String| connections(server, port).iter().any(|to| to.starts_with("jack_capture"));
        super::wait_for("jack_capture's connections", || ports.iter().all(is_recorded));
        Self { child, path, _folder: folder }
    }

    /// Stops it and gives the interleaved frames.
    pub fn finish(mut self) -> Vec<f32> {
        let pid = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        super::wait_for("jack_capture's end", || self.child.try_wait().unwrap().is_some());
        let mut reader = hound::WavReader::open(&self.path).unwrap();
        reader.samples::<f32>().map(Result::unwrap).collect()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Ended in `finish`, or not wanted any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps a server freewheeling until dropped, as a client that stays: the tool `jack_freewheel` leaves at once, and a client
/// that leaves while it freewheels can make jackd 1.9.21 spin.
pub struct Freewheel {
    library: *mut c_void,
    client: *mut c_void,
}

impl Freewheel {
    pub fn start(server: &Jackd) -> Self {
        type Open = unsafe extern "C" fn(*const c_char, u32, *mut u32, ...) -> *mut c_void;
        let name = CString::new(server.name()).unwrap();
        // SAFETY: libjack's own functions by their C signatures; the options say no start (1) and a server name (4).
        unsafe {
            let library = libc::dlopen(c"libjack.so.0".as_ptr(), libc::RTLD_NOW);
            assert!(!library.is_null());
            let open: Open = std::mem::transmute(libc::dlsym(library, c"jack_client_open".as_ptr()));
            let client = open(c"wheel".as_ptr(), 1 | 4, std::ptr::null_mut(), name.as_ptr());
            assert!(!client.is_null());
            let this = Self { library, client };
            this.set(true);
            this
        }
    }

    fn set(&self, on: bool) {
        type Set = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;
        // SAFETY: libjack's function by its C signature, an open client.
        unsafe {
            let set: Set = std::mem::transmute(libc::dlsym(self.library, c"jack_set_freewheel".as_ptr()));
            assert_eq!(set(self.client, c_int::from(on)), 0);
        }
    }
}

impl Drop for Freewheel {
    fn drop(&mut self) {
        type Close = unsafe extern "C" fn(*mut c_void) -> c_int;
        self.set(false);
        // SAFETY: libjack's function by its C signature; the client is closed once.
        unsafe {
            let close: Close = std::mem::transmute(libc::dlsym(self.library, c"jack_client_close".as_ptr()));
            close(self.client);
        }
    }
}
