//! Whether a producer can reach the memory that the daemon hands to it, tried from a real child process.
//!
//! Two ways are tried: a descriptor that the child inherits, and `/proc/PID/fd/N` by name, which producers
//! without a native addon use. The second fails where this process has capabilities that the child has not, and
//! across PID namespaces.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use super::Finding;

const ABOUT: &str = "hand-off";
const WORD: [u8; 4] = *b"FBAY";
const AT: u64 = 4096;

/// Tries the hand-off.
pub(crate) fn examine() -> Vec<Finding> {
    let memory = match shared_memory() {
        Ok(memory) => memory,
        Err(error) => {
            let remedy =
                "forebay needs memfd_create with seals: Linux 4.14 or newer, not refused by a sandbox";
            return vec![Finding::fault(ABOUT, format!("no shared memory: {error}"), remedy)];
        }
    };
    let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
    vec![by_name(&memory, &path), inherited(&memory)]
}

fn shared_memory() -> io::Result<File> {
    let memory = memfd_create("forebay-doctor", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&memory, 2 * AT)?;
    fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(memory.into())
}

fn by_name(memory: &File, path: &str) -> Finding {
    let child = std::env::current_exe()
        .and_then(|program| Command::new(program).args(["doctor", "--handoff-child", path]).output());
    let remedy = "run producer and daemon as the same user in the same container, and never setcap the forebay \
                  program: it then hides its descriptors from producers";
    match child {
        Err(error) => Finding::fault(ABOUT, format!("no child process: {error}"), remedy),
        Ok(output) if output.status.success() && arrived(memory) => Finding::good(
            ABOUT,
            "a child process opens shared memory by name (/proc/PID/fd/N) and writes into it",
        ),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Finding::fault(ABOUT, format!("a child process can't open shared memory by name: {said}"), remedy)
        }
    }
}

/// The child gets the memory as its standard input: inheriting needs nothing else.
fn inherited(memory: &File) -> Finding {
    let tried = memory.write_all_at(&[0; 4], AT).and_then(|()| memory.try_clone()).and_then(|copy| {
        Command::new(std::env::current_exe()?)
            .args(["doctor", "--handoff-child", "/proc/self/fd/0"])
            .stdin(Stdio::from(copy))
            .output()
    });
    match tried {
        Ok(output) if output.status.success() && arrived(memory) => {
            Finding::good(ABOUT, "a child process writes into shared memory that it inherits")
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Finding::fault(ABOUT, format!("inherited memory fails: {said}"), "is /proc mounted?")
        }
        Err(error) => Finding::fault(ABOUT, format!("inherited memory fails: {error}"), "is /proc mounted?"),
    }
}

fn arrived(memory: &File) -> bool {
    let mut word = [0; 4];
    memory.read_exact_at(&mut word, AT).is_ok() && word == WORD
}

/// The child's part: opens `path` and writes the word.
///
/// # Errors
/// The system's refusal.
pub(crate) fn child(path: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).write(true).open(path)?.write_all_at(&WORD, AT)
}
