//! What a module finds in the embedded runtime. Each program of `tests/js` checks itself; one that fails ends this process,
//! and one that came to its end has written so.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;

/// Runs `tests/js/NAME.js` with a folder of its own, and the file that it is to write "done" into.
fn run(name: &str, folder: &Path) {
    let entry = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js").join(name).with_extension("js");
    let done = folder.join("done");
    fs::write(&done, "....").unwrap();
    let arguments = [folder, &done].map(|path| path.to_str().unwrap().to_owned());
    assert_eq!(forebay_quickjs::run(&entry, &arguments).unwrap(), 0);
    assert_eq!(fs::read_to_string(done).unwrap(), "done", "{name} has not come to its end");
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = guard.path().to_owned();
    (guard, path)
}

// Bytes are written and read where they belong, whatever their width and pattern; errors have the codes of Node.
#[test]
fn files() {
    let (_guard, path) = folder();
    fs::write(path.join("bytes"), vec![0; 200_000]).unwrap();
    fs::write(path.join("text"), "gr\u{fc}n\n").unwrap();
    std::os::unix::fs::symlink("text", path.join("link")).unwrap();
    run("files", &path);
}

// Timers come in order, immediates before what has to be waited for, and a timer that is cleared not at all.
#[test]
fn timers() {
    run("timers", &folder().1);
}

// Workers share memory and nothing else, are told messages in order, and end as they should: by themselves, by an error, by
// their parent, by the watchdog, out of memory; and the next one is none the worse.
#[test]
fn workers() {
    let (_guard, path) = folder();
    run("workers", &path);
}

// An error's stack names file, line and column of evaluated texts.
#[test]
fn places() {
    let (_guard, path) = folder();
    run("places", &path);
}

// What happens to a folder's files is told by name.
#[test]
fn watching() {
    let (_guard, path) = folder();
    fs::write(path.join("seen"), "....").unwrap();
    run("watching", &path);
}

// A socket says what it hears, cut as it comes, and that the other side has closed it; a child that it has ended.
#[test]
fn sockets_and_children() {
    let (_guard, path) = folder();
    let listener = UnixListener::bind(path.join("socket")).unwrap();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = [0; 6];
        stream.read_exact(&mut heard).unwrap();
        stream.write_all(&heard).unwrap();
        heard
    });
    run("sockets", &path);
    assert_eq!(peer.join().unwrap(), *"gr\u{fc}n\n".as_bytes());
}
