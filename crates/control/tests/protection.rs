//! What keeps ears from harm, over the socket: whose wish counts, who is told, and when it is over.

mod common;

use common::{Honest, Pace, Stage, Wire, hello, play};
use protocol::{ErrorWord, MainChanged, MainSet, Notification, Ping, StatusRequest, VoiceRef, VoiceSet};
use units::Decibels;

const UNSAFE: MainSet = MainSet { ceiling_db: None, is_unsafe: true };

const fn ceiling(db: f64) -> MainSet {
    MainSet { ceiling_db: Some(db), is_unsafe: false }
}

/// A connection with a session called `client`.
fn session(stage: &Stage, client: &str) -> Wire {
    let mut wire = Wire::connect(&stage.socket());
    wire.call(&hello(client));
    wire
}

/// What was told of main since the last look.
fn told(wire: &mut Wire) -> Vec<MainChanged> {
    wire.call(&Ping {});
    let news = std::mem::take(&mut wire.news).into_iter();
    news.filter_map(|news| if let Notification::Main(main) = news { Some(main) } else { None }).collect()
}

fn loudest(stage: &mut Stage, honest: &mut [Honest]) -> f32 {
    play(stage, honest, 40, Pace::Free);
    let first = stage.main.len();
    play(stage, honest, 40, Pace::Free);
    stage.main[first..].iter().fold(0.0, |most: f32, sample| most.max(sample.abs()))
}

/// A wish is heard on main, shown, and told to everybody; it is over when it is taken back or its owner is gone.
#[test]
fn a_wish_lives_as_long_as_its_connection() {
    let mut stage = Stage::new();
    let mut honest = [Honest::new(&stage, "loud")];
    let mut watcher = Wire::connect(&stage.socket());
    watcher.call(&VoiceSet { gain_db: Some(18.0), ..VoiceSet::new(VoiceRef::Name("loud".into())) });
    let usual = Decibels(-0.3).amplitude();
    let plain = loudest(&mut stage, &mut honest);
    assert!(plain > 0.7 && plain <= usual, "{plain}");
    let mut console = Wire::connect(&stage.socket());
    console.call(&ceiling(-12.0));
    let held = loudest(&mut stage, &mut honest);
    assert!(held <= Decibels(-12.0).amplitude() && held > 0.2, "{held}");
    let main = watcher.call(&StatusRequest::default()).engine.main;
    assert_eq!((main.ceiling_db, main.is_unsafe), (Some(-12.0), false));
    let [news] = &told(&mut watcher)[..] else { panic!("one word") };
    assert_eq!(
        (news.ceiling_db, news.client.as_str(), news.pid),
        (Some(-12.0), "a console", std::process::id())
    );
    console.call(&ceiling(-20.0));
    assert!(loudest(&mut stage, &mut honest) <= Decibels(-20.0).amplitude());
    console.call(&MainSet::default());
    assert!(loudest(&mut stage, &mut honest) > 0.7);
    console.call(&ceiling(-20.0));
    drop(console);
    stage.steps_until("the wish is over", |_| {
        watcher.call(&StatusRequest::default()).engine.main.ceiling_db == Some(-0.3)
    });
    assert_eq!(told(&mut watcher).len(), 4);
    assert!(loudest(&mut stage, &mut honest) > 0.7);
}

/// Who is alone may spell out that nothing be guarded, and hears it; who comes later is told; who has company may not, and
/// the safest wish counts.
#[test]
fn nobody_is_made_louder_for_in_silence() {
    let mut stage = Stage::new();
    let mut alone = session(&stage, "alone");
    alone.call(&UNSAFE);
    let main = alone.call(&StatusRequest::default()).engine.main;
    assert_eq!((main.ceiling_db, main.is_unsafe), (None, true));
    let mut honest = [Honest::new(&stage, "loud")];
    alone.call(&VoiceSet { gain_db: Some(24.0), ..VoiceSet::new(VoiceRef::Name("loud".into())) });
    assert!(loudest(&mut stage, &mut honest) > 1.2, "without a limiter");
    let mut late = session(&stage, "late");
    let [news] = &told(&mut late)[..] else { panic!("a newcomer is told") };
    assert_eq!((news.is_unsafe, news.client.as_str()), (true, "alone"));
    for louder in [UNSAFE, ceiling(0.0)] {
        let refused = late.ask(&louder).unwrap_err();
        assert_eq!(refused.word(), Some(ErrorWord::OthersPlay));
        assert!(refused.message.contains("forebay restart"), "{refused}");
    }
    late.call(&ceiling(-6.0));
    assert!(loudest(&mut stage, &mut honest) <= Decibels(-6.0).amplitude(), "the safest wish counts");
    drop((alone, late));
    stage.steps_until("all as before", |stage| stage.status().engine.main.ceiling_db == Some(-0.3));
    assert!(loudest(&mut stage, &mut honest) <= Decibels(-0.3).amplitude());
    assert!(
        stage
            .told
            .lines
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.contains("without guards, limiter and ceiling"))
    );
}

/// What makes no sense is refused.
#[test]
fn wrong_wishes_are_refused() {
    let stage = Stage::new();
    let mut wire = Wire::connect(&stage.socket());
    for wrong in [ceiling(0.1), ceiling(-61.0), MainSet { ceiling_db: Some(-6.0), is_unsafe: true }] {
        assert_eq!(wire.ask(&wrong).unwrap_err().word(), Some(ErrorWord::InvalidParams));
    }
    assert_eq!(wire.call(&StatusRequest::default()).engine.main.ceiling_db, Some(-0.3));
}
