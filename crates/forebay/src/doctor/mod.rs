//! What `forebay doctor` examines: each check gives findings, each finding that is not good its remedy.

mod backends;
pub(crate) mod handoff;
mod machine;
mod runtimes;

use protocol::DeviceStatus;
use serde_json::{Value, json};

use crate::backend;
use crate::cli::AudioArgs;
use crate::console::{self, Console};
use crate::trouble::{Exit, Trouble};
use crate::version;

/// How a finding bears on sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// As it should be.
    Good,
    /// Sound plays, less safely than it could.
    Weak,
    /// Something does not work.
    Fault,
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Weak => "weak",
            Self::Fault => "fault",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "  ok  ",
            Self::Weak => " weak ",
            Self::Fault => "FAULT ",
        }
    }
}

/// One thing examined.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) mark: Mark,
    /// What was looked at, in a word or two.
    pub(crate) about: &'static str,
    /// What was found, with its figures.
    pub(crate) found: String,
    /// What would make it better.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(crate) fn good(about: &'static str, found: impl Into<String>) -> Self {
        Self { mark: Mark::Good, about, found: found.into(), remedy: None }
    }

    /// Works, but could be safer.
    pub(crate) fn weak(about: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { mark: Mark::Weak, about, found: found.into(), remedy: Some(remedy.into()) }
    }

    /// Does not work.
    pub(crate) fn fault(about: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { mark: Mark::Fault, about, found: found.into(), remedy: Some(remedy.into()) }
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "mark": self.mark.word(), "about": self.about, "found": self.found, "remedy": self.remedy })
    }

    /// For people: a line, and a second one where there is something to do.
    pub(crate) fn to_text(&self) -> String {
        let line = format!("{} {:<14} {}", self.mark.sign(), self.about, self.found);
        match &self.remedy {
            Some(remedy) => format!("{line}\n       {:<14} -> {remedy}", ""),
            None => line,
        }
    }
}

/// Examines this machine.
pub(crate) fn examine(audio: &AudioArgs) -> Vec<Finding> {
    let mut findings = vec![socket(), daemon()];
    findings.extend(asked_backend(audio));
    findings.extend(backends::present());
    // A daemon has the device already: its own status tells how it does.
    match running_device() {
        Some(device) => findings.extend([device, machine::locked_memory()]),
        // A trial would write a file that nobody asked for.
        None if backend::asked(audio).is_ok_and(|asked| asked.name == "file") => {}
        None => findings.extend(backends::trial(audio)),
    }
    findings.push(machine::priority());
    findings.extend(handoff::examine());
    findings.extend(runtimes::examine());
    findings.push(machine::wakeups());
    findings
}

fn from_trouble(about: &'static str, trouble: &Trouble) -> Finding {
    Finding::fault(about, trouble.to_string(), trouble.advice().unwrap_or("see the message"))
}

/// Whether the socket has a safe place.
fn socket() -> Finding {
    const ABOUT: &str = "socket";
    match console::place() {
        Err(trouble) => from_trouble(ABOUT, &trouble),
        Ok(place) => match place.check() {
            Ok(()) => Finding::good(ABOUT, place.socket().display().to_string()),
            Err(error) => {
                Finding::fault(ABOUT, error.to_string(), "as it says; forebay makes the folder anew")
            }
        },
    }
}

/// Whether a daemon runs, and speaks as we do.
fn daemon() -> Finding {
    const ABOUT: &str = "daemon";
    let status = Console::connect().and_then(|console| console.ask(&protocol::StatusRequest::default()));
    match status {
        Ok(status) => match version::note(&status.daemon.version) {
            None => Finding::good(ABOUT, format!("runs as process {}", status.daemon.pid)),
            Some(note) => Finding::weak(ABOUT, note, "forebay restart"),
        },
        Err(trouble) if trouble.exit() == Exit::NoDaemon => {
            Finding::good(ABOUT, "none runs; the first producer starts one")
        }
        Err(trouble) => from_trouble(ABOUT, &trouble),
    }
}

/// How the device of a daemon that runs does.
fn running_device() -> Option<Finding> {
    let status = Console::connect().ok()?.ask(&protocol::StatusRequest::default()).ok()?;
    Some(about_device(status.device.as_ref()))
}

fn about_device(device: Option<&DeviceStatus>) -> Finding {
    const ABOUT: &str = "device";
    let Some(device) = device else { return Finding::good(ABOUT, "the daemon has none open") };
    let found = format!(
        "the daemon's {} '{}' is {}, {} xruns",
        device.backend, device.name, device.state, device.xruns
    );
    match device.state.as_str() {
        "running" | "closed" if device.xruns_per_hour < 5.0 => Finding::good(ABOUT, found),
        "running" | "closed" => {
            Finding::weak(ABOUT, found, "a longer --period, or real-time priority (see below)")
        }
        _ => Finding::fault(ABOUT, found, "see the daemon's log; forebay restart opens the device anew"),
    }
}

/// Whether the backend asked for is one of ours.
fn asked_backend(audio: &AudioArgs) -> Option<Finding> {
    match backend::asked(audio) {
        Ok(asked) => asked.warning.map(|warning| Finding::weak("backend", warning, "set FOREBAY_BACKEND")),
        Err(trouble) => Some(from_trouble("backend", &trouble)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that is lost is a fault; one that plays, or is closed for want of voices, is at worst weak.
    #[test]
    fn devices() {
        let mark = |state: &str, xruns_per_hour: f64| {
            about_device(Some(&DeviceStatus { state: state.into(), xruns_per_hour, ..Default::default() }))
                .mark
        };
        assert_eq!([mark("running", 0.0), mark("closed", 4.9)], [Mark::Good; 2]);
        assert_eq!([mark("running", 5.0), mark("closed", 5.0)], [Mark::Weak; 2]);
        assert_eq!([mark("lost", 0.0), mark("not moving", 0.0)], [Mark::Fault; 2]);
        assert_eq!(about_device(None).mark, Mark::Good);
    }

    /// A remedy is on its own line for people and its own field for programs.
    #[test]
    fn forms() {
        let finding = Finding::weak("memory", "64 KiB", "raise it");
        assert_eq!(finding.to_text(), " weak  memory         64 KiB\n                      -> raise it");
        assert_eq!(finding.to_json()["remedy"], "raise it");
        assert_eq!(Finding::good("memory", "all").to_json()["remedy"], Value::Null);
    }
}
