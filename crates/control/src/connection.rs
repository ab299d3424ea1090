//! One connection: bytes in and out, bounded in both directions, never waiting.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use protocol::LineBuffer;
use session::os;

/// Bytes that may wait for a peer that does not read.
pub(crate) const MAX_WAITING_BYTES: usize = 256 * 1024;
/// Lines that are taken per second from one connection; more are read later.
const LINES_PER_SECOND: f64 = 2_000.0;
/// Lines that may come at once.
const BURST_LINES: f64 = 500.0;
/// Lines that were held back are looked at again after this; by then the allowance is worth the wake.
const HELD_BACK: Duration = Duration::from_millis(20);

/// A line on its way out, with the descriptor that rides on it.
struct Outgoing {
    line: Vec<u8>,
    fd: Option<OwnedFd>,
}

/// How many lines may be taken now.
#[derive(Debug)]
struct Allowance {
    lines: f64,
    since: Instant,
}

impl Allowance {
    fn take(&mut self, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.since).as_secs_f64() * LINES_PER_SECOND;
        self.since = now;
        self.lines = (self.lines + gained).min(BURST_LINES);
        if self.lines < 1.0 {
            return false;
        }
        self.lines -= 1.0;
        true
    }
}

/// A peer. All calls return at once.
pub(crate) struct Connection {
    socket: UnixStream,
    lines: LineBuffer,
    allowance: Allowance,
    /// Lines may be left in the buffer because the allowance was used up.
    held_back: bool,
    ended: bool,
    out: VecDeque<Outgoing>,
    /// Bytes of the first outgoing line that went already.
    sent_bytes: usize,
    waiting_bytes: usize,
    /// Close once everything is sent.
    closing: bool,
    /// Nothing can be sent any more.
    broken: bool,
}

impl Connection {
    pub(crate) fn new(socket: UnixStream, now: Instant) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            lines: LineBuffer::new(),
            allowance: Allowance { lines: BURST_LINES, since: now },
            held_back: false,
            ended: false,
            out: VecDeque::new(),
            sent_bytes: 0,
            waiting_bytes: 0,
            closing: false,
            broken: false,
        })
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether to ask the system for its bytes: not while its allowance is used up, so that what it sends waits with it.
    pub(crate) fn wants_read(&self) -> bool {
        !self.held_back && !self.ended && !self.closing
    }

    pub(crate) fn wants_write(&self) -> bool {
        !self.out.is_empty()
    }

    /// When to look at it though its socket does not move.
    pub(crate) fn wake_after(&self) -> Option<Duration> {
        let at_once = self.is_pending() && !self.held_back;
        if at_once { Some(Duration::ZERO) } else { self.held_back.then_some(HELD_BACK) }
    }

    /// Reads one piece of what is there, so that a flood does not keep others waiting; take its lines before the next.
    /// Descriptors that ride on it are dropped by the system: none is accepted.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn read(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        loop {
            match (&self.socket).read(scratch) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(());
                }
                Ok(bytes) => {
                    self.lines.push(&scratch[..bytes]);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next line, while the allowance lasts; `Err` for one that is too long.
    pub(crate) fn next_line(&mut self, now: Instant) -> Option<Result<Vec<u8>, protocol::LineTooLong>> {
        if self.closing {
            return None;
        }
        if !self.allowance.take(now) {
            self.held_back = true;
            return None;
        }
        self.held_back = false;
        let line = self.lines.next_line().map(|line| line.map(<[u8]>::to_vec));
        if line.is_none() {
            self.allowance.lines += 1.0;
        }
        line
    }

    /// The peer sends nothing more, and everything that it sent was taken.
    pub(crate) fn is_spent(&self) -> bool {
        self.broken || (self.ended && !self.held_back)
    }

    /// Whether nothing can be sent any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether it needs attention though its socket does not move: lines that were held back, or its end.
    pub(crate) fn is_pending(&self) -> bool {
        self.held_back || self.broken || (self.closing && self.out.is_empty())
    }

    /// Sends a line, or queues what does not go at once; `false` when too much waits already, and then nothing was
    /// queued.
    #[must_use]
    pub(crate) fn send(&mut self, line: Vec<u8>, fd: Option<OwnedFd>) -> bool {
        if self.waiting_bytes + line.len() > MAX_WAITING_BYTES {
            return false;
        }
        self.waiting_bytes += line.len();
        self.out.push_back(Outgoing { line, fd });
        self.broken |= self.flush().is_err();
        true
    }

    /// Sends an empty line if nothing waits: who does not read has no use for a bell.
    pub(crate) fn ring_bell(&mut self) {
        if self.out.is_empty() {
            // A full socket has unread bells in it.
            let _unread = os::send(&self.socket, protocol::DOORBELL, None);
        }
    }

    /// Whether nothing waits to be sent.
    pub(crate) fn is_flushed(&self) -> bool {
        self.out.is_empty()
    }

    /// Sends what the system takes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while let Some(first) = self.out.front_mut() {
            let fd = first.fd.as_ref().map(AsFd::as_fd);
            match os::send(&self.socket, &first.line[self.sent_bytes..], fd) {
                Ok(bytes) => {
                    first.fd = None;
                    self.sent_bytes += bytes;
                    self.waiting_bytes -= bytes;
                    if self.sent_bytes == first.line.len() {
                        self.out.pop_front();
                        self.sent_bytes = 0;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads no more; closes when everything is sent.
    pub(crate) fn close_when_flushed(&mut self) {
        self.closing = true;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pair() -> (Connection, UnixStream) {
        let (one, other) = UnixStream::pair().unwrap();
        (Connection::new(one, Instant::now()).unwrap(), other)
    }

    /// Lines beyond the allowance stay where they are, and come when time has passed.
    #[test]
    fn a_flood_of_lines_is_held_back() {
        let (mut connection, mut peer) = pair();
        peer.write_all("x\n".repeat(2_000).as_bytes()).unwrap();
        let start = Instant::now();
        connection.read(&mut [0; 8192]).unwrap();
        let mut taken = 0;
        while connection.next_line(start).is_some() {
            taken += 1;
        }
        assert_eq!(taken, BURST_LINES as u32);
        assert!(!connection.wants_read() && connection.wake_after().is_some());
        let later = start + Duration::from_millis(100);
        while connection.next_line(later).is_some() {
            taken += 1;
        }
        assert_eq!(taken, BURST_LINES as u32 + 200);
    }

    /// What a peer does not read is bounded, and a bell is not queued behind it.
    #[test]
    fn a_peer_that_does_not_read() {
        let (mut connection, peer) = pair();
        let mut queued = 0;
        while connection.send(vec![b'x'; 10_000], None) {
            queued += 1;
            assert!(queued < 10_000, "the queue is bounded");
        }
        assert!(connection.wants_write());
        for _ in 0..1_000 {
            connection.ring_bell();
        }
        peer.shutdown(std::net::Shutdown::Both).unwrap();
        drop(peer);
        assert!(connection.flush().is_err());
    }
}
