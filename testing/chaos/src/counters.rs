//! The application's counter under kills: each call of `increment()` that has returned is on the page once, and so may
//! be the one that a process was killed in. Each process has a file with `+` for each call that it begins and `-` for
//! each that has returned, in a system call of its own, so that no kill separates the file from the process.

use std::{collections::BTreeMap, fs};

use crate::{environment::Environment, report::Report};

/// Removes the files of the calls, after the segment with their counts was destroyed.
pub(super) fn forget(environment: &Environment) {
    let files = fs::read_dir(environment.files()).into_iter().flatten();
    for path in files.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|ending| ending == "calls") {
            let _ = fs::remove_file(path);
        }
    }
}

/// Compares the page with the files. When no process runs.
pub(super) fn are_exact(
    environment: &Environment,
    page: &BTreeMap<String, u64>,
    report: &mut Report,
) {
    let (mut returned_calls, mut killed_calls, mut counted) = (0, 0, 0);
    let files = fs::read_dir(environment.files()).into_iter().flatten();
    for path in files.flatten().map(|entry| entry.path()) {
        let (Some(worker), Ok(bytes)) = (
            path.file_name()
                .and_then(|name| name.to_str()?.strip_suffix(".calls")),
            fs::read(&path),
        ) else {
            continue;
        };
        let count = |mark: u8| bytes.iter().filter(|byte| **byte == mark).count() as u64;
        let (begun, returned) = (count(b'+'), count(b'-'));
        let found = page.get(worker).copied().unwrap_or_default();
        if !(returned..=begun).contains(&found) {
            report.fail(
                "the page counts each call of increment()",
                &format!("worker {worker}: {begun} begun, {returned} returned, {found} counted"),
            );
        }
        returned_calls += returned;
        killed_calls += begun - returned;
        counted += found;
    }
    if returned_calls > 0 {
        report.figure(
            "calls of increment()",
            format_args!("{returned_calls} returned, {killed_calls} killed, {counted} counted"),
        );
    }
}
