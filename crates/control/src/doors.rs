//! New connections: whose they are, and whether there is room.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use protocol::{ErrorObject, ErrorWord, Id, error_line};
use session::os;

use crate::connection::Connection;
use crate::core::{Core, Peer};

/// No new connections for so long when there is no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Connections taken in one round.
const ACCEPTS: usize = 32;

impl Core {
    /// Lets in who waits at the door.
    pub(crate) fn accept(&mut self, listener: &UnixListener, now: Instant) {
        if self.accept_after.is_some_and(|after| after > now) {
            return;
        }
        self.accept_after = None;
        for _ in 0..ACCEPTS {
            match listener.accept() {
                Ok((socket, _)) => self.welcome(socket, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.hooks.say(&format!("no new connections for a moment: {error}"));
                    self.accept_after = Some(now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    fn welcome(&mut self, socket: UnixStream, now: Instant) {
        let Ok(credentials) = os::peer(&socket) else { return };
        if credentials.uid != os::own_uid() {
            self.hooks.say(&format!("refused a connection of user {}", credentials.uid));
            return;
        }
        let Ok(mut connection) = Connection::new(socket, now) else { return };
        if self.peers.len() >= self.settings.max_connections && !self.make_room() {
            let error = ErrorObject::new(
                ErrorWord::ConnectionsFull,
                format!("the daemon serves {} connections already: close one", self.settings.max_connections),
            );
            let _no_room_either = connection.send(error_line(&Id::Null, &error), None);
            let _gone = connection.flush();
            return;
        }
        let peer =
            Peer { connection, pid: credentials.pid, session: None, watch: None, garbage: 0, spoke: false };
        self.peers.insert(self.next_peer, peer);
        self.next_peer += 1;
        self.idle_since = None;
    }

    /// Hangs up on the oldest connection that has no session and has said nothing that was a request.
    fn make_room(&mut self) -> bool {
        let silent =
            self.peers.iter().find(|(_, peer)| peer.session.is_none() && !peer.spoke && peer.watch.is_none());
        let Some((&oldest, _)) = silent else { return false };
        self.hang_up(oldest);
        true
    }
}
