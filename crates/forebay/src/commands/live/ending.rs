//! `--seconds` and `--bars`: a session that ends by itself, at a frame of the engine's and not at a time of the wall's.

use std::time::{Duration, Instant};

use live::Edit;
use units::{Frames, SampleRate};

use crate::length::LengthArgs;

/// So long before the fade begins the scripts are told of it.
const AHEAD: Duration = Duration::from_millis(500);

/// The fade is over so long before the end: scripts turn their gains on a grid of 64 frames.
const SILENCE: Duration = Duration::from_millis(10);

/// Where the piece began, and where it ends.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// The low word of the engine frame, and all of it, once the engine was asked.
    word: u32,
    first: Option<u64>,
    /// When it was heard of.
    since: Instant,
    /// Frames from the first to the fade.
    until_fade: u64,
    /// When the engine is to be asked where it is.
    ask_at: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ending {
    length: LengthArgs,
    fade: Duration,
    rate: SampleRate,
    span: Option<Span>,
    /// What was left of a piece when its daemon went.
    left: Option<u64>,
    /// The scripts are told.
    pub(super) is_told: bool,
}

impl Ending {
    /// Without a beginning yet; the last `fade` of the length is a fade.
    pub(super) fn new(length: LengthArgs, fade: Duration) -> Self {
        Self { length, fade, rate: SampleRate::DEFAULT, span: None, left: None, is_told: false }
    }

    /// Another daemon: its frames are others. What a piece has played by then is counted by the wall's clock, for nothing else
    /// is left.
    pub(super) fn begin_anew(&mut self, rate: SampleRate) {
        let left = |span: Span| span.until_fade.saturating_sub(self.rate.frames(span.since.elapsed()).0);
        self.left = self.span.take().map(left);
        (self.rate, self.is_told) = (rate, false);
    }

    /// A piece goes on at this engine frame: with another daemon, for what was left of it.
    pub(super) fn rejoined(&mut self, engine_frame: u64) {
        if let (None, Some(left)) = (&self.span, self.left.take()) {
            self.start(engine_frame as u32, left);
        }
    }

    fn start(&mut self, word: u32, until_fade: u64) {
        let now = Instant::now();
        self.span = Some(Span { word, first: None, since: now, until_fade, ask_at: now });
    }

    /// New code is heard: the first with a voice is the beginning. Returns it (the low word of an engine frame) with the
    /// frames that there are to be, if there is an end.
    pub(super) fn edited(&mut self, edit: &Edit) -> Option<(u32, Option<u64>)> {
        if self.span.is_some() || edit.voices.is_empty() {
            return None;
        }
        let word = edit.engine_frame as u32;
        let total = self.length.frames(self.rate, edit.bar_s());
        let until_fade = total.unwrap_or(u64::MAX).saturating_sub(self.rate.frames(self.fade + SILENCE).0);
        self.left = None;
        self.start(word, until_fade);
        Some((word, total))
    }

    /// Whether the engine is to be asked where it is.
    pub(super) fn asks(&self) -> bool {
        let due = |span: &Span| span.ask_at <= Instant::now();
        self.length.is_given() && !self.is_told && self.span.as_ref().is_some_and(due)
    }

    /// The engine is at this frame. Returns what the scripts are to be told, when it is time: the frame at which the fade begins,
    /// and how far away it is.
    pub(super) fn look(&mut self, engine_frame: u64) -> Option<(u32, Duration)> {
        let span = self.span.as_mut()?;
        let away = i64::from(span.word.wrapping_sub(engine_frame as u32) as i32);
        let first = *span.first.get_or_insert(engine_frame.saturating_add_signed(away));
        let fade = first.saturating_add(span.until_fade);
        let left = self.rate.duration(Frames(fade.saturating_sub(engine_frame)));
        if left <= AHEAD {
            self.is_told = true;
            return Some((fade as u32, left));
        }
        // The engine may be slower than the wall, never faster: half the way is never too late.
        span.ask_at = Instant::now() + (left - AHEAD) / 2;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn ending(line: &[&str]) -> Ending {
        let line = ["forebay", "live", "x.js"].iter().chain(line);
        let Command::Live(args) = Cli::try_parse_from(line).unwrap().command else { panic!("live") };
        Ending::new(args.length, Duration::from_millis(50))
    }

    fn edit(voices: &str, engine_frame: u64) -> Edit {
        let edit = format!(
            r#"{{"uptime_ms":1,"seen_ms":1,"revision":1,"joined":[],"left":[],"voices":[{voices}],"unrewindable":[],
            "engine_frame":{engine_frame},"cover_frames":1,"late_frames":0,"speed":1,"bar_s":1.5,"timings_ms":
            {{"hand_over":1,"compile":1,"warm":1,"cover":1,"publish":1,"guard":1,"total":1}}}}"#
        );
        serde_json::from_str(&edit).unwrap()
    }

    /// The first edit with a voice begins it, and the end is so many frames later less the fade, also where the low word of
    /// the engine's frame comes round in between.
    #[test]
    fn ends_at_a_frame() {
        let mut ending = ending(&["--bars", "4"]);
        assert_eq!(ending.edited(&edit("", 5)), None);
        let first = u64::from(u32::MAX) - 100_000;
        assert_eq!(ending.edited(&edit("\"a\"", first)), Some((first as u32, Some(288_000))));
        assert_eq!(ending.edited(&edit("\"a\"", first + 9)), None, "later edits are of the same piece");
        assert!(ending.asks());
        // The engine's own count is longer by some turns of the low word.
        let at = |frame| (7 << 32) + first + frame;
        assert_eq!(ending.look(at(0) - 500), None);
        assert_eq!(ending.look(at(288_000 - 2_880 - 24_001)), None);
        let fade = (first + 288_000 - 2_880) as u32;
        assert_eq!(ending.look(at(288_000 - 2_880 - 4_800)), Some((fade, Duration::from_millis(100))));
        assert!(!ending.asks());
    }

    /// Without a length nobody is asked and nothing ends; with another daemon it begins anew, or goes on.
    #[test]
    fn without_an_end() {
        let mut endless = ending(&[]);
        assert_eq!(endless.edited(&edit("\"a\"", 5)), Some((5, None)));
        assert!(!endless.asks());
        let mut short = ending(&["--seconds", "0.01"]);
        short.edited(&edit("\"a\"", 5));
        assert_eq!(short.look(5), Some((5, Duration::ZERO)), "shorter than its fade");
        short.begin_anew(SampleRate::new(96_000).unwrap());
        assert_eq!(short.edited(&edit("\"a\"", 7)), Some((7, Some(960))));
        // A piece that goes on under another daemon has what was left to go.
        let mut long = ending(&["--seconds", "1000"]);
        long.edited(&edit("\"a\"", 5));
        long.begin_anew(SampleRate::DEFAULT);
        assert!(!long.asks());
        long.rejoined(77);
        assert!(long.asks());
        let (fade, _) = long.look(77 + 48_000_000).expect("it is over by then");
        assert!(fade > 77 + 40_000_000 && fade < 77 + 48_000_000);
    }
}
