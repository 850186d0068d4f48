//! The commands on the values of APCu's functions: they are in the memory of the host only, under their own keys.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use pillion_engine::{
    Error, Result,
    cache::{Cache, Space, pattern},
    engine::Engine,
};

use super::{
    arguments::Command, key_bytes, open, print_keys, print_removed, values::print_value,
    without_cache,
};

pub(super) fn execute(engine: &Engine, path: &Path, command: Command) -> Result<bool> {
    let is_known = matches!(
        command,
        Command::Get { .. } | Command::Delete { .. } | Command::Keys { .. } | Command::Clear
    );
    if !is_known {
        return Err(Error::Config(
            "--apcu: found another command; expected get, delete, keys or clear".into(),
        ));
    }
    if !path.exists() {
        return without_cache(engine, &command);
    }
    let cache = open(engine)?;
    match command {
        Command::Get { key, raw } => {
            let key = key_bytes(&key)?;
            match cache.peek_in(Space::Apcu, key) {
                Some((encoding, bytes)) => print_value(encoding, &bytes, raw).map(|()| true),
                None => Ok(false),
            }
        }
        Command::Delete { keys, pattern } => {
            let keys = match pattern {
                Some(pattern) => matching(cache, Some(&pattern), 0, None),
                None => {
                    let keys = keys.iter().map(|key| key_bytes(key).map(<[u8]>::to_vec));
                    keys.collect::<Result<_>>()?
                }
            };
            let removed = keys.iter().filter(|key| cache.delete_in(Space::Apcu, key));
            print_removed(removed.count() as u64)
        }
        Command::Keys {
            pattern,
            limit,
            after,
            null,
        } => print_keys(
            matching(cache, pattern.as_ref(), limit, after.as_ref()),
            null,
        ),
        _ => {
            cache.clear_in(Space::Apcu);
            Ok(true)
        }
    }
}

/// The keys that match, so many at most (0: all), after one of them.
fn matching(
    cache: &Cache,
    pattern: Option<&OsString>,
    limit: usize,
    after: Option<&OsString>,
) -> Vec<Vec<u8>> {
    let pattern = pattern.map(|pattern| pattern.as_bytes());
    let mut is_after = after.is_none();
    let mut found = Vec::new();
    cache.scan_in(Space::Apcu, 0, |entry| {
        if is_after && pattern.is_none_or(|pattern| pattern::matches(pattern, &entry.key)) {
            found.push(entry.key);
        } else if !is_after {
            is_after = after.is_some_and(|after| OsStr::from_bytes(&entry.key) == after);
        }
        limit == 0 || found.len() < limit
    });
    found
}
