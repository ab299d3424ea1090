//! A file per command.

pub(crate) mod completions;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod hush;
pub(crate) mod live;
pub(crate) mod play;
#[cfg(feature = "quickjs")]
pub(crate) mod quickjs;
pub(crate) mod render;
pub(crate) mod repl;
pub(crate) mod restart;
pub(crate) mod run;
pub(crate) mod send;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod turn;
pub(crate) mod types;
