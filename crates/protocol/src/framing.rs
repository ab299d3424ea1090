//! Lines out of bytes, bounded.

use thiserror::Error;

/// The most bytes that a line has on the daemon's socket, its newline included, in either direction.
pub const MAX_LINE_BYTES: usize = 65_536;

/// A line went beyond what a [`LineBuffer`] takes. What came of it is dropped and the rest of it is skipped up to its newline,
/// so that the next line is read whole; a server may also hang up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a line is longer than {most_bytes} bytes: send shorter messages, each ended by a newline")]
pub struct LineTooLong {
    /// What a line may have, its newline included.
    pub most_bytes: usize,
}

/// Cuts received bytes into lines. It never holds more than one line and one received piece.
///
/// ```
/// let mut lines = forebay_protocol::LineBuffer::new();
/// lines.push(b"{\"jsonrpc\":\"2.0\",\"me");
/// assert!(lines.next_line().is_none());
/// lines.push(b"thod\":\"ping\"}\n\n");
/// assert_eq!(lines.next_line().unwrap().unwrap(), br#"{"jsonrpc":"2.0","method":"ping"}"#);
/// assert_eq!(lines.next_line().unwrap().unwrap(), b""); // a doorbell, when it comes from the daemon
/// assert!(lines.next_line().is_none());
/// ```
#[derive(Debug)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    most_bytes: usize,
    /// Bytes before this were given out.
    start: usize,
    /// Bytes before this hold no newline (from `start` on).
    scanned: usize,
    /// The rest of a line that is too long goes by.
    skipping: bool,
}

impl Default for LineBuffer {
    fn default() -> Self {
        Self::with_limit(MAX_LINE_BYTES)
    }
}

impl LineBuffer {
    /// Empty, for lines of the daemon's socket.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty, for lines of at most `most_bytes`, their newline included.
    pub fn with_limit(most_bytes: usize) -> Self {
        Self { bytes: Vec::new(), most_bytes, start: 0, scanned: 0, skipping: false }
    }

    /// Takes what was received. Take every line with [`Self::next_line`] before the next `push`, else the buffer
    /// grows by each.
    pub fn push(&mut self, received: &[u8]) {
        self.bytes.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(received);
    }

    /// The next whole line without its newline (and without a carriage return before it); `None` until more comes.
    pub fn next_line(&mut self) -> Option<Result<&[u8], LineTooLong>> {
        loop {
            let newline = self.bytes[self.scanned..].iter().position(|&byte| byte == b'\n');
            let Some(end) = newline.map(|offset| self.scanned + offset) else {
                self.scanned = self.bytes.len();
                return self.refuse_long_rest();
            };
            let begin = self.start;
            self.start = end + 1;
            self.scanned = end + 1;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if end + 1 - begin > self.most_bytes {
                return Some(Err(self.too_long()));
            }
            let line = &self.bytes[begin..end];
            return Some(Ok(line.strip_suffix(b"\r").unwrap_or(line)));
        }
    }

    /// Drops an unfinished line that can no longer end in time; says so once.
    fn refuse_long_rest(&mut self) -> Option<Result<&[u8], LineTooLong>> {
        if self.skipping {
            self.start = self.bytes.len();
            return None;
        }
        if self.bytes.len() - self.start < self.most_bytes {
            return None;
        }
        self.skipping = true;
        self.start = self.bytes.len();
        Some(Err(self.too_long()))
    }

    fn too_long(&self) -> LineTooLong {
        LineTooLong { most_bytes: self.most_bytes }
    }

    /// Bytes held of a line that has not ended yet.
    pub fn pending_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all_lines(lines: &mut LineBuffer) -> Vec<Result<Vec<u8>, LineTooLong>> {
        let mut out = Vec::new();
        while let Some(line) = lines.next_line() {
            out.push(line.map(<[u8]>::to_vec));
        }
        out
    }

    /// A line of exactly the limit passes; one byte more is refused once, and the line after it is whole.
    #[test]
    fn the_limit_is_exact() {
        let mut lines = LineBuffer::new();
        let longest = vec![b'x'; MAX_LINE_BYTES - 1];
        lines.push(&longest);
        lines.push(b"\n");
        assert_eq!(all_lines(&mut lines), [Ok(longest.clone())]);
        lines.push(&longest);
        lines.push(b"x\nnext\n");
        assert_eq!(all_lines(&mut lines), [Err(lines.too_long()), Ok(b"next".to_vec())]);
    }

    /// A buffer of another limit holds to that one, and says it.
    #[test]
    fn another_limit() {
        let mut lines = LineBuffer::with_limit(4);
        lines.push(b"abc\nabcd\nab");
        let refusal = LineTooLong { most_bytes: 4 };
        assert_eq!(all_lines(&mut lines), [Ok(b"abc".to_vec()), Err(refusal)]);
        assert!(refusal.to_string().contains("longer than 4 bytes"));
    }

    /// A line without an end is refused as soon as it can't be legal, and memory does not grow with it.
    #[test]
    fn an_endless_line_is_bounded() {
        let mut lines = LineBuffer::new();
        let mut refused = 0;
        for _ in 0..1_000 {
            lines.push(&[b'y'; 4_096]);
            refused += all_lines(&mut lines).len();
            assert!(lines.bytes.capacity() <= 2 * (MAX_LINE_BYTES + 4_096));
        }
        assert_eq!(refused, 1);
        lines.push(b"\nok\n");
        assert_eq!(all_lines(&mut lines), [Ok(b"ok".to_vec())]);
    }

    proptest! {
        /// How bytes are cut on their way makes no difference to the lines.
        #[test]
        fn cuts_do_not_matter(text in proptest::collection::vec(any::<u8>(), 0..400), cut in 1_usize..50) {
            let mut lines = LineBuffer::new();
            let mut got = Vec::new();
            for piece in text.chunks(cut) {
                lines.push(piece);
                got.extend(all_lines(&mut lines));
            }
            let mut want: Vec<_> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            want.pop();
            for line in &mut want {
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
            }
            prop_assert_eq!(got, want.into_iter().map(Ok).collect::<Vec<_>>());
        }
    }
}
