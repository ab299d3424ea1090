//! What the control side asks for, once per block.

use super::Renderer;
use super::events::EventSource;
use crate::notice::VoiceId;
use crate::shed::Ranks;
use crate::voice::{Silence, Voice};
use crate::wire::{Command, RawKind, RawNotice, StripChange, Trash, VoiceCommand};

/// Commands that are taken per block; the rest waits for the next.
const COMMANDS_PER_BLOCK: usize = 256;
/// Room that one command may need on the way back.
const TRASH_PER_COMMAND: usize = 2;

impl Renderer {
    pub(super) fn take_commands(&mut self) {
        for _ in 0..COMMANDS_PER_BLOCK {
            if self.trash.slots() < TRASH_PER_COMMAND {
                break;
            }
            let Ok(command) = self.commands.pop() else { break };
            self.obey(command);
        }
        if std::mem::take(&mut self.solos_changed) {
            self.heed_solos();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::AddVoice(voice) => self.add_voice(voice),
            Command::Voice(id, command) => self.obey_for_voice(id, command),
            Command::AddGroup(index, group) => {
                if let Some(old) = place(&mut self.groups, index).and_then(|place| place.replace(group)) {
                    self.throw(Trash::Group(old));
                }
            }
            Command::RemoveGroup(index) => {
                if let Some(old) = place(&mut self.groups, index).and_then(Option::take) {
                    self.throw(Trash::Group(old));
                }
            }
            Command::AddEvents(index, source) => {
                let old = self.events.replace(index, Some(source));
                self.throw_source(old);
            }
            Command::RemoveEvents(index) => {
                let old = self.events.replace(index, None);
                self.throw_source(old);
            }
            Command::MapEvents { source, slot, voice } => self.events.map(source, slot, voice),
            Command::Hush(hushed) => self.hush(hushed),
            Command::Protect { level_db, guard } => {
                self.guard = guard;
                self.protection.set_level_db(level_db);
            }
            Command::TapMain(mut tap) => {
                tap.count_from(self.frame);
                let old = self.protection.tap.replace(tap);
                self.throw_tap(old);
            }
            Command::UntapMain => {
                let old = self.protection.tap.take();
                self.throw_tap(old);
            }
        }
    }

    fn add_voice(&mut self, mut voice: Box<Voice>) {
        let route = &self.routes[usize::from(voice.channels) - 1];
        let not_solo = self.soloed > 0 && !voice.strip.solo;
        voice.strip.set_silence(Silence::NOT_SOLO, not_solo, route, self.frame, 0);
        voice.strip.set_silence(Silence::HUSH, self.hushed, route, self.frame, 0);
        if let Err(voice) = self.slots.insert(voice) {
            self.throw(Trash::Voice(voice));
        }
    }

    fn obey_for_voice(&mut self, id: VoiceId, command: VoiceCommand) {
        let Some(voice) = self.slots.get_mut(id) else {
            // It has left in the meantime; what came with the command goes back.
            if let VoiceCommand::Tap(tap) = command {
                self.throw_tap(Some(tap));
            }
            return;
        };
        match command {
            VoiceCommand::Strip(change) => self.change_strip(id, change),
            VoiceCommand::ProducerGone => voice.lose_producer(self.frame),
            VoiceCommand::Remove(fade_frames) => self.let_go(id, fade_frames),
            VoiceCommand::Tap(tap) => {
                let old = voice.tap.replace(tap);
                self.throw_tap(old);
            }
            VoiceCommand::Untap => {
                let old = voice.tap.take();
                self.throw_tap(old);
            }
        }
    }

    fn change_strip(&mut self, id: VoiceId, change: StripChange) {
        let (frame, ramp_frames) = (self.frame, self.ramp_frames);
        let Some(voice) = self.slots.get_mut(id) else { return };
        let route = &self.routes[usize::from(voice.channels) - 1];
        if let Some(gain) = change.gain {
            voice.strip.set_gain(gain, route, frame);
        }
        if let Some(pan) = change.pan {
            voice.strip.set_pan(pan, route, frame);
        }
        if change.forgive {
            voice.strip.set_silence(Silence::GUARD, false, route, frame, ramp_frames);
        }
        if let Some(mute) = change.mute {
            voice.strip.set_silence(Silence::MUTE, mute, route, frame, ramp_frames);
        }
        if let Some(priority) = change.priority {
            voice.priority = priority;
        }
        if let Some(solo) = change.solo {
            self.solo(id, solo);
        }
    }

    fn hush(&mut self, hushed: bool) {
        self.hushed = hushed;
        for voice in self.slots.iter_mut() {
            let route = &self.routes[usize::from(voice.channels) - 1];
            voice.strip.set_silence(Silence::HUSH, hushed, route, self.frame, self.hush_frames);
        }
    }

    /// Any solo silences all voices that have none.
    fn solo(&mut self, id: VoiceId, on: bool) {
        let Some(voice) = self.slots.get_mut(id) else { return };
        if voice.strip.solo == on || (on && voice.leaves_at.is_some()) {
            return;
        }
        voice.strip.solo = on;
        self.soloed = if on { self.soloed + 1 } else { self.soloed - 1 };
        self.solos_changed = true;
    }

    /// Silences and wakes voices as the solos want it: once per block, however many changed.
    fn heed_solos(&mut self) {
        for voice in self.slots.iter_mut() {
            let route = &self.routes[usize::from(voice.channels) - 1];
            let not_solo = self.soloed > 0 && !voice.strip.solo;
            voice.strip.set_silence(Silence::NOT_SOLO, not_solo, route, self.frame, self.ramp_frames);
        }
    }

    /// Begins the fade-out of a voice that is to leave.
    fn let_go(&mut self, id: VoiceId, fade_frames: u32) {
        self.solo(id, false);
        let Some(voice) = self.slots.get_mut(id) else { return };
        let route = &self.routes[usize::from(voice.channels) - 1];
        voice.strip.set_silence(Silence::LEAVING, true, route, self.frame, fade_frames);
        let silent_at = voice.strip.gate_end();
        if voice.leaves_at.is_none() {
            self.slots.leaving += 1;
        }
        if let Some(voice) = self.slots.get_mut(id) {
            voice.leaves_at = Some(voice.leaves_at.map_or(silent_at, |at| at.min(silent_at)));
        }
    }

    /// Sends voices whose fade-out is over to the control side.
    pub(super) fn send_leavers_back(&mut self) {
        if self.slots.leaving == 0 {
            return;
        }
        for slot in 0..self.slots.top() {
            let gone = |voice: &&mut Voice| voice.leaves_at.is_some_and(|at| at <= self.frame);
            if self.trash.slots() == 0 || self.slots.at_mut(slot).filter(gone).is_none() {
                continue;
            }
            if let Some(mut voice) = self.slots.remove(slot) {
                self.slots.leaving -= 1;
                super::step::publish(&mut voice, self.frame);
                self.throw(Trash::Voice(voice));
            }
        }
    }

    /// Sheds or restores voices when the load asks for it. While any are shed it is decided anew in each cycle who: a voice
    /// may have begun, or have been silenced, that had another rank before.
    pub(super) fn weigh_load(&mut self, load: f32, frames: usize) {
        if !self.shedder.feel(load, frames) {
            return;
        }
        let mut ranks = Ranks::new();
        self.slots.iter().for_each(|voice| ranks.add(voice.shed_rank(), voice.is_audible()));
        self.shedder.weigh(load, self.frame, ranks.most());
        let mut cut = ranks.cut(self.shedder.count());
        for voice in self.slots.iter_mut().rev() {
            let drop = cut.drops(voice.shed_rank());
            if drop == voice.strip.silence().has(Silence::SHED) {
                continue;
            }
            let route = &self.routes[usize::from(voice.channels) - 1];
            voice.strip.set_silence(Silence::SHED, drop, route, self.frame, self.ramp_frames);
            let kind = if drop { RawKind::Shed } else { RawKind::Restored };
            self.notices.tell(RawNotice { voice: voice.id, frame: self.frame, kind });
        }
    }

    fn throw_source(&mut self, source: Option<Box<EventSource>>) {
        if let Some(source) = source {
            self.throw(Trash::Events(source));
        }
    }

    fn throw_tap(&mut self, tap: Option<Box<ring::BroadcastWriter>>) {
        if let Some(tap) = tap {
            self.throw(Trash::Tap(tap));
        }
    }

    /// Sends something to be freed on the control side. There is room: commands are only taken while there is.
    fn throw(&mut self, trash: Trash) {
        if let Err(rtrb::PushError::Full(trash)) = self.trash.push(trash) {
            debug_assert!(false, "trash was thrown without looking for room");
            std::mem::forget(trash);
        }
    }
}

fn place<T>(places: &mut [Option<T>], index: u32) -> Option<&mut Option<T>> {
    places.get_mut(index as usize)
}
