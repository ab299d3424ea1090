//! Memory in which the host keeps code and state of the piece, so that one that is started again goes on from there.

use rustix::fs::{MemfdFlags, memfd_create};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

/// Memory of this process that its children open by a path. It takes as much room as is written into it, and is gone
/// with this process.
#[derive(Debug)]
pub(crate) struct Keep(OwnedFd);

impl Keep {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(memfd_create("forebay-keep", MemfdFlags::CLOEXEC)?))
    }

    /// Where a process of this user finds it while this one runs.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::FileExt;

    // What one process writes far behind the beginning another one reads, and what lies before it takes no room.
    #[test]
    fn is_found_by_its_path_and_sparse() {
        let keep = Keep::new().unwrap();
        let far = 1 << 30;
        fs::OpenOptions::new().write(true).open(keep.path()).unwrap().write_all_at(b"kept", far).unwrap();
        let mut found = [0; 4];
        fs::File::open(keep.path()).unwrap().read_exact_at(&mut found, far).unwrap();
        assert_eq!(&found, b"kept");
        let meta = fs::metadata(keep.path()).unwrap();
        assert!(std::os::unix::fs::MetadataExt::blocks(&meta) < 100, "{meta:?}");
    }
}
