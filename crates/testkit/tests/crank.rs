//! The hand-cranked backend: whole engines in virtual time.

use engine::{EngineConfig, NoticeKind};
use forebay_testkit::crank::Crank;
use forebay_testkit::effort;
use forebay_testkit::golden::{assert_same_bits, fit_sine, from_first_sound};
use forebay_testkit::producer::{Behaviour, Lie, ProducerSpec};
use forebay_testkit::signal::{noise, sine};
use units::{ChannelCount, SampleRate};

fn crank() -> Crank {
    Crank::new(EngineConfig::new(SampleRate::DEFAULT, ChannelCount::STEREO))
}

/// A sine that a producer writes is the sine that comes out, to the last bit but for its fade-in.
#[test]
fn a_sine_comes_through() {
    let mut crank = crank();
    crank.add("tone", ProducerSpec::steady(sine(997.0, 0.5, 48_000.0)));
    crank.run(48_000, &[64]);
    let left: Vec<f32> = from_first_sound(crank.main(), 2).iter().step_by(2).copied().skip(1000).collect();
    let fit = fit_sine(&left[..40_000], 997.0, 48_000.0);
    assert!((fit.amplitude - 0.5).abs() < 1e-6 && fit.sinad_db > 120.0, "{fit:?}");
}

/// Any cut of time into blocks gives the same bits, with voices of several kinds.
#[test]
fn blocks_do_not_matter() {
    let render = |blocks: &[usize]| {
        let mut crank = crank();
        crank.add("a", ProducerSpec::steady(noise(1)));
        crank.add("b", ProducerSpec { start_frame: 5000, ..ProducerSpec::steady(noise(2)) });
        let mono = ProducerSpec { channels: ChannelCount::MONO, ..ProducerSpec::steady(noise(3)) };
        crank.add("c", mono);
        crank.run(20_000, blocks);
        crank.main().to_vec()
    };
    let whole = render(&[64]);
    for blocks in [&[1][..], &[17], &[441], &[3, 1024, 64, 999]] {
        assert_same_bits(&whole, &render(blocks));
    }
}

/// Whatever one producer does (pause, die, lie in every known way), the taps of the others have the bits of a run
/// without it, and main stays below its ceiling.
#[test]
fn nobody_hurts_the_others() {
    let others = |first: Option<Behaviour>| {
        let mut crank = crank();
        let others: Vec<_> = (0..3)
            .map(|i| {
                let voice = crank.add(&format!("voice {i}"), ProducerSpec::steady(noise(i)));
                crank.record(voice);
                voice
            })
            .collect();
        if let Some(behaviour) = first {
            crank.add("culprit", ProducerSpec::steady(noise(9)).behaving(behaviour));
        }
        crank.run(effort::times(60_000).min(600_000), &[64]);
        let taps: Vec<Vec<f32>> = others.into_iter().map(|voice| crank.voice(voice).to_vec()).collect();
        let ceiling = 10.0_f32.powf(-0.3 / 20.0) + 1e-6;
        assert!(crank.main().iter().all(|x| x.abs() <= ceiling), "{first:?} passes the ceiling");
        taps
    };
    let alone = others(None);
    let pause = Behaviour::Bursty { every_frames: 30_000, pause_frames: 20_000 };
    let mut all = vec![pause, Behaviour::Dying { at_frame: 20_000 }, Behaviour::Slow { speed: 0.7 }];
    all.extend(Lie::ALL.map(|lie| Behaviour::Lying { at_frame: 20_000, lie }));
    for behaviour in all {
        for (tap, wanted) in others(Some(behaviour)).iter().zip(&alone) {
            assert_same_bits(tap, wanted);
        }
    }
}

/// A liar is named: by its counters or by its sound.
#[test]
fn liars_are_named() {
    for lie in Lie::ALL {
        let mut crank = crank();
        crank.add("honest", ProducerSpec::steady(noise(1)));
        let behaviour = Behaviour::Lying { at_frame: 10_000, lie };
        let liar = crank.add("liar", ProducerSpec::steady(noise(2)).behaving(behaviour));
        crank.run(120_000, &[256]);
        let denormals = crank.engine().stats(liar).expect("it is still there").denormals;
        let blamed = |kind: &NoticeKind| matches!(kind, NoticeKind::Corrupt(_) | NoticeKind::Muted(_));
        let named: Vec<_> = crank.notices().iter().filter(|notice| blamed(&notice.kind)).collect();
        if lie == Lie::Denormal {
            // Denormals are no crime: they are flushed and counted.
            assert!(named.is_empty() && denormals > 0, "{named:?}");
            continue;
        }
        assert!(!named.is_empty(), "{lie:?} goes unnoticed");
        assert!(
            named.iter().all(|notice| notice
                .voice
                .as_ref()
                .is_some_and(|(id, name)| *id == liar && &**name == "liar"))
        );
    }
}
