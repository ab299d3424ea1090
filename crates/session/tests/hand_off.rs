//! The ways in which memory reaches a producer, into another process where that matters.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use forebay_session::layout::CONTROL_BYTES;
use forebay_session::{Guest, Host, HostConfig, Memory, Pacing, RenderStats, os};
use units::{ChannelCount, SampleRate};

fn host() -> Host {
    Host::new(HostConfig { session_id: 5, rate: SampleRate::DEFAULT, crossfade_frames: 240, first: 0 })
        .unwrap()
}

const CHILD: &str = "FOREBAY_TEST_CONTROL_PATH";

/// The other process of `by_path_from_another_process`; does nothing in a plain run.
#[test]
fn child_takes_memory_by_path() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let guest = Guest::new(Memory::open(Path::new(&path), CONTROL_BYTES as u64).unwrap()).unwrap();
    assert_eq!(guest.session_id(), 5);
    guest.tell_pacing(&Pacing { turns: 9, worst_stall_us: 1234, ..Pacing::default() });
    guest.commit().bump();
}

/// A child process opens the control memory by name, and what it writes is seen here.
#[test]
fn by_path_from_another_process() {
    let host = host();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_takes_memory_by_path"])
        .env(CHILD, host.control().path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(child.success());
    assert_eq!((host.pacing().turns, host.pacing().worst_stall_us), (9, 1234));
    assert_eq!(ring::Group::attach(host.group()).load(), 1);
}

/// Descriptors ride on the lines that announce them, in order, and close on exec.
#[test]
fn by_socket() {
    let mut host = host();
    let slot = host.open_slot(ChannelCount::STEREO, 1024).unwrap();
    let (daemon, producer) = UnixStream::pair().unwrap();
    assert_eq!(os::send(&daemon, b"control\n", Some(host.control().fd())).unwrap(), 8);
    assert_eq!(os::send(&daemon, b"news\n", None).unwrap(), 5);
    assert_eq!(os::send(&daemon, b"ring\n", Some(host.samples(slot).unwrap().fd())).unwrap(), 5);
    let (mut text, mut fds, mut piece) = (Vec::new(), VecDeque::new(), [0; 64]);
    while text.len() < 18 {
        let bytes = os::receive(&producer, &mut piece, &mut fds).unwrap();
        text.extend_from_slice(&piece[..bytes]);
    }
    assert_eq!(text, b"control\nnews\nring\n");
    assert_eq!(fds.len(), 2);
    let flags = rustix::io::fcntl_getfd(&fds[0]).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    let guest = Guest::new(Memory::adopt(fds.pop_front().unwrap(), CONTROL_BYTES as u64).unwrap()).unwrap();
    guest.tell_render(
        slot as u32,
        &RenderStats { frames_rendered: 512, busy_us: 3, ..RenderStats::default() },
    );
    assert_eq!(host.render_stats(slot).frames_rendered, 512);
    Memory::adopt(fds.pop_front().unwrap(), 1024 * 8).unwrap();

    // A producer that sends a descriptor to who reads plainly loses it: the daemon accepts none.
    let before = descriptors_of(&host);
    os::send(&producer, b"x", Some(host.control().fd())).unwrap();
    let mut plain = [0; 8];
    assert_eq!((&daemon).read(&mut plain).unwrap(), 1);
    assert_eq!(descriptors_of(&host), before);
}

/// How many descriptors of this process are the control memory of `host`.
fn descriptors_of(host: &Host) -> usize {
    let memory = rustix::fs::fstat(host.control().fd()).unwrap();
    let same = |entry: std::io::Result<std::fs::DirEntry>| {
        entry
            .and_then(|entry| std::fs::metadata(entry.path()))
            .is_ok_and(|found| found.ino() == memory.st_ino)
    };
    std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| same(entry).then_some(())).count()
}

/// The kernel names the process and user at the other end.
#[test]
fn the_peer_is_known() {
    let (one, _other) = UnixStream::pair().unwrap();
    let peer = os::peer(&one).unwrap();
    assert_eq!((peer.pid, peer.uid), (std::process::id(), os::own_uid()));
}

/// The other process of `by_inheritance`; does nothing in a plain run.
#[test]
fn child_takes_the_inherited_socket() {
    if std::env::var_os(os::SESSION_FD).is_none() {
        return;
    }
    let socket = os::inherited_socket().expect("left by the parent");
    assert!(os::inherited_socket().is_none(), "only the first taker gets it");
    (&socket).write_all(b"hello\n").unwrap();
}

/// A child that is started with a socket finds it by number; other children do not.
#[test]
fn by_inheritance() {
    let (daemon, producer) = UnixStream::pair().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_takes_the_inherited_socket"]).stdout(Stdio::null());
    os::leave_socket(&mut command, producer);
    assert!(command.status().unwrap().success());
    drop(command);
    let mut text = String::new();
    (&daemon).read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello\n", "and nobody else holds the other end open");
}
