//! Finding Node or Bun, or taking the embedded runtime.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use thiserror::Error;

/// What runs the JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Node.js.
    Node,
    /// Bun.
    Bun,
    /// The QuickJS inside the binary.
    Embedded,
}

impl Kind {
    /// The oldest major and minor version that has what the live host needs.
    const fn oldest(self) -> (u32, u32) {
        match self {
            Self::Node => (18, 0),
            Self::Bun => (1, 1),
            Self::Embedded => (0, 0),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "Node",
            Self::Bun => "Bun",
            Self::Embedded => "the embedded QuickJS",
        })
    }
}

/// Which runtime is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Node or Bun where one is there and new enough, else the embedded one.
    #[default]
    Auto,
    /// Node on PATH.
    Node,
    /// Bun on PATH, or the program that `BUN` names.
    Bun,
    /// The embedded one.
    Embedded,
    /// This program, a Node or a Bun.
    Program(PathBuf),
}

impl Choice {
    /// What `FOREBAY_JS` asks for: `auto`, `node`, `bun`, `quickjs` or the path of a program.
    pub fn from_env() -> Self {
        env::var_os("FOREBAY_JS").filter(|named| !named.is_empty()).map_or(Self::Auto, Self::from)
    }
}

impl From<OsString> for Choice {
    fn from(named: OsString) -> Self {
        match named.to_str() {
            Some("auto") => Self::Auto,
            Some("node") => Self::Node,
            Some("bun") => Self::Bun,
            Some("quickjs") => Self::Embedded,
            _ => Self::Program(named.into()),
        }
    }
}

/// A JavaScript runtime that was asked for its version and is new enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// The program.
    pub program: PathBuf,
    /// What stands in front of the entry file on its command line.
    pub arguments: Vec<OsString>,
    /// Which one it is.
    pub kind: Kind,
    /// Its version, as it says it, without a leading `v`.
    pub version: String,
}

/// Why there is no runtime.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeError {
    /// What was asked for is not there.
    #[error("{}", absent(*wanted))]
    Absent {
        /// It; `None` where any would have done and none is inside.
        wanted: Option<Kind>,
    },
    /// What is there is too old.
    #[error(
        "{} is {kind} {version}: the code needs Node 18 or Bun 1.1 or newer; --runtime or FOREBAY_JS names another one",
        program.display()
    )]
    TooOld {
        /// The program.
        program: PathBuf,
        /// What it is.
        kind: Kind,
        /// Its version.
        version: String,
    },
    /// A program that was named is something else.
    #[error(
        "{} is no Node and no Bun: {reason}; --runtime and FOREBAY_JS take node, bun, quickjs, auto or the program of one",
        program.display()
    )]
    NotOne {
        /// What was named.
        program: PathBuf,
        /// What came of asking it for its version.
        reason: String,
    },
}

fn absent(wanted: Option<Kind>) -> &'static str {
    match wanted {
        Some(Kind::Node) => {
            "Node is not on PATH: install Node 18 or newer (Debian, Ubuntu: `apt install nodejs`), or ask for another \
             --runtime"
        }
        Some(Kind::Bun) => {
            "Bun is not on PATH: install it (`npm install -g bun`), let BUN name it, or ask for another --runtime"
        }
        Some(Kind::Embedded) => {
            "this forebay was built without the embedded runtime: build it with `--features quickjs`, or ask for another \
             --runtime"
        }
        None => {
            "no JavaScript runtime, and none is inside: install Node 18 or newer (Debian, Ubuntu: `apt install nodejs`), or \
             Bun (`npm install -g bun`), or build forebay with `--features quickjs`"
        }
    }
}

impl Runtime {
    /// The embedded runtime, as the binary that carries it says.
    pub fn embedded(program: PathBuf, arguments: Vec<OsString>, version: &str) -> Self {
        Self { program, arguments, kind: Kind::Embedded, version: version.to_owned() }
    }

    /// The runtime that `choice` asks for; `embedded` is the one inside, where there is one. Of Node and Bun it is the
    /// first that is new enough: `node` on PATH, `bun` on PATH, the program that `BUN` names.
    ///
    /// # Errors
    /// [`RuntimeError`], with the remedy.
    pub fn choose(choice: &Choice, embedded: Option<Self>) -> Result<Self, RuntimeError> {
        match choice {
            Choice::Program(program) => Self::ask(program),
            Choice::Embedded => embedded.ok_or(RuntimeError::Absent { wanted: Some(Kind::Embedded) }),
            Choice::Node => first_good(answers(&nodes()), Kind::Node),
            Choice::Bun => first_good(answers(&buns()), Kind::Bun),
            Choice::Auto => Self::any(embedded),
        }
    }

    /// What is too old is passed over where there is another.
    fn any(embedded: Option<Self>) -> Result<Self, RuntimeError> {
        let both = [nodes(), buns()].concat();
        match (first_good(answers(&both), Kind::Node), embedded) {
            (Ok(found), _) => Ok(found),
            (Err(_), Some(embedded)) => Ok(embedded),
            (Err(RuntimeError::Absent { .. }), None) => Err(RuntimeError::Absent { wanted: None }),
            (Err(error), None) => Err(error),
        }
    }

    /// Every Node and Bun that is there, good or too old, and the embedded one.
    pub fn all(embedded: Option<Self>) -> Vec<Result<Self, RuntimeError>> {
        let both = [nodes(), buns()].concat();
        both.iter().map(|program| Self::ask(program)).chain(embedded.map(Ok)).collect()
    }

    /// Asks a program for its version.
    ///
    /// # Errors
    /// [`RuntimeError::TooOld`] or [`RuntimeError::NotOne`].
    pub fn ask(program: &Path) -> Result<Self, RuntimeError> {
        let not_one = |reason: String| RuntimeError::NotOne { program: program.to_owned(), reason };
        let output = Command::new(program)
            .arg("--version")
            .output()
            .map_err(|error| not_one(format!("it can't be run: {error}")))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let (kind, version) =
            parse_version(&said).ok_or_else(|| not_one(format!("it says {said:?} to --version")))?;
        if major_minor(version).is_none_or(|version| version < kind.oldest()) {
            return Err(RuntimeError::TooOld {
                program: program.to_owned(),
                kind,
                version: version.to_owned(),
            });
        }
        Ok(Self { program: program.to_owned(), arguments: Vec::new(), kind, version: version.to_owned() })
    }
}

impl fmt::Display for Runtime {
    /// In a line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.version)?;
        match self.kind {
            Kind::Embedded => Ok(()),
            Kind::Node | Kind::Bun => write!(f, " ({})", self.program.display()),
        }
    }
}

fn nodes() -> Vec<PathBuf> {
    on_path("node").into_iter().collect()
}

fn buns() -> Vec<PathBuf> {
    let named = env::var_os("BUN").filter(|named| !named.is_empty()).map(PathBuf::from);
    on_path("bun").into_iter().chain(named).collect()
}

fn answers(programs: &[PathBuf]) -> impl Iterator<Item = Result<Runtime, RuntimeError>> {
    programs.iter().map(|program| Runtime::ask(program))
}

/// The first runtime that is good; else the first complaint about one that is too old; else that `wanted` is absent.
fn first_good(
    answers: impl Iterator<Item = Result<Runtime, RuntimeError>>,
    wanted: Kind,
) -> Result<Runtime, RuntimeError> {
    let mut complaint = None;
    for answer in answers {
        match answer {
            Ok(runtime) => return Ok(runtime),
            Err(error @ RuntimeError::TooOld { .. }) => complaint = complaint.or(Some(error)),
            Err(_) => {}
        }
    }
    Err(complaint.unwrap_or(RuntimeError::Absent { wanted: Some(wanted) }))
}

/// Node says `v20.1.0`, Bun `1.1.0`.
fn parse_version(said: &str) -> Option<(Kind, &str)> {
    let (kind, version) = match said.strip_prefix('v') {
        Some(version) => (Kind::Node, version),
        None => (Kind::Bun, said),
    };
    major_minor(version).map(|_| (kind, version))
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some((major, minor))
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(dir: &tempfile::TempDir, says: &str) -> PathBuf {
        let program = dir.path().join("runtime");
        testkit::program::script(&program, &format!("echo '{says}'"));
        program
    }

    // What the two runtimes say about themselves is understood, and nothing else is.
    #[test]
    fn versions() {
        assert_eq!(parse_version("v20.20.2"), Some((Kind::Node, "20.20.2")));
        assert_eq!(parse_version("1.4.5"), Some((Kind::Bun, "1.4.5")));
        assert_eq!(parse_version("Python 3.11"), None);
        assert_eq!(parse_version(""), None);
    }

    // A program that is too old or something else is refused in words that say so.
    #[test]
    fn refusals_name_the_program_and_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let old = script(&dir, "v16.20.0");
        let error = Runtime::ask(&old).unwrap_err();
        assert!(matches!(&error, RuntimeError::TooOld { kind: Kind::Node, .. }), "{error}");
        assert!(error.to_string().contains("16.20.0") && error.to_string().contains("FOREBAY_JS"), "{error}");
        let other = script(&dir, "Python 3.11");
        assert!(matches!(Runtime::ask(&other), Err(RuntimeError::NotOne { .. })));
        assert!(matches!(Runtime::ask(Path::new("/nowhere/node")), Err(RuntimeError::NotOne { .. })));
    }

    // An old runtime in front does not hide a good one behind; alone it is named; nothing at all says what to install.
    #[test]
    fn the_first_good_one_is_taken() {
        let good = || {
            let (program, version) = ("bun".into(), "1.4.5".into());
            Ok(Runtime { program, arguments: Vec::new(), kind: Kind::Bun, version })
        };
        let old = || {
            Err(RuntimeError::TooOld { program: "node".into(), kind: Kind::Node, version: "12.0.0".into() })
        };
        assert_eq!(first_good([old(), good()].into_iter(), Kind::Node), good());
        assert_eq!(first_good([old()].into_iter(), Kind::Node), old());
        let none = first_good(std::iter::empty(), Kind::Node).unwrap_err();
        assert!(none.to_string().contains("apt install nodejs"), "{none}");
    }

    // The embedded one is taken where it is asked for and refused, with what to do, where it is not inside; words and
    // programs are told apart.
    #[test]
    fn choices() {
        let inside = || Some(Runtime::embedded("forebay".into(), vec!["quickjs".into()], "0.16"));
        assert_eq!(Runtime::choose(&Choice::Embedded, inside()).ok(), inside());
        let absent = Runtime::choose(&Choice::Embedded, None).unwrap_err();
        assert!(absent.to_string().contains("--features quickjs"), "{absent}");
        assert_eq!(Choice::from(OsString::from("quickjs")), Choice::Embedded);
        assert_eq!(Choice::from(OsString::from("./node")), Choice::Program("./node".into()));
        let nowhere = Choice::Program("/nowhere/node".into());
        assert!(matches!(Runtime::choose(&nowhere, inside()), Err(RuntimeError::NotOne { .. })));
    }
}
