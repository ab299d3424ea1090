//! MIDI 1.0 bytes from a file that has them: a raw MIDI device (`/dev/snd/midiC1D0`), or a named pipe.

use super::{Listener, TURN, Values};
use midly::live::LiveEvent;
use midly::stream::MidiStream;
use midly::{MidiMessage, PitchBend};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, read};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;

/// Of every value of seven bits.
const MOST: f64 = 127.0;

/// What is held and played, as a piece hears it. All channels are one.
#[derive(Clone, Debug, Default)]
pub struct MidiNotes {
    /// Keys that are down and their velocities, in the order in which they were pressed.
    held: Vec<(u8, u8)>,
}

impl MidiNotes {
    /// The values that a message changes: controllers, the wheel and pressure as parts of their range; the newest key and how
    /// hard it is held.
    pub fn take(&mut self, message: MidiMessage, values: &mut Values) {
        let mut set = |what: &str, value: f64| {
            values.insert(format!("midi:{what}"), value);
        };
        match message {
            MidiMessage::Controller { controller, value } => {
                set(&controller.to_string(), f64::from(value.as_int()) / MOST);
            }
            MidiMessage::PitchBend { bend: PitchBend(bend) } => {
                set("bend", (f64::from(bend.as_int()) - 8192.0) / 8192.0);
            }
            MidiMessage::ChannelAftertouch { vel } => set("pressure", f64::from(vel.as_int()) / MOST),
            MidiMessage::NoteOn { key, vel } => self.key(key.as_int(), vel.as_int(), set),
            MidiMessage::NoteOff { key, .. } => self.key(key.as_int(), 0, set),
            MidiMessage::Aftertouch { .. } | MidiMessage::ProgramChange { .. } => {}
        }
    }

    /// A key that is let go leaves the one below it, as on a mono synthesizer.
    fn key(&mut self, key: u8, velocity: u8, mut set: impl FnMut(&str, f64)) {
        self.held.retain(|&(held, _)| held != key);
        if velocity > 0 {
            self.held.push((key, velocity));
        }
        match self.held.last() {
            Some(&(key, velocity)) => {
                set("note", f64::from(key));
                set("gate", f64::from(velocity) / MOST);
            }
            None => set("gate", 0.0),
        }
    }
}

/// A file that is listened to until this is dropped, or until the device is unplugged.
#[derive(Debug)]
pub struct MidiFile {
    _listener: Listener,
}

impl MidiFile {
    /// Listens to the file at `path`; `turn` gets the values of what was read at once.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn listen(path: &Path, turn: impl Fn(&Values) + Send + 'static) -> io::Result<Self> {
        let file = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        let mut stream = MidiStream::new();
        let mut notes = MidiNotes::default();
        let mut bytes = [0; 1024];
        let listener = Listener::start("midi", move || match wait_and_read(&file, &mut bytes) {
            Ok(length) => {
                let mut values = Values::new();
                stream.feed(&bytes[..length], |event| {
                    if let LiveEvent::Midi { message, .. } = event {
                        notes.take(message, &mut values);
                    }
                });
                turn(&values);
                true
            }
            Err(error) => error == Errno::AGAIN || error == Errno::INTR,
        })?;
        Ok(Self { _listener: listener })
    }
}

/// At most [`TURN`] later.
fn wait_and_read(file: &OwnedFd, bytes: &mut [u8]) -> Result<usize, Errno> {
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(TURN.subsec_nanos()) };
    let mut fds = [PollFd::new(file, PollFlags::IN)];
    poll(&mut fds, Some(&timeout))?;
    match read(file, bytes)? {
        // A pipe that nobody writes to is always ready.
        0 => {
            thread::sleep(TURN);
            Err(Errno::AGAIN)
        }
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, mknodat};
    use std::io::Write;
    use std::sync::mpsc;

    fn of(pairs: &[(&str, f64)]) -> Values {
        pairs.iter().map(|&(key, value)| (format!("midi:{key}"), value)).collect()
    }

    // What a keyboard sends through a pipe, cut anywhere and with running status, arrives as values.
    #[test]
    fn a_keyboard_through_a_pipe() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("midi");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let (tell, told) = mpsc::channel();
        let _midi = MidiFile::listen(&pipe, move |values| tell.send(values.clone()).unwrap()).unwrap();
        let mut keyboard = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        let mut send = |bytes: &[u8]| {
            keyboard.write_all(bytes).unwrap();
            told.recv().unwrap()
        };
        assert_eq!(send(&[0xb0, 74, 127, 71, 0]), of(&[("74", 1.0), ("71", 0.0)]));
        assert_eq!(send(&[0x90, 60]), Values::new());
        assert_eq!(send(&[127]), of(&[("note", 60.0), ("gate", 1.0)]));
        assert_eq!(send(&[64, 127]), of(&[("note", 64.0), ("gate", 1.0)]));
        assert_eq!(send(&[0x80, 64, 0]), of(&[("note", 60.0), ("gate", 1.0)]));
        assert_eq!(send(&[0x90, 60, 0]), of(&[("gate", 0.0)]));
        assert_eq!(send(&[0xe0, 0, 64]), of(&[("bend", 0.0)]));
        assert_eq!(send(&[0xe0, 0, 0]), of(&[("bend", -1.0)]));
        assert_eq!(send(&[0xd0, 127]), of(&[("pressure", 1.0)]));
    }

    // A file that is not there is an error at once.
    #[test]
    fn a_file_that_is_not_there() {
        let error = MidiFile::listen(Path::new("/nowhere/midi"), |_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
