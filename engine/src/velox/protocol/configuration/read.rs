//! Reads a configuration from a caller's values in one walk. The rules are those of [`BuildRequest::from_json`], which
//! alone has messages: what is not plainly right here is read again there.
//!
//! [`BuildRequest::from_json`]: crate::velox::BuildRequest::from_json

use super::{Configuration, Given, Name, Table};
use crate::velox::protocol::{
    grammar::{is_rr_version, is_uuid},
    json_fields::{MAX_ITEMS, MAX_TEXT},
    parse::MAX_TEXT_LEN,
    platform::{host_arch, host_os},
};

/// Both spellings of a field's name.
type Names = [&'static [u8]; 2];

const MODULE_NAME: Names = [b"module_name", b"moduleName"];
const TAG: Names = [b"tag"; 2];
const OLD: Names = [b"old"; 2];
const NEW: Names = [b"new"; 2];
const MODULE: Names = [b"module"; 2];
const VERSION: Names = [b"version"; 2];

impl<'a> Configuration<'a> {
    /// Reads a request. Returns `None` if it is wrong, or has fields that no request has: then
    /// [`BuildRequest::from_json`](crate::velox::BuildRequest::from_json) tells which. Never returns a configuration
    /// that differs from the one of that request.
    #[must_use]
    pub fn read<T: Table<'a>>(request: T) -> Option<Self> {
        let mut read = Self {
            os: host_os(),
            arch: host_arch(),
            ..Self::default()
        };
        let (mut seen, mut rest) = (Seen::default(), MAX_TEXT_LEN);
        for (name, value) in request.elements() {
            let Name::Text(name) = name else {
                return None;
            };
            match name {
                b"request_id" | b"requestId" => {
                    seen.once(0)?;
                    let id = optional_text(value)?;
                    if !(id.is_empty() || is_uuid(id)) {
                        return None;
                    }
                }
                b"rr_version" | b"rrVersion" => {
                    seen.once(1)?;
                    read.rr_version = text(value).filter(|version| is_rr_version(version))?;
                }
                b"target_platform" | b"targetPlatform" => {
                    seen.once(2)?;
                    read.platform(value)?;
                }
                b"plugins" => read.plugins = pairs(value, MODULE_NAME, TAG, &mut rest)?,
                b"replaces" => read.replaces = pairs(value, OLD, NEW, &mut rest)?,
                b"excludes" => read.excludes = pairs(value, MODULE, VERSION, &mut rest)?,
                b"force_rebuild" | b"forceRebuild" => {
                    seen.once(3)?;
                    flag(value)?;
                }
                b"race" => read.race = flag(value)?,
                b"debug" => read.debug = flag(value)?,
                _ => return None,
            }
        }
        (!read.rr_version.is_empty() && !read.plugins.is_empty()).then_some(read)
    }

    /// Reads the target; each part defaults to this host's.
    fn platform(&mut self, value: Given<'a, impl Table<'a>>) -> Option<()> {
        let table = match value {
            Given::Null => return Some(()),
            Given::Table(table) => table,
            _ => return None,
        };
        for (name, value) in table.elements() {
            let part = match name {
                Name::Text(b"os") => &mut self.os,
                Name::Text(b"arch") => &mut self.arch,
                _ => return None,
            };
            if !matches!(value, Given::Null) {
                let is_name =
                    |text: &&str| !(text.is_empty() || text.contains(char::is_whitespace));
                *part = text(value).filter(is_name)?;
            }
        }
        Some(())
    }
}

/// The fields with two spellings that came already.
#[derive(Default)]
struct Seen(u8);

impl Seen {
    fn once(&mut self, field: u8) -> Option<()> {
        let (before, bit) = (self.0, 1 << field);
        self.0 |= bit;
        (before & bit == 0).then_some(())
    }
}

/// Reads a list of objects with two texts each; null is an empty list. `rest` are the bytes that the texts of all lists
/// may still have.
fn pairs<'a, T: Table<'a>>(
    value: Given<'a, T>,
    first: Names,
    second: Names,
    rest: &mut usize,
) -> Option<Vec<(&'a str, &'a str)>> {
    let list = match value {
        Given::Null => return Some(Vec::new()),
        Given::Table(list) if list.size() <= MAX_ITEMS => list,
        _ => return None,
    };
    let mut pairs = Vec::with_capacity(list.size());
    for (name, item) in list.elements() {
        let (Name::Index(index), Given::Table(item)) = (name, item) else {
            return None;
        };
        if usize::try_from(index) != Ok(pairs.len()) {
            return None;
        }
        let mut pair = ("", "");
        for (name, value) in item.elements() {
            let part = match name {
                Name::Text(name) if first.contains(&name) => &mut pair.0,
                Name::Text(name) if second.contains(&name) => &mut pair.1,
                _ => return None,
            };
            // Counts the blanks around them too, as the limit of the conversion to JSON does.
            if let Given::Text(bytes) = value {
                *rest = rest.checked_sub(bytes.len())?;
            }
            // Of two spellings none may be given, not even an empty one.
            if !std::mem::replace(part, text(value)?).is_empty() || part.is_empty() {
                return None;
            }
        }
        if pair.0.is_empty() || pair.1.is_empty() {
            return None;
        }
        pairs.push(pair);
    }
    Some(pairs)
}

fn flag<T>(value: Given<'_, T>) -> Option<bool> {
    match value {
        Given::Null => Some(false),
        Given::Flag(flag) => Some(flag),
        _ => None,
    }
}

/// Reads a text; null is an empty one.
fn optional_text<'a, T>(value: Given<'a, T>) -> Option<&'a str> {
    match value {
        Given::Null => Some(""),
        value => text(value),
    }
}

/// Reads a trimmed text without control characters.
fn text<'a, T>(value: Given<'a, T>) -> Option<&'a str> {
    let Given::Text(bytes) = value else {
        return None;
    };
    if bytes.len() > MAX_TEXT {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    // Without an early end, so that it compares many bytes in a step.
    let is_odd = |is_odd, byte: &u8| is_odd | !matches!(byte, b' '..=b'~');
    let is_plain = !text.as_bytes().iter().fold(false, is_odd);
    (is_plain || !text.contains(char::is_control)).then_some(text)
}
