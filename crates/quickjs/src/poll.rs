//! Waiting for files, sockets, children, signals and timers, and what each of them says.

use crate::event::{About, Event};
use crate::handles::{Handle, HandleId, Handles, Kind};
use crate::natives::failure;
use crate::text::Decoder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::time::Instant;

/// What is read of stdin at once.
const GULP: usize = 64 * 1024;

/// Waits until something can happen, at most until the next timer is due, or not at all where `at_once`. Returns what is
/// ready.
pub(crate) fn wait(handles: &Handles, at_once: bool) -> Vec<HandleId> {
    let mut ids = Vec::new();
    let mut fds = Vec::new();
    for (id, handle) in handles.iter() {
        if let Some(fd) = pollable(handle) {
            ids.push(id);
            fds.push(fd);
        }
    }
    let timeout = if at_once { Some(Timespec { tv_sec: 0, tv_nsec: 0 }) } else { until_next_timer(handles) };
    match poll(&mut fds, timeout.as_ref()) {
        Ok(0) | Err(_) => Vec::new(),
        Ok(_) => {
            let ready = ids.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
            ready.map(|(id, _)| id).collect()
        }
    }
}

fn pollable(handle: &Handle) -> Option<PollFd<'_>> {
    Some(match &handle.kind {
        Kind::File(_) | Kind::Timer(_) | Kind::Immediate | Kind::Worker(_) => return None,
        Kind::Socket(socket) if socket.has_waiting() => {
            PollFd::new(&socket.stream, PollFlags::IN | PollFlags::OUT)
        }
        Kind::Socket(socket) => PollFd::new(&socket.stream, PollFlags::IN),
        Kind::Folder(folder) => PollFd::new(&folder.inotify, PollFlags::IN),
        Kind::Child(_, end) => PollFd::new(end, PollFlags::IN),
        Kind::Signal(stream) => PollFd::new(stream, PollFlags::IN),
        Kind::Stdin(stdin, _) => PollFd::new(stdin, PollFlags::IN),
    })
}

fn until_next_timer(handles: &Handles) -> Option<Timespec> {
    let dues = handles.iter().filter_map(|(_, handle)| match &handle.kind {
        Kind::Timer(timer) => Some(timer.due),
        _ => None,
    });
    let left = dues.min()?.saturating_duration_since(Instant::now());
    Some(Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) })
}

/// What one that is ready says, and whether it is over.
pub(crate) fn read(id: HandleId, handle: &mut Handle) -> (Vec<Event>, bool) {
    let realm = handle.realm;
    let event = |what, about| Event { realm, handle: id, what, about };
    let mut events = Vec::new();
    let mut over = false;
    let mut said = |read: io::Result<Option<String>>| match read {
        Ok(Some(text)) if text.is_empty() => {}
        Ok(Some(text)) => events.push(event("data", About::Text(text))),
        Ok(None) => {
            over = true;
            events.push(event("end", About::Nothing));
        }
        Err(error) => {
            over = true;
            let (code, message) = failure(&error, "read", None);
            events.push(event("error", About::Failure(code, message)));
        }
    };
    match &mut handle.kind {
        Kind::Socket(socket) => {
            let flushed = socket.flush();
            said(flushed.and_then(|()| socket.read()));
        }
        Kind::Stdin(stdin, decoder) => said(read_stdin(stdin, decoder)),
        Kind::Folder(folder) => match folder.read() {
            Ok(names) => {
                let about = |name: Option<String>| name.map_or(About::Nothing, About::Text);
                events.extend(names.into_iter().map(|name| event("changed", about(name))));
            }
            Err(error) => said(Err(error)),
        },
        Kind::Child(child, _) => {
            over = true;
            events.push(event("exit", ending(child)));
        }
        Kind::Signal(stream) => {
            // One byte for each.
            let mut byte = [0];
            if stream.read(&mut byte).is_ok() {
                events.push(event("signal", About::Nothing));
            }
        }
        Kind::File(_) | Kind::Timer(_) | Kind::Immediate | Kind::Worker(_) => {}
    }
    (events, over)
}

fn read_stdin(stdin: &io::Stdin, decoder: &mut Decoder) -> io::Result<Option<String>> {
    let mut bytes = vec![0; GULP];
    match rustix::io::read(stdin, &mut bytes) {
        Ok(0) => Ok(None),
        Ok(count) => Ok(Some(decoder.take(&bytes[..count]))),
        Err(Errno::INTR | Errno::AGAIN) => Ok(Some(String::new())),
        Err(error) => Err(error.into()),
    }
}

/// The exit code, or the signal as text.
fn ending(child: &mut Child) -> About {
    match child.wait() {
        Ok(status) => match status.code() {
            Some(code) => About::Number(code.into()),
            None => About::Text(format!("signal {}", status.signal().unwrap_or_default())),
        },
        Err(error) => About::Text(error.to_string()),
    }
}
