//! Starting the live host and talking to it.

use crate::bundle::{self, BundleError};
use crate::event::Event;
use crate::keep::Keep;
use crate::outside::Values;
use crate::remote::{Host, Send};
use crate::runtime::{Choice, Runtime, RuntimeError};
use crate::supervisor::{Shared, supervise};
use protocol::{LeadSetting, MainSet};
use serde_json::json;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use thiserror::Error;

/// What to play, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LiveOptions {
    /// The piece.
    pub file: PathBuf,
    /// The daemon's socket; `None`: where it is by default, starting a daemon if none serves.
    pub socket: Option<PathBuf>,
    /// What the producer calls itself; `None`: the name of the file.
    pub name: Option<String>,
    /// Target lead; `None`: the daemon's own.
    pub lead: Option<LeadSetting>,
    /// Gain of the strip of every voice; `None`: 0 dB.
    pub gain_db: Option<f64>,
    /// What is wished of main before anything sounds, for as long as the session lives. A daemon that refuses it ends the host.
    pub main: Option<MainSet>,
    /// The program that the host starts where no daemon serves; `None`: what `FOREBAY_BIN` or PATH say.
    pub forebay: Option<PathBuf>,
    /// Options of its `run`, so that a daemon that has to be started anew is like the first.
    pub daemon_args: Vec<String>,
    /// The runtime; `None`: the Node or Bun that [`Runtime::choose`] finds.
    pub runtime: Option<Runtime>,
    /// Renders instead of playing: the engine's clock waits for the frames, no sound depends on wall time (a voice has
    /// half a minute for a chunk), the file is not watched and a host that dies is not started again.
    pub render: bool,
}

impl LiveOptions {
    /// Plays `file` with every choice left to its default.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            socket: None,
            name: None,
            lead: None,
            gain_db: None,
            main: None,
            forebay: None,
            daemon_args: Vec::new(),
            runtime: None,
            render: false,
        }
    }
}

/// Why the live host did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// No runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Its JavaScript has no place on disk.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The runtime can't be started.
    #[error("{} can't be started: {error}", program.display())]
    Spawn {
        /// The runtime.
        program: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// A live host that runs, or has ended. Dropping it ends the host as [`Live::stop`] does, without waiting.
#[derive(Debug)]
pub struct Live {
    shared: Arc<Shared>,
    events: Receiver<Event>,
    runtime: Runtime,
    /// For as long as a host may be started again.
    _keep: Option<Keep>,
}

impl Live {
    /// Starts the host and a thread that supervises it: a host that dies is started again, at most three times in ten
    /// seconds.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(options: LiveOptions) -> Result<Self, StartError> {
        let runtime = match options.runtime.clone() {
            Some(runtime) => runtime,
            None => Runtime::choose(&Choice::from_env(), None)?,
        };
        let entry = bundle::unpack()?;
        let (tell, events) = mpsc::channel();
        // Without that memory a host that is started again begins anew.
        let keep = if options.render { None } else { Keep::new().ok() };
        let command_line = command_line(&runtime, &entry, keep.as_ref(), &options);
        let shared = Arc::new(Shared::new(command_line, options.forebay, !options.render));
        let child =
            shared.spawn().map_err(|error| StartError::Spawn { program: runtime.program.clone(), error })?;
        let supervised = Arc::clone(&shared);
        thread::Builder::new()
            .name("live".into())
            .spawn(move || supervise(&supervised, child, &tell))
            .map_err(|error| StartError::Spawn { program: runtime.program.clone(), error })?;
        Ok(Self { shared, events, runtime, _keep: keep })
    }

    /// What the host says, in order. The last one is [`Event::Ended`].
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }

    /// What the host says from now on, to be read in another thread; [`Live::events`] has nothing more then.
    pub fn take_events(&mut self) -> Receiver<Event> {
        std::mem::replace(&mut self.events, mpsc::channel().1)
    }

    /// The runtime that was chosen.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Fades everything out over `fade` and ends the host. [`Event::Ended`] follows.
    pub fn stop(&self, fade: Duration) {
        self.shared.fade_out(fade);
    }

    /// The same as [`Self::stop`], where the fade begins at engine frame `frame` (its low 32 bits), about `in_so_long`
    /// away: a few tenths of a second.
    pub fn stop_at(&self, frame: u32, in_so_long: Duration, fade: Duration) {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let at = json!({ "frame": frame, "in_ms": ms(in_so_long) });
        self.shared.stop();
        self.shared.send(&json!({ "op": "stop", "fade_ms": ms(fade), "at": at }));
    }

    /// What can be done to the host from any thread.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }
}

/// A hold of a live host that outlives nobody: when that has gone, nothing happens.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Host for Handle {
    fn send(&self, number: u64, code: &Send) -> bool {
        let Send { code, name, whole } = code;
        self.shared.send(&json!({ "op": "send", "sent": number, "name": name, "code": code, "whole": whole }))
    }

    fn turn(&self, values: &Values) {
        if !values.is_empty() {
            self.shared.send(&json!({ "op": "set", "values": values }));
        }
    }

    fn ask_names(&self) -> bool {
        self.shared.send(&json!({ "op": "names" }))
    }

    fn stop(&self, fade: Duration) {
        self.shared.fade_out(fade);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop(Duration::from_millis(50));
        self.shared.hang_up();
    }
}

fn command_line(
    runtime: &Runtime,
    entry: &std::path::Path,
    keep: Option<&Keep>,
    options: &LiveOptions,
) -> Vec<std::ffi::OsString> {
    let mut said = json!({ "file": options.file.to_string_lossy(), "render": options.render });
    if !options.daemon_args.is_empty() {
        said["daemon_args"] = json!(options.daemon_args);
    }
    if let Some(keep) = keep {
        said["keep"] = json!(keep.path());
    }
    if let Some(socket) = &options.socket {
        said["socket"] = json!(socket.to_string_lossy());
    }
    if let Some(name) = &options.name {
        said["name"] = json!(name);
    }
    if let Some(lead) = options.lead {
        said["lead"] = json!(lead);
    }
    if let Some(gain_db) = options.gain_db {
        said["gain_db"] = json!(gain_db);
    }
    if let Some(main) = options.main {
        said["main"] = json!(main);
    }
    let program = [runtime.program.clone().into()].into_iter().chain(runtime.arguments.iter().cloned());
    program.chain([entry.into(), said.to_string().into()]).collect()
}
