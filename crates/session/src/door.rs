//! Sockets by their path: whether somebody is behind one, and which one is ours.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// Whether somebody is behind the socket. Only a refused connection tells that nobody is: a socket of another kind, or one
/// that is not for us, has an owner. So has one whose queue is full, where a connect that waits might wait for ever.
pub fn is_served(socket: &Path) -> bool {
    let knock = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let ours = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(ours, &SocketAddrUnix::new(socket)?)
    };
    !matches!(knock(), Err(Errno::NOENT | Errno::CONNREFUSED))
}

/// The file of a socket that we bound: its path, and which file it is, by device and inode.
#[derive(Debug)]
pub struct OwnSocket {
    path: PathBuf,
    file: (u64, u64),
}

impl OwnSocket {
    /// The one that was just bound at `path`.
    ///
    /// # Errors
    /// When nothing is there.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: file_at(path)? })
    }

    /// Removes it. What somebody has put in its place meanwhile is his.
    pub fn remove(&self) {
        if file_at(&self.path).is_ok_and(|file| file == self.file) {
            // Gone already: that is all that is wanted.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    /// A socket that somebody listens at is served, however many wait at it already.
    #[test]
    fn a_full_queue_is_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        // Nobody accepts: a socket that is closed again keeps its place in the queue.
        assert!((0..5000).all(|_| is_served(&path)));
        drop(listener);
        assert!(!is_served(&path));
        assert!(!is_served(&folder.path().join("nothing")));
        assert!(UnixStream::connect(&path).is_err());
    }
}
