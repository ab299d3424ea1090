//! Ending the daemon that runs: for `stop`, and for `restart`, which puts another in its place.

use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use session::Place;

use super::door;
use super::lock::{DaemonLock, Holder, LockError};
use crate::console::Console;
use crate::trouble::{Exit, Trouble};

/// How long a daemon may take until it serves nobody.
const UNSERVED_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take after that: the fade, and a device that does not close.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks. Each takes a place in the queue of a daemon that stands still.
const PAUSE: Duration = Duration::from_millis(20);

/// Ends the daemon that runs, for good: every producer is told to start none in its place. Returns when it has let go of its
/// device and of its lock, so that a file that it wrote is whole.
pub(crate) fn stop(place: &Place) -> Result<Option<Holder>, Trouble> {
    let Some(holder) = make_way(place, true)? else { return Ok(None) };
    let deadline = Instant::now() + ENDED_WITHIN;
    while self::holder(&place.lock())?.is_some_and(|now| now.pid == holder.pid) {
        if Instant::now() > deadline {
            return Err(Trouble::new(
                Exit::Daemon,
                format!("the daemon (process {}) serves nobody any more, but has not ended", holder.pid),
            )
            .remedy(format!("its device may hang: wait, or end it yourself (kill -9 {})", holder.pid)));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(Some(holder))
}

/// Ends the daemon that runs, for another that is about to start. Returns when it serves nobody any more: its successor waits
/// for its lock.
pub(crate) fn yield_place(place: &Place) -> Result<Option<Holder>, Trouble> {
    make_way(place, false)
}

/// Asks the daemon that runs to end, and waits until it serves nobody any more. One that does not understand is sent SIGTERM,
/// which every version takes as the same wish.
fn make_way(place: &Place, is_final: bool) -> Result<Option<Holder>, Trouble> {
    let Some(holder) = holder(&place.lock())? else { return Ok(None) };
    let asked = Console::connect().and_then(|console| console.ask(&protocol::Shutdown { is_final }));
    if let Err(trouble) = asked {
        terminate(holder.pid).map_err(|error| {
            Trouble::new(Exit::Daemon, format!("the daemon does not end ({trouble}; {error})"))
                .remedy(format!("end process {} yourself", holder.pid))
        })?;
    }
    let deadline = Instant::now() + UNSERVED_WITHIN;
    while door::is_served(place.socket()) {
        if Instant::now() > deadline {
            return Err(does_not_end(holder.pid));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(Some(holder))
}

/// What is said of one that does not.
pub(crate) fn does_not_end(pid: u32) -> Trouble {
    Trouble::new(Exit::Daemon, format!("the daemon (process {pid}) does not end"))
        .remedy(format!("end it yourself (kill -9 {pid}), then restart"))
}

/// Who holds the lock.
pub(crate) fn holder(lock: &std::path::Path) -> Result<Option<Holder>, Trouble> {
    DaemonLock::holder(lock).map_err(|error| match error {
        LockError::Io(path, error) => {
            Trouble::new(Exit::Permission, format!("can't use {}: {error}", path.display()))
        }
        LockError::Held(holder) => {
            Trouble::new(Exit::Daemon, format!("process {} holds the lock", holder.pid))
        }
    })
}

fn terminate(pid: u32) -> std::io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(std::io::ErrorKind::NotFound)?;
    match kill_process(pid, Signal::TERM) {
        Err(Errno::SRCH) => Ok(()),
        sent => Ok(sent?),
    }
}
