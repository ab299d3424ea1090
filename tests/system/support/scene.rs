//! A place of its own for one daemon: socket, log and files in a folder that goes with the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::process::{Outcome, PATIENCE, Process, run};

/// The program under test.
const FOREBAY: &str = env!("CARGO_BIN_EXE_forebay");

/// The place.
#[derive(Debug)]
pub(crate) struct Scene {
    folder: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let scene = Self { folder };
        std::fs::create_dir(scene.path("run")).expect("its runtime folder");
        scene
    }

    /// A path inside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The environment in which this scene's daemon is the daemon.
    pub(crate) fn dress(&self, command: &mut Command) {
        command
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("FOREBAY_BIN", FOREBAY)
            .env_remove("FOREBAY_SOCKET")
            .env_remove("FOREBAY_BACKEND")
            .env_remove("AUDIO_BACKEND");
    }

    /// `forebay ARGS`, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(FOREBAY);
        command.args(args).current_dir(self.folder.path());
        self.dress(&mut command);
        command
    }

    /// Runs `forebay ARGS` to its end.
    pub(crate) fn forebay(&self, args: &[&str]) -> Outcome {
        run(&format!("forebay {}", args.join(" ")), self.command(args))
    }

    /// Starts a daemon and waits until it serves.
    pub(crate) fn daemon(&self, args: &[&str]) -> Process {
        let mut all = vec!["run", "--stay", "--json"];
        all.extend(args);
        let mut daemon = Process::start("the daemon", self.command(&all));
        let ready: Value = serde_json::from_str(&daemon.line()).expect("a ready line");
        assert!(ready["ready"].is_object(), "{ready}");
        daemon
    }

    /// A Rust producer of `tests/programs`, not yet started.
    pub(crate) fn producer(&self, name: &str) -> Command {
        let program = Path::new(FOREBAY).with_file_name("examples").join(name);
        assert!(program.is_file(), "{} is missing: cargo test -p forebay builds it", program.display());
        let mut command = Command::new(program);
        self.dress(&mut command);
        command
    }

    /// A JavaScript producer of `tests/programs`, not yet started; `None` without the runtime.
    pub(crate) fn js_producer(&self, runtime: &str, name: &str) -> Option<Command> {
        let mut command = Command::new(super::find_program(runtime)?);
        if runtime == "node" {
            command.arg("--expose-gc");
        }
        command.arg(repository().join("tests/programs").join(name));
        self.dress(&mut command);
        Some(command)
    }

    /// The status document.
    pub(crate) fn status(&self) -> Value {
        let outcome = self.forebay(&["status", "--json"]);
        assert_eq!(outcome.code, 0, "{}", outcome.err);
        serde_json::from_str(&outcome.out).expect("a status document")
    }

    /// The sum of `figure` over all voices that are there.
    pub(crate) fn sum_of_voices(&self, figure: impl Fn(&Value) -> &Value) -> u64 {
        let status = self.status();
        let producers = status["producers"].as_array().into_iter().flatten();
        let voices = producers.filter_map(|producer| producer["voices"].as_array()).flatten();
        voices.filter_map(|voice| figure(voice).as_u64()).sum()
    }

    /// An error when any voice that is there has run dry: what the machine did to a session so far.
    pub(crate) fn check_undisturbed(&self) -> Result<(), String> {
        match self.sum_of_voices(|voice| &voice["underruns"]) {
            0 => Ok(()),
            underruns => Err(format!("{underruns} underruns")),
        }
    }

    /// Asks for the status until `wanted` is true of it.
    pub(crate) fn await_status(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "it never came to this: {what}; now {status:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The folder of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository is there")
}
