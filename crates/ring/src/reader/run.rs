//! Letting frames pass: the loop of decide, stretch, play.

use super::fade::{Fade, Old, mix};
use super::{LatePolicy, Reader, State};
use units::MAX_CHANNELS;

impl Reader {
    /// Lets `frames` frames pass; into `out`, or unheard.
    #[inline(never)]
    pub(super) fn run(&mut self, mut out: Option<&mut [f32]>, frames: i64) {
        let channels = self.samples.channels();
        let mut wanted = frames;
        while wanted > 0 {
            while self.decide(wanted) {}
            let stretch = self.stretch(wanted);
            let done = (frames - wanted) as usize;
            let part =
                out.as_deref_mut().map(|out| &mut out[done * channels..][..stretch as usize * channels]);
            self.play(part, stretch);
            wanted -= stretch;
        }
        self.find_calm();
    }

    /// Plays `frames` frames in which nothing is decided.
    fn play(&mut self, out: Option<&mut [f32]>, frames: i64) {
        let heard = out.is_some();
        if let Some(out) = out {
            self.fill_new(out);
            if let Some(fade) = self.fade {
                self.mix_old(&fade, out);
            }
            self.keep_last(out);
        } else {
            self.last = [0.0; MAX_CHANNELS];
        }
        self.pass(frames, heard);
    }

    /// The new sound: the frames of the future, or silence.
    fn fill_new(&self, out: &mut [f32]) {
        if self.state == State::Playing {
            self.samples.copy_out(self.position as u32, out);
        } else {
            out.fill(0.0);
        }
    }

    /// Mixes the old sound under the new, a few frames at a time: the old ones need a place for their copy.
    fn mix_old(&self, fade: &Fade, out: &mut [f32]) {
        const FRAMES: usize = 32;
        let channels = self.samples.channels();
        let mut old = [0.0; FRAMES * MAX_CHANNELS];
        let from = match fade.old {
            Old::Silence => None,
            Old::Held(frame) => {
                old.chunks_exact_mut(channels).for_each(|place| place.copy_from_slice(&frame[..channels]));
                None
            }
            Old::Left { position, .. } => Some(position),
            Old::Ending => Some(self.position),
        };
        for (part, out) in out.chunks_mut(FRAMES * channels).enumerate() {
            let done = (part * FRAMES) as i64;
            let old = &mut old[..out.len()];
            if let Some(from) = from {
                self.samples.copy_out((from + done) as u32, old);
            }
            for (k, (old, new)) in old.chunks_exact(channels).zip(out.chunks_exact_mut(channels)).enumerate()
            {
                mix(old, new, Fade::gain(fade.done + done + k as i64, self.crossfade_frames));
            }
        }
    }

    /// Moves every counter on by `frames`.
    fn pass(&mut self, frames: i64, heard: bool) {
        self.now += frames;
        let ending = matches!(self.fade, Some(Fade { old: Old::Ending, .. }));
        match self.state {
            State::Playing => self.consume(frames, heard),
            State::Starved if ending => self.consume(frames, heard),
            State::Starved => self.miss(frames),
            State::Idle | State::Faulted => {}
        }
        self.pass_fade(frames);
    }

    fn consume(&mut self, frames: i64, heard: bool) {
        self.position += frames;
        if !heard {
            self.tally.shed += frames;
            self.changed = true;
        }
    }

    /// Frames were due that are not there.
    fn miss(&mut self, frames: i64) {
        self.tally.concealed += frames;
        self.tally.stall += frames;
        self.changed = true;
        match self.policy {
            LatePolicy::Hold => self.anchor += frames,
            LatePolicy::Skip => {
                let shed = frames.min(self.available());
                self.position += shed;
                self.tally.shed += shed;
                self.debt += frames - shed;
            }
        }
    }

    /// Moves the fade on. An old sound that has ended goes on as its last frame.
    fn pass_fade(&mut self, frames: i64) {
        let last_of = |reader: &Self, position: i64| {
            let mut frame = [0.0; MAX_CHANNELS];
            let channels = reader.samples.channels();
            reader.samples.copy_out(position as u32, &mut frame[..channels]);
            frame
        };
        let Some(mut fade) = self.fade else { return };
        fade.done += frames;
        fade.old = match fade.old {
            Old::Left { position, left } if left > frames => {
                Old::Left { position: position + frames, left: left - frames }
            }
            Old::Left { position, left } => Old::Held(last_of(self, position + left - 1)),
            Old::Ending if self.available() == 0 => Old::Held(last_of(self, self.position - 1)),
            old => old,
        };
        self.fade = (fade.done < self.crossfade_frames).then_some(fade);
        self.changed = true;
    }
}
