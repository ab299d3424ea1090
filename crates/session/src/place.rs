//! Where the socket of the daemon lies, and whether that place is safe.
//!
//! `$FOREBAY_SOCKET`, else `$XDG_RUNTIME_DIR/forebay/daemon.sock`, else `/tmp/forebay-<uid>/daemon.sock`. The folder
//! is a real folder with mode 0700 that this user owns: in `/tmp` anybody could have made it first.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The longest path that fits into a socket address, without its closing zero.
pub const MAX_SOCKET_PATH_BYTES: usize = 107;
/// The name of the socket in its folder.
pub const SOCKET_NAME: &str = "daemon.sock";

/// What is wrong with the place of the socket.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The address has no room for the path.
    #[error(
        "the socket path {} has {} bytes, at most {MAX_SOCKET_PATH_BYTES} fit: set FOREBAY_SOCKET to a shorter one",
        .0.display(), .0.as_os_str().len()
    )]
    TooLong(PathBuf),
    /// A relative path would mean another place for each process.
    #[error("the socket path {} is not absolute: set FOREBAY_SOCKET (or XDG_RUNTIME_DIR) to an absolute path", .0.display())]
    Relative(PathBuf),
    /// A symlink or a file.
    #[error("{} is not a folder (or a symlink to one): remove it, or set FOREBAY_SOCKET", .0.display())]
    NotAFolder(PathBuf),
    /// It belongs to somebody else.
    #[error("{} belongs to user {owner}, not to you ({uid}): set XDG_RUNTIME_DIR or FOREBAY_SOCKET to a place of your own", folder.display())]
    NotYours {
        /// The folder.
        folder: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        uid: u32,
    },
    /// Others may enter.
    #[error("{} is open to others (mode {mode:03o}): chmod 700 it", folder.display())]
    Open {
        /// The folder.
        folder: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system refused.
    #[error("cannot use {}: {error}: make that folder usable, or set FOREBAY_SOCKET to another path", folder.display())]
    System {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The place of the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    socket: PathBuf,
    /// The folder that forebay makes and guards; `None` for a path given by `FOREBAY_SOCKET`.
    folder: Option<PathBuf>,
}

impl Place {
    /// The place that the environment of this process names.
    ///
    /// # Errors
    /// When the path is relative or too long.
    pub fn from_environment() -> Result<Self, PlaceError> {
        let get = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self::of(get("FOREBAY_SOCKET"), get("XDG_RUNTIME_DIR"), crate::os::own_uid())
    }

    /// The place for given `FOREBAY_SOCKET`, `XDG_RUNTIME_DIR` and user.
    ///
    /// # Errors
    /// When the path is relative or too long.
    pub fn of(socket: Option<OsString>, runtime_dir: Option<OsString>, uid: u32) -> Result<Self, PlaceError> {
        let place = match (socket, runtime_dir) {
            (Some(socket), _) => Self { socket: socket.into(), folder: None },
            (None, Some(runtime)) => Self::in_folder(Path::new(&runtime).join("forebay")),
            (None, None) => Self::in_folder(PathBuf::from(format!("/tmp/forebay-{uid}"))),
        };
        if !place.socket.is_absolute() {
            return Err(PlaceError::Relative(place.socket));
        }
        if place.socket.as_os_str().as_bytes().len() > MAX_SOCKET_PATH_BYTES {
            return Err(PlaceError::TooLong(place.socket));
        }
        Ok(place)
    }

    fn in_folder(folder: PathBuf) -> Self {
        Self { socket: folder.join(SOCKET_NAME), folder: Some(folder) }
    }

    /// The path of the socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether `FOREBAY_SOCKET` named it; forebay does not make or guard the folder then.
    pub fn is_given(&self) -> bool {
        self.folder.is_none()
    }

    /// A path beside the socket, for the daemon's lock.
    pub fn lock(&self) -> PathBuf {
        let mut name = self.socket.as_os_str().to_owned();
        name.push(".lock");
        name.into()
    }

    /// Makes the folder where it is missing, and checks it. The daemon calls it before it binds.
    ///
    /// # Errors
    /// When it can't be made, or is not a folder that this user alone may enter.
    pub fn prepare(&self) -> Result<(), PlaceError> {
        self.folder.as_deref().map_or(Ok(()), make_private)
    }

    /// The folder beside the socket in which live sessions have theirs.
    pub fn live_folder(&self) -> PathBuf {
        match &self.folder {
            Some(folder) => folder.join("live"),
            None => {
                let mut name = self.socket.as_os_str().to_owned();
                name.push(".live");
                name.into()
            }
        }
    }

    /// Checks the folder. A producer calls it before it connects; a folder that is not there passes (nobody serves).
    ///
    /// # Errors
    /// When it is not a folder that this user alone may enter.
    pub fn check(&self) -> Result<(), PlaceError> {
        self.folder.as_deref().map_or(Ok(()), check_private)
    }
}

/// Makes `folder` where it is missing, and checks it.
///
/// # Errors
/// When it can't be made, or is not a folder that this user alone may enter.
pub fn make_private(folder: &Path) -> Result<(), PlaceError> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(PlaceError::System { folder: folder.to_owned(), error })
        }
        _ => check_private(folder),
    }
}

/// Checks that this user alone may enter `folder`; one that is not there passes.
///
/// # Errors
/// When it is not a folder that this user alone may enter.
pub fn check_private(folder: &Path) -> Result<(), PlaceError> {
    let found = match std::fs::symlink_metadata(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(PlaceError::System { folder: folder.to_owned(), error }),
    };
    let (folder, uid) = (folder.to_owned(), crate::os::own_uid());
    let mode = found.permissions().mode() & 0o777;
    if !found.is_dir() {
        Err(PlaceError::NotAFolder(folder))
    } else if found.uid() != uid {
        Err(PlaceError::NotYours { folder, owner: found.uid(), uid })
    } else if mode & 0o077 != 0 {
        Err(PlaceError::Open { folder, mode })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(runtime: &Path) -> Place {
        Place::of(None, Some(runtime.into()), crate::os::own_uid()).unwrap()
    }

    /// The three sources have their order, and paths that can't be an address are refused with what to do.
    #[test]
    fn order_and_limits() {
        let of = |socket: Option<&str>, runtime: Option<&str>| {
            Place::of(socket.map(Into::into), runtime.map(Into::into), 7).map(|place| place.socket)
        };
        assert_eq!(of(Some("/a/s"), Some("/run/x")).unwrap(), Path::new("/a/s"));
        assert_eq!(of(None, Some("/run/x")).unwrap(), Path::new("/run/x/forebay/daemon.sock"));
        assert_eq!(of(None, None).unwrap(), Path::new("/tmp/forebay-7/daemon.sock"));
        assert!(matches!(of(Some("s"), None), Err(PlaceError::Relative(_))));
        let long = format!("/{}", "x".repeat(MAX_SOCKET_PATH_BYTES));
        let message = of(Some(&long), None).unwrap_err().to_string();
        assert!(message.contains("FOREBAY_SOCKET"), "{message}");
        assert!(of(Some(&long[..MAX_SOCKET_PATH_BYTES]), None).is_ok());
    }

    /// The folder is made private; one that is open to others, a file or a symlink is refused.
    #[test]
    fn only_a_private_folder_will_do() {
        let runtime = tempfile::tempdir().unwrap();
        let place = place(runtime.path());
        let folder = runtime.path().join("forebay");
        place.check().unwrap();
        place.prepare().unwrap();
        place.prepare().unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);

        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(place.check(), Err(PlaceError::Open { mode: 0o755, .. })));
        std::fs::remove_dir(&folder).unwrap();
        std::fs::write(&folder, "").unwrap();
        assert!(matches!(place.prepare(), Err(PlaceError::NotAFolder(_))));
        std::fs::remove_file(&folder).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &folder).unwrap();
        assert!(matches!(place.prepare(), Err(PlaceError::NotAFolder(_))));
    }

    /// A folder of another user is refused.
    #[test]
    fn not_in_the_folder_of_another() {
        let runtime = tempfile::tempdir().unwrap();
        let place = place(runtime.path());
        place.prepare().unwrap();
        let folder = runtime.path().join("forebay");
        if std::os::unix::fs::chown(&folder, Some(65_534), None).is_err() {
            eprintln!("skipped: only root can give a folder away");
            return;
        }
        assert!(matches!(place.check(), Err(PlaceError::NotYours { owner: 65_534, .. })));
    }

    /// A missing runtime folder is named, with the way out.
    #[test]
    fn a_missing_runtime_folder_is_named() {
        let runtime = tempfile::tempdir().unwrap();
        let message = place(&runtime.path().join("gone")).prepare().unwrap_err().to_string();
        assert!(message.contains("gone") && message.contains("FOREBAY_SOCKET"), "{message}");
    }
}
