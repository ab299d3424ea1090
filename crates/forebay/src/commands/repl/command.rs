//! What is typed with a dot in front: for the line itself, not for the piece.

use live::remote::{CallError, Client, MAX_FADE_MS, Nothing, Stop};
use serde_json::Value;

use crate::sessions;
use crate::trouble::{Exit, Trouble};

/// All of them, with what they do.
pub(super) const ALL: [(&str, &str); 4] = [
    (".list", "the voices that play"),
    (".stop", "fade everything out and end the session; .stop 2 takes two seconds"),
    (".help", "this"),
    (".quit", "leave; what plays plays on (so does Ctrl-D)"),
];

/// What a line with a dot asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Command {
    List,
    Stop(Stop),
    Help,
    Quit,
}

impl Command {
    /// `None` where the line is code; a number may begin with a dot.
    pub(super) fn read(line: &str) -> Option<Result<Self, String>> {
        let line = line.trim();
        if !line.starts_with('.') || line[1..].starts_with(|c: char| !c.is_ascii_alphabetic()) {
            return None;
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        Some(match (word, rest) {
            (".list", "") => Ok(Self::List),
            (".help", "") => Ok(Self::Help),
            (".quit" | ".exit", "") => Ok(Self::Quit),
            (".stop", _) => fade(rest).map(Self::Stop),
            _ => Err(format!("there is no {line}: there are {}", ALL.map(|(name, _)| name).join(", "))),
        })
    }
}

fn fade(seconds: &str) -> Result<Stop, String> {
    let most = MAX_FADE_MS / 1000.0;
    match if seconds.is_empty() { Ok(0.05) } else { seconds.parse::<f64>() } {
        Ok(seconds) if (0.0..=most).contains(&seconds) => Ok(Stop { fade_ms: seconds * 1000.0 }),
        _ => Err(format!(".stop takes 0 to {most} seconds, not {seconds}")),
    }
}

/// The help.
pub(super) fn help() -> String {
    let lines = ALL.map(|(name, what)| format!("  {name}  {what}"));
    format!(
        "Code is added to what plays; what is open goes on in the next line; Tab completes.\n{}",
        lines.join("\n")
    )
}

/// The voices of the session.
pub(super) fn list(client: &mut Client) -> Result<String, CallError> {
    let list = client.call("list", &Nothing {})?;
    let voices: Vec<_> = list["voices"].as_array().into_iter().flatten().map(voice).collect();
    let lead = list["lead_ms"].as_f64().map_or(String::new(), |ms| format!("lead {ms:.0} ms, "));
    let underruns = list["underruns"].as_u64().unwrap_or(0);
    let figures = format!("  {lead}underruns {underruns}");
    Ok(if voices.is_empty() { "  no voices".into() } else { format!("{}\n{figures}", voices.join("\n")) })
}

fn voice(voice: &Value) -> String {
    let marks = ["muted", "solo", "leaving", "failed"].iter().filter(|mark| voice[**mark] == true);
    let marks: String = marks.map(|mark| format!(" {mark}")).collect();
    format!("  {}{marks}", voice["name"].as_str().unwrap_or_default())
}

/// Ends the session; returns when nothing sounds any more.
///
/// # Errors
/// When it does not answer.
pub(super) fn stop(client: &mut Client, stop: Stop) -> Result<(), Trouble> {
    match client.call("stop", &stop) {
        Ok(_) | Err(CallError::Gone) => Ok(()),
        Err(CallError::Refused(refusal)) => Err(Trouble::new(Exit::Input, refusal.message)),
        Err(error) => Err(sessions::unanswered(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands are told from code, and their slips are named.
    #[test]
    fn read() {
        assert_eq!(Command::read(" .list "), Some(Ok(Command::List)));
        assert_eq!(Command::read(".stop 2"), Some(Ok(Command::Stop(Stop { fade_ms: 2000.0 }))));
        assert_eq!(Command::read(".stop"), Some(Ok(Command::Stop(Stop { fade_ms: 50.0 }))));
        for code in ["f = 1", ".5 + f", "...x", ""] {
            assert_eq!(Command::read(code), None, "{code}");
        }
        for (slip, says) in [(".lsit", ".list"), (".stop now", "0 to 60 seconds"), (".list all", ".list all")]
        {
            let error = Command::read(slip).unwrap().unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        assert!(
            ALL.iter()
                .all(|(name, _)| Command::read(name).is_some_and(|it| it.is_ok()) && help().contains(name))
        );
    }
}
