//! Linux: memfd, seals, SCM_RIGHTS, SO_PEERCRED.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr::NonNull;

use rustix::fs::{FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

/// No machine has smaller pages; on larger ones a page is touched more than once.
const SMALLEST_PAGE_BYTES: usize = 4096;
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// A new memfd of `bytes` zeroed bytes that nobody can shrink, grow or seal further. All of its pages are allocated: a
/// machine without memory says so here, and not at the first touch, by a signal that nobody survives.
///
/// # Errors
/// What the system says: no descriptor or no memory left.
pub fn create_sealed(name: &str, bytes: usize) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = match rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags)?, // before Linux 6.3
        other => other?,
    };
    rustix::io::retry_on_intr(|| rustix::fs::fallocate(&fd, FallocateFlags::empty(), 0, bytes as u64))?;
    rustix::fs::fcntl_add_seals(&fd, SEALS)?;
    Ok(fd)
}

/// Whether `fd` could still change its size under a mapping. What can't be sealed at all counts as missing.
pub fn seals_missing(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::fcntl_get_seals(fd).map_or(true, |seals| !seals.contains(SEALS))
}

/// The path at which another process of this user opens `fd` of this process.
pub fn own_path(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd()))
}

/// Opens shared memory of another process by `/proc/<pid>/fd/<n>`.
///
/// # Errors
/// What the system says; EACCES where that process has capabilities that this one lacks.
pub fn open_by_path(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())?)
}

/// Bytes of `fd` that have a page, in memory or swapped out.
///
/// # Errors
/// What the system says.
pub fn present_bytes(fd: BorrowedFd<'_>) -> io::Result<u64> {
    /// The unit of `st_blocks`, whatever the file system.
    const BLOCK_BYTES: u64 = 512;
    Ok(rustix::fs::fstat(fd)?.st_blocks as u64 * BLOCK_BYTES)
}

/// Frees the pages of `fd` from `offset` on, as a hostile producer can. For tests.
///
/// # Errors
/// What the system says.
pub fn punch_hole(fd: BorrowedFd<'_>, offset: u64, bytes: u64) -> io::Result<()> {
    Ok(rustix::fs::fallocate(fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, bytes)?)
}

/// Shared memory in the address space of this process, from `new` to drop.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is a range of addresses, valid from every thread until it is dropped by the last owner; who
// reads and writes through it does so by the rules of `ring::Region`.
unsafe impl Send for Mapping {}
// SAFETY: as above; `Mapping` itself offers no access to the bytes.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `bytes` bytes of `fd` for reading and writing, every page present.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(fd: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address that the kernel chooses touches no other memory.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                fd,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let mapping = Self { start, bytes };
        mapping.prefault()?;
        Ok(mapping)
    }

    /// The first byte.
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The length.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes every page present and writable, so that no access faults later.
    ///
    /// Nothing is touched after a refusal: what the kernel can't populate it answers with SIGBUS when it is touched.
    fn prefault(&self) -> io::Result<()> {
        // SAFETY: the range is this mapping; populating changes no byte.
        let populated = unsafe {
            rustix::mm::madvise(self.start.as_ptr().cast(), self.bytes, Advice::LinuxPopulateWrite)
        };
        match populated {
            // What a touch would be killed for: no page can be had.
            Err(Errno::FAULT) => Err(io::ErrorKind::OutOfMemory.into()),
            Err(Errno::INVAL) => {
                self.touch(); // before Linux 5.14
                Ok(())
            }
            other => Ok(other?),
        }
    }

    /// An atomic "or 0" per page makes it writable and changes nothing, whoever writes beside. The compiler must not know
    /// the 0: it would leave the page alone.
    fn touch(&self) {
        for offset in (0..self.bytes).step_by(SMALLEST_PAGE_BYTES) {
            // SAFETY: in bounds, aligned for u32 (page start), mapped read-write, alive while `self` is.
            let word = unsafe { ring::sync::AtomicU32::from_ptr(self.start.as_ptr().add(offset).cast()) };
            word.fetch_or(std::hint::black_box(0), ring::sync::Ordering::Relaxed);
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping, and its last owner is gone: `ring::Region` keeps it alive by an Arc.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "munmap of a whole mapping succeeds");
    }
}

/// Who is at the other end of a socket, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Process id; 0 where it is in another PID namespace.
    pub pid: u32,
    /// User id.
    pub uid: u32,
}

/// Asks the kernel who opened the other end.
///
/// # Errors
/// What the system says.
pub fn peer(socket: &UnixStream) -> io::Result<Peer> {
    let credentials = rustix::net::sockopt::socket_peercred(socket)?;
    Ok(Peer {
        pid: u32::try_from(credentials.pid.as_raw_nonzero().get()).unwrap_or(0),
        uid: credentials.uid.as_raw(),
    })
}

/// The effective user id of this process.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Sends bytes, with `fd` (if any) riding on the first of them. Returns how many bytes went.
///
/// # Errors
/// What the system says; `WouldBlock` on a full non-blocking socket, then the descriptor did not go either.
pub fn send(socket: &UnixStream, bytes: &[u8], fd: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = fd.as_slice();
    if !fds.is_empty() {
        let fits = control.push(SendAncillaryMessage::ScmRights(fds));
        debug_assert!(fits, "the space is for one descriptor");
    }
    Ok(rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}

/// The most descriptors that are taken with one piece; forebay sends one per line.
const RECEIVED_FDS: usize = 16;

/// Receives bytes, and descriptors that ride on them. 0 bytes: the other end is closed.
///
/// # Errors
/// What the system says.
pub fn receive(socket: &UnixStream, bytes: &mut [u8], fds: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(RECEIVED_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(socket.as_fd(), &mut [IoSliceMut::new(bytes)], &mut control, flags)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            fds.extend(passed);
        }
    }
    Ok(received.bytes)
}

/// The variable that holds the number of an inherited socket.
pub const SESSION_FD: &str = "FOREBAY_SESSION_FD";

/// The socket to the daemon that the parent process has left us, where there is one. Only the first call gets it. A
/// number that names no connected socket was left for another process, further up: `None`.
pub fn inherited_socket() -> Option<UnixStream> {
    static TAKEN: ring::sync::AtomicBool = ring::sync::AtomicBool::new(false);
    let number: i32 = std::env::var(SESSION_FD).ok()?.parse().ok().filter(|&fd| fd > 2)?;
    if TAKEN.swap(true, ring::sync::Ordering::AcqRel) {
        return None;
    }
    // SAFETY: the parent left this descriptor for us by number, and TAKEN lets it be owned once. A number that names
    // nothing is given up again below before anything is done with it.
    let socket = unsafe { UnixStream::from_raw_fd(number) };
    if socket.peer_addr().is_err() || rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC).is_err()
    {
        let _not_ours = socket.into_raw_fd();
        return None;
    }
    Some(socket)
}

/// Lets the child that `command` starts inherit `socket`, connected to the daemon and unused.
///
/// Only that child gets it: the descriptor closes on exec everywhere else.
pub fn leave_socket(command: &mut Command, socket: UnixStream) {
    command.env(SESSION_FD, socket.as_raw_fd().to_string());
    let keep = move || Ok(rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::empty())?);
    // SAFETY: between fork and exec only `fcntl` is called, which is async-signal-safe; nothing is allocated.
    unsafe { command.pre_exec(keep) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the kernel can't populate a mapping, touching it does: every page is there again, for writing.
    #[test]
    fn a_touch_makes_pages_present() {
        let bytes = 8 * SMALLEST_PAGE_BYTES;
        let fd = create_sealed("test", bytes).unwrap();
        let mapping = Mapping::new(fd.as_fd(), bytes).unwrap();
        punch_hole(fd.as_fd(), 0, bytes as u64).unwrap();
        assert_eq!(present_bytes(fd.as_fd()).unwrap(), 0);
        mapping.touch();
        assert_eq!(present_bytes(fd.as_fd()).unwrap(), bytes as u64);
    }
}
