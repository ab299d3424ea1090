//! Processes that never outlive their test.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything may take before the test says that it hangs. No claim about speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A child process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
    lines: Option<mpsc::Receiver<String>>,
    stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts `command` with its standard output to be read line by line.
    pub(crate) fn start(name: &str, command: Command) -> Self {
        Self::spawn(name, command, Stdio::null())
    }

    /// Starts `command` like [`Self::start`], to be told lines as well.
    pub(crate) fn start_to_be_told(name: &str, command: Command) -> Self {
        Self::spawn(name, command, Stdio::piped())
    }

    fn spawn(name: &str, mut command: Command, stdin: Stdio) -> Self {
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("can't start {name}: {error}"));
        let (lines, stdin) = (child.stdout.take().map(read_lines), child.stdin.take());
        Self { child, name: name.to_owned(), lines, stdin }
    }

    /// Writes a line to its standard input.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it was started to be told");
        writeln!(stdin, "{line}").unwrap_or_else(|error| panic!("{} can't be told: {error}", self.name));
    }

    /// A child that was started otherwise.
    pub(crate) fn of(name: &str, child: Child) -> Self {
        Self { child, name: name.to_owned(), lines: None, stdin: None }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its output; panics when it ends or hangs instead.
    pub(crate) fn line(&mut self) -> String {
        let lines = self.lines.as_ref().expect("its output is read");
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(error) => panic!("{} says nothing ({error}; {:?})", self.name, self.child.try_wait()),
        }
    }

    /// Reads lines until one begins with `word`; returns its rest.
    pub(crate) fn line_with(&mut self, word: &str) -> String {
        loop {
            if let Some(rest) = self.line().strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Reads JSON lines until `wanted` picks one.
    pub(crate) fn json_line(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.line();
            if let Some(value) = serde_json::from_str(&line).ok().filter(|value| wanted(value)) {
                return value;
            }
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a pid is positive");
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return status;
            }
            assert!(Instant::now() < deadline, "{} does not end", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGTERM, then its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read_lines(out: ChildStdout) -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end.
pub(crate) fn run(name: &str, mut command: Command) -> Outcome {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("can't start {name}: {error}"));
    let out = drain(child.stdout.take());
    let err = drain(child.stderr.take());
    let mut process = Process { child, name: name.to_owned(), lines: None, stdin: None };
    let code = process.wait().code().unwrap_or(-1);
    Outcome { code, out: out.join().unwrap_or_default(), err: err.join().unwrap_or_default() }
}

fn drain(from: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.map(|mut from| from.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
