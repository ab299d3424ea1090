//! What there is to run the code of `live` and `render`.

use live::{Choice, Kind, Runtime, RuntimeError};

use super::Finding;
use crate::code_runtime;

const ABOUT: &str = "runtime";

/// Which runtime would be taken, and which others there are.
pub(super) fn examine() -> Vec<Finding> {
    let chosen = Runtime::choose(&Choice::from_env(), code_runtime::embedded());
    let all = Runtime::all(code_runtime::embedded());
    let others = all.into_iter().filter(|found| found.as_ref().ok() != chosen.as_ref().ok());
    let others: Vec<Finding> = others.map(|found| about_other(&found)).collect();
    std::iter::once(about_chosen(&chosen)).chain(others).collect()
}

fn about_chosen(chosen: &Result<Runtime, RuntimeError>) -> Finding {
    match chosen {
        Ok(runtime) if runtime.kind == Kind::Embedded => Finding::weak(
            ABOUT,
            format!("{runtime} runs the code of live and render: several times slower than Node or Bun"),
            "for pieces of many voices install Bun (`npm install -g bun`) or Node 18 or newer (`apt install nodejs`)",
        ),
        Ok(runtime) => Finding::good(ABOUT, format!("{runtime} runs the code of live and render")),
        Err(error) => Finding::fault(ABOUT, error.to_string(), "as it says; FOREBAY_JS unset means auto"),
    }
}

fn about_other(found: &Result<Runtime, RuntimeError>) -> Finding {
    match found {
        Ok(runtime) => {
            Finding::good(ABOUT, format!("also there: {runtime} (--runtime {})", word(runtime.kind)))
        }
        Err(error) => Finding::weak(ABOUT, error.to_string(), "as it says, or leave it: it is not used"),
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Node => "node",
        Kind::Bun => "bun",
        Kind::Embedded => "quickjs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Mark;

    /// The embedded runtime is enough to play and no fault; what was asked for and is not there is one.
    #[test]
    fn marks() {
        let inside = || Runtime::embedded("forebay".into(), vec!["quickjs".into()], "0.16");
        assert_eq!(about_chosen(&Ok(inside())).mark, Mark::Weak);
        assert_eq!(about_other(&Ok(inside())).mark, Mark::Good);
        assert!(about_other(&Ok(inside())).found.contains("--runtime quickjs"));
        let absent = RuntimeError::Absent { wanted: Some(Kind::Bun) };
        assert_eq!(about_chosen(&Err(absent)).mark, Mark::Fault);
    }
}
