//! A disk for the tests of the writers.

use std::cell::RefCell;
use std::io::{self, Seek, SeekFrom, Write};
use std::rc::Rc;

/// A file whose bytes stay visible after its writer is gone, and that can be full or sparse.
#[derive(Clone, Default)]
pub(crate) struct Disk(pub(crate) Rc<RefCell<Bytes>>);

#[derive(Default)]
pub(crate) struct Bytes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) at: u64,
    pub(crate) room: Option<u64>,
    /// Bytes beyond this are counted, not kept.
    pub(crate) keep: Option<u64>,
    pub(crate) len: u64,
}

impl Write for Disk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.borrow_mut();
        let room = disk.room.unwrap_or(u64::MAX);
        let n = buf.len().min(room.saturating_sub(disk.at) as usize).min(700_001);
        if n == 0 && !buf.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let kept = (disk.keep.unwrap_or(u64::MAX).saturating_sub(disk.at) as usize).min(n);
        let start = disk.at as usize;
        if kept > 0 {
            let end = disk.bytes.len().max(start + kept);
            disk.bytes.resize(end, 0);
            disk.bytes[start..start + kept].copy_from_slice(&buf[..kept]);
        }
        disk.at += n as u64;
        disk.len = disk.len.max(disk.at);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl crate::growing::Shorten for Disk {
    fn shorten(&mut self, bytes: u64) -> io::Result<()> {
        self.0.borrow_mut().bytes.truncate(bytes as usize);
        Ok(())
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        self.0.borrow_mut().at = at;
        Ok(at)
    }
}
