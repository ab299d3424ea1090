//! The thread that reads what the host says, and starts it again when it dies.

use crate::event::{Event, parse};
use crate::sounds::{self, Errand};
use serde_json::{Value, json};
use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A host that dies more often than this within [`WINDOW`] stays dead.
const MOST_RESTARTS: usize = 3;
const WINDOW: Duration = Duration::from_secs(10);
/// Exit code of a piece or daemon that can't be had, and of a host that keeps dying.
const FAILED: i32 = 1;

/// What the handle and the supervising thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    command_line: Vec<OsString>,
    /// What the host finds as `FOREBAY_BIN`, unless that is set already.
    forebay: Option<PathBuf>,
    /// Whether a host that dies is started again.
    restarts: bool,
    stopping: AtomicBool,
    stdin: Mutex<Option<ChildStdin>>,
}

impl Shared {
    pub(crate) fn new(command_line: Vec<OsString>, forebay: Option<PathBuf>, restarts: bool) -> Self {
        Self { command_line, forebay, restarts, stopping: AtomicBool::new(false), stdin: Mutex::new(None) }
    }

    /// Starts the host; its stdin goes to this. It has a process group of its own: what a terminal signals is for this
    /// process, which fades out first. The host ends with its stdin.
    pub(crate) fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.command_line[0]);
        command.args(&self.command_line[1..]);
        if let Some(forebay) = self.forebay.as_ref().filter(|_| env::var_os("FOREBAY_BIN").is_none()) {
            command.env("FOREBAY_BIN", forebay);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        *self.stdin.lock().unwrap_or_else(PoisonError::into_inner) = child.stdin.take();
        // Whoever has asked for an end meanwhile has told a host that was gone.
        if self.is_stopping() {
            self.hang_up();
        }
        Ok(child)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// From now on an end is no accident.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Asks the host to fade everything out and to end.
    pub(crate) fn fade_out(&self, fade: Duration) {
        self.stop();
        self.send(&json!({ "op": "stop", "fade_ms": fade.as_secs_f64() * 1000.0 }));
    }

    /// Sends one message; false when no host is there to take it: its end is told by an event.
    pub(crate) fn send(&self, message: &Value) -> bool {
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pipe) = stdin.as_mut() else { return false };
        let is_sent = writeln!(pipe, "{message}").and_then(|()| pipe.flush()).is_ok();
        if !is_sent {
            *stdin = None;
        }
        is_sent
    }

    /// Closes the host's stdin, which ends it.
    pub(crate) fn hang_up(&self) {
        *self.stdin.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Runs until the host has ended for good. A thread beside it runs the host's errands.
pub(crate) fn supervise(shared: &Shared, child: Child, tell: &Sender<Event>) {
    let (errands, waiting) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| sounds::serve(waiting, shared));
        attend(shared, child, tell, &errands);
        drop(errands);
    });
}

fn attend(shared: &Shared, mut child: Child, tell: &Sender<Event>, errands: &Sender<Errand>) {
    let mut deaths: Vec<Instant> = Vec::new();
    loop {
        let fatal = listen(&mut child, tell, errands);
        let status = child.wait();
        let stopped = shared.is_stopping();
        let reason = describe(&status);
        if stopped || ended_well(&status) {
            return end(tell, 0);
        }
        deaths.retain(|death| death.elapsed() < WINDOW);
        deaths.push(Instant::now());
        // A file that can't be read, a daemon that can't be had or that refuses what was asked of main will not be there a moment later either; and one that
        // somebody has stopped is to stay so.
        let hopeless =
            fatal.is_some_and(|what| matches!(what.as_str(), "file" | "connect" | "stopped" | "main"));
        if !shared.restarts || hopeless || deaths.len() > MOST_RESTARTS {
            return end(tell, FAILED);
        }
        child = match shared.spawn() {
            Ok(child) => child,
            Err(_) => return end(tell, FAILED),
        };
        let _ = tell.send(Event::Restarted { reason });
    }
}

/// Passes on what the host says until it closes its stdout; returns what it gave up over, if it did.
fn listen(child: &mut Child, tell: &Sender<Event>, errands: &Sender<Errand>) -> Option<String> {
    let complaints = child.stderr.take().map(|stderr| {
        let tell = tell.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = tell.send(Event::Complaint { line });
            }
        })
    });
    let mut fatal = None;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Ok(errand) = serde_json::from_str(&line) {
                let _ = errands.send(errand);
                continue;
            }
            let event = parse(&line);
            if let Event::Fatal { what, .. } = &event {
                fatal = Some(what.clone());
            }
            let _ = tell.send(event);
        }
    }
    if let Some(complaints) = complaints {
        let _ = complaints.join();
    }
    fatal
}

fn end(tell: &Sender<Event>, code: i32) {
    let _ = tell.send(Event::Ended { code });
}

fn ended_well(status: &io::Result<ExitStatus>) -> bool {
    status.as_ref().is_ok_and(ExitStatus::success)
}

fn describe(status: &io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("the live host ended with {status}"),
        Err(error) => format!("the live host is gone: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(script: &str) -> Shared {
        let command_line = ["/bin/sh", "-c", script].map(OsString::from).to_vec();
        Shared::new(command_line, None, true)
    }

    // A host that is started again just when a stop is asked for is told by the end of its stdin.
    #[test]
    fn a_host_behind_the_stop_ends() {
        let shared = shared("cat; exit 7");
        shared.stop();
        assert_eq!(shared.spawn().unwrap().wait().unwrap().code(), Some(7));
    }

    // What the terminal signals to this process's group does not reach the host.
    #[test]
    fn the_host_has_a_group_of_its_own() {
        let shared = shared("read pid name state parent group rest </proc/$$/stat; [ $group = $$ ]");
        assert_eq!(shared.spawn().unwrap().wait().unwrap().code(), Some(0));
    }
}
