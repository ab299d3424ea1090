//! `forebay turn`: values from outside for a script that plays, its knobs first of all.

use anyhow::Result;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use live::Values;
use live::remote::Set;
use serde_json::{Value, json};

use crate::cli::AudioArgs;
use crate::trouble::{Exit, Trouble};
use crate::{complete, sessions, terminal};

const EXAMPLES: &str = "\
Examples:
  forebay turn                            what there is to turn, and how it stands
  forebay turn cutoff=800 level=0.3       knob('cutoff', ..) and knob('level', ..) of the script, from one frame on
  forebay turn /fader/1=0.5 midi:74=1     as if it had come by OSC or MIDI
  forebay turn a=1 --session song         where several sessions run";

/// Arguments of `turn`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TurnArgs {
    /// A knob, an OSC address, or midi: with a controller (0 to 127), note, gate, bend or pressure; and its value
    #[arg(value_name = "NAME=VALUE", value_parser = setting)]
    values: Vec<(String, f64)>,
    /// Which session, by its name or the beginning of it [default: the only one]
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::sessions))]
    session: Option<String>,
}

/// The key and the value of one argument.
fn setting(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.rsplit_once('=').ok_or("give NAME=VALUE")?;
    let value: f64 = value.parse().map_err(|_| format!("'{value}' is no number"))?;
    if name.is_empty() || !value.is_finite() {
        return Err("give NAME=VALUE with a finite number".to_owned());
    }
    let key = match name {
        _ if name.starts_with('/') => format!("osc:{name}"),
        _ if name.starts_with("midi:") => name.to_owned(),
        _ => format!("knob:{name}"),
    };
    Ok((key, value))
}

/// Turns them, or says what there is to turn.
pub(crate) fn run(args: &TurnArgs, audio: &AudioArgs) -> Result<()> {
    let mut client = sessions::connect(args.session.as_deref())?;
    if args.values.is_empty() {
        let list = client.call("list", &json!({})).map_err(sessions::unanswered)?;
        return Ok(terminal::print(&shown(&list["controls"], audio.json))?);
    }
    let values: Values = args.values.iter().cloned().collect();
    let answer = client.call("set", &Set { values }).map_err(sessions::unanswered)?;
    if audio.json {
        terminal::print(&answer.to_string())?;
    } else {
        for cut in answer["cut"].as_array().into_iter().flatten() {
            terminal::print(&cut_line(cut))?;
        }
    }
    let unknown: Vec<_> =
        answer["unknown"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match unknown.as_slice() {
        [] => Ok(()),
        _ => Err(Trouble::new(Exit::Input, format!("nothing listens to {}", unknown.join(", ")))
            .remedy("forebay turn shows what there is to turn")
            .into()),
    }
}

fn shown(controls: &Value, as_json: bool) -> String {
    let controls = controls.as_array().map(Vec::as_slice).unwrap_or_default();
    if as_json {
        return json!({ "controls": controls }).to_string();
    }
    if controls.is_empty() {
        return "the script listens to nothing: knob(name, min, max, value) makes a knob".to_owned();
    }
    let lines: Vec<_> = controls.iter().map(line).collect();
    lines.join("\n")
}

/// What `turn` calls the value of a key.
fn name(of: &Value) -> &str {
    let key = of["key"].as_str().unwrap_or_default();
    key.strip_prefix("knob:").or_else(|| key.strip_prefix("osc:")).unwrap_or(key)
}

fn cut_line(cut: &Value) -> String {
    let number = |member: &str| cut[member].as_f64().unwrap_or_default();
    let (value, least, most) = (number("value"), number("least"), number("most"));
    format!("{} is cut to {value}: it goes from {least} to {most}", name(cut))
}

fn line(control: &Value) -> String {
    let name = name(control);
    let number = |member: &str| control[member].as_f64();
    let value = number("value").or_else(|| number("usual")).unwrap_or_default();
    let range = match (number("least"), number("most")) {
        (Some(least), Some(most)) => format!("  {least} to {most}"),
        _ => String::new(),
    };
    let untouched = if number("value").is_none() { "  (not turned yet)" } else { "" };
    format!("{name}={value}{range}{untouched}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of value has its key; what has none is refused.
    #[test]
    fn keys() {
        let key = |text| setting(text).map(|(key, _)| key);
        assert_eq!(key("cutoff=800").unwrap(), "knob:cutoff");
        assert_eq!(key("a=b=1").unwrap(), "knob:a=b");
        assert_eq!(key("/fader/1=0.5").unwrap(), "osc:/fader/1");
        assert_eq!(key("midi:74=1").unwrap(), "midi:74");
        assert!(setting("cutoff").unwrap_err().contains("NAME=VALUE"));
        assert!(setting("cutoff=loud").unwrap_err().contains("no number"));
        assert!(setting("cutoff=NaN").is_err() && setting("=1").is_err());
    }

    /// What was cut is told with its range.
    #[test]
    fn cuts() {
        let cut = json!({ "key": "knob:f", "value": 1000.0, "least": 100.0, "most": 1000.0 });
        assert_eq!(cut_line(&cut), "f is cut to 1000: it goes from 100 to 1000");
    }

    /// What was turned is shown as it stands, the rest as it is until then.
    #[test]
    fn lines() {
        let control =
            json!({ "key": "knob:cutoff", "least": 100.0, "most": 4000.0, "usual": 800.0, "value": null });
        assert_eq!(line(&control), "cutoff=800  100 to 4000  (not turned yet)");
        assert_eq!(line(&json!({ "key": "osc:/a", "usual": 0.0, "value": 0.5 })), "/a=0.5");
    }
}
