//! Devices between the command line, the supervisor and the status document.

use std::time::Duration;

use device::{Clock, JackPorts, LatencyParts, OpenError, RunInfo, Status, SupervisorConfig, Want};
use protocol::{DeviceInfo, DeviceStatus, Health, LatencyStatus};
use units::{ChannelCount, Frames, SampleRate};

use crate::backend;
use crate::cli::{self, AudioArgs};
use crate::trouble::{Exit, Trouble};

/// What the supervisor is to open.
///
/// # Errors
/// When the options contradict what there is.
pub(crate) fn wanted(audio: &AudioArgs) -> Result<(SupervisorConfig, Option<String>), Trouble> {
    let asked = backend::asked(audio)?;
    let (backend, device) = numbered(asked.name, audio.device.clone())?;
    let usage = |error: &dyn std::fmt::Display| Trouble::new(Exit::Usage, error);
    let want = Want {
        device,
        rate: audio.rate.map(SampleRate::new).transpose().map_err(|error| usage(&error))?,
        channels: audio
            .channels
            .map(|n| ChannelCount::new(n.into()))
            .transpose()
            .map_err(|error| usage(&error))?,
        period_frames: audio.period.map(|frames| frames as usize),
        client_name: audio.client_name.clone().unwrap_or_default(),
        jack_ports: match audio.jack_ports {
            Some(cli::JackPorts::Voice) => JackPorts::Voice,
            _ => JackPorts::Main,
        },
        no_connect: audio.no_connect,
        ..Want::default()
    };
    Ok((SupervisorConfig { backend, want }, asked.warning))
}

/// A number stands for a line of `forebay devices`.
///
/// # Errors
/// When the list has no such line.
pub(crate) fn numbered(backend: String, device: Option<String>) -> Result<(String, Option<String>), Trouble> {
    let Some(number) = device.as_deref().and_then(|device| device.parse::<usize>().ok()) else {
        return Ok((backend, device));
    };
    let mut list = list();
    match number.checked_sub(1).filter(|index| *index < list.len()) {
        Some(index) => {
            let chosen = list.swap_remove(index);
            Ok((chosen.backend, Some(chosen.name)))
        }
        None => {
            Err(Trouble::new(Exit::Device, format!("there is no device {number}, but 1 to {}", list.len()))
                .remedy("forebay devices lists them"))
        }
    }
}

/// Every device of every backend, in the order in which they are numbered.
pub(crate) fn list() -> Vec<DeviceInfo> {
    let found = device::devices().into_iter().filter_map(|(_, devices)| devices.ok()).flatten();
    found
        .map(|device| DeviceInfo {
            backend: device.backend.to_owned(),
            name: device.name,
            default: device.is_default,
        })
        .collect()
}

/// Why a device can't be opened, and what to do.
pub(crate) fn not_opened(error: &OpenError) -> Trouble {
    let exit = if matches!(error, OpenError::UnknownBackend { .. }) { Exit::Usage } else { Exit::Device };
    Trouble::new(exit, error)
        .remedy("forebay devices lists what there is; --backend null plays without a device")
}

/// The device part of the status document, after `uptime`.
pub(crate) fn status(status: &Status, uptime: Duration) -> Option<DeviceStatus> {
    let info = status.device.as_ref()?;
    let per_hour = xruns_per_hour(status.figures.xruns, uptime);
    Some(DeviceStatus {
        backend: info.backend.to_owned(),
        name: info.device.clone(),
        state: state(status).to_owned(),
        why: status.choice.as_ref().map(|choice| choice.reason.clone()).unwrap_or_default(),
        rate_hz: info.format.rate.hz(),
        channels: info.format.channels.get() as u32,
        period_frames: info.period_frames,
        latency: latency_status(info),
        lost_frames: status.figures.lost_frames,
        xruns: status.figures.xruns,
        xruns_per_hour: per_hour,
        health: xrun_health(per_hour),
    })
}

fn latency_status(info: &RunInfo) -> LatencyStatus {
    let LatencyParts { period_frames, device_frames, resampler_frames } = info.latency;
    let ms = |frames: u32| (info.format.rate.ms(Frames(frames.into())) * 100.0).round() / 100.0;
    LatencyStatus {
        period_ms: ms(period_frames),
        resampler_ms: ms(resampler_frames),
        device_ms: ms(device_frames),
        total_ms: ms(period_frames + device_frames + resampler_frames),
    }
}

fn state(status: &Status) -> &'static str {
    match (status.clock, &status.away) {
        (Clock::Device, _) => "running",
        (Clock::Null, Some(why)) if why.contains("asks for no sound") => "not moving",
        (Clock::Null, _) => "lost",
        (Clock::Resting, _) => "closed",
    }
}

/// Below a minute the minute is taken, so that one xrun at the start does not show as hundreds.
fn xruns_per_hour(xruns: u64, uptime: Duration) -> f64 {
    xruns as f64 * 3600.0 / uptime.as_secs_f64().max(60.0)
}

/// Good at 0 an hour, fair below 5, warning below 50, else critical.
fn xrun_health(per_hour: f64) -> Health {
    match per_hour {
        x if x <= 0.0 => Health::Good,
        x if x < 5.0 => Health::Fair,
        x if x < 50.0 => Health::Warning,
        _ => Health::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Xruns per hour 0 / < 5 / < 50 / >= 50, and one in the first second counts as one a minute.
    #[test]
    fn xrun_words() {
        use Health::{Critical, Fair, Good, Warning};
        assert_eq!([0.0, 4.9, 5.0, 49.9, 50.0].map(xrun_health), [Good, Fair, Warning, Warning, Critical]);
        assert_eq!(xruns_per_hour(1, Duration::from_secs(1)), 60.0);
        assert_eq!(xruns_per_hour(3, Duration::from_secs(7200)), 1.5);
    }

    /// A device number outside the list says how many there are; null is always among them.
    #[test]
    fn numbers() {
        let count = list().len();
        let error = numbered("auto".into(), Some((count + 1).to_string())).unwrap_err();
        assert!(error.to_string().contains(&format!("1 to {count}")), "{error}");
        let found = (1..=count).map(|n| numbered("auto".into(), Some(n.to_string())).unwrap().0);
        assert!(found.into_iter().any(|backend| backend == "null"));
        assert_eq!(
            numbered("alsa".into(), Some("hw:0".into())).unwrap(),
            ("alsa".into(), Some("hw:0".into()))
        );
    }
}
