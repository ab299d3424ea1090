//! The line editor on a terminal: history, completion, lines that go on.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use live::remote::{Client, Complete};
use rustyline::completion::{Completer, Pair};
use rustyline::config::Configurer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Editor, ExternalPrinter, Helper};

use super::command::{ALL, Command};
use super::input::{Inside, goes_on, inside};
use crate::paths;

/// Lines that are remembered.
const HISTORY: usize = 2000;
/// Names are there at once, or it is no help.
const PATIENCE: Duration = Duration::from_millis(500);

/// Completes by asking the session.
pub(super) struct Typing {
    /// A connection of its own: an answer that came too late is nobody else's.
    client: RefCell<Client>,
}

impl Helper for Typing {}
impl Highlighter for Typing {}
impl Hinter for Typing {
    type Hint = String;
}

impl Validator for Typing {
    fn validate(&self, typed: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = typed.input();
        let is_open = Command::read(text).is_none() && goes_on(text);
        Ok(if is_open { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..pos];
        if before.starts_with('.') {
            let begun = ALL.iter().filter(|(name, _)| name.starts_with(before));
            return Ok((0, begun.map(|(name, _)| pair(name)).collect()));
        }
        let in_string = matches!(inside(before), Inside::String(_));
        let start = begin_of_word(before, in_string);
        // What belongs to an object is known to the session only when it runs.
        if before[start..].is_empty() || (!in_string && before[..start].ends_with('.')) {
            return Ok((start, Vec::new()));
        }
        let wanted = Complete { prefix: before[start..].to_owned() };
        // A session that does not answer has no names.
        let answer = self.client.borrow_mut().call("complete", &wanted).unwrap_or_default();
        let names = answer["names"].as_array().into_iter().flatten();
        let fits = names.filter(|name| (name["kind"] == "voice") == in_string);
        Ok((start, fits.filter_map(|name| name["name"].as_str()).map(pair).collect()))
    }
}

fn pair(name: &str) -> Pair {
    Pair { display: name.to_owned(), replacement: name.to_owned() }
}

/// Where the word at the end of `text` begins: a name, or in a string all since its quote.
fn begin_of_word(text: &str, in_string: bool) -> usize {
    let ends = |c: char| {
        if in_string { matches!(c, '\'' | '"' | '`') } else { !(c.is_alphanumeric() || c == '_' || c == '$') }
    };
    text.char_indices().rev().find(|(_, c)| ends(*c)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// The editor, with what was typed before.
pub(super) struct Lines {
    editor: Editor<Typing, FileHistory>,
    history: PathBuf,
    /// Why what was typed is not kept for the next time, where it is not.
    unkept: Option<String>,
}

impl Lines {
    /// # Errors
    /// When the terminal can't be edited on.
    pub(super) fn open(client: Client) -> rustyline::Result<Self> {
        client.set_patience(Some(PATIENCE))?;
        let config = rustyline::Config::builder().completion_type(rustyline::CompletionType::List).build();
        let mut editor = Editor::with_config(config)?;
        editor.set_max_history_size(HISTORY)?;
        editor.set_helper(Some(Typing { client: RefCell::new(client) }));
        let history = paths::state_dir().join("repl_history");
        // The first time there is none.
        let _ = editor.load_history(&history);
        Ok(Self { editor, history, unkept: None })
    }

    /// Prints what comes between, without breaking the line that is typed.
    ///
    /// # Errors
    /// When the terminal can't be written to by two.
    pub(super) fn printer(&mut self) -> rustyline::Result<impl ExternalPrinter + Send + use<>> {
        self.editor.create_external_printer()
    }

    /// The next text, whole.
    ///
    /// # Errors
    /// Ctrl-C, Ctrl-D, or the end of the terminal.
    pub(super) fn next(&mut self, prompt: &str) -> rustyline::Result<String> {
        let text = self.editor.readline(prompt)?;
        if !text.trim().is_empty() {
            self.editor.add_history_entry(&text)?;
            // At once: a window that is closed ends this without a word.
            self.unkept = self.keep().err();
        }
        Ok(text)
    }

    fn keep(&mut self) -> Result<(), String> {
        let folder = self.history.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        self.editor.append_history(&self.history).map_err(|error| error.to_string())
    }

    /// Whether what was typed is there the next time.
    ///
    /// # Errors
    /// The file and why it can't be written.
    pub(super) fn kept(self) -> Result<(), (PathBuf, String)> {
        self.unkept.map_or(Ok(()), |why| Err((self.history, why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name begins behind what can't be one, a voice's name behind its quote.
    #[test]
    fn words() {
        let word =
            |text: &'static str| &text[begin_of_word(text, matches!(inside(text), Inside::String(_)))..];
        assert_eq!(word("play('a', si"), "si");
        assert_eq!(word("stop('my ba"), "my ba");
        assert_eq!(word("gä$_1"), "gä$_1");
        assert_eq!(word("sin("), "");
    }
}
