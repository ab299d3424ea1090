//! The session protocol over WebSockets, for editors in a browser: on this machine only, with a token that is new each time.
//!
//! Any page may open a connection to 127.0.0.1, so each must know the token, and a browser must say by `Origin` and `Host`
//! that the page itself comes from this machine.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol::{ErrorObject, ErrorWord};
use rustix::event::{PollFd, PollFlags, poll};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::{HeaderMap, StatusCode, header};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

use super::desk::{Desk, MOST_WAITING};
use super::messages::MAX_LINE_BYTES;

const TOKEN_BYTES: usize = 32;
/// How long a connection may take to say what it wants, and to take what it is sent.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a client leaves unread before he is cut off.
const MOST_UNREAD_BYTES: usize = 8 << 20;
/// Connections that have not said yet what they want.
const MOST_STRANGERS: usize = 16;

/// The desks of sessions, by name, and what a visitor must know.
#[derive(Debug)]
struct Hall {
    port: u16,
    token: String,
    desks: Vec<(String, Arc<Desk>)>,
}

/// Sessions that serve WebSockets. Dropping it lets nobody in any more; who is in stays until the session ends.
#[derive(Debug)]
pub struct Web {
    hall: Arc<Hall>,
    listener: Arc<TcpListener>,
    accepting: Option<JoinHandle<()>>,
}

impl Web {
    /// Serves `desks`, by the names of their sessions, on a port of 127.0.0.1; 0 is any that is free.
    ///
    /// # Errors
    /// When the port is taken, or the system has no randomness or no thread.
    pub fn start(port: u16, desks: Vec<(String, Arc<Desk>)>) -> io::Result<Self> {
        let listener = Arc::new(TcpListener::bind((Ipv4Addr::LOCALHOST, port))?);
        let port = listener.local_addr()?.port();
        let hall = Arc::new(Hall { port, token: token()?, desks });
        let shared = (Arc::clone(&listener), Arc::clone(&hall));
        let accepting =
            thread::Builder::new().name("web".into()).spawn(move || accept(&shared.0, &shared.1))?;
        Ok(Self { hall, listener, accepting: Some(accepting) })
    }

    /// Where each session is reached, in order. Who knows it can play anything.
    pub fn urls(&self) -> Vec<String> {
        let Hall { port, token, desks } = &*self.hall;
        desks
            .iter()
            .map(|(name, _)| format!("ws://127.0.0.1:{port}{}?token={token}", path_of(name)))
            .collect()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = rustix::net::shutdown(&*self.listener, rustix::net::Shutdown::Both);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn token() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The path of a session's name; what is no plain letter is a percent sign and two digits.
fn path_of(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let parts = name
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    format!("/{}", parts.collect::<String>())
}

fn accept(listener: &TcpListener, hall: &Arc<Hall>) {
    let strangers = Arc::new(Mutex::new(0_usize));
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error()) => return,
            Err(_) => {
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        if !enter(&strangers) {
            continue;
        }
        let (hall, inside) = (Arc::clone(hall), Arc::clone(&strangers));
        let visit = move || {
            let visitor = greet(stream, &hall);
            *inside.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            if let Some((socket, desk)) = visitor {
                let _ = talk(socket, &desk);
            }
        };
        if thread::Builder::new().name("web-client".into()).spawn(visit).is_err() {
            *strangers.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        }
    }
}

/// Whether there is room for one more who has not said what he wants.
fn enter(strangers: &Mutex<usize>) -> bool {
    let mut count = strangers.lock().unwrap_or_else(PoisonError::into_inner);
    let is_room = *count < MOST_STRANGERS;
    *count += usize::from(is_room);
    is_room
}

/// The handshake; `None` for who must not come in.
fn greet(stream: TcpStream, hall: &Hall) -> Option<(WebSocket<TcpStream>, Arc<Desk>)> {
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).ok()?;
    let mut found = None;
    let limits = WebSocketConfig::default()
        .max_write_buffer_size(MOST_UNREAD_BYTES)
        .max_message_size(Some(MAX_LINE_BYTES))
        .max_frame_size(Some(MAX_LINE_BYTES));
    #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
    let check = |request: &Request, response: Response| match hall.admit(request) {
        Ok(desk) => {
            found = Some(desk);
            Ok(response)
        }
        Err((status, why)) => Err(refusal(status, why)),
    };
    let socket = tungstenite::accept_hdr_with_config(stream, check, Some(limits)).ok()?;
    Some((socket, found?))
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(why.to_owned()));
    *response.status_mut() = status;
    response
}

impl Hall {
    fn admit(&self, request: &Request) -> Result<Arc<Desk>, (StatusCode, &'static str)> {
        if !self.is_local(request.headers()) {
            return Err((StatusCode::FORBIDDEN, "only pages of this machine may talk to a session"));
        }
        let query = request.uri().query().unwrap_or_default();
        let given = query.split('&').find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default();
        if !is_same(given.as_bytes(), self.token.as_bytes()) {
            return Err((
                StatusCode::UNAUTHORIZED,
                "this needs the token of the URL that forebay live --open prints",
            ));
        }
        let path = request.uri().path();
        let desk = self.desks.iter().find(|(name, _)| path_of(name) == path);
        desk.map(|(_, desk)| Arc::clone(desk))
            .ok_or((StatusCode::NOT_FOUND, "there is no session of this name"))
    }

    /// Whether the page comes from this machine, if it is a page, and means this machine.
    fn is_local(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let is_here = |host: &str| {
            ["127.0.0.1", "localhost"].iter().any(|here| host.strip_prefix(here).is_some_and(is_port))
        };
        let is_meant = text(header::HOST)
            .and_then(|host| host.rsplit_once(':'))
            .is_some_and(|(host, port)| is_here(host) && port.parse() == Ok(self.port));
        let is_ours = text(header::ORIGIN).is_none_or(|origin| {
            ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme).is_some_and(is_here))
        });
        is_meant && is_ours
    }
}

/// Nothing, or a colon and a port.
fn is_port(rest: &str) -> bool {
    rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

/// Compares in a time that does not tell how much of it is right.
fn is_same(given: &[u8], wanted: &[u8]) -> bool {
    given.len() == wanted.len() && given.iter().zip(wanted).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Passes lines to the desk and what it answers back, until either end has gone.
fn talk(mut socket: WebSocket<TcpStream>, desk: &Desk) -> io::Result<()> {
    let (out, lines) = sync_channel(MOST_WAITING);
    let cut = socket.get_ref().try_clone()?;
    let hang_up = Box::new(move || drop(cut.shutdown(Shutdown::Both)));
    let Some(client) = desk.join(out, hang_up) else { return Ok(()) };
    let (bell, woken) = UnixStream::pair()?;
    woken.set_nonblocking(true)?;
    socket.get_ref().set_nonblocking(true)?;
    let (passed, waiting) = sync_channel(MOST_WAITING);
    thread::Builder::new().name("web-out".into()).spawn(move || ring(&lines, &passed, bell))?;
    let done = pump(&mut socket, &waiting, &woken, |text| match text {
        Ok(text) => desk.line(client, text.as_bytes()),
        Err(error) => desk.unreadable(client, &error),
    });
    desk.leave(client);
    let _ = socket.close(None).and_then(|()| socket.flush());
    done
}

/// Wakes the other thread for each line, and at the end by closing the bell.
fn ring(lines: &Receiver<Arc<[u8]>>, passed: &std::sync::mpsc::SyncSender<Arc<[u8]>>, mut bell: UnixStream) {
    while let Ok(line) = lines.recv() {
        if passed.send(line).is_err() || bell.write_all(b"\n").is_err() {
            return;
        }
    }
}

fn pump(
    socket: &mut WebSocket<TcpStream>,
    waiting: &Receiver<Arc<[u8]>>,
    mut woken: &UnixStream,
    mut take: impl FnMut(Result<&str, ErrorObject>),
) -> io::Result<()> {
    let mut rings = [0; 256];
    let mut is_over = false;
    loop {
        loop {
            match waiting.try_recv() {
                Ok(line) => {
                    let text = String::from_utf8_lossy(&line);
                    if is_broken(&socket.write(Message::text(text.trim_end()))) {
                        return Ok(());
                    }
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    is_over = true;
                    break;
                }
            }
        }
        let flushed = socket.flush();
        if is_broken(&flushed) || (is_over && flushed.is_ok()) {
            return Ok(());
        }
        let interest = if flushed.is_ok() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let mut ends = [PollFd::new(socket.get_ref(), interest), PollFd::new(woken, PollFlags::IN)];
        // At the end the bell is closed, and what is left to be written is waited for alone.
        let ends = if is_over { &mut ends[..1] } else { &mut ends[..] };
        rustix::io::retry_on_intr(|| poll(ends, None))?;
        let _ = woken.read(&mut rings);
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => take(Ok(text.as_str())),
                Ok(Message::Binary(_)) => {
                    take(Err(ErrorObject::new(
                        ErrorWord::InvalidRequest,
                        "a message is text: one JSON object",
                    )));
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return Ok(()),
            }
        }
    }
}

/// Whether nothing more can be written. What can't be written yet waits in the socket.
fn is_broken(done: &tungstenite::Result<()>) -> bool {
    match done {
        Ok(()) => false,
        Err(Error::Io(error)) => error.kind() != io::ErrorKind::WouldBlock,
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::Values;
    use crate::remote::{About, Host, Send};
    use tungstenite::client::IntoClientRequest;

    #[derive(Debug)]
    struct Nobody;

    impl Host for Nobody {
        fn send(&self, _: u64, _: &Send) -> bool {
            false
        }

        fn turn(&self, _: &Values) {}

        fn ask_names(&self) -> bool {
            false
        }

        fn stop(&self, _: Duration) {}
    }

    fn web() -> Web {
        let about = About { name: "my song.js".into(), file: "/my song.js".into() };
        let desk = Arc::new(Desk::new(about, Arc::new(Nobody)));
        Web::start(0, vec![("my song.js".into(), desk)]).unwrap()
    }

    fn status(url: &str, headers: &[(&'static str, &str)]) -> u16 {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tungstenite::connect(request) {
            Ok((_, response)) => response.status().as_u16(),
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    }

    /// The protocol is the one of the socket; several messages at once are answered in order.
    #[test]
    fn speaks_the_protocol() {
        let web = web();
        let (mut socket, _) = tungstenite::connect(&web.urls()[0]).unwrap();
        for (id, method) in [(1, "hello"), (2, "sing"), (3, "send")] {
            let params = if method == "send" { r#"{"code":"f"}"# } else { "{}" };
            let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
            socket.send(Message::text(line)).unwrap();
        }
        let mut answer =
            || serde_json::from_str::<serde_json::Value>(socket.read().unwrap().to_text().unwrap()).unwrap();
        assert_eq!(answer()["result"]["session"], "my song.js");
        assert!(answer()["error"]["message"].as_str().unwrap().contains("there is no method 'sing'"));
        assert_eq!(answer()["error"]["code"], crate::remote::HOST_GONE);
    }

    /// Without the token, from a page of somebody else, or by another name of this machine: nobody comes in.
    #[test]
    fn only_who_may() {
        let web = web();
        let url = web.urls().remove(0);
        let port = web.hall.port;
        assert_eq!(status(&url, &[]), 101);
        assert_eq!(status(&url, &[("Origin", &format!("http://localhost:{port}"))]), 101);
        assert_eq!(status(&url, &[("Origin", "http://127.0.0.1")]), 101);
        for origin in
            ["http://evil.example", "http://127.0.0.1.evil.example", "http://localhost:x", "null", "file://"]
        {
            assert_eq!(status(&url, &[("Origin", origin)]), 403, "{origin}");
        }
        assert_eq!(status(&url, &[("Host", &format!("evil.example:{port}"))]), 403);
        let (plain, token) = url.split_once("?token=").unwrap();
        assert_eq!(token.len(), 2 * TOKEN_BYTES);
        assert_eq!(status(plain, &[]), 401);
        assert_eq!(status(&format!("{plain}?token={}0", &token[1..]), &[]), 401);
        assert_eq!(status(&format!("ws://127.0.0.1:{port}/other?token={token}"), &[]), 404);
        assert_ne!(web.urls(), self::web().urls(), "each has a token of its own");
    }
}
