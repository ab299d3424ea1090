//! One piece of shared memory: a sealed memfd and its mapping.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use ring::Region;
use thiserror::Error;

use crate::os::{self, Mapping};

/// Why shared memory can't be made or is refused. Nothing is mapped then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// It could be truncated under its mapping, which kills every process that reads it.
    #[error(
        "this shared memory is not sealed against a change of its size: it does not come from a forebay daemon"
    )]
    NotSealed,
    /// It has another size than was said.
    #[error(
        "this shared memory has {found} bytes where {expected} were announced: the daemon is of another kind"
    )]
    Size {
        /// What was announced.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// It can't be opened by its path.
    #[error(
        "cannot open {}: {error}{}", path.display(),
        if error.kind() == io::ErrorKind::PermissionDenied {
            " (the daemon has capabilities that this process lacks, or is in another namespace: never setcap it, or use a hand-off by socket)"
        } else { "" }
    )]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The system has no memory or no descriptor left.
    #[error("the system refused shared memory: {0}")]
    System(#[from] io::Error),
}

/// Shared memory: an open descriptor and its bytes. Every [`Region`] of it keeps the bytes mapped, not the descriptor.
#[derive(Debug)]
pub struct Memory {
    fd: OwnedFd,
    mapping: Arc<Mapping>,
}

impl Memory {
    /// New, zeroed, sealed, every page present. \[control\]
    ///
    /// # Errors
    /// [`MemoryError::System`].
    pub fn create(name: &str, bytes: usize) -> Result<Self, MemoryError> {
        let fd = os::create_sealed(name, bytes)?;
        let mapping = Arc::new(Mapping::new(fd.as_fd(), bytes)?);
        Ok(Self { fd, mapping })
    }

    /// Takes memory that was handed over, once its seals and its size are as they must be.
    ///
    /// # Errors
    /// [`MemoryError::NotSealed`], [`MemoryError::Size`], [`MemoryError::System`].
    pub fn adopt(fd: OwnedFd, bytes: u64) -> Result<Self, MemoryError> {
        if os::seals_missing(fd.as_fd()) {
            return Err(MemoryError::NotSealed);
        }
        // After the seals: from then on the size holds.
        let found = std::fs::File::from(fd.try_clone()?).metadata()?.len();
        let size = usize::try_from(bytes).unwrap_or(0);
        if found != bytes || size == 0 {
            return Err(MemoryError::Size { expected: bytes, found });
        }
        let mapping = Arc::new(Mapping::new(fd.as_fd(), size)?);
        Ok(Self { fd, mapping })
    }

    /// Takes memory by its path, `/proc/<pid>/fd/<n>`.
    ///
    /// # Errors
    /// [`MemoryError::Open`], and those of [`Self::adopt`].
    pub fn open(path: &Path, bytes: u64) -> Result<Self, MemoryError> {
        let fd = os::open_by_path(path).map_err(|error| MemoryError::Open { path: path.into(), error })?;
        Self::adopt(fd, bytes)
    }

    /// The descriptor, to hand over.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The path at which other processes of this user open it.
    pub fn path(&self) -> PathBuf {
        os::own_path(self.fd())
    }

    /// Its size.
    pub fn bytes(&self) -> usize {
        self.mapping.bytes()
    }

    /// Whether pages are missing.
    pub(crate) fn has_hole(&self) -> bool {
        os::present_bytes(self.fd()).is_ok_and(|present| present < self.bytes() as u64)
    }

    /// All of its bytes.
    pub fn region(&self) -> Region {
        // SAFETY: the mapping is readable and writable and stays until `keep` is dropped; nobody in this process makes
        // plain references into it: this crate uses words, `ring` uses words and raw copies.
        unsafe { Region::foreign(self.mapping.start(), self.mapping.bytes(), self.mapping.clone()) }
    }

    /// Tells when the last region of it is gone and it is unmapped.
    pub(crate) fn watch(&self) -> Weak<Mapping> {
        Arc::downgrade(&self.mapping)
    }
}
