//! `forebay repl` as a person has it: at a terminal, with keys.

use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::terminal::{CTRL_C, CTRL_D, ENTER, TAB, Terminal, UP};
use crate::support::{find_program, skip};

const PIECE: &str = "let pitchOfAll = 220;\nplay('my tone', gain(sin(() => pitchOfAll), 0.1));\n";
const PROMPT: &str = "song.js> ";
/// The prompt with nothing typed behind it: the cursor goes back to its end.
const WAITS: &str = "song.js> \r";

/// A piece that plays, and somebody who talks to it.
struct Seat {
    repl: Terminal,
    live: Process,
    scene: Scene,
    _daemon: Process,
}

impl Seat {
    /// `None`, said visibly, without Node.
    fn take(test: &str) -> Option<Self> {
        if find_program("node").is_none() {
            skip(test, "Node is missing");
            return None;
        }
        let scene = Scene::new();
        let daemon = scene.daemon(&["--backend", "null"]);
        std::fs::write(scene.path("song.js"), PIECE).unwrap();
        let mut live = Process::start("live", scene.command(&["live", "--json", "song.js"]));
        live.json_line(|event| event["event"] == "edited");
        let repl = sit_down(&scene);
        Some(Self { repl, live, scene, _daemon: daemon })
    }

    /// Ctrl-D: the line leaves, the piece plays on.
    fn leave(mut self) {
        self.repl.press(CTRL_D);
        assert_eq!(self.repl.wait().code(), Some(0));
        assert!(self.scene.forebay(&["send", "pitchOfAll = 110"]).out.starts_with("heard in"));
        assert_eq!(self.live.end().code(), Some(0));
    }
}

fn sit_down(scene: &Scene) -> Terminal {
    let mut repl = Terminal::start("repl", scene.command(&["repl"]));
    repl.shows(WAITS);
    repl
}

/// Lines are answered, also those that are written over several, and what the line itself is told.
#[test]
fn lines_and_answers() {
    let Some(mut seat) = Seat::take("lines_and_answers") else { return };
    let repl = &mut seat.repl;
    repl.enter("play('more', gain(sin(330), 0.1))");
    repl.shows("heard in");
    repl.shows("2 voices +more");
    repl.shows(WAITS);
    repl.enter("play('third', s => {");
    repl.enter("  return 0;");
    repl.enter("})");
    repl.shows("3 voices +third");
    repl.shows(WAITS);
    repl.enter(".list");
    repl.shows("  my tone\r\n  more\r\n  third\r\n  lead ");
    repl.shows("underruns");
    repl.shows(WAITS);
    repl.enter("list()");
    repl.shows("    = [\"my tone\",\"more\",\"third\"]");
    repl.shows(WAITS);
    repl.enter(".help");
    repl.shows("  .list  the voices that play");
    repl.shows("  .quit  leave");
    repl.shows(WAITS);
    repl.enter(".lsit");
    repl.shows("there is no .lsit: there are .list, .stop, .help, .quit");
    repl.shows(WAITS);
    seat.leave();
}

/// A mistake is shown below what was typed, with its place, and costs nothing of what plays.
#[test]
fn mistakes() {
    let Some(mut seat) = Seat::take("mistakes") else { return };
    let repl = &mut seat.repl;
    repl.enter("let a = [");
    repl.enter("1, = 2]");
    repl.shows("<repl>:2:4: Unexpected token");
    repl.shows("\r\n    1, = 2]\r\n       ^\r\n");
    repl.shows(WAITS);
    repl.enter("play('bad', s => nowhere(s))");
    repl.shows("<repl>:1:18: ");
    repl.shows("nowhere is not defined");
    repl.shows(&format!("\r\n    play('bad', s => nowhere(s))\r\n{}^\r\n", " ".repeat(4 + 17)));
    repl.shows(WAITS);
    repl.enter("play('stuck', s => { for (;;); })");
    repl.shows("voice stuck does not come back");
    repl.shows(WAITS);
    repl.enter(".list");
    let list = repl.shows("underruns 0");
    assert!(list.contains("  my tone\r\n  lead "), "it plays on alone: {list:?}");
    seat.leave();
}

/// What was typed comes back, here and the next time, however it ended.
#[test]
fn history() {
    let Some(mut seat) = Seat::take("history") else { return };
    let repl = &mut seat.repl;
    repl.enter("pitchOfAll = 330");
    repl.shows("1 voice");
    repl.shows(WAITS);
    repl.enter("play('b', s => {");
    repl.enter("  return 0; })");
    repl.shows("+b");
    repl.shows(WAITS);
    repl.press(UP);
    repl.shows("return 0; })");
    repl.press(&format!("{UP}{UP}"));
    repl.shows("pitchOfAll = 330");
    repl.press(ENTER);
    repl.shows("2 voices (");
    // As when its window is closed: it has no time to say goodbye.
    seat.repl = sit_down(&seat.scene);
    seat.repl.press(UP);
    seat.repl.shows("pitchOfAll = 330");
    seat.repl.press(CTRL_C);
    seat.repl.shows(WAITS);
    seat.leave();
}

/// Tab knows the language, the piece (before any block was sent), what was sent, voices in their quotes, and commands.
#[test]
fn completion() {
    let Some(mut seat) = Seat::take("completion") else { return };
    let repl = &mut seat.repl;
    repl.press(&format!("pitc{TAB}"));
    repl.shows("pitchOfAll");
    repl.press(&format!(" = 440; stop('my{TAB}"));
    repl.shows("stop('my tone");
    repl.press(CTRL_C);
    repl.shows(WAITS);
    repl.enter("let laterName = 1; play('more', s => 0)");
    repl.shows("2 voices +more");
    repl.shows(WAITS);
    repl.press(&format!("lat{TAB}"));
    repl.shows("laterName");
    repl.press(CTRL_C);
    repl.shows(WAITS);
    repl.press(&format!("x = eucl{TAB}"));
    repl.shows("x = euclid");
    repl.press(CTRL_C);
    repl.shows(WAITS);
    repl.press(&format!("re{TAB}{TAB}"));
    let names = repl.shows("reverb");
    assert!(names.contains("register") && names.contains("remove"), "{names:?}");
    repl.press(CTRL_C);
    repl.shows(WAITS);
    repl.press(&format!(".l{TAB}{ENTER}"));
    repl.shows("  my tone\r\n  more\r\n  lead ");
    repl.shows(WAITS);
    seat.leave();
}

/// Ctrl-C throws away what was begun, over several lines too, and nothing of it is sent.
#[test]
fn a_line_is_thrown_away() {
    let Some(mut seat) = Seat::take("a_line_is_thrown_away") else { return };
    let repl = &mut seat.repl;
    repl.press("pitchOfAll = nothing +");
    repl.shows("nothing +");
    repl.press(CTRL_C);
    repl.shows(WAITS);
    repl.enter("play('x', s => {");
    repl.press("  return");
    repl.shows("return");
    repl.press(CTRL_C);
    repl.shows(WAITS);
    repl.enter("pitchOfAll = 330");
    let answer = repl.shows("1 voice (");
    assert!(!answer.contains("<repl>"), "{answer:?}");
    repl.shows(WAITS);
    seat.leave();
}

/// What happens meanwhile is told above the line that is typed, which stays; and the end of the session, too.
#[test]
fn what_happens_meanwhile() {
    let Some(mut seat) = Seat::take("what_happens_meanwhile") else { return };
    let repl = &mut seat.repl;
    repl.press("pitchOfAll = 5");
    repl.shows("= 5");
    crate::support::saves::save(&seat.scene.path("song.js"), &format!("{PIECE}play('new', s => 0);"));
    repl.shows("2 voices +new");
    repl.shows(&format!("{PROMPT}pitchOfAll = 5"));
    repl.press(&format!("50{ENTER}"));
    repl.shows("2 voices (");
    repl.shows(WAITS);
    assert_eq!(seat.live.end().code(), Some(0));
    repl.shows("the session has ended; Ctrl-D leaves");
    repl.press(CTRL_D);
    assert_eq!(repl.wait().code(), Some(0));
}
