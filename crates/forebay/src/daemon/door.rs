//! The daemon's socket: whether its place is free, and how it is taken. What lies there and is no left-over of a daemon's
//! belongs to somebody and is not touched.

use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

pub(crate) use session::door::{OwnSocket, is_served};

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
