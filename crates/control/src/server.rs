//! The server as the daemon holds it.

use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use engine::Engine;
use protocol::{DeviceChanged, notification_line};
use thiserror::Error;

use crate::core::{Command, Core};
use crate::recordings::Recordings;
use crate::settings::{Hooks, Settings};

/// The control thread has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the server has stopped")]
pub struct Stopped;

/// Sends commands to the control thread, and wakes it.
#[derive(Clone)]
pub(crate) struct Sender {
    commands: mpsc::Sender<Command>,
    wake: Arc<UnixStream>,
}

impl Sender {
    pub(crate) fn send(&self, command: Command) -> Result<(), Stopped> {
        self.commands.send(command).map_err(|_| Stopped)?;
        // A full socket has wakes in it that were not read yet.
        let _awake_already = (&*self.wake).write(&[1]);
        Ok(())
    }
}

/// What a server that has stopped leaves behind.
pub struct Remains {
    /// It fades to silence.
    pub engine: Engine,
    recordings: Recordings,
}

impl Remains {
    /// Ends all recordings and waits until their files are whole: when what they are to have has been played.
    pub fn finish(self) {
        self.recordings.finish();
    }
}

/// A running server of the control protocol: one thread that owns the [`Engine`]. Dropping it stops it.
pub struct Server {
    sender: Sender,
    thread: Option<JoinHandle<(Engine, Recordings)>>,
}

impl Server {
    /// Serves `listener` from now on. The caller has bound it in a safe place ([`session::Place`]).
    ///
    /// # Errors
    /// When the system refuses a thread or a socket.
    pub fn start(
        listener: UnixListener,
        engine: Engine,
        settings: Settings,
        hooks: Arc<dyn Hooks>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let (commands, inbox) = mpsc::channel();
        let sender = Sender { commands, wake: Arc::new(waker) };
        let core = Core::new(engine, settings, hooks, sender.clone());
        let serve = move || core.serve(&listener, &wake, &inbox);
        let thread = std::thread::Builder::new().name("forebay-control".into()).spawn(serve)?;
        Ok(Self { sender, thread: Some(thread) })
    }

    /// Has `act` done with the engine, soon, on the control thread. It must return soon too.
    ///
    /// # Errors
    /// When the server has stopped.
    pub fn with_engine(&self, act: impl FnOnce(&mut Engine) + Send + 'static) -> Result<(), Stopped> {
        self.sender.send(Command::Engine(Box::new(act)))
    }

    /// Asks the engine something, and waits for the answer. Not from within a hook.
    ///
    /// # Errors
    /// When the server has stopped.
    pub fn ask_engine<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Engine) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.with_engine(move |engine| {
            // Who asked may have given up.
            let _nobody_waits = answer.send(question(engine));
        })?;
        answered.recv().map_err(|_| Stopped)
    }

    /// Tells every producer and watcher that the clock moved.
    ///
    /// # Errors
    /// When the server has stopped.
    pub fn device_changed(&self, device: &DeviceChanged) -> Result<(), Stopped> {
        self.sender.send(Command::Notify(notification_line(device)))
    }

    /// Says `closing` to everybody, has the engine fade to silence ([`Engine::hush`]), closes every connection and gives
    /// back what goes on: keep rendering for as long as the fade takes, which recordings are to have too. `None` if the control
    /// thread has panicked.
    pub fn stop(mut self) -> Option<Remains> {
        self.end()
    }

    fn end(&mut self) -> Option<Remains> {
        let thread = self.thread.take()?;
        // Else it has ended already.
        let _ended = self.sender.send(Command::Stop);
        let (engine, recordings) = thread.join().ok()?;
        Some(Remains { engine, recordings })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.end());
    }
}
