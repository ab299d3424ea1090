//! Real-time priority of a device's thread: asked for once, and never waited for.

use crate::backend::Want;
use crate::stats::Counters;
use crate::sync::Ordering::Relaxed;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// The question and its answer, as a device's thread and its owner share them.
#[derive(Clone)]
pub(crate) struct Priority(Arc<Question>);

struct Question {
    is_asked: AtomicBool,
    answer: OnceLock<Answer>,
}

pub(crate) type Answer = Result<rt::Promotion, rt::Refused>;

impl Priority {
    /// Of a device that is wanted so: with `no_realtime` it is never asked for.
    pub(crate) fn new(want: &Want) -> Self {
        Self(Arc::new(Question { is_asked: AtomicBool::new(want.no_realtime), answer: OnceLock::new() }))
    }

    /// Asks for `thread`. The limits answer at once; rtkit, which may take seconds, is asked on a thread of its own, while
    /// sound goes on. `[control]`
    pub(crate) fn ask_for(&self, thread: rt::ThreadId) {
        if self.0.is_asked.swap(true, Relaxed) {
            return;
        }
        if let Some(promotion) = rt::promote_at_once(thread, rt::Want::AUDIO) {
            return self.answered(Ok(promotion));
        }
        let this = self.clone();
        let ask = move || this.answered(rt::promote_thread(thread, rt::Want::AUDIO));
        // Without a thread it is not asked.
        let _ = std::thread::Builder::new().name("forebay-rtkit".into()).spawn(ask);
    }

    /// The answer, once known; asks where the thread has shown itself only by now. `[control]`
    pub(crate) fn ask_when_known(&self, counters: &Counters) -> Option<Answer> {
        let thread = counters.thread.load(Relaxed);
        if thread != 0 {
            self.ask_for(rt::ThreadId::from_raw(thread as i32));
        }
        self.answer()
    }

    /// The answer, once known. `[any]`
    pub(crate) fn answer(&self) -> Option<Answer> {
        self.0.answer.get().cloned()
    }

    fn answered(&self, answer: Answer) {
        // Asked once, so answered once.
        let _ = self.0.answer.set(answer);
    }
}
