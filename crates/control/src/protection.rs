//! What keeps ears from harm, between the daemon's own options and the wishes of those who are here.
//!
//! A wish lives as long as its connection. One that makes main louder than the daemon's options do is taken only from who is
//! here alone, and everybody is told of every change, so that nobody is made louder for in silence.

use std::collections::BTreeMap;

use engine::{EngineConfig, Protection};
use protocol::{ErrorWord, MainChanged, MainSet, notification_line};

use crate::checks::{Refused, check_range, refused};
use crate::core::Core;

/// The daemon's options, and what connections wish.
#[derive(Debug)]
pub(crate) struct MainWishes {
    own: MainSet,
    by_peer: BTreeMap<u64, MainSet>,
}

impl MainWishes {
    pub(crate) fn new(config: &EngineConfig) -> Self {
        let own = match config.protected {
            true => MainSet { ceiling_db: Some(f64::from(config.limiter.ceiling_db)), is_unsafe: false },
            false => MainSet { ceiling_db: None, is_unsafe: true },
        };
        Self { own, by_peer: BTreeMap::new() }
    }

    /// What counts: the lowest ceiling that is wished; without any, what is spelled out to be unsafe; else the daemon's own.
    pub(crate) fn effective(&self) -> MainSet {
        let lowest = self.by_peer.values().filter_map(|wish| wish.ceiling_db).min_by(f64::total_cmp);
        match lowest {
            Some(ceiling_db) => MainSet { ceiling_db: Some(ceiling_db), is_unsafe: false },
            None if self.by_peer.values().any(|wish| wish.is_unsafe) => {
                MainSet { ceiling_db: None, is_unsafe: true }
            }
            None => self.own,
        }
    }

    /// Whether main is louder under `one` than by the daemon's own options.
    fn is_louder(&self, one: &MainSet) -> bool {
        match (one.ceiling_db, self.own.ceiling_db) {
            (Some(wished), Some(own)) => wished > own,
            _ => one.is_unsafe && !self.own.is_unsafe,
        }
    }
}

impl Core {
    /// `main.set`.
    pub(crate) fn main_set(&mut self, peer: u64, set: MainSet) -> Result<(), Refused> {
        if let Some(ceiling_db) = set.ceiling_db {
            check_range("ceiling_db", ceiling_db, &protocol::CEILING_DB_RANGE)?;
            if set.is_unsafe {
                let message = "unsafe has no ceiling: give one of them";
                return Err(refused(ErrorWord::InvalidParams, message));
            }
        }
        if self.main_wishes.is_louder(&set) {
            self.refuse_before_others(peer)?;
        }
        let before = self.main_wishes.effective();
        if set == MainSet::default() {
            self.main_wishes.by_peer.remove(&peer);
        } else {
            self.main_wishes.by_peer.insert(peer, set);
        }
        let (client, pid) = self.who(peer);
        self.main_changed(before, client, pid);
        Ok(())
    }

    fn refuse_before_others(&self, peer: u64) -> Result<(), Refused> {
        let other =
            self.producers.values().find(|one| one.connection.is_some_and(|connection| connection != peer));
        let Some(other) = other else { return Ok(()) };
        let message = format!(
            "{} (process {}) is here and would be heard louder: wait for its end, or give the daemon that option (forebay restart)",
            other.client, other.pid
        );
        Err(refused(ErrorWord::OthersPlay, message))
    }

    /// Takes a connection's wish back.
    pub(crate) fn wisher_left(&mut self, peer: u64, client: String, pid: u32) {
        let before = self.main_wishes.effective();
        if self.main_wishes.by_peer.remove(&peer).is_some() {
            self.main_changed(before, client, pid);
        }
    }

    fn main_changed(&mut self, before: MainSet, client: String, pid: u32) {
        let now = self.main_wishes.effective();
        if now == before {
            return;
        }
        self.engine.protect(match now.ceiling_db {
            Some(ceiling_db) => Protection::On { ceiling_db: ceiling_db as f32 },
            None => Protection::Off,
        });
        let what = now.ceiling_db.map_or("without guards, limiter and ceiling".to_owned(), |db| {
            format!("with a ceiling of {db} dB")
        });
        self.hooks.say(&format!("main plays {what}, by {client} (process {pid})"));
        let news = MainChanged { ceiling_db: now.ceiling_db, is_unsafe: now.is_unsafe, client, pid };
        self.tell_everybody(&notification_line(&news));
    }

    /// Who comes while somebody has made main louder is told so.
    pub(crate) fn warn_newcomer(&mut self, session: u32) {
        let now = self.main_wishes.effective();
        if !self.main_wishes.is_louder(&now) {
            return;
        }
        let wisher = self.main_wishes.by_peer.iter().find(|(_, wish)| self.main_wishes.is_louder(wish));
        let (client, pid) = wisher.map(|(peer, _)| self.who(*peer)).unwrap_or_default();
        let news = MainChanged { ceiling_db: now.ceiling_db, is_unsafe: now.is_unsafe, client, pid };
        self.notify(session, &news);
    }

    /// What a connection calls itself, and its process.
    pub(crate) fn who(&self, peer: u64) -> (String, u32) {
        let found = self.peers.get(&peer);
        let pid = found.map_or(0, |peer| peer.pid);
        let producer = found.and_then(|peer| peer.session).and_then(|session| self.producers.get(&session));
        producer.map_or(("a console".to_owned(), pid), |producer| (producer.client.clone(), producer.pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::{ChannelCount, SampleRate};

    fn wishes(change: impl FnOnce(&mut EngineConfig)) -> MainWishes {
        let mut config = EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO);
        change(&mut config);
        MainWishes::new(&config)
    }

    const fn ceiling(db: f64) -> MainSet {
        MainSet { ceiling_db: Some(db), is_unsafe: false }
    }

    const UNSAFE: MainSet = MainSet { ceiling_db: None, is_unsafe: true };

    /// The lowest ceiling counts, also against who spells out that there be none; without wishes the daemon's own.
    #[test]
    fn the_safest_wish_counts() {
        let mut all = wishes(|config| config.limiter.ceiling_db = -6.0);
        assert_eq!(all.effective(), ceiling(-6.0));
        all.by_peer.insert(1, UNSAFE);
        assert_eq!(all.effective(), UNSAFE);
        all.by_peer.insert(2, ceiling(-12.0));
        all.by_peer.insert(3, ceiling(-20.0));
        assert_eq!(all.effective(), ceiling(-20.0));
        all.by_peer.clear();
        assert_eq!(all.effective(), ceiling(-6.0));
        assert_eq!(wishes(|config| config.protected = false).effective(), UNSAFE);
    }

    /// Louder is what is above the daemon's own ceiling, or has none where it has one.
    #[test]
    fn louder_is_told_from_safer() {
        let usual = wishes(|config| config.limiter.ceiling_db = -6.0);
        assert!(usual.is_louder(&ceiling(-5.0)) && usual.is_louder(&UNSAFE));
        assert!(!usual.is_louder(&ceiling(-6.0)) && !usual.is_louder(&ceiling(-60.0)));
        let open = wishes(|config| config.protected = false);
        assert!(!open.is_louder(&ceiling(0.0)) && !open.is_louder(&UNSAFE));
    }
}
