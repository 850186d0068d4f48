//! Levels of the log as an argument.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use log::LevelFilter;

/// The levels, the most important first.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Parses a level; clap lists all of them for another text.
pub fn log_level() -> impl TypedValueParser<Value = LevelFilter> {
    PossibleValuesParser::new(LEVELS).try_map(|text| text.parse::<LevelFilter>())
}
