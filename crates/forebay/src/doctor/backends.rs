//! Which backends there are, and whether the one that would play really moves: a trial engine is rendered for a moment.

use std::time::{Duration, Instant};

use device::{Clock, OpenError, Supervisor};
use engine::EngineConfig;

use super::Finding;
use super::machine;
use crate::cli::AudioArgs;
use crate::daemon::devices;

const ABOUT: &str = "backend";
/// How long a device gets to ask for its first frames.
const MOVES_WITHIN: Duration = Duration::from_millis(1500);

/// A line for each backend.
pub(crate) fn present() -> Vec<Finding> {
    device::devices().into_iter().map(|(backend, found)| about(backend, found)).collect()
}

fn about(backend: &str, found: Result<Vec<device::DeviceInfo>, OpenError>) -> Finding {
    match found {
        Ok(list) if list.is_empty() => Finding::good(ABOUT, format!("{backend}: nothing to play on")),
        Ok(list) => {
            let names: Vec<_> = list.iter().map(|device| device.name.as_str()).take(4).collect();
            let more = if list.len() > 4 { format!(" and {} more", list.len() - 4) } else { String::new() };
            Finding::good(ABOUT, format!("{backend}: {}{more}", names.join(", ")))
        }
        // A server that does not run is no fault; the trial says whether anything plays.
        Err(error) => Finding::good(ABOUT, error.to_string()),
    }
}

/// Opens what `run` would open, seats an engine, and looks whether time moves. With it the memory that an engine wants.
pub(crate) fn trial(audio: &AudioArgs) -> Vec<Finding> {
    let remedy = "forebay devices lists what there is; another --backend or --device may do";
    let opened = devices::wanted(audio).map_err(|trouble| trouble.to_string()).and_then(|(config, _)| {
        let opened = Supervisor::open(config).map_err(|error| error.to_string())?;
        Ok(opened)
    });
    let (supervisor, _notices) = match opened {
        Ok(opened) => opened,
        Err(what) => return vec![Finding::fault(ABOUT, what, remedy), machine::locked_memory()],
    };
    let format = supervisor.format();
    let (_engine, renderer) = engine::engine(EngineConfig::new(format.rate, format.channels));
    let seated = supervisor.seat(Box::new(renderer)).is_ok();
    let deadline = Instant::now() + MOVES_WITHIN;
    while supervisor.status().figures.rendered_frames == 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let status = supervisor.status();
    let choice = status.choice.as_ref().map(ToString::to_string).unwrap_or_default();
    let memory = machine::locked_memory();
    let moves = status.figures.rendered_frames > 0 && status.clock == Clock::Device;
    let heard = status.device.as_ref().is_none_or(|device| device.backend != "null");
    let finding = match (seated && moves, heard) {
        (true, true) => Finding::good(ABOUT, format!("would play on {choice}; it moves")),
        (true, false) => Finding::weak(
            ABOUT,
            format!("would play on {choice}"),
            "start JACK or PipeWire, or plug in a sound card",
        ),
        (false, _) => {
            let away = status.away.unwrap_or_else(|| "it asks for no frames".to_owned());
            Finding::fault(ABOUT, format!("{choice}, but {away}"), remedy)
        }
    };
    vec![finding, memory]
}
