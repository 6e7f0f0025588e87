//! The API's own words for its states, as they are shown to people.

use serde::Serialize;

pub(super) use crate::measure::counted;

/// A state as it is written in JSON: one spelling everywhere.
pub(super) fn word<T: Serialize>(state: &T) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => unreachable!("states are texts: {error}"),
    }
}

/// What stands where there is nothing to show.
pub(super) const NOTHING: &str = "-";

/// The value, or [`NOTHING`].
pub(super) fn or_nothing<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}
