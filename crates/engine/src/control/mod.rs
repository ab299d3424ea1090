//! The control half.

mod places;
mod poll;

use crate::config::{EngineConfig, Protection, VoiceSpec};
use crate::notice::{EventsId, GroupId, VoiceId};
use crate::renderer::events::EventSource;
use crate::renderer::{Ends, Renderer};
use crate::stats::{MainPage, MainStats, VoicePage, VoiceStats};
use crate::voice::Voice;
use crate::wire::{Command, RawNotice, StripChange, Trash, VoiceCommand};
use dsp::route::Route;
use places::Places;
use ring::{BroadcastReader, EventReader, Region};
use std::collections::VecDeque;
use std::sync::Arc;
use units::{ChannelCount, Pan};

/// Groups and event queues that an engine has places for.
const MAX_SESSIONS: usize = 256;
/// Commands that fit on their way; further ones wait on the control side.
const COMMANDS: usize = 1024;
/// Notices that fit on their way; further ones are lost and counted.
const NOTICES: usize = 4096;

/// The control half of an engine. `[control]`
///
/// Calls take effect at the Renderer's next block, in their order. Nothing here waits for it. Poll now and then: what the
/// Renderer gives back is freed and reported by [`Engine::poll`] alone.
pub struct Engine {
    config: EngineConfig,
    commands: rtrb::Producer<Command>,
    /// What found no room yet. Bounded by what there is to command: a voice's changes wait as one, and so do a hush and
    /// a change of protection.
    backlog: VecDeque<Waiting>,
    /// A hush that waits.
    hush: Option<bool>,
    /// A change of protection that waits.
    protection: Option<Protection>,
    trash: rtrb::Consumer<Trash>,
    notices: rtrb::Consumer<RawNotice>,
    voices: Places<Slot>,
    groups: Places<()>,
    sources: Places<()>,
    page: Arc<MainPage>,
    latency_frames: usize,
    main_tap: Option<BroadcastReader>,
    /// A voice that came back, until the notices before it are told.
    returned: Option<Box<Voice>>,
    notices_lost: u64,
}

/// Something that waits for room on its way to the Renderer.
enum Waiting {
    Command(Command),
    /// The change in this voice's slot.
    Change(VoiceId),
    /// The hush.
    Hush,
    /// The change of protection.
    Protection,
}

/// What the control side knows of a voice.
struct Slot {
    name: Arc<str>,
    page: Arc<VoicePage>,
    channels: ChannelCount,
    tap: Option<BroadcastReader>,
    /// What is to change of its strip, while that waits.
    change: Option<StripChange>,
    leaving: bool,
}

/// There is no such voice: it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such voice (any more)")]
pub struct UnknownVoice;

/// Why something was not added. Nothing was changed; what was to be added is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// All voices are taken.
    #[error("all {0} voices are taken: close one, or start with more")]
    NoVoice(usize),
    /// All sessions are taken.
    #[error("all {0} sessions are taken: close one")]
    NoSession(usize),
    /// The group was removed.
    #[error("the voice's session has ended")]
    UnknownGroup,
}

/// A ring that was full once: all its pages are there before the audio thread writes to them.
fn touched_ring<T>(capacity: usize, thing: impl Fn() -> T) -> (rtrb::Producer<T>, rtrb::Consumer<T>) {
    let (mut producer, mut consumer) = rtrb::RingBuffer::new(capacity);
    while producer.push(thing()).is_ok() {}
    while consumer.pop().is_ok() {}
    (producer, consumer)
}

/// Both halves of an engine.
pub fn engine(config: EngineConfig) -> (Engine, Renderer) {
    let max_voices = config.max_voices.clamp(1, 1 << 16);
    let config = EngineConfig { max_voices, ..config };
    let (commands, commands_out) = rtrb::RingBuffer::new(COMMANDS);
    let (trash_in, trash) = touched_ring(2 * max_voices + 2 * MAX_SESSIONS + 16, || Trash::Nothing);
    let (notices_in, notices) = touched_ring(NOTICES, RawNotice::never);
    let page = Arc::new(MainPage::new());
    let ends = Ends { commands: commands_out, trash: trash_in, notices: notices_in, page: page.clone() };
    let renderer = Renderer::new(&config, MAX_SESSIONS, MAX_SESSIONS, ends);
    let engine = Engine {
        commands,
        backlog: VecDeque::new(),
        hush: None,
        protection: None,
        trash,
        notices,
        voices: Places::new(max_voices),
        groups: Places::new(MAX_SESSIONS),
        sources: Places::new(MAX_SESSIONS),
        page,
        latency_frames: renderer.latency_frames(),
        main_tap: None,
        returned: None,
        notices_lost: 0,
        config,
    };
    (engine, renderer)
}

impl Engine {
    /// What the engine was made with.
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// How far main lies behind the voices, in frames: the limiter's look-ahead.
    pub fn latency_frames(&self) -> usize {
        self.latency_frames
    }

    fn send(&mut self, command: Command) {
        self.backlog.push_back(Waiting::Command(command));
        self.flush();
    }

    /// Sends what had found no room.
    fn flush(&mut self) {
        while self.commands.slots() > 0 {
            let Some(waiting) = self.backlog.pop_front() else { break };
            let command = match waiting {
                Waiting::Command(command) => Some(command),
                Waiting::Change(id) => {
                    let change = self.slot_mut(id).ok().and_then(|slot| slot.change.take());
                    change.map(|change| Command::Voice(id, VoiceCommand::Strip(change)))
                }
                Waiting::Hush => self.hush.take().map(Command::Hush),
                Waiting::Protection => self.protection.take().map(|wanted| self.protect_command(wanted)),
            };
            let sent = command.map_or(Ok(()), |command| self.commands.push(command));
            debug_assert!(sent.is_ok(), "this side alone sends, and there was room");
        }
    }

    /// Sends a change of a strip, together with those of it that still wait.
    fn change(&mut self, id: VoiceId, change: StripChange) -> Result<(), UnknownVoice> {
        let slot = self.slot_mut(id)?;
        let waiting = slot.change.replace(slot.change.unwrap_or_default().and(change));
        if waiting.is_none() {
            self.backlog.push_back(Waiting::Change(id));
        }
        self.flush();
        Ok(())
    }

    /// Adds a session's commit group.
    ///
    /// # Errors
    /// When all sessions are taken.
    pub fn add_group(&mut self, group: ring::Group) -> Result<GroupId, AddError> {
        let (place, _) = self.groups.take(()).ok_or(AddError::NoSession(MAX_SESSIONS))?;
        self.send(Command::AddGroup(place, group));
        Ok(GroupId(place))
    }

    /// Takes a group out. Remove its voices first: without it their markers wait for ever.
    pub fn remove_group(&mut self, id: GroupId) {
        if self.groups.free(id.0).is_some() {
            self.send(Command::RemoveGroup(id.0));
        }
    }

    /// Adds a voice in the lowest free slot.
    ///
    /// # Errors
    /// When all voices are taken, or the group is gone. The Reader is dropped then.
    pub fn add_voice(&mut self, spec: VoiceSpec) -> Result<VoiceId, AddError> {
        if self.groups.get(spec.group.0).is_none() {
            return Err(AddError::UnknownGroup);
        }
        let page = Arc::new(VoicePage::new());
        let channels = spec.reader.shape().channels;
        let name = spec.name.as_str().into();
        let slot = Slot { name, page: page.clone(), channels, tap: None, change: None, leaving: false };
        let (slot, generation) = self.voices.take(slot).ok_or(AddError::NoVoice(self.config.max_voices))?;
        let id = VoiceId { slot, generation };
        let route = Route::new(channels, self.config.channels);
        let voice = Voice::new(id, spec, page, &self.config, &route);
        self.send(Command::AddVoice(Box::new(voice)));
        Ok(id)
    }

    /// Fades a voice out over `fade_frames` and takes it out; its Reader comes back through [`Engine::poll`].
    ///
    /// # Errors
    /// When the voice has left or is leaving for longer than one poll.
    pub fn remove_voice(&mut self, id: VoiceId, fade_frames: u32) -> Result<(), UnknownVoice> {
        self.slot_mut(id)?.leaving = true;
        self.tell(id, VoiceCommand::Remove(fade_frames))
    }

    fn slot(&self, id: VoiceId) -> Result<&Slot, UnknownVoice> {
        self.voices.get_exact(id.slot, id.generation).ok_or(UnknownVoice)
    }

    fn slot_mut(&mut self, id: VoiceId) -> Result<&mut Slot, UnknownVoice> {
        self.voices.get_exact_mut(id.slot, id.generation).ok_or(UnknownVoice)
    }

    fn tell(&mut self, id: VoiceId, command: VoiceCommand) -> Result<(), UnknownVoice> {
        self.slot(id)?;
        self.send(Command::Voice(id, command));
        Ok(())
    }

    /// Sets the strip's gain (linear amplitude, 0 to [`ring::MAX_GAIN`]; NaN is silence).
    ///
    /// # Errors
    /// When the voice has left.
    pub fn set_gain(&mut self, id: VoiceId, gain: f32) -> Result<(), UnknownVoice> {
        self.change(id, StripChange { gain: Some(gain), ..StripChange::default() })
    }

    /// Sets the strip's pan.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn set_pan(&mut self, id: VoiceId, pan: Pan) -> Result<(), UnknownVoice> {
        self.change(id, StripChange { pan: Some(pan), ..StripChange::default() })
    }

    /// Mutes a voice, or lets it sound again; the latter also lifts a mute by the guard.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn set_mute(&mut self, id: VoiceId, mute: bool) -> Result<(), UnknownVoice> {
        self.change(id, StripChange { mute: Some(mute), forgive: !mute, ..StripChange::default() })
    }

    /// Solos a voice, or takes its solo back. While any voice is soloed, the others are silent.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn set_solo(&mut self, id: VoiceId, solo: bool) -> Result<(), UnknownVoice> {
        self.change(id, StripChange { solo: Some(solo), ..StripChange::default() })
    }

    /// Sets who is shed first under overload: the lowest. [`crate::NEVER_SHED`] never is.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn set_priority(&mut self, id: VoiceId, priority: u8) -> Result<(), UnknownVoice> {
        self.change(id, StripChange { priority: Some(priority), ..StripChange::default() })
    }

    /// Lets a voice that the guard has muted speak again.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn forgive(&mut self, id: VoiceId) -> Result<(), UnknownVoice> {
        self.change(id, StripChange { forgive: true, ..StripChange::default() })
    }

    /// Says that a voice's producer is gone: what its ring lacks from now on is booked under that cause.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn producer_gone(&mut self, id: VoiceId) -> Result<(), UnknownVoice> {
        self.tell(id, VoiceCommand::ProducerGone)
    }

    /// Adds a session's queue of timed events. Its slot numbers mean nothing until [`Engine::map_events`].
    ///
    /// # Errors
    /// When all sessions are taken.
    pub fn add_events(&mut self, reader: EventReader) -> Result<EventsId, AddError> {
        let (place, _) = self.sources.take(()).ok_or(AddError::NoSession(MAX_SESSIONS))?;
        self.send(Command::AddEvents(place, Box::new(EventSource::new(reader))));
        Ok(EventsId(place))
    }

    /// Says which voice events for `slot` (0 to 63) of a queue mean from now on; `None`: no voice.
    pub fn map_events(&mut self, id: EventsId, slot: u32, voice: Option<VoiceId>) {
        if self.sources.get(id.0).is_some() {
            self.send(Command::MapEvents { source: id.0, slot, voice });
        }
    }

    /// Takes an event queue out; what waited in it is dropped.
    pub fn remove_events(&mut self, id: EventsId) {
        if self.sources.free(id.0).is_some() {
            self.send(Command::RemoveEvents(id.0));
        }
    }

    /// Fades everything to silence in [`EngineConfig::hush_frames`], or back. Voices run on, unheard.
    pub fn hush(&mut self, hushed: bool) {
        if self.hush.replace(hushed).is_none() {
            self.backlog.push_back(Waiting::Hush);
        }
        self.flush();
    }

    /// Changes what keeps ears from harm, without a step.
    pub fn protect(&mut self, protection: Protection) {
        if self.protection.replace(protection).is_none() {
            self.backlog.push_back(Waiting::Protection);
        }
        self.flush();
    }

    fn protect_command(&self, wanted: Protection) -> Command {
        let guard = self.config.guard;
        match wanted {
            Protection::On { ceiling_db } => Command::Protect { level_db: Some(ceiling_db), guard },
            Protection::Off => Command::Protect { level_db: None, guard: guard.off() },
        }
    }

    /// A reader of main as it goes to the device, from the next block on.
    pub fn tap_main(&mut self) -> BroadcastReader {
        if let Some(tap) = &self.main_tap {
            let mut reader = tap.clone();
            reader.skip_to_newest();
            return reader;
        }
        let (writer, reader) = self.new_tap();
        self.main_tap = Some(reader.clone());
        self.send(Command::TapMain(writer));
        reader
    }

    /// Ends the tap of main; its readers get no more frames.
    pub fn untap_main(&mut self) {
        if self.main_tap.take().is_some() {
            self.send(Command::UntapMain);
        }
    }

    /// A reader of a voice behind its strip and before main, in main's channels, from the next block on.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn tap_voice(&mut self, id: VoiceId) -> Result<BroadcastReader, UnknownVoice> {
        if let Some(tap) = &self.slot(id)?.tap {
            let mut reader = tap.clone();
            reader.skip_to_newest();
            return Ok(reader);
        }
        let (writer, reader) = self.new_tap();
        self.slot_mut(id)?.tap = Some(reader.clone());
        self.tell(id, VoiceCommand::Tap(writer))?;
        Ok(reader)
    }

    /// Ends the tap of a voice; its readers get no more frames. It also ends with the voice.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn untap_voice(&mut self, id: VoiceId) -> Result<(), UnknownVoice> {
        match self.slot_mut(id)?.tap.take() {
            Some(_) => self.tell(id, VoiceCommand::Untap),
            None => Ok(()),
        }
    }

    fn new_tap(&self) -> (Box<ring::BroadcastWriter>, BroadcastReader) {
        /// What a broadcast ring needs beside its frames.
        const COUNTERS_BYTES: usize = 64;
        let frames = self.config.tap_frames.clamp(64, ring::MAX_CAPACITY_FRAMES).next_power_of_two();
        let bytes = COUNTERS_BYTES + frames as usize * self.config.channels.get() * size_of::<f32>();
        let (writer, reader) = ring::broadcast(&Region::heap(bytes), self.config.channels);
        (Box::new(writer), reader)
    }

    /// Figures of a voice. Waits for nobody.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn stats(&self, id: VoiceId) -> Result<VoiceStats, UnknownVoice> {
        Ok(VoiceStats::from_words(&self.slot(id)?.page.read()))
    }

    /// Figures of the engine. Waits for nobody.
    pub fn main_stats(&self) -> MainStats {
        MainStats::from_words(&self.page.read())
    }

    /// A voice's name.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn name(&self, id: VoiceId) -> Result<Arc<str>, UnknownVoice> {
        Ok(self.slot(id)?.name.clone())
    }

    /// A voice's channels.
    ///
    /// # Errors
    /// When the voice has left.
    pub fn channels(&self, id: VoiceId) -> Result<ChannelCount, UnknownVoice> {
        Ok(self.slot(id)?.channels)
    }

    /// The voices that are not on their way out, in slot order.
    pub fn voices(&self) -> impl Iterator<Item = VoiceId> {
        self.voices
            .iter()
            .filter(|(_, _, slot)| !slot.leaving)
            .map(|(slot, generation, _)| VoiceId { slot, generation })
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::{GroupMemory, ReaderConfig, RingMemory, RingShape};
    use units::SampleRate;

    /// However often strips are changed while nobody renders, what waits is bounded, and the last wish is what counts.
    #[test]
    fn the_backlog_is_bounded() {
        let (mut engine, mut renderer) = engine(EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO));
        let (_, group) = ring::group(GroupMemory::heap());
        let group = engine.add_group(group).unwrap();
        let shape = RingShape { channels: ChannelCount::MONO, capacity_frames: 64, first: 0 };
        let mut open = || {
            let (_, reader) = ring::ring(RingMemory::heap(shape).unwrap(), ReaderConfig::default());
            engine.add_voice(VoiceSpec::new("v", reader, group)).unwrap()
        };
        let ids: Vec<_> = (0..8).map(|_| open()).collect();
        for k in 0..10_000 {
            for id in &ids {
                engine.set_gain(*id, k as f32).unwrap();
                engine.set_mute(*id, k % 2 == 0).unwrap();
                engine.set_solo(*id, k % 3 == 0).unwrap();
            }
            engine.hush(k % 2 == 1);
            engine.protect(if k % 2 == 0 { Protection::Off } else { Protection::On { ceiling_db: -6.0 } });
        }
        assert!(engine.backlog.len() <= ids.len() + 2, "{}", engine.backlog.len());
        let mut out = [0.0; 128];
        for _ in 0..8 {
            renderer.render(crate::Block { out: &mut out, faults: None });
            assert!(engine.poll().next().is_none());
        }
        assert!(engine.backlog.is_empty() && engine.hush.is_none());
        let stats = engine.main_stats();
        assert!(stats.hushed && stats.guarded && (stats.ceiling - 0.501).abs() < 1e-3, "the last of them");
    }
}
