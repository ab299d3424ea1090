//! Watching a folder.

use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use std::io;
use std::mem::MaybeUninit;
use std::path::Path;

/// What Node tells of, too.
const TOLD: WatchFlags = WatchFlags::ATTRIB
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO);

pub(crate) struct Folder {
    pub(crate) inotify: OwnedFd,
}

impl Folder {
    pub(crate) fn watch(path: &Path) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        inotify::add_watch(&inotify, path, TOLD)?;
        Ok(Self { inotify })
    }

    /// Names of the files that something happened to; `None`: to the folder itself, or to more than could be kept.
    pub(crate) fn read(&self) -> io::Result<Vec<Option<String>>> {
        let mut bytes = [MaybeUninit::uninit(); 8192];
        let mut reader = Reader::new(&self.inotify, &mut bytes);
        let mut names = Vec::new();
        loop {
            match reader.next() {
                Ok(event) => names.push(event.file_name().map(|name| name.to_string_lossy().into_owned())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(names),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
