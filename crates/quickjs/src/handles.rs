//! What realms have open: files, timers, sockets, children, workers. Each belongs to one realm and is gone with it.

use crate::folder::Folder;
use crate::realm::RealmId;
use crate::socket::Socket;
use crate::text::Decoder;
use rustix::fd::OwnedFd;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Stdin;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

/// What JavaScript calls a handle by. Numbers are not used twice.
pub(crate) type HandleId = u32;

pub(crate) struct Handle {
    pub(crate) realm: RealmId,
    /// Whether it keeps the runtime going.
    pub(crate) keeps: bool,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    File(File),
    Timer(Timer),
    /// For the next round of the loop.
    Immediate,
    Socket(Socket),
    Folder(Folder),
    /// A child, and what tells of its end.
    Child(Child, OwnedFd),
    Signal(UnixStream),
    Stdin(Stdin, Decoder),
    Worker(RealmId),
}

/// When a timer is due, and how often again.
pub(crate) struct Timer {
    pub(crate) due: Instant,
    pub(crate) every: Option<Duration>,
}

#[derive(Default)]
pub(crate) struct Handles {
    last: HandleId,
    all: BTreeMap<HandleId, Handle>,
}

impl Handles {
    /// The next number, for what is added by [`Handles::put`].
    pub(crate) fn next_id(&mut self) -> HandleId {
        self.last += 1;
        self.last
    }

    pub(crate) fn put(&mut self, id: HandleId, handle: Handle) {
        self.all.insert(id, handle);
    }

    pub(crate) fn add(&mut self, realm: RealmId, keeps: bool, kind: Kind) -> HandleId {
        let id = self.next_id();
        self.put(id, Handle { realm, keeps, kind });
        id
    }

    /// A handle of `realm`; another's are nobody's business.
    pub(crate) fn get(&mut self, realm: RealmId, id: HandleId) -> Option<&mut Handle> {
        self.all.get_mut(&id).filter(|handle| handle.realm == realm)
    }

    pub(crate) fn file(&mut self, realm: RealmId, id: HandleId) -> Option<&mut File> {
        match &mut self.get(realm, id)?.kind {
            Kind::File(file) => Some(file),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, realm: RealmId, id: HandleId) -> Option<Handle> {
        self.get(realm, id)?;
        self.all.remove(&id)
    }

    /// All of a realm that has ended.
    pub(crate) fn remove_all(&mut self, realm: RealmId) {
        self.all.retain(|_, handle| handle.realm != realm);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (HandleId, &Handle)> {
        self.all.iter().map(|(id, handle)| (*id, handle))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (HandleId, &mut Handle)> {
        self.all.iter_mut().map(|(id, handle)| (*id, handle))
    }
}
