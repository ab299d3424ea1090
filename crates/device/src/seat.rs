//! The seat: where the Renderer lives, so that whichever device is the clock renders, one at a time.
//!
//! One word holds everything: whose turn it is (a token), whether someone is inside, and how often the seat was taken.
//! ```text
//!   63........32 31........2  1       0
//!   token        takes        BROKEN  TAKEN
//! ```
//! A device callback takes the seat with one compare-and-swap, which succeeds only if the seat is free *and* assigned to
//! the callback's token; it renders, and puts back with one `fetch_and`. Control reassigns by exchanging the token
//! bits alone: who is inside stays inside, and finds its next take refused. So a callback that hangs inside `render` is
//! seen ([`Seat::look`]) and never robbed, and a dead device is replaced at once.
//!
//! Invariant: the sitter is touched only between a successful take and its put (by a device or by control).

use crate::sync::{AtomicU64, Ordering, UnsafeCell};

const TAKEN: u64 = 1;
const BROKEN: u64 = 1 << 1;
const TAKE_STEP: u64 = 1 << 2;
const TAKES: u64 = 0xFFFF_FFFC;
const TOKEN_SHIFT: u32 = 32;

/// Says whose turn it is. Issued once to each opened device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(u32);

impl Token {
    /// Belongs to nobody: assigned, the seat rests.
    pub const NOBODY: Self = Self(0);

    /// The token numbered `number`; control numbers them, never the same twice while a device lives.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }
}

/// Why a callback has to play silence this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSeat {
    /// Another device is the clock.
    NotYours,
    /// Someone is inside: a device that has lost its turn and not come back yet, or control.
    Taken,
    /// Nobody sits there.
    Empty,
    /// A render panicked: its state can't be trusted.
    Broken,
}

/// The seat as control sees it at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whose turn it is.
    pub token: Token,
    /// How often it was taken, modulo 2^30. The same number twice while `taken` = still the same one inside.
    pub takes: u32,
    /// Someone is inside.
    pub taken: bool,
    /// A render panicked.
    pub broken: bool,
}

/// The place of one sitter of type `T`.
#[derive(Debug)]
pub struct Seat<T> {
    state: AtomicU64,
    sitter: UnsafeCell<Option<T>>,
}

// SAFETY: the sitter moves between threads (so `T: Send`) and is reached by one at a time: only between a successful
// take, which needs TAKEN to be clear and sets it with Acquire, and the put, which clears it with Release.
unsafe impl<T: Send> Sync for Seat<T> {}

impl<T> Default for Seat<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Seat<T> {
    /// An empty seat, assigned to nobody. `[control]`
    pub fn new() -> Self {
        Self { state: AtomicU64::new(0), sitter: UnsafeCell::new(None) }
    }

    /// Takes the seat for one block if it is `token`'s turn. Never waits. `[rt]`
    ///
    /// # Errors
    /// [`NoSeat`]: play silence.
    pub fn take(&self, token: Token) -> Result<Sitting<'_, T>, NoSeat> {
        let state = self.state.load(Ordering::Relaxed);
        if token_of(state) != token {
            return Err(NoSeat::NotYours);
        }
        if state & BROKEN != 0 {
            return Err(NoSeat::Broken);
        }
        if !self.enter(state) {
            return Err(NoSeat::Taken);
        }
        let sitting = Sitting { seat: self };
        if self.sitter.with_mut(|sitter| {
            // SAFETY: taken just now, see the invariant; the reference ends here.
            unsafe { (*sitter).is_none() }
        }) {
            return Err(NoSeat::Empty);
        }
        Ok(sitting)
    }

    /// Gives the turn to `token`. Who is inside finishes its block. `[control]`
    pub fn assign(&self, token: Token) {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let next = state & u64::from(u32::MAX) | u64::from(token.0) << TOKEN_SHIFT;
            match self.state.compare_exchange(state, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }

    /// Exchanges the sitter, whoever's turn it is; a broken seat is whole again. `[control]`
    ///
    /// # Errors
    /// Gives `sitter` back when someone is inside: try again after a block.
    pub fn replace(&self, sitter: Option<T>) -> Result<Option<T>, Option<T>> {
        let state = self.state.load(Ordering::Relaxed);
        if !self.enter(state) {
            return Err(sitter);
        }
        let sitting = Sitting { seat: self };
        let old = self.sitter.with_mut(|place| {
            // SAFETY: taken just now, see the invariant.
            unsafe { std::mem::replace(&mut *place, sitter) }
        });
        self.state.fetch_and(!BROKEN, Ordering::Relaxed);
        drop(sitting);
        Ok(old)
    }

    /// What the seat looks like. `[any]`
    pub fn look(&self) -> Look {
        let state = self.state.load(Ordering::Relaxed);
        Look {
            token: token_of(state),
            takes: ((state & TAKES) >> 2) as u32,
            taken: state & TAKEN != 0,
            broken: state & BROKEN != 0,
        }
    }

    fn enter(&self, state: u64) -> bool {
        if state & TAKEN != 0 {
            return false;
        }
        let takes = state.wrapping_add(TAKE_STEP) & TAKES;
        let next = state & !TAKES | takes | TAKEN;
        self.state.compare_exchange(state, next, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

fn token_of(state: u64) -> Token {
    Token((state >> TOKEN_SHIFT) as u32)
}

/// The seat, taken; put back on drop. Dropped by a panic it is put back broken.
#[derive(Debug)]
pub struct Sitting<'a, T> {
    seat: &'a Seat<T>,
}

impl<T> Sitting<'_, T> {
    /// Works with the sitter. `[rt]`
    pub fn with<R>(&mut self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.seat.sitter.with_mut(|sitter| {
            // SAFETY: this value exists only while the seat is taken by its owner, and `&mut self` makes the
            // reference unique.
            unsafe { (*sitter).as_mut() }.map(work)
        })
    }
}

impl<T> Drop for Sitting<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.seat.state.fetch_or(BROKEN, Ordering::Relaxed);
        }
        self.seat.state.fetch_and(!TAKEN, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const JACK: Token = Token::new(1);
    const NULL: Token = Token::new(2);

    /// Only the one whose turn it is gets in, and only one at a time.
    #[test]
    fn one_at_a_time_and_in_turn() {
        let seat = Seat::new();
        seat.assign(JACK);
        assert_eq!(seat.take(JACK).unwrap_err(), NoSeat::Empty);
        assert_eq!(seat.replace(Some(7)), Ok(None));
        let mut sitting = seat.take(JACK).unwrap();
        assert_eq!(sitting.with(|it| *it), Some(7));
        assert_eq!(seat.take(JACK).unwrap_err(), NoSeat::Taken);
        seat.assign(NULL);
        assert_eq!(seat.take(NULL).unwrap_err(), NoSeat::Taken);
        assert_eq!(seat.replace(None), Err(None));
        drop(sitting);
        assert_eq!(seat.take(JACK).unwrap_err(), NoSeat::NotYours);
        assert!(seat.take(NULL).is_ok());
    }

    /// A hang shows as the same take, still inside; a healthy device shows other takes.
    #[test]
    fn a_hang_is_seen() {
        let seat = Seat::new();
        seat.assign(JACK);
        seat.replace(Some(())).unwrap();
        let before = seat.look();
        drop(seat.take(JACK).unwrap());
        assert_ne!(seat.look().takes, before.takes);
        let _inside = seat.take(JACK).unwrap();
        let hung = seat.look();
        seat.assign(NULL);
        assert!(hung.taken && seat.look().taken);
        assert_eq!(seat.look().takes, hung.takes);
    }

    /// The counter of takes wraps without touching the token beside it.
    #[test]
    fn takes_wrap() {
        let seat = Seat::new();
        seat.assign(JACK);
        seat.replace(Some(())).unwrap();
        seat.state.fetch_or(TAKES, Ordering::Relaxed);
        drop(seat.take(JACK).unwrap());
        assert_eq!(seat.look(), Look { token: JACK, takes: 0, taken: false, broken: false });
    }

    /// A panic inside breaks the seat for everyone until a new sitter comes.
    #[test]
    fn a_panic_breaks_it() {
        let seat = Seat::new();
        seat.assign(JACK);
        seat.replace(Some(1)).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _inside = seat.take(JACK).unwrap();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(seat.take(JACK).unwrap_err(), NoSeat::Broken);
        assert_eq!(seat.replace(Some(2)), Ok(Some(1)));
        assert!(seat.take(JACK).is_ok());
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    const JACK: Token = Token::new(1);
    const NULL: Token = Token::new(2);

    fn seated() -> Arc<Seat<u32>> {
        let seat = Arc::new(Seat::new());
        seat.assign(JACK);
        assert!(seat.replace(Some(0)).is_ok());
        seat
    }

    /// Plays one block: what the sitter had been through before.
    fn play(seat: &Seat<u32>, token: Token) -> Option<u32> {
        let mut sitting = seat.take(token).ok()?;
        sitting.with(|blocks| {
            *blocks += 1;
            *blocks - 1
        })
    }

    /// A hand-over while the old device may be inside: no block is rendered twice or beside another, and whatever the old
    /// one did is seen by the new one. (loom's cell fails the model if two are inside.)
    #[test]
    fn hand_over() {
        loom::model(|| {
            let seat = seated();
            let old = {
                let seat = Arc::clone(&seat);
                thread::spawn(move || (play(&seat, JACK), play(&seat, JACK)))
            };
            let new = {
                let seat = Arc::clone(&seat);
                thread::spawn(move || play(&seat, NULL))
            };
            seat.assign(NULL);
            let (first, second) = old.join().unwrap();
            let third = new.join().unwrap();
            let mut played: Vec<u32> = [first, second, third].into_iter().flatten().collect();
            played.sort_unstable();
            assert!(played.iter().copied().eq(0..played.len() as u32));
            assert_eq!(play(&seat, JACK), None);
            assert_eq!(play(&seat, NULL), Some(played.len() as u32));
        });
    }

    /// A device that dies (or hangs) inside: its seat is never given to another, and control sees that it is held.
    #[test]
    fn death_inside() {
        loom::model(|| {
            let seat = seated();
            let dying = {
                let seat = Arc::clone(&seat);
                thread::spawn(move || seat.take(JACK).map(std::mem::forget).is_ok())
            };
            seat.assign(NULL);
            let heir = play(&seat, NULL);
            let died_inside = dying.join().unwrap();
            if died_inside {
                assert!(seat.look().taken);
                assert_eq!(seat.take(NULL).unwrap_err(), NoSeat::Taken);
                assert_eq!(seat.replace(None), Err(None));
            } else {
                assert_eq!(play(&seat, NULL), Some(heir.map_or(0, |_| 1)));
            }
        });
    }

    /// Control exchanges the sitter beside a playing device: each sitter keeps its own count, none is lost.
    #[test]
    fn exchange() {
        loom::model(|| {
            let seat = seated();
            let device = {
                let seat = Arc::clone(&seat);
                thread::spawn(move || play(&seat, JACK))
            };
            let old = seat.replace(Some(100));
            let played = device.join().unwrap();
            match (old, played) {
                (Ok(Some(0)), None | Some(100)) | (Ok(Some(1)), Some(0)) => {}
                (Err(Some(100)), Some(0)) => {}
                other => panic!("{other:?}"),
            }
        });
    }
}
