//! A calm status line at the foot of a terminal, with messages above it.
//!
//! The terminal's modes are never changed: there is nothing that a crash could leave wrong. What is written
//! goes to standard error, so that standard output stays free for what was asked for.

use std::io::{self, IsTerminal, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::tcgetwinsize;

/// Writes messages, and keeps one line below them up to date where there is a terminal.
#[derive(Debug)]
pub(crate) struct StatusLine<W: Write> {
    out: W,
    /// Columns of the terminal; `None` where there is none: then only messages are written.
    columns: Option<usize>,
    shown: String,
}

impl StatusLine<io::Stderr> {
    /// On standard error.
    pub(crate) fn stderr() -> Self {
        let err = io::stderr();
        let columns =
            err.is_terminal().then(|| tcgetwinsize(&err).map_or(80, |size| usize::from(size.ws_col)));
        Self { out: err, columns: columns.filter(|columns| *columns > 0), shown: String::new() }
    }
}

impl<W: Write> StatusLine<W> {
    /// Whether a line would be seen.
    pub(crate) fn is_shown(&self) -> bool {
        self.columns.is_some()
    }

    /// Shows `line` in place of the last; the same line is not written twice.
    pub(crate) fn show(&mut self, line: &str) {
        let Some(columns) = self.columns else { return };
        // The last column stays free: some terminals wrap as soon as it is written.
        let line: String = line.chars().take(columns.saturating_sub(1)).collect();
        if line != self.shown {
            self.write(&format!("\r\x1b[K{line}"));
            self.shown = line;
        }
    }

    /// Writes `message` above the status line, where it stays.
    pub(crate) fn say(&mut self, message: &str) {
        let shown = std::mem::take(&mut self.shown);
        let wipe = if shown.is_empty() { "" } else { "\r\x1b[K" };
        self.write(&format!("{wipe}{message}\n"));
        if !shown.is_empty() {
            self.show(&shown);
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if !std::mem::take(&mut self.shown).is_empty() {
            self.write("\r\x1b[K");
        }
    }

    /// A terminal that is gone (its window was closed) is no reason to stop playing.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl<W: Write> Drop for StatusLine<W> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Writes to standard output; a reader that has gone away (`forebay status | head -1`) is no error.
///
/// # Errors
/// What else keeps the text from being written.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Whether standard output is a pipe or a socket whose reader has gone away: what goes on and on should end then.
pub(crate) fn is_reader_gone() -> bool {
    let out = io::stdout();
    let mut looked_at = [PollFd::new(&out, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut looked_at, Some(&at_once)).is_ok()
        && looked_at[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(columns: Option<usize>, act: impl FnOnce(&mut StatusLine<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        let mut line = StatusLine { out: &mut out, columns, shown: String::new() };
        act(&mut line);
        drop(line);
        String::from_utf8(out).unwrap()
    }

    /// The line is replaced, cut to the width, comes back under a message, and is gone at the end.
    #[test]
    fn on_a_terminal() {
        let text = written(Some(6), |line| {
            line.show("abcdefgh");
            line.show("abcdefgh");
            line.say("note");
        });
        assert_eq!(text, "\r\x1b[Kabcde\r\x1b[Knote\n\r\x1b[Kabcde\r\x1b[K");
    }

    /// Into a file or a pipe go only messages, without one control character.
    #[test]
    fn without_a_terminal() {
        let text = written(None, |line| {
            line.show("lead 680 ms");
            line.say("note");
        });
        assert_eq!(text, "note\n");
    }
}
