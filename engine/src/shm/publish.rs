//! Creates a file that all processes see whole or not at all, and that only one of them creates: under a temporary
//! name, then by link(2), which fails for all but the first. A killed process leaves its temporary file, which is
//! removed once it is older than creation can take. Once a boot, on the thread that first needs the file.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

/// Creation takes a fraction of a second; an older temporary file was left by a process that died.
pub(crate) const STALE_TEMP_AGE: Duration = Duration::from_secs(60);

/// Creates `temporary` by `make`, links it to `path` and removes the temporary name. Returns `None` if another process
/// was first. `linked` runs between the two last steps.
///
/// # Errors
/// The error of `make`; an I/O error of the link.
pub(crate) fn publish<T>(
    temporary: &Path,
    path: &Path,
    make: impl FnOnce(&Path) -> io::Result<T>,
    linked: impl FnOnce(),
) -> io::Result<Option<T>> {
    let made = make(temporary).and_then(|made| match fs::hard_link(temporary, path) {
        Ok(()) => Ok(Some(made)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    });
    linked();
    let _ = fs::remove_file(temporary);
    made
}

/// A random number for a temporary name.
///
/// # Errors
/// The system has none.
pub(crate) fn random() -> io::Result<u64> {
    getrandom::u64().map_err(|error| io::Error::other(error.to_string()))
}

/// Removes the files in `dir` with names that `is_temporary` accepts, if they were not modified for longer than
/// `max_age`. Returns how many were removed.
pub(crate) fn remove_stale(
    dir: &Path,
    now: SystemTime,
    max_age: Duration,
    is_temporary: impl Fn(&str) -> bool,
) -> u64 {
    let mut removed = 0;
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let modified = || entry.metadata().and_then(|found| found.modified());
        // A time in the future is one of a clock that was ahead, and as old as it is far away: else the file would stay
        // until the clock is there again.
        let age = |at| {
            now.duration_since(at)
                .unwrap_or_else(|error| error.duration())
        };
        let stale = entry.file_name().to_str().is_some_and(&is_temporary)
            && modified().is_ok_and(|at| age(at) > max_age);
        if stale && fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    removed
}
