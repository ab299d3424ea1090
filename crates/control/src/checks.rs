//! Params that are out of range, each refused with what is possible.

use std::ops::RangeInclusive;

use protocol::{ErrorObject, ErrorWord, LeadSetting};

pub(crate) type Refused = ErrorObject;

pub(crate) fn refused(word: ErrorWord, message: impl Into<String>) -> Refused {
    ErrorObject::new(word, message)
}

pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Refused> {
    let fits = (1..=protocol::MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    let message =
        || format!("a {what} has 1 to {} bytes and no control characters", protocol::MAX_NAME_BYTES);
    if fits { Ok(()) } else { Err(refused(ErrorWord::InvalidParams, message())) }
}

pub(crate) fn check_range(what: &str, value: f64, range: &RangeInclusive<f64>) -> Result<(), Refused> {
    let message = || format!("{what} is {value}, possible is {} to {}", range.start(), range.end());
    if range.contains(&value) { Ok(()) } else { Err(refused(ErrorWord::InvalidParams, message())) }
}

pub(crate) fn check_lead(lead: Option<LeadSetting>) -> Result<(), Refused> {
    match lead {
        Some(LeadSetting::Ms(ms)) => check_range("lead_ms", ms, &protocol::LEAD_MS_RANGE),
        _ => Ok(()),
    }
}

pub(crate) const PAN_RANGE: RangeInclusive<f64> = -1.0..=1.0;

pub(crate) fn system(error: impl std::fmt::Display) -> Refused {
    refused(ErrorWord::System, error.to_string())
}

/// So that an answer is never much longer than its question.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
