//! The daemon's socket: whether its place is free, and how it is taken. What lies there and is no left-over of a daemon's
//! belongs to somebody and is not touched.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::trouble::{Exit, Trouble};

const ELSEWHERE: &str = "set FOREBAY_SOCKET to a path in a folder of your own, where nothing else is";

/// Whether a socket may be made at `socket`: nothing is there, or a socket.
///
/// # Errors
/// [`Exit::Permission`] when it is something else.
pub(crate) fn check(socket: &Path) -> Result<(), Trouble> {
    match std::fs::symlink_metadata(socket) {
        Ok(found) if found.file_type().is_socket() => Ok(()),
        Ok(_) => {
            let what = format!("{} is there and no socket: it is left as it is", socket.display());
            Err(Trouble::new(Exit::Permission, what).remedy(ELSEWHERE))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unserved(socket, &error)),
    }
}

/// Whether somebody is behind the socket. Only a refused connection tells that nobody is: a socket of another kind, or one
/// that is not for us, has an owner. So has one whose queue is full, where a connect that waits might wait for ever.
pub(crate) fn is_served(socket: &Path) -> bool {
    let knock = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let ours = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(ours, &SocketAddrUnix::new(socket)?)
    };
    !matches!(knock(), Err(Errno::NOENT | Errno::CONNREFUSED))
}

/// The file of a socket that we bound: its path, and which file it is, by device and inode.
pub(crate) struct OwnSocket {
    path: PathBuf,
    file: (u64, u64),
}

impl OwnSocket {
    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: file_at(path)? })
    }

    /// Removes it. What somebody has put in its place meanwhile is his.
    pub(crate) fn remove(&self) {
        if file_at(&self.path).is_ok_and(|file| file == self.file) {
            // Gone already: that is all that is wanted.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// Binds the socket. One that is left over from a daemon that was killed makes way: the caller holds the lock.
///
/// # Errors
/// [`Exit::Daemon`] when somebody serves there without our lock, [`Exit::Permission`] for whatever else is in the way.
pub(crate) fn bind(socket: &Path) -> Result<(UnixListener, OwnSocket), Trouble> {
    check(socket)?;
    if is_served(socket) {
        let what = format!("something serves {} already, and it is no daemon of this kind", socket.display());
        return Err(Trouble::new(Exit::Daemon, what).remedy(ELSEWHERE));
    }
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unserved(socket, &error)),
        _ => {}
    }
    let listener = UnixListener::bind(socket).map_err(|error| unserved(socket, &error))?;
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(socket, private).map_err(|error| unserved(socket, &error))?;
    let own = OwnSocket::at(socket).map_err(|error| unserved(socket, &error))?;
    Ok((listener, own))
}

fn unserved(socket: &Path, error: &io::Error) -> Trouble {
    Trouble::new(Exit::Permission, format!("can't serve {}: {error}", socket.display())).remedy(ELSEWHERE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

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
    }

    /// At its end a daemon removes its own socket, and nobody else's.
    #[test]
    fn only_our_own_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (_listener, own) = bind(&path).unwrap();
        std::fs::rename(&path, folder.path().join("aside")).unwrap();
        own.remove();
        let _other = UnixListener::bind(&path).unwrap();
        own.remove();
        assert!(is_served(&path));
        std::fs::rename(folder.path().join("aside"), &path).unwrap();
        own.remove();
        assert!(!path.exists());
    }

    /// A left-over makes way; a file, a symlink and a socket that is served stay what they are.
    #[test]
    fn only_a_left_over_makes_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let exit = |name: &str| bind(&path(name)).map(drop).map_err(|trouble| trouble.exit());
        std::fs::write(path("notes"), "mine").unwrap();
        assert_eq!(exit("notes"), Err(Exit::Permission));
        assert_eq!(std::fs::read(path("notes")).unwrap(), b"mine");
        std::os::unix::fs::symlink(path("nowhere"), path("link")).unwrap();
        assert_eq!(exit("link"), Err(Exit::Permission));
        let served = UnixListener::bind(path("served")).unwrap();
        assert_eq!(exit("served"), Err(Exit::Daemon));
        UnixStream::connect(path("served")).unwrap();
        drop(served);
        assert_eq!(exit("served"), Ok(()));
        let datagrams = std::os::unix::net::UnixDatagram::bind(path("datagrams")).unwrap();
        assert_eq!(exit("datagrams"), Err(Exit::Daemon));
        drop(datagrams);
    }
}
