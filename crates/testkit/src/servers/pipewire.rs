//! PipeWire with WirePlumber, a PulseAudio door and a null sink, in a folder and on a bus of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{Missing, PATIENCE, Process, succeeds, wait_for};

/// A PipeWire of a test's own, whose sink is called `nullsink`.
#[derive(Debug)]
pub struct PipeWire {
    // In the order in which they end.
    _pulse: Process,
    _wireplumber: Process,
    pipewire: Process,
    _bus: Process,
    folder: TempDir,
}

impl PipeWire {
    /// Starts the servers with a graph of `rate_hz` and `quantum_frames`.
    ///
    /// # Errors
    /// [`Missing`] when one of them is not installed or does not come up.
    pub fn start(rate_hz: u32, quantum_frames: u32) -> Result<Self, Missing> {
        let folder =
            prepare(rate_hz, quantum_frames).map_err(|error| Missing(format!("no folder: {error}")))?;
        let at = folder.path();
        let mut bus = Command::new("dbus-daemon");
        bus.args([
            "--session",
            "--nofork",
            "--nopidfile",
            &format!("--address=unix:path={}", at.join("bus").display()),
        ]);
        let bus = up(bus, at, &at.join("bus"))?;
        let pipewire = up(Command::new("pipewire"), at, &at.join("pipewire-0"))?;
        let wireplumber = start(Command::new("wireplumber"), at)?;
        let pulse = up(Command::new("pipewire-pulse"), at, &at.join("pulse/native"))?;
        let this = Self { _pulse: pulse, _wireplumber: wireplumber, pipewire, _bus: bus, folder };
        // Ready is when the session manager has given the sink its ports.
        let ready = wait_for(PATIENCE, || {
            let mut look = Command::new("pactl");
            look.args(["get-sink-volume", "nullsink"]).envs(this.env());
            succeeds(look)
        });
        if ready {
            Ok(this)
        } else {
            Err(Missing(format!("PipeWire shows no sink: {}", this.pipewire.said())))
        }
    }

    /// What a client's environment needs to reach these servers.
    pub fn env(&self) -> Vec<(&'static str, PathBuf)> {
        env(self.folder.path())
    }

    /// The server's process: to stop, continue or kill it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.pipewire
    }
}

fn env(at: &Path) -> Vec<(&'static str, PathBuf)> {
    vec![
        ("XDG_RUNTIME_DIR", at.to_path_buf()),
        ("XDG_CONFIG_HOME", at.join("config")),
        ("XDG_STATE_HOME", at.join("state")),
        ("PIPEWIRE_RUNTIME_DIR", at.to_path_buf()),
        ("PULSE_RUNTIME_PATH", at.join("pulse")),
        ("DBUS_SESSION_BUS_ADDRESS", PathBuf::from(format!("unix:path={}", at.join("bus").display()))),
    ]
}

fn start(mut command: Command, at: &Path) -> Result<Process, Missing> {
    command.envs(env(at));
    Process::start(command)
}

/// Starts a server and waits until its socket is there.
fn up(command: Command, at: &Path, socket: &Path) -> Result<Process, Missing> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut process = start(command, at)?;
    wait_for(PATIENCE, || process.ended().is_some() || socket.exists());
    if process.ended().is_none() && socket.exists() {
        return Ok(process);
    }
    Err(Missing(format!("{program} does not come up: {}", process.said())))
}

fn prepare(rate_hz: u32, quantum_frames: u32) -> std::io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("fbpw").tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
    let config = folder.path().join("config/pipewire/pipewire.conf.d");
    fs::create_dir_all(&config)?;
    fs::create_dir_all(folder.path().join("state"))?;
    fs::create_dir_all(folder.path().join("pulse"))?;
    let text = format!(
        "context.properties = {{ default.clock.rate = {rate_hz} default.clock.allowed-rates = [ {rate_hz} ] \
         default.clock.quantum = {quantum_frames} default.clock.min-quantum = 16 default.clock.max-quantum = 8192 }}\n\
         context.objects = [ {{ factory = adapter args = {{ factory.name = support.null-audio-sink \
         node.name = nullsink media.class = Audio/Sink audio.rate = {rate_hz} audio.position = [ FL FR ] \
         object.linger = true monitor.passthrough = true }} }} ]\n"
    );
    fs::write(config.join("10-null.conf"), text)?;
    Ok(folder)
}
