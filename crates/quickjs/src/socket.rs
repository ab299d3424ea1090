//! A Unix socket that never blocks.

use crate::text::Decoder;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What is read at once.
const GULP: usize = 64 * 1024;

pub(crate) struct Socket {
    pub(crate) stream: UnixStream,
    waiting: Vec<u8>,
    decoder: Decoder,
}

impl Socket {
    /// A Unix socket connects at once or not at all.
    pub(crate) fn connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, waiting: Vec::new(), decoder: Decoder::default() })
    }

    /// What has come; `None` at the end.
    pub(crate) fn read(&mut self) -> io::Result<Option<String>> {
        let mut bytes = vec![0; GULP];
        match self.stream.read(&mut bytes) {
            Ok(0) => Ok(None),
            Ok(count) => Ok(Some(self.decoder.take(&bytes[..count]))),
            Err(error) if is_later(&error) => Ok(Some(String::new())),
            Err(error) => Err(error),
        }
    }

    /// Sends `bytes` behind what waits already; what does not fit waits.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(bytes);
        self.flush()
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match self.stream.write(&self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
