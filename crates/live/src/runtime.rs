//! Finding Node or Bun.

use std::env;
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
}

impl Kind {
    /// The oldest major and minor version that has what the live host needs.
    const fn oldest(self) -> (u32, u32) {
        match self {
            Self::Node => (18, 0),
            Self::Bun => (1, 1),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "Node",
            Self::Bun => "Bun",
        })
    }
}

/// A JavaScript runtime that was asked for its version and is new enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// The program.
    pub program: PathBuf,
    /// Which one it is.
    pub kind: Kind,
    /// Its version, as it says it, without a leading `v`.
    pub version: String,
}

/// Why no runtime was found.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Neither is there.
    #[error(
        "no JavaScript runtime: install Node 18 or newer (Debian, Ubuntu: `apt install nodejs`), or Bun \
         (`npm install -g bun`), or let FOREBAY_JS name the program of one"
    )]
    None,
    /// What is there is too old.
    #[error("{} is {kind} {version}: forebay live needs Node 18 or Bun 1.1 or newer; FOREBAY_JS names another one", program.display())]
    TooOld {
        /// The program.
        program: PathBuf,
        /// What it is.
        kind: Kind,
        /// Its version.
        version: String,
    },
    /// `FOREBAY_JS` names something else.
    #[error("FOREBAY_JS names {}, which is no Node and no Bun: {reason}", program.display())]
    NotOne {
        /// What it names.
        program: PathBuf,
        /// What came of asking it for its version.
        reason: String,
    },
}

impl Runtime {
    /// The runtime to use: what `FOREBAY_JS` names and nothing else, where it is set; else `node` on PATH, `bun` on
    /// PATH, the program that `BUN` names. The first that is new enough.
    ///
    /// # Errors
    /// [`RuntimeError`], with the remedy. The program that is too old is the first that was found.
    pub fn find() -> Result<Self, RuntimeError> {
        if let Some(named) = env::var_os("FOREBAY_JS").filter(|named| !named.is_empty()) {
            return Self::ask(Path::new(&named));
        }
        let mut candidates: Vec<PathBuf> = ["node", "bun"].iter().filter_map(|name| on_path(name)).collect();
        candidates.extend(env::var_os("BUN").filter(|named| !named.is_empty()).map(PathBuf::from));
        first_good(candidates.iter().map(|program| Self::ask(program)))
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
        Ok(Self { program: program.to_owned(), kind, version: version.to_owned() })
    }
}

/// The first runtime that is good; else the first complaint about one that is too old; else none.
fn first_good(answers: impl Iterator<Item = Result<Runtime, RuntimeError>>) -> Result<Runtime, RuntimeError> {
    let mut complaint = None;
    for answer in answers {
        match answer {
            Ok(runtime) => return Ok(runtime),
            Err(error @ RuntimeError::TooOld { .. }) => complaint = complaint.or(Some(error)),
            Err(_) => {}
        }
    }
    Err(complaint.unwrap_or(RuntimeError::None))
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
        let good = || Ok(Runtime { program: "bun".into(), kind: Kind::Bun, version: "1.4.5".into() });
        let old = || {
            Err(RuntimeError::TooOld { program: "node".into(), kind: Kind::Node, version: "12.0.0".into() })
        };
        assert_eq!(first_good([old(), good()].into_iter()), good());
        assert_eq!(first_good([old()].into_iter()), old());
        let none = first_good(std::iter::empty()).unwrap_err();
        assert!(none.to_string().contains("apt install nodejs"), "{none}");
    }
}
