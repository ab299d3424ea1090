//! A file that grows at its end while its head is written over: what all writers of sound files are.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// What can be cut off at its end.
pub trait Shorten {
    /// Leaves the first `bytes` bytes.
    ///
    /// # Errors
    /// The system's refusal.
    fn shorten(&mut self, bytes: u64) -> io::Result<()>;
}

impl Shorten for File {
    fn shorten(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}

/// The file, and what is to be appended to it.
#[derive(Debug)]
pub(crate) struct Growing<W> {
    to: W,
    head_bytes: u64,
    /// To be appended.
    pub(crate) pending: Vec<u8>,
    /// Bytes behind the head that are in the file; the file's cursor is behind them.
    pub(crate) written_bytes: u64,
    /// A write has failed: nothing is written any more.
    broken: bool,
}

impl<W: Write + Seek> Growing<W> {
    /// Writes `head` at the cursor's place 0 of `to`.
    pub(crate) fn begin(mut to: W, head: &[u8], pending: Vec<u8>) -> io::Result<Self> {
        to.write_all(head)?;
        Ok(Self { to, head_bytes: head.len() as u64, pending, written_bytes: 0, broken: false })
    }

    /// Appends what is pending. After an error what still found room is counted, the rest is dropped, and later calls fail
    /// too.
    pub(crate) fn append(&mut self) -> io::Result<()> {
        if self.broken {
            self.pending.clear();
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut done = 0;
        let result = loop {
            match self.to.write(&self.pending[done..]) {
                _ if done == self.pending.len() => break Ok(()),
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => done += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.written_bytes += done as u64;
        self.broken = result.is_err();
        self.pending.clear();
        result
    }

    /// Writes `head` over the one that is there, which is as long. Also works when there is no room to append.
    pub(crate) fn patch(&mut self, head: &[u8]) -> io::Result<()> {
        debug_assert_eq!(head.len() as u64, self.head_bytes);
        let done = self.write_head(head);
        self.broken |= done.is_err();
        done
    }

    fn write_head(&mut self, head: &[u8]) -> io::Result<()> {
        self.to.seek(SeekFrom::Start(0))?;
        self.to.write_all(head)?;
        self.to.seek(SeekFrom::Start(self.head_bytes + self.written_bytes))?;
        self.to.flush()
    }

    /// Cuts off what follows the first `bytes` bytes behind the head: what was begun and did not find room.
    pub(crate) fn shorten(&mut self, bytes: u64) -> io::Result<()>
    where
        W: Shorten,
    {
        self.to.shorten(self.head_bytes + bytes)?;
        self.written_bytes = bytes;
        Ok(())
    }

    /// Whether a write has failed.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// The whole length of the file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.head_bytes + self.written_bytes
    }
}
