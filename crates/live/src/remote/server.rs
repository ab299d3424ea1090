//! Serving a session's socket: a thread that lets clients in, and two for each of them.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol::{ErrorObject, ErrorWord, LineBuffer};
use session::os;

use super::desk::{About, Desk, Host, MOST_WAITING};
use super::messages::MAX_LINE_BYTES;
use super::place::Claim;
use crate::event::Event;

/// A client that takes nothing for so long is not waited for at the end.
const WRITE_PATIENCE: Duration = Duration::from_secs(1);
const PIECE_BYTES: usize = 64 * 1024;

type Writers = Arc<Mutex<Vec<JoinHandle<()>>>>;

/// A session that can be talked to. Dropping it hangs up, after the last answers.
#[derive(Debug)]
pub struct Server {
    desk: Arc<Desk>,
    claim: Arc<Claim>,
    accepting: Option<JoinHandle<()>>,
    writers: Writers,
}

impl Server {
    /// Serves the socket of `claim` for the code that `host` runs.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(claim: Claim, file: String, host: Arc<dyn Host>) -> io::Result<Self> {
        let about = About { name: claim.name().to_owned(), file };
        let desk = Arc::new(Desk::new(about, host));
        let (claim, writers) = (Arc::new(claim), Writers::default());
        let shared = (Arc::clone(&claim), Arc::clone(&desk), Arc::clone(&writers));
        let accepting = thread::Builder::new().name("session".into()).spawn(move || {
            let (claim, desk, writers) = shared;
            accept(&claim, &desk, &writers);
        })?;
        Ok(Self { desk, claim, accepting: Some(accepting), writers })
    }

    /// What the session is called.
    pub fn name(&self) -> &str {
        self.claim.name()
    }

    /// Where clients and host meet.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.desk.tell(&Event::Ended { code: 0 }, None);
        // Who waits in accept is told by this that nothing comes any more.
        let _ = rustix::net::shutdown(self.claim.listener(), rustix::net::Shutdown::Both);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let writers = std::mem::take(&mut *self.writers.lock().unwrap_or_else(PoisonError::into_inner));
        for writer in writers {
            let _ = writer.join();
        }
    }
}

fn accept(claim: &Claim, desk: &Arc<Desk>, writers: &Writers) {
    loop {
        match claim.listener().accept() {
            Ok((stream, _)) => welcome(stream, desk, writers),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // No descriptor left for a moment, or the end.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error()) => return,
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Lets a client in, if he is this user's.
fn welcome(stream: UnixStream, desk: &Arc<Desk>, writers: &Writers) {
    let is_ours = os::peer(&stream).is_ok_and(|peer| peer.uid == os::own_uid());
    if !is_ours {
        return;
    }
    let begin = || -> io::Result<()> {
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        let (reading, writing) = (stream.try_clone()?, stream.try_clone()?);
        let (out, lines) = sync_channel(MOST_WAITING);
        let desk = Arc::clone(desk);
        let cut = stream.try_clone()?;
        let hang_up = Box::new(move || drop(cut.shutdown(Shutdown::Both)));
        let Some(client) = desk.join(out, hang_up) else { return Ok(()) };
        let writer =
            thread::Builder::new().name("client-out".into()).spawn(move || write(writing, &lines))?;
        let mut all = writers.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|writer| !writer.is_finished());
        all.push(writer);
        thread::Builder::new().name("client-in".into()).spawn(move || {
            read(reading, &desk, client);
            desk.leave(client);
        })?;
        Ok(())
    };
    // Without a thread or a descriptor there is no client: he sees the end of his connection.
    let _ = begin();
}

/// Writes what comes until nothing comes any more, or nobody takes it.
fn write(mut stream: UnixStream, lines: &Receiver<Arc<[u8]>>) {
    while let Ok(line) = lines.recv() {
        if stream.write_all(&line).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(mut stream: UnixStream, desk: &Desk, client: u64) {
    let mut lines = LineBuffer::with_limit(MAX_LINE_BYTES);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(bytes) => lines.push(&piece[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        }
        while let Some(line) = lines.next_line() {
            match line {
                Ok([]) => {}
                Ok(line) => desk.line(client, line),
                Err(error) => {
                    desk.unreadable(client, &ErrorObject::new(ErrorWord::LineTooLong, error.to_string()));
                }
            }
        }
    }
}
