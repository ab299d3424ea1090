//! A producer that finds no daemon starts one; and what it says when that does not work.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::{ROLE, say};
use engine::{Block, EngineConfig};
use forebay_control::{NoHooks, Server, Settings};
use producer::{ChannelCount, Connect, Frames, SampleRate};
use session::Place;

/// The other processes of this file; does nothing in a plain run.
#[test]
fn actor() {
    match std::env::var(ROLE).as_deref() {
        Ok("client") => client(),
        Ok("daemon") => daemon(),
        _ => {}
    }
}

/// Connects, plays, and says what came of it.
fn client() {
    let session = match Connect::new("client").session() {
        Ok(session) => session,
        Err(error) => return say(&format!("refused {error}")),
    };
    let mut voice = session.voice("client", ChannelCount::MONO).unwrap();
    voice.write(&vec![0.1; 4800]).unwrap();
    voice.drain().unwrap();
    say(&format!("played daemon {}", session.hello().pid));
}

/// A daemon without a device: it renders in steps of real time, and ends when everybody is gone.
fn daemon() {
    let place = Place::from_environment().unwrap();
    place.prepare().unwrap();
    // Two may be started at once: the second finds the place taken and ends.
    let Ok(listener) = UnixListener::bind(place.socket()) else { return };
    let group = rustix::process::getpgid(None).unwrap().as_raw_nonzero();
    std::fs::write(place.socket().with_extension("group"), group.to_string()).unwrap();
    let (engine, mut renderer) = engine::engine(EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO));
    let server = Server::start(listener, engine, Settings::default(), Arc::new(NoHooks)).unwrap();
    let step = SampleRate::DEFAULT.duration(Frames(256));
    let mut out = vec![0.0; 512];
    let mut since_anybody = 0;
    while since_anybody < 400 {
        renderer.render(Block { out: &mut out, faults: None });
        std::thread::sleep(step);
        let voices = server.ask_engine(|engine| engine.voices().count()).unwrap();
        since_anybody = if voices > 0 { 0 } else { since_anybody + 1 };
    }
    std::fs::remove_file(place.socket()).unwrap();
    server.stop();
}

struct World {
    runtime: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { runtime: tempfile::tempdir().unwrap() }
    }

    fn programs(&self) -> std::path::PathBuf {
        let folder = self.runtime.path().join("bin");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A program `name` that does what `script` says.
    fn program(&self, name: &str, script: &str) -> std::path::PathBuf {
        let path = self.programs().join(name);
        testkit::program::script(&path, script);
        path
    }

    /// A stand-in for `forebay run`.
    fn daemon(&self, name: &str) -> std::path::PathBuf {
        let test = std::env::current_exe().unwrap();
        let script = "[ \"$1\" = run ] || exit 9";
        self.program(
            name,
            &format!("{script}\n{ROLE}=daemon exec {} --exact actor --nocapture", test.display()),
        )
    }

    fn client(&self, program: Option<&Path>, path: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "actor", "--nocapture"])
            .env(ROLE, "client")
            .env("XDG_RUNTIME_DIR", self.runtime.path())
            .env("PATH", path)
            .env_remove("FOREBAY_SOCKET")
            .env_remove("FOREBAY_BIN")
            .stdout(Stdio::piped());
        if let Some(program) = program {
            command.env("FOREBAY_BIN", program);
        }
        command
    }

    fn said(&self, program: Option<&Path>) -> String {
        told(self.client(program, "/nowhere").output().unwrap())
    }
}

fn told(output: Output) -> String {
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.split_once('@')).unwrap_or_else(|| panic!("it said {text}"));
    line.1.to_owned()
}

/// Two producers at once find no daemon, start two, and both play through the one that serves; it runs in a process
/// group of its own. `forebay` on PATH does as well as FOREBAY_BIN.
#[test]
fn two_producers_start_one_daemon() {
    let world = World::new();
    let program = world.daemon("forebay");
    let path = format!("{}:/usr/bin:/bin", world.programs().display());
    let one = world.client(None, &path).spawn().unwrap();
    let other = world.client(Some(&program), "/usr/bin:/bin").spawn().unwrap();
    let said = [one, other].map(|client| told(client.wait_with_output().unwrap()));
    assert_eq!(said[0], said[1]);
    let group = std::fs::read_to_string(world.runtime.path().join("forebay/daemon.group")).unwrap();
    assert_eq!(said[0], format!("played daemon {group}"), "the daemon leads its own process group");
    // The daemon ends by itself when nobody plays: the socket goes with it.
    let socket = world.runtime.path().join("forebay/daemon.sock");
    while socket.exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// No program, no program that can be run, one that ends at once, one that never serves: each is said, with the way out.
#[test]
fn a_daemon_that_does_not_come() {
    let world = World::new();
    let none = world.said(None);
    assert!(none.contains("FOREBAY_BIN") && none.contains("PATH"), "{none}");
    let missing = world.said(Some(&world.runtime.path().join("missing")));
    assert!(missing.contains("can't be run"), "{missing}");
    let ends = world.said(Some(&world.program("ends", "exit 3")));
    assert!(ends.contains("exit status: 3") && ends.contains("FOREBAY_START_TIMEOUT"), "{ends}");
    let sleeps = world.program("sleeps", "exec /bin/sleep 1");
    let never = told(world.client(Some(&sleeps), "/").env("FOREBAY_START_TIMEOUT", "50").output().unwrap());
    assert!(never.contains("within 50 ms"), "{never}");
}

/// A folder that is open to others is refused; a socket that its daemon left behind is no daemon.
#[test]
fn unsafe_and_stale_places() {
    let world = World::new();
    let folder = world.runtime.path().join("forebay");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let open = world.said(None);
    assert!(open.contains("chmod 700"), "{open}");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    drop(UnixListener::bind(folder.join("daemon.sock")).unwrap());
    let stale = world.said(None);
    assert!(stale.contains("no forebay daemon serves"), "{stale}");
}

/// A producer that inherits a socket plays through it, though it could find no daemon by itself.
#[test]
fn an_inherited_socket() {
    let world = World::new();
    let mut daemon = world.client(None, "/nowhere").env(ROLE, "daemon").spawn().unwrap();
    let socket = world.runtime.path().join("forebay/daemon.sock");
    let stream = loop {
        match std::os::unix::net::UnixStream::connect(&socket) {
            Ok(stream) => break stream,
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
        assert!(daemon.try_wait().unwrap().is_none(), "the daemon serves");
    };
    let mut client = world.client(None, "/nowhere");
    client.env("XDG_RUNTIME_DIR", "/nowhere");
    session::os::leave_socket(&mut client, stream);
    let said = told(client.output().unwrap());
    assert_eq!(said, format!("played daemon {}", daemon.id()));
    assert!(daemon.wait().unwrap().success());
}
