//! What runs a script's code: `--runtime`, `FOREBAY_JS`, what is on this machine, what is inside this binary.

use std::ffi::OsString;

use clap::Args;
use live::{Choice, Kind, Runtime};

use crate::trouble::{Exit, Trouble};

/// The option of the commands that run code.
#[derive(Args, Debug)]
pub(crate) struct RuntimeArgs {
    /// What runs the code: node, bun, quickjs (inside forebay, several times slower), auto or the path of a Node or Bun
    /// [default: what FOREBAY_JS says, else auto]
    #[arg(long, value_name = "auto|node|bun|quickjs|PATH")]
    runtime: Option<OsString>,
}

impl RuntimeArgs {
    /// The runtime.
    ///
    /// # Errors
    /// [`Exit::NoRuntime`], with the remedy.
    pub(crate) fn find(&self) -> Result<Runtime, Trouble> {
        let choice = self.runtime.clone().map_or_else(Choice::from_env, Choice::from);
        Runtime::choose(&choice, embedded()).map_err(|error| Trouble::new(Exit::NoRuntime, error))
    }
}

/// The runtime inside this binary, if it is.
#[cfg(feature = "quickjs")]
pub(crate) fn embedded() -> Option<Runtime> {
    let program = std::env::current_exe().ok()?;
    Some(Runtime::embedded(program, vec!["quickjs".into()], quickjs::VERSION))
}

/// The runtime inside this binary, if it is.
#[cfg(not(feature = "quickjs"))]
pub(crate) fn embedded() -> Option<Runtime> {
    None
}

/// Which one it is, in a line for people.
pub(crate) fn line(runtime: &Runtime) -> String {
    let hint = match runtime.kind {
        Kind::Embedded => "; with Node or Bun there is room for many more voices",
        _ => "",
    };
    format!("{runtime} runs the code{hint}")
}
