//! rtkit, the service that most desktops have: it makes a thread real-time for a program that may not itself.

use crate::overrun;
use std::time::Duration;
use zbus::blocking::{Connection, Proxy, connection};

const NAME: &str = "org.freedesktop.RealtimeKit1";
const PATH: &str = "/org/freedesktop/RealtimeKit1";

/// How long one answer of the bus may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// Makes `tid` real-time with at most `priority`. rtkit insists on a hard limit for the time without a wait, at
/// which the kernel kills; so that limit is set only here, and the soft one well below it.
pub(crate) fn promote(tid: i32, priority: u8, limit_us: u64) -> zbus::Result<()> {
    let bus: Connection = connection::Builder::system()?.method_timeout(PATIENCE).build()?;
    let rtkit = Proxy::new(&bus, NAME, PATH, NAME)?;
    let most: i32 = rtkit.get_property("MaxRealtimePriority")?;
    let hard_us: i64 = rtkit.get_property("RTTimeUSecMax")?;
    let hard_us = u64::try_from(hard_us).unwrap_or(0);
    overrun::arm(limit_us.min(hard_us / 4 * 3), Some(hard_us));
    let priority = i32::from(priority).min(most).max(1) as u32;
    let done = rtkit.call_method("MakeThreadRealtime", &(tid as u64, priority)).map(drop);
    bus.close()?;
    done
}
