//! What can go wrong, said once: a sentence, its remedy, an exit code.

use std::fmt;

use serde_json::{Value, json};

/// Exit codes. They are part of the interface: scripts may rely on them (`forebay help` lists them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Something not foreseen.
    Unexpected = 1,
    /// The command line makes no sense (clap's own code).
    Usage = 2,
    /// A file is missing, unreadable or not what it claims to be; a script has an error.
    Input = 3,
    /// No daemon answers, or no live session.
    NoDaemon = 4,
    /// No such device or backend, or it can't be opened.
    Device = 5,
    /// A daemon is there already, or of another version, or evicts us.
    Daemon = 6,
    /// The system refuses: a folder, a socket, a limit.
    Permission = 7,
    /// The runtime that was asked for is not there.
    NoRuntime = 8,
    /// The result can't be written: disk full, no folder.
    Output = 9,
    /// `doctor` found something that keeps sound from being right.
    Unwell = 10,
    /// Ended by Ctrl-C or SIGTERM before the work was done.
    Interrupted = 130,
}

impl Exit {
    const ALL: [Self; 11] = [
        Self::Unexpected,
        Self::Usage,
        Self::Input,
        Self::NoDaemon,
        Self::Device,
        Self::Daemon,
        Self::Permission,
        Self::NoRuntime,
        Self::Output,
        Self::Unwell,
        Self::Interrupted,
    ];

    /// What another forebay meant by ending with `code`.
    pub(crate) fn from_code(code: u64) -> Self {
        Self::ALL.into_iter().find(|exit| *exit as u64 == code).unwrap_or(Self::Unexpected)
    }
}

/// The table shown by `forebay --help`.
pub(crate) const EXIT_HELP: &str = "\
Exit codes:
  0   done             5   no such device or backend     9    output can't be written
  1   unexpected       6   another daemon, or version    10   doctor found a fault
  2   wrong usage      7   permission refused            130  interrupted before the end
  3   wrong input      8   that runtime is not here
  4   no daemon, or no live session, runs";

/// A failure that a person can act on.
#[derive(Debug)]
pub(crate) struct Trouble {
    exit: Exit,
    what: String,
    remedy: Option<String>,
    /// The person, or the program, knows it already.
    is_said: bool,
}

impl Trouble {
    /// A failure in one sentence, without a full stop at its end.
    pub(crate) fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Self { exit, what: what.to_string(), remedy: None, is_said: false }
    }

    /// A failure that was told already, in a form of its own: only the exit code is left to be given.
    pub(crate) fn said(exit: Exit) -> Self {
        Self { is_said: true, ..Self::new(exit, "") }
    }

    /// What another forebay said of its failure, see [`describe`]: its words, its code, its remedy.
    pub(crate) fn from_json(error: &Value) -> Self {
        let text = |member: &str| error[member].as_str().map(str::to_owned);
        Self {
            exit: Exit::from_code(error["exit"].as_u64().unwrap_or_default()),
            what: text("message").unwrap_or_default(),
            remedy: text("remedy"),
            is_said: false,
        }
    }

    /// Code that was refused, in the words of who refused it.
    pub(crate) fn from_refusal(what: String) -> Self {
        Self::new(Exit::Input, what)
    }

    /// The code that the process ends with.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The remedy, where there is one.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// The same failure, with what became of things.
    pub(crate) fn and(self, more: impl fmt::Display) -> Self {
        Self { what: format!("{}; {more}", self.what), ..self }
    }

    /// What to do about it, in one sentence.
    pub(crate) fn remedy(mut self, remedy: impl fmt::Display) -> Self {
        self.remedy = Some(remedy.to_string());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Trouble {}

/// The exit code for any error: that of the [`Trouble`] in its chain.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<Trouble>().map_or(Exit::Unexpected, |trouble| trouble.exit) as u8
}

/// Whether nothing is left to be said of it.
pub(crate) fn is_said(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Trouble>().is_some_and(|trouble| trouble.is_said)
}

/// One message for a person, or one JSON line for a program.
pub(crate) fn describe(error: &anyhow::Error, as_json: bool) -> String {
    let remedy = error.downcast_ref::<Trouble>().and_then(Trouble::advice);
    if as_json {
        let body = json!({ "message": format!("{error:#}"), "remedy": remedy, "exit": exit_code(error) });
        return json!({ "error": body }).to_string();
    }
    match remedy {
        Some(remedy) => format!("forebay: {error:#}\n  {remedy}"),
        None => format!("forebay: {error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exit code and remedy survive added context, in both forms.
    #[test]
    fn trouble_keeps_its_code_under_context() {
        let trouble = Trouble::new(Exit::Device, "no device called 'x'").remedy("see forebay devices");
        let error = anyhow::Error::new(trouble).context("can't play");
        assert_eq!(exit_code(&error), 5);
        assert_eq!(
            describe(&error, false),
            "forebay: can't play: no device called 'x'\n  see forebay devices"
        );
        let parsed: Value = serde_json::from_str(&describe(&error, true)).unwrap();
        assert_eq!(parsed["error"]["exit"], 5);
        assert_eq!(parsed["error"]["remedy"], "see forebay devices");
    }

    /// What one process says as JSON is the same failure in the next one, whatever its code.
    #[test]
    fn trouble_travels() {
        for exit in Exit::ALL {
            let error = anyhow::Error::new(Trouble::new(exit, "no").remedy("do"));
            let said: Value = serde_json::from_str(&describe(&error, true)).unwrap();
            let again = Trouble::from_json(&said["error"]);
            assert_eq!((again.exit(), again.advice(), again.to_string().as_str()), (exit, Some("do"), "no"));
        }
        assert_eq!(Exit::from_code(99), Exit::Unexpected);
    }
}
