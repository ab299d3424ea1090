//! What comes back from the Renderer.

use super::Engine;
use crate::notice::{Notice, NoticeKind, Returned};
use crate::stats::VoiceStats;
use crate::wire::{RawKind, RawNotice, Trash};
use units::FramePos;

impl Engine {
    /// What has happened since the last call, in order; frees what the Renderer gave back. Never waits. `[control]`
    ///
    /// Drain it: a voice's place is free again only when its [`NoticeKind::Returned`] was taken.
    pub fn poll(&mut self) -> impl Iterator<Item = Notice> + '_ {
        self.flush();
        std::iter::from_fn(|| self.next_notice())
    }

    fn next_notice(&mut self) -> Option<Notice> {
        loop {
            if let Ok(raw) = self.notices.pop() {
                return Some(self.named(raw));
            }
            // The notices of a voice were sent before the voice itself: they are all told by now.
            if let Some(voice) = self.returned.take() {
                let (id, page) = (voice.id, voice.page.clone());
                let name = self.voices.free(id.slot).map(|slot| slot.name);
                let stats = VoiceStats::from_words(&page.read());
                let returned = Returned { reader: voice.reader, stats };
                return Some(Notice {
                    voice: name.map(|name| (id, name)),
                    frame: stats.frame,
                    kind: NoticeKind::Returned(Box::new(returned)),
                });
            }
            match self.trash.pop() {
                Ok(Trash::Voice(voice)) => self.returned = Some(voice),
                Ok(Trash::Nothing | Trash::Group(_) | Trash::Events(_) | Trash::Tap(_)) => {}
                Err(_) => return self.lost_notices(),
            }
        }
    }

    fn named(&self, raw: RawNotice) -> Notice {
        let name = self.slot(raw.voice).ok().map(|slot| slot.name.clone());
        Notice {
            voice: name.map(|name| (raw.voice, name)),
            frame: FramePos(raw.frame),
            kind: match raw.kind {
                RawKind::Underrun => NoticeKind::Underrun,
                RawKind::Resumed(frames) => NoticeKind::Resumed { frames },
                RawKind::Muted(blame) => NoticeKind::Muted(blame),
                RawKind::Corrupt(fault) => NoticeKind::Corrupt(fault),
                RawKind::Shed => NoticeKind::Shed,
                RawKind::Restored => NoticeKind::Restored,
                RawKind::PageFaults(faults) => NoticeKind::PageFaults { faults },
            },
        }
    }

    fn lost_notices(&mut self) -> Option<Notice> {
        let stats = self.main_stats();
        let lost = stats.notices_lost - self.notices_lost;
        self.notices_lost = stats.notices_lost;
        (lost > 0).then_some(Notice { voice: None, frame: stats.frame, kind: NoticeKind::NoticesLost(lost) })
    }
}
