//! Hours of devices that come, go, refuse and hang, in virtual time: the supervisor's work is done step by step.

mod fake;

use super::*;
use crate::backend::{Backend, Want};
use crate::choose::Kind;
use crate::supervisor::report::Clock;
use fake::Fake;
use std::sync::mpsc::channel;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;

/// The supervisor's work with devices of the test's own.
struct Stage {
    work: Work,
    now_ns: u64,
    asked: Receiver<Ask>,
    notices: Receiver<Notice>,
}

fn candidate(fake: &Fake) -> Candidate {
    Candidate::new(fake.clone(), &Want::default(), "it is there")
}

impl Stage {
    fn new(list: Vec<Candidate>, is_auto: bool) -> Self {
        let last = is_auto.then(|| candidate(&Fake::present("null")).of_kind(Kind::StopGap));
        let (ask, asked) = channel();
        let (tell, notices) = channel();
        let (seat, status) = (RendererSeat::new(), Arc::new(Mutex::new(Status::default())));
        let selection = Selection::of(list, is_auto, last);
        let mut work = Work::new(seat, Poke::new(ask), tell, status, selection, true);
        work.open_first().unwrap();
        let now_ns = rt::monotonic_ns();
        let mut stage = Self { work, now_ns, asked, notices };
        stage.look();
        stage
    }

    fn auto(list: &[&Fake]) -> Self {
        Self::new(list.iter().map(|fake| candidate(fake)).collect(), true)
    }

    fn recording(fake: &Fake) -> Self {
        Self::new(vec![candidate(fake).of_kind(Kind::Recording)], false)
    }

    /// One look now, and another as soon as each call that was begun comes back.
    fn look(&mut self) {
        self.work.look(self.now_ns);
        while self.work.opening.is_some() || !self.work.busy.is_empty() {
            // Every call pokes when it comes back. (A bound for a broken run, not a measure.)
            let ask = self.asked.recv_timeout(Duration::from_secs(20)).expect("a call to come back");
            self.work.attend(ask, self.now_ns);
            self.work.look(self.now_ns);
        }
    }

    /// Lets `ns` pass, with a look every 50 ms; calls come back at once.
    fn pass(&mut self, ns: u64) {
        for _ in 0..ns / (50 * MS) {
            self.now_ns += 50 * MS;
            self.look();
        }
    }

    /// The same where calls of `hung` hang, which nobody waits for; no other call takes any time.
    fn pass_beside_a_hang(&mut self, hung: &Fake, ns: u64) {
        for _ in 0..ns / (50 * MS) {
            self.now_ns += 50 * MS;
            self.work.look(self.now_ns);
            self.wait_until("the other calls", |it| it.outstanding().all(|way| way == hung.way()));
        }
    }

    /// The ways of the calls that have not come back.
    fn outstanding(&self) -> impl Iterator<Item = &'static str> {
        let opening = self.work.opening.as_ref().and_then(Opening::way);
        self.work.busy.iter().map(Busy::way).chain(opening)
    }

    fn ask(&mut self, ask: Ask) {
        self.work.attend(ask, self.now_ns);
        self.look();
    }

    /// Whether a call that waits for a clock is answered by now.
    fn wake(&mut self) -> Receiver<()> {
        let (reply, answer) = channel();
        self.work.attend(Ask::Wake(reply), self.now_ns);
        self.work.look(self.now_ns);
        answer
    }

    /// The device that is the clock; `None` where the null clock stands in or nothing runs.
    fn playing(&self) -> Option<&'static str> {
        self.work.main.as_ref().filter(|_| self.work.stand_in.is_none()).map(|it| it.candidate.backend.name())
    }

    fn clock(&self) -> Clock {
        self.work.status().clock
    }

    /// What was told since the last time, each in a word.
    fn told(&self) -> Vec<String> {
        let word = |notice: Notice| match notice {
            Notice::Chosen(choice) => format!("chosen {}", choice.backend),
            Notice::Lost { backend, comes_back: true, .. } => format!("lost {backend}"),
            Notice::Lost { backend, .. } => format!("lost {backend} for good"),
            Notice::Back { backend, .. } => format!("back {backend}"),
            other => format!("{other:?}"),
        };
        self.notices.try_iter().map(word).collect()
    }

    /// Calls that have come back are noted, in so far as they have.
    fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while !is_so(self) {
            assert!(std::time::Instant::now() < end, "waited 20 s for: {what}");
            std::thread::yield_now();
            self.work.look(self.now_ns);
        }
    }
}

/// The time that a device has to begin in is counted from when it is open, however long that took.
#[test]
fn a_slow_first_opening_is_no_dead_device() {
    let jack = Fake::present("jack");
    jack.set_moving(false);
    let (hung, is_hung) = channel();
    let slow = std::thread::spawn({
        let jack = jack.clone();
        move || {
            let hang = jack.hang_opening();
            hung.send(()).unwrap();
            while jack.openings() == 0 {
                std::thread::yield_now();
            }
            let end_ns = rt::monotonic_ns();
            drop(hang);
            end_ns
        }
    });
    is_hung.recv().unwrap();
    let stage = Stage::auto(&[&jack]);
    assert!(stage.work.moved.at_ns >= slow.join().unwrap());
}

/// `auto` waits 30 s for a lost device, takes another, and gives it up as soon as the first returns, also after hours.
#[test]
fn the_first_choice_is_taken_back_after_hours() {
    let (jack, alsa) = (Fake::present("jack"), Fake::present("alsa"));
    let mut stage = Stage::auto(&[&jack, &alsa]);
    assert_eq!((stage.playing(), stage.told()), (Some("jack"), vec!["chosen jack".into()]));
    jack.set_present(false);
    stage.pass(29 * SECOND);
    assert_eq!((stage.playing(), stage.told()), (None, vec!["lost jack".into()]));
    stage.pass(3 * SECOND);
    assert_eq!((stage.playing(), stage.told()), (Some("alsa"), vec!["chosen alsa".into()]));
    stage.pass(3600 * SECOND);
    jack.set_present(true);
    stage.pass(SECOND);
    assert_eq!((stage.playing(), stage.told()), (Some("jack"), vec!["back jack".into()]));
    assert_eq!(stage.clock(), Clock::Device);
}

/// Two ways to one server are two: each is tried for itself, and that the other one plays is told.
#[test]
fn another_way_is_told() {
    let (library, own) =
        (Fake::present("pipewire").by("its JACK library"), Fake::present("pipewire").by("its own"));
    let mut stage = Stage::auto(&[&library, &own]);
    library.set_present(false);
    stage.pass(35 * SECOND);
    assert_eq!((library.openings() > 1, own.openings()), (true, 1));
    assert_eq!((stage.playing(), stage.clock()), (Some("pipewire"), Clock::Device));
    assert_eq!(stage.told(), ["chosen pipewire", "lost pipewire", "chosen pipewire"]);
    library.set_present(true);
    stage.pass(SECOND);
    assert_eq!(stage.told(), ["back pipewire"]);
}

/// With nothing to take its place, a device that was away for long is taken back within a second; what was told is that it
/// was lost and that it is back, and in between it counts as lost, not as null.
#[test]
fn the_only_device_is_taken_back_after_hours() {
    let alsa = Fake::present("alsa");
    let mut stage = Stage::auto(&[&alsa]);
    alsa.set_present(false);
    stage.pass(3600 * SECOND);
    assert_eq!((stage.playing(), stage.clock()), (None, Clock::Null));
    assert_eq!(stage.told(), ["chosen alsa", "lost alsa"]);
    alsa.set_present(true);
    stage.pass(SECOND);
    assert_eq!((stage.playing(), stage.told()), (Some("alsa"), vec!["back alsa".into()]));
}

/// A substitute that dies in its turn: whichever of the two returns is taken, and the first one in the end.
#[test]
fn the_substitute_dies_too() {
    let (jack, alsa) = (Fake::present("jack"), Fake::present("alsa"));
    let mut stage = Stage::auto(&[&jack, &alsa]);
    jack.set_present(false);
    stage.pass(35 * SECOND);
    alsa.set_present(false);
    stage.pass(60 * SECOND);
    assert_eq!(stage.told(), ["chosen jack", "lost jack", "chosen alsa", "lost alsa"]);
    alsa.set_present(true);
    stage.pass(SECOND);
    assert_eq!((stage.playing(), stage.told()), (Some("alsa"), vec!["back alsa".into()]));
    jack.set_present(true);
    stage.pass(SECOND);
    assert_eq!((stage.playing(), stage.told()), (Some("jack"), vec!["back jack".into()]));
}

/// Where `auto` found nothing, a card that is plugged in is taken, like a server that is started.
#[test]
fn a_card_comes_to_a_program_on_null() {
    let alsa = Fake::absent("alsa");
    let mut stage = Stage::auto(&[&alsa]);
    assert_eq!((stage.playing(), stage.told()), (Some("null"), vec!["chosen null".into()]));
    stage.pass(60 * SECOND);
    assert!(stage.told().is_empty());
    alsa.set_present(true);
    stage.pass(3 * SECOND);
    assert_eq!((stage.playing(), stage.told()), (Some("alsa"), vec!["chosen alsa".into()]));
}

/// A server that answers and refuses, beside a program on null: nothing is told, no second clock is started.
#[test]
fn refusals_beside_null_change_nothing() {
    let pipewire = Fake::absent("pipewire");
    let mut stage = Stage::auto(&[&pipewire]);
    stage.told();
    for _ in 0..40 {
        stage.pass(2 * SECOND);
        assert!(stage.work.stand_in.is_none());
        assert_eq!((stage.playing(), stage.clock()), (Some("null"), Clock::Device));
    }
    assert!(pipewire.openings() > 20);
    assert!(stage.told().is_empty());
}

/// Each way that refuses is heard, whenever its answer comes; what is told in the end is what the first one said.
#[test]
fn every_refusal_is_heard() {
    let (jack, layer) = (Fake::absent("jack"), Fake::absent("layer"));
    let stage = Stage::auto(&[&jack]);
    let mut opening = Opening::start(
        vec![candidate(&jack), candidate(&layer)],
        &stage.work.seat,
        &stage.work.poke,
        stage.now_ns,
    );
    let mut polls = std::iter::repeat_with(|| {
        std::thread::yield_now();
        opening.poll(stage.now_ns, &mut Vec::new())
    });
    let (refusals, active) = polls.find_map(|outcome| outcome).unwrap();
    let said: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["jack: it is not there", "layer: it is not there"]);
    assert!(active.is_none());
}

/// A device that has gone while the program slept: the null clock goes on when it wakes, and that is told with the reason.
#[test]
fn gone_while_resting() {
    let jack = Fake::present("jack");
    let mut stage = Stage::auto(&[&jack]);
    stage.ask(Ask::Rest);
    jack.set_present(false);
    let answer = stage.wake();
    stage.look();
    assert!(answer.try_recv().is_ok());
    assert_eq!(stage.clock(), Clock::Null);
    assert_eq!(stage.work.status().away.as_deref(), Some("jack: it is not there"));
    jack.set_present(true);
    stage.pass(SECOND);
    assert_eq!(stage.told(), ["chosen jack", "Resting", "lost jack", "back jack"]);
}

/// A device that opens again and does not move does not take the seat from the clock that runs.
#[test]
fn one_that_does_not_move_is_not_the_clock() {
    let (jack, alsa) = (Fake::present("jack"), Fake::present("alsa"));
    let mut stage = Stage::auto(&[&jack, &alsa]);
    jack.set_present(false);
    stage.pass(35 * SECOND);
    stage.told();
    jack.set_moving(false);
    jack.set_present(true);
    for _ in 0..100 {
        stage.pass(100 * MS);
        assert_eq!(stage.playing(), Some("alsa"));
    }
    assert!(stage.told().is_empty());
    jack.set_moving(true);
    stage.pass(3 * SECOND);
    assert_eq!((stage.playing(), stage.told()), (Some("jack"), vec!["back jack".into()]));
}

/// A server that hangs while it is opened holds up nobody else: after its patience the next way is tried.
#[test]
fn a_hung_opening_holds_up_nobody_else() {
    let (jack, alsa) = (Fake::present("jack"), Fake::absent("alsa"));
    let mut stage = Stage::auto(&[&jack, &alsa]);
    jack.set_present(false);
    stage.pass(100 * MS);
    let hang = jack.hang_opening();
    jack.set_present(true);
    let tried = jack.openings() + 1;
    stage.pass_beside_a_hang(&jack, SECOND);
    stage.wait_until("the call that hangs", |_| jack.openings() == tried);
    stage.pass_beside_a_hang(&jack, 31 * SECOND);
    assert_eq!(stage.clock(), Clock::Null);
    alsa.set_present(true);
    stage.now_ns += 3 * SECOND;
    stage.wait_until("the other device", |it| it.playing() == Some("alsa"));
    assert_eq!(jack.openings(), tried, "it is not opened a second time beside a call that hangs");
    drop(hang);
    stage.wait_until("the call", |it| it.work.busy.is_empty());
    stage.now_ns += SECOND;
    stage.wait_until("the first choice", |it| it.playing() == Some("jack"));
}

/// A device whose closing hangs: time goes on at once when the program wakes, and another way is open.
#[test]
fn a_hung_closing_holds_up_nobody_else() {
    let (jack, alsa) = (Fake::present("jack"), Fake::present("alsa"));
    let mut stage = Stage::auto(&[&jack, &alsa]);
    let hang = jack.hang_closing();
    stage.work.attend(Ask::Rest, stage.now_ns);
    stage.work.look(stage.now_ns);
    assert_eq!(stage.clock(), Clock::Resting);
    let answer = stage.wake();
    assert_eq!(stage.clock(), Clock::Null);
    assert!(answer.try_recv().is_err(), "the device may still come");
    stage.pass_beside_a_hang(&jack, 2 * SECOND);
    assert!(answer.try_recv().is_ok());
    jack.set_present(false);
    stage.pass_beside_a_hang(&jack, 2 * SECOND);
    assert_eq!(jack.openings(), 1);
    drop(hang);
    stage.wait_until("the closing", |it| it.work.busy.is_empty());
    jack.set_present(true);
    stage.now_ns += SECOND;
    stage.wait_until("the device", |it| it.playing() == Some("jack"));
}

/// A file is closed once: neither want of voices nor another format opens it again over what it holds.
#[test]
fn a_recording_is_never_overwritten() {
    let file = Fake::present("file");
    let mut stage = Stage::recording(&file);
    stage.ask(Ask::Rest);
    stage.pass(60 * SECOND);
    assert_eq!((stage.playing(), stage.clock()), (Some("file"), Clock::Device));
    assert!(stage.wake().try_recv().is_ok());
    // Silence alone may be overwritten: the Renderer comes after the file.
    stage.ask(Ask::Reopen(channel().0));
    stage.pass(SECOND);
    assert_eq!((stage.playing(), file.openings()), (Some("file"), 2));
    file.set_sounding();
    stage.pass(SECOND);
    stage.ask(Ask::Reopen(channel().0));
    stage.pass(60 * SECOND);
    assert_eq!((file.openings(), stage.clock()), (2, Clock::Null));
    assert_eq!(stage.told(), ["chosen file", "lost file for good"]);
}

/// A file that is lost, or complete, leaves the null clock: it rests, and wakes at once.
#[test]
fn after_a_recording_there_is_a_clock() {
    for is_complete in [false, true] {
        let file = Fake::present("file");
        let mut stage = Stage::recording(&file);
        if is_complete {
            file.set_finished();
        } else {
            file.set_present(false);
        }
        stage.look();
        stage.ask(Ask::Rest);
        assert_eq!(stage.clock(), Clock::Resting);
        assert!(stage.wake().try_recv().is_ok());
        assert_eq!(stage.clock(), Clock::Null);
        file.set_present(true);
        stage.pass(60 * SECOND);
        assert_eq!(file.openings(), 1);
    }
}

/// What is lost while a device closes is told, whenever that is.
#[test]
fn a_bad_end_is_told() {
    let alsa = Fake::present("alsa");
    let mut stage = Stage::auto(&[&alsa]);
    alsa.set_bad_end();
    stage.ask(Ask::Rest);
    assert!(stage.told().iter().any(|told| told.contains("panicked")), "a remark about the end");
}
