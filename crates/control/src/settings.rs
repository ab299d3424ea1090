//! What a server is started with, and what it asks the daemon for.

use std::time::Duration;

use protocol::{DeviceInfo, DeviceStatus, LeadSetting};

/// What a server is started with; every bound of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Target lead of producers that ask for none.
    pub lead: LeadSetting,
    /// The path of the socket, for the status document.
    pub socket: String,
    /// The version of the daemon.
    pub version: String,
    /// Connections at once. One more pushes out the oldest that has no session and says nothing.
    pub max_connections: usize,
    /// Sessions at once.
    pub max_sessions: usize,
    /// Bytes of all rings of one session.
    pub max_session_ring_bytes: usize,
    /// Bytes of all rings.
    pub max_ring_bytes: usize,
    /// Where the counters of each ring begin; 0 but in tests of their wrap.
    pub first_position: u32,
    /// [`Hooks::idle`] is called after so long without any connection or voice; `None`: never.
    pub idle_after: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lead: LeadSetting::default(),
            socket: String::new(),
            version: env!("CARGO_PKG_VERSION").into(),
            max_connections: 256,
            max_sessions: 128,
            max_session_ring_bytes: 256 << 20,
            max_ring_bytes: 1 << 30,
            first_position: 0,
            idle_after: None,
        }
    }
}

/// What the daemon knows and does. Called on the control thread; must return soon, but for [`Self::devices`].
pub trait Hooks: Send + Sync + 'static {
    /// The device part of the status document.
    fn device(&self) -> Option<DeviceStatus> {
        None
    }

    /// Every device that there is. Called on a thread of its own: it may take its time.
    fn devices(&self) -> Vec<DeviceInfo> {
        Vec::new()
    }

    /// Shared memory that the engine reads was mapped (`true`), or is no longer needed (`false`): for locking it.
    fn memory(&self, _region: &ring::Region, _needed: bool) {}

    /// The number of voices changed.
    fn voices(&self, _open: usize) {}

    /// Nobody was here for [`Settings::idle_after`]. Called once for each such time.
    fn idle(&self) {}

    /// Somebody asks the daemon to end; the daemon then calls [`crate::Server::stop`].
    fn shutdown(&self) {}

    /// A producer was thrown out, or a voice muted; for the log.
    fn say(&self, _line: &str) {}
}

/// Hooks of a server that has no device and no daemon around it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {}
