//! Typed access to resolved values by the dotted name of their setting.

use std::{path::PathBuf, time::Duration};

use super::value::Value;

/// Returns the value of a setting by its dotted name.
pub(super) type Values<'a> = &'a dyn Fn(&str) -> Option<Value>;

pub(super) fn flag(values: Values<'_>, name: &str) -> bool {
    values(name) == Some(Value::Flag(true))
}

pub(super) fn count(values: Values<'_>, name: &str) -> usize {
    match values(name) {
        Some(Value::Integer(n)) => n.try_into().unwrap_or(usize::MAX),
        _ => 0,
    }
}

pub(super) fn number(values: Values<'_>, name: &str) -> u32 {
    count(values, name).try_into().unwrap_or(u32::MAX)
}

pub(super) fn factor(values: Values<'_>, name: &str) -> f64 {
    match values(name) {
        Some(Value::Float(factor)) => factor,
        _ => 1.0,
    }
}

pub(super) fn duration(values: Values<'_>, name: &str) -> Duration {
    match values(name) {
        Some(Value::Duration(duration)) => duration,
        _ => Duration::ZERO,
    }
}

pub(super) fn size(values: Values<'_>, name: &str) -> u64 {
    match values(name) {
        Some(Value::Size(bytes)) => bytes,
        _ => 0,
    }
}

pub(super) fn word(values: Values<'_>, name: &str) -> String {
    match values(name) {
        Some(Value::Text(word)) => word,
        _ => String::new(),
    }
}

pub(super) fn path(values: Values<'_>, name: &str) -> Option<PathBuf> {
    match values(name) {
        Some(Value::Path(path)) => Some(path),
        _ => None,
    }
}
