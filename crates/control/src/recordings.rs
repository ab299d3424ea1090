//! Recordings of main: each belongs to the connection that asked for it, and ends with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use media::SoundFormat;
use protocol::{
    ErrorWord, Id, RecordBegin, RecordStart, RecordStartReply, RecordStop, Recorded, RecordingState,
    RecordingStatus, error_line, notification_line, reply_line,
};
use sink::{Ended, Figures, FileError, News, Recorder, State, Wish};
use units::Frames;

use crate::checks::{Refused, refused, shortened, system};
use crate::core::{Command, Core};

/// Recordings at once: what two disks may be asked for, and what a line of the status document has room for.
pub(crate) const MAX_RECORDINGS: usize = 4;
/// A recording may begin so long ago: what is lost of it is bounded, and so is the silence in its place.
const LATEST_BEGIN_MS: f64 = 10_000.0;

/// All that there are, by number.
#[derive(Default)]
pub(crate) struct Recordings {
    by_number: BTreeMap<u32, Recording>,
    last_number: u32,
}

struct Recording {
    recorder: Recorder,
    /// `None`: gone, or it never began.
    owner: Option<u64>,
    path: String,
    format: SoundFormat,
    /// Who waits for the file to be made.
    starter: Option<Id>,
    is_open: bool,
    is_ending: bool,
    /// Who waits for the file to be whole.
    stoppers: Vec<(u64, Option<Id>)>,
}

impl Recordings {
    /// Ends all of them and waits until their files are whole.
    pub(crate) fn finish(self) {
        self.by_number.values().for_each(|recording| recording.recorder.stop());
        self.by_number.into_values().for_each(|recording| recording.recorder.finish());
    }

    /// What the status document says of them.
    pub(crate) fn status(&self) -> Vec<RecordingStatus> {
        let open = self.by_number.iter().filter(|(_, recording)| recording.is_open);
        open.map(|(number, recording)| recording.status(*number)).collect()
    }

    /// The owner of these is gone: they end.
    pub(crate) fn owner_left(&mut self, peer: u64) {
        for recording in self.by_number.values_mut().filter(|recording| recording.owner == Some(peer)) {
            recording.owner = None;
            recording.end();
        }
    }

    /// The recording of that number, for who began it.
    fn of(&mut self, peer: u64, number: u32) -> Result<&mut Recording, Refused> {
        let found = self.by_number.get_mut(&number).filter(|it| it.owner == Some(peer) && it.is_open);
        let message =
            || format!("this connection has no recording {number}: it has ended, or was never begun");
        found.ok_or_else(|| refused(ErrorWord::NoSuchRecording, message()))
    }
}

impl Recording {
    fn end(&mut self) {
        self.is_ending = true;
        self.recorder.stop();
    }

    fn status(&self, number: u32) -> RecordingStatus {
        let Figures { state, taken_frames, lost_frames, saved_frames, file_bytes, room_bytes } =
            self.recorder.figures();
        RecordingStatus {
            record: number,
            path: self.path.clone(),
            format: self.format.name().into(),
            state: match state {
                _ if self.is_ending => RecordingState::Ending,
                State::Held => RecordingState::Held,
                State::Running => RecordingState::Running,
                State::Ended => RecordingState::Ending,
            },
            frames: taken_frames,
            lost_frames,
            saved_frames,
            waiting_frames: taken_frames - saved_frames.min(taken_frames),
            file_bytes,
            room_bytes,
        }
    }
}

impl Core {
    /// `record.start`. The answer comes when the file is made, which is none of this thread's work.
    pub(crate) fn record_start(
        &mut self,
        peer: u64,
        id: Option<Id>,
        start: RecordStart,
    ) -> Result<(), Refused> {
        if self.recordings.by_number.len() >= MAX_RECORDINGS {
            let message = format!("the daemon makes {MAX_RECORDINGS} recordings already: end one");
            return Err(refused(ErrorWord::RecordingsFull, message));
        }
        let path = check_path(&start.path)?;
        let format = check_format(&path, start.format.as_deref())?;
        let config = self.engine.config();
        let wish = Wish {
            path,
            format,
            overwrite: start.overwrite,
            rate: config.rate,
            channels: config.channels,
            hold: start.hold,
        };
        self.recordings.last_number = self.recordings.last_number.wrapping_add(1).max(1);
        let number = self.recordings.last_number;
        let commands = self.commands_in.clone();
        let tell = move |news| {
            // A server that has stopped has nobody to tell.
            let _ = commands.send(Command::Recording(number, news));
        };
        let recorder = Recorder::start(self.engine.tap_main(), wish, tell).map_err(system)?;
        let recording = Recording {
            recorder,
            owner: Some(peer),
            path: start.path,
            format,
            starter: id,
            is_open: false,
            is_ending: false,
            stoppers: Vec::new(),
        };
        self.recordings.by_number.insert(number, recording);
        Ok(())
    }

    /// `record.begin`.
    pub(crate) fn record_begin(&mut self, peer: u64, begin: RecordBegin) -> Result<(), Refused> {
        let (now, latency) = (self.now_frame(), self.engine.latency_frames() as u64);
        let rate = self.engine.config().rate;
        let recording = self.recordings.of(peer, begin.record)?;
        let ahead = begin.frame.wrapping_sub(now as u32) as i32;
        let frame = now.saturating_add_signed(ahead.into());
        if rate.ms(Frames(now.saturating_sub(frame))) > LATEST_BEGIN_MS {
            let message = format!("frame {} is more than {} s ago", begin.frame, LATEST_BEGIN_MS / 1e3);
            return Err(refused(ErrorWord::InvalidParams, message));
        }
        if begin.frames == Some(0) {
            return Err(refused(ErrorWord::InvalidParams, "a recording has at least one frame"));
        }
        // What a voice plays at a frame is on main that much later.
        recording.recorder.begin(frame + latency, begin.frames);
        Ok(())
    }

    /// `record.stop`. The answer comes when the file is whole.
    pub(crate) fn record_stop(&mut self, peer: u64, id: Option<Id>, stop: RecordStop) -> Result<(), Refused> {
        let recording = self.recordings.of(peer, stop.record)?;
        recording.stoppers.push((peer, id));
        recording.end();
        Ok(())
    }

    /// What a recording has to say.
    pub(crate) fn take_recording_news(&mut self, number: u32, news: News) {
        match news {
            News::Opened(Ok(())) => self.recording_opened(number),
            News::Opened(Err(error)) => self.recording_refused(number, &error),
            News::Ended(ended) => self.recording_ended(number, ended),
        }
    }

    fn recording_opened(&mut self, number: u32) {
        let config = self.engine.config();
        let (rate_hz, channels) = (config.rate.hz(), config.channels.get() as u32);
        let Some(recording) = self.recordings.by_number.get_mut(&number) else { return };
        recording.is_open = true;
        let reply =
            RecordStartReply { record: number, format: recording.format.name().into(), rate_hz, channels };
        if let (Some(owner), Some(id)) = (recording.owner, recording.starter.take()) {
            self.send(owner, reply_line(&id, &reply), None);
        }
    }

    fn recording_refused(&mut self, number: u32, error: &FileError) {
        let Some(recording) = self.recordings.by_number.remove(&number) else { return };
        let word = match error {
            FileError::Exists(_) => ErrorWord::FileExists,
            _ => ErrorWord::Unwritable,
        };
        if let (Some(owner), Some(id)) = (recording.owner, &recording.starter) {
            self.send(owner, error_line(id, &refused(word, error.to_string())), None);
        }
    }

    fn recording_ended(&mut self, number: u32, Ended { figures, failure }: Ended) {
        let Some(recording) = self.recordings.by_number.remove(&number) else { return };
        if let Some(why) = &failure {
            self.hooks.say(&format!("a recording has ended: {why}"));
        }
        let told = Recorded {
            record: number,
            path: recording.path,
            frames: figures.taken_frames,
            lost_frames: figures.lost_frames,
            saved_frames: figures.saved_frames,
            file_bytes: figures.file_bytes,
            error: failure,
        };
        if let (true, Some(owner)) = (recording.stoppers.is_empty(), recording.owner) {
            self.send(owner, notification_line(&told), None);
        }
        for (peer, id) in recording.stoppers {
            if let Some(id) = id {
                self.send(peer, reply_line(&id, &told), None);
            }
        }
    }
}

fn check_path(path: &str) -> Result<PathBuf, Refused> {
    let most = protocol::MAX_PATH_BYTES;
    if path.len() > most || path.chars().any(char::is_control) {
        let message = format!("a path has at most {most} bytes and no control characters");
        return Err(refused(ErrorWord::InvalidParams, message));
    }
    Ok(path.into())
}

fn check_format(path: &Path, name: Option<&str>) -> Result<SoundFormat, Refused> {
    let invalid = |message: String| refused(ErrorWord::InvalidParams, message);
    match name {
        None => SoundFormat::of(path).map_err(|error| invalid(error.to_string())),
        Some(name) => SoundFormat::named(name).ok_or_else(|| {
            let known = SoundFormat::SUFFIXES.join(", ");
            invalid(format!("no format {:?}: there are {known}", shortened(name)))
        }),
    }
}
