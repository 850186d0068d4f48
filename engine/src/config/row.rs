//! The typed row of a setting: its description, and the conversion of its value to the field's Rust type. Both come
//! from one constructor, so that a field of another type does not compile. A section adds constructors for its own
//! types in its file.

use std::{path::PathBuf, time::Duration};

use super::{
    setting::{Capability, Setting},
    sources::ReadEnv,
    types::{MIB, RelativeTo, Value, ValueType},
};
use crate::secret::{Secret, ServerUrl};

/// A setting with the Rust type of its field.
pub(super) struct Row<T> {
    /// The description.
    pub setting: Setting,
    /// Converts a value of the setting's type; `None` stands for "not set". A value of another type can't occur, and
    /// a setting with a default is always set; a test parses all defaults.
    pub read: fn(Option<Value>) -> T,
}

impl<T> Row<T> {
    /// A row without its name; `settings!` adds the rest.
    pub const fn new(
        value_type: ValueType,
        default: Option<&'static str>,
        read: fn(Option<Value>) -> T,
    ) -> Self {
        let setting = Setting {
            name: "",
            yaml_path: None,
            former_key: None,
            more_env_names: &[],
            value_type,
            default,
            system_default: None,
            capability: Capability::Config,
            doc: "",
        };
        Self { setting, read }
    }

    /// Adds the name, the capability and the sentence.
    pub const fn named(
        mut self,
        name: &'static str,
        yaml_path: Option<&'static str>,
        capability: Capability,
        doc: &'static str,
    ) -> Self {
        self.setting.name = name;
        self.setting.yaml_path = yaml_path;
        self.setting.capability = capability;
        self.setting.doc = doc.trim_ascii();
        self
    }

    /// Adds environment variables that are read after the derived one.
    pub const fn env(mut self, names: &'static [&'static str]) -> Self {
        self.setting.more_env_names = names;
        self
    }

    /// Adds the key of other versions of the Velox plugin.
    pub const fn formerly(mut self, key: &'static str) -> Self {
        self.setting.former_key = Some(key);
        self
    }

    /// Replaces the default by one that depends on the system.
    pub const fn system_default(mut self, default: fn(ReadEnv<'_>) -> Value) -> Self {
        self.setting.system_default = Some(default);
        self
    }
}

/// Reads a variant of [`Value`] that is always set.
macro_rules! required {
    ($variant:ident) => {
        |value| match value {
            Some(Value::$variant(value)) => value,
            _ => Default::default(),
        }
    };
}

/// Reads a variant of [`Value`] that may be unset.
macro_rules! optional {
    ($variant:ident) => {
        |value| match value {
            Some(Value::$variant(value)) => Some(value),
            _ => None,
        }
    };
}

pub(super) use {optional, required};

/// Yes or no.
pub(super) const fn flag(default: &'static str) -> Row<bool> {
    Row::new(ValueType::Flag, Some(default), required!(Flag))
}

/// A whole number. The end of the range has to fit the field.
const fn integer<T: TryFrom<i64> + Default>(min: u32, max: u32, default: &'static str) -> Row<T> {
    let range = ValueType::Integer(min as i64, max as i64);
    Row::new(range, Some(default), |value| {
        required!(Integer)(value).try_into().unwrap_or_default()
    })
}

/// A whole number of items.
pub(super) const fn count(min: u32, max: u32, default: &'static str) -> Row<usize> {
    integer(min, max, default)
}

/// A whole number of 32 bits.
pub(super) const fn number(min: u32, max: u32, default: &'static str) -> Row<u32> {
    integer(min, max, default)
}

/// A whole number of days.
pub(super) const fn days(min: u32, max: u32, default: &'static str) -> Row<Duration> {
    let range = ValueType::Integer(min as i64, max as i64);
    Row::new(range, Some(default), |value| {
        let days: i64 = required!(Integer)(value);
        DAY * days.try_into().unwrap_or_default()
    })
}

/// A factor of growth.
pub(super) const fn factor(min: f64, max: f64, default: &'static str) -> Row<f64> {
    Row::new(ValueType::Float(min, max), Some(default), required!(Float))
}

/// A duration; both ends are included.
pub(super) const fn duration(min: Duration, max: Duration, default: &'static str) -> Row<Duration> {
    let range = ValueType::Duration(min, max);
    Row::new(range, Some(default), required!(Duration))
}

pub(super) const ZERO: Duration = Duration::ZERO;
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(super) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Milliseconds as one end of a range.
pub(super) const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A size in bytes; the ends of the range count mebibytes, as a bare number of the setting does.
pub(super) const fn size(min: u64, max: u64, default: &'static str) -> Row<u64> {
    let range = ValueType::Size(min * MIB, max * MIB);
    Row::new(range, Some(default), required!(Size))
}

/// One word without white space.
pub(super) const fn word() -> Row<Option<String>> {
    Row::new(ValueType::Word, None, optional!(Text))
}

/// An absolute path; a relative one in the file is below the file's directory.
pub(super) const fn path() -> Row<Option<PathBuf>> {
    Row::new(ValueType::Path(RelativeTo::Refused), None, optional!(Path))
}

/// An `http` or `https` URL.
pub(super) const fn url() -> Row<Option<ServerUrl>> {
    Row::new(ValueType::Url, None, optional!(Url))
}

/// A text that is never shown.
pub(super) const fn secret() -> Row<Option<Secret>> {
    Row::new(ValueType::Secret, None, optional!(Secret))
}

/// The least important level that is logged.
pub(super) const fn level(default: &'static str) -> Row<log::LevelFilter> {
    let words = &["off", "error", "warn", "info", "debug", "trace"];
    Row::new(ValueType::Choice(words), Some(default), |value| {
        let word: String = required!(Text)(value);
        word.parse().unwrap_or(log::LevelFilter::Info)
    })
}
