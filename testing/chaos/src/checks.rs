//! Invariants of the files: at any moment, and at the end.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{counters, environment::Environment, leftovers, report::Report};

/// How long a process may take to reach a failpoint.
pub(super) const FAILPOINT_TIMEOUT: Duration = Duration::from_secs(45);

const CHECKER: &str = include_str!("checker.php");

/// The answer of a later process.
#[derive(Debug, Deserialize)]
struct CheckerAnswer {
    listed: BTreeMap<String, String>,
    found: BTreeMap<String, Option<(String, bool)>>,
    workers: usize,
    /// Value of the application's counter by the number of the worker.
    counted: BTreeMap<String, u64>,
}

/// A failpoint that no process has reached in time.
pub(super) fn unreached(place: &str, report: &mut Report) {
    let seconds = FAILPOINT_TIMEOUT.as_secs();
    report.fail(
        "every failpoint is reached",
        &format!("{place} was not, within {seconds} s"),
    );
}

/// Everything below `dir` that is no directory, with its size.
pub(super) fn files(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut all = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) => all.push((entry.path(), about.len())),
                Err(_) => {}
            }
        }
    }
    all.sort();
    all
}

/// What a name in `ab/cd/` says: the key, and the first digits of the hash.
pub(super) fn binary_name(path: &Path) -> Option<(&str, &str)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".bin")?;
    let (key, digits) = name.split_once('.')?;
    (key.len() == 16 && digits.len() == 8).then_some((key, digits))
}

pub(super) fn entry_name(path: &Path) -> Option<&str> {
    let key = path.file_name()?.to_str()?.strip_suffix(".json")?;
    (key.len() == 16).then_some(key)
}

fn hash(path: &Path) -> io::Result<String> {
    let digits = Sha256::digest(fs::read(path)?);
    Ok(digits.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Checks that each file under a final name is whole, also during writes. Returns the number of binaries.
pub fn binaries_match_their_names(environment: &Environment, report: &mut Report) -> usize {
    let mut looked = 0;
    for (path, _) in files(&environment.cache()) {
        if path.components().any(|part| part.as_os_str() == ".pillion") {
            continue;
        }
        if let Some((_, digits)) = binary_name(&path) {
            // Removed meanwhile by another process.
            let Ok(hash) = hash(&path) else { continue };
            looked += 1;
            if !hash.starts_with(digits) {
                report.fail(
                    "no wrong or half binary under a final name",
                    &format!("{} hashes to {hash}", path.display()),
                );
            }
        } else if entry_name(&path).is_some() {
            let Ok(bytes) = fs::read(&path) else { continue };
            if serde_json::from_slice::<serde_json::Value>(&bytes).is_err() {
                report.fail(
                    "no half entry under a final name",
                    &format!(
                        "{} holds {} bytes that are no JSON",
                        path.display(),
                        bytes.len()
                    ),
                );
            }
        }
    }
    looked
}

/// The entries on disk with the hashes they promise; each must have its binary.
fn on_disk(environment: &Environment, report: &mut Report) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (path, _) in files(&environment.cache()) {
        let Some(key) = entry_name(&path) else {
            continue;
        };
        let document: serde_json::Value = fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let text = |name: &str| document.get(name).and_then(|text| text.as_str());
        let (Some(promised), Some(file)) = (text("sha256"), text("file")) else {
            continue;
        };
        match hash(&path.with_file_name(file)) {
            Ok(found) if found == promised => {
                all.insert(key.to_owned(), promised.to_owned());
            }
            other => report.fail(
                "an entry has its binary",
                &format!("{} names {file}, {other:?}", path.display()),
            ),
        }
    }
    all
}

/// After the death of the only process: the next one finds the files on disk, before any cleaning.
pub async fn after_a_death(environment: &Environment, report: &mut Report) {
    let disk = on_disk(environment, report);
    if let Some(told) = ask(environment, report, "look", &disk, 0).await {
        // It may have imported an old plugin's cache.
        agree(&on_disk(environment, report), &told, report);
    }
}

/// At the end: index and disk agree; a process with a clock ahead cleans, and no unreferenced file is left.
/// `ahead`: by how many seconds it comes later.
pub async fn at_the_end(environment: &Environment, report: &mut Report) {
    binaries_match_their_names(environment, report);
    after_a_death(environment, report).await;
    let disk = on_disk(environment, report);
    let Some(told) = ask(environment, report, "sweep", &disk, 3600).await else {
        return;
    };
    let disk = on_disk(environment, report);
    agree(&disk, &told, report);
    counters::are_exact(environment, &told.counted, report);
    if told.workers > 1 {
        report.fail(
            "presences of dead processes disappear",
            &format!("{} workers are told where one lives", told.workers),
        );
    }
    leftovers::nothing_is_left(environment, &disk, report);
    leftovers::no_lock_is_held(environment, report);
}

fn agree(disk: &BTreeMap<String, String>, told: &CheckerAnswer, report: &mut Report) {
    const INVARIANT: &str = "index and disk agree";
    for (key, sha256) in disk {
        match told.found.get(key) {
            Some(Some((found, true))) if found == sha256 => {}
            other => report.fail(
                INVARIANT,
                &format!("{key} stands on disk with {sha256}, found {other:?}"),
            ),
        }
    }
    for (key, sha256) in &told.listed {
        if disk.get(key) != Some(sha256) {
            report.fail(
                INVARIANT,
                &format!("{key} is listed with {sha256}, on disk {:?}", disk.get(key)),
            );
        }
    }
    for (key, found) in &told.found {
        if found.is_some() && !disk.contains_key(key) {
            report.fail(INVARIANT, &format!("{key} is found, and not on disk"));
        }
    }
}

async fn ask(
    environment: &Environment,
    report: &mut Report,
    mode: &str,
    disk: &BTreeMap<String, String>,
    ahead: u64,
) -> Option<CheckerAnswer> {
    let build_requests = async {
        let script = environment.script("checker.php", CHECKER)?;
        let mut command = environment.php(&script, "checker.log")?;
        command
            .arg(mode)
            .args([
                environment.flights(),
                environment.state(),
                environment.run_dir().to_owned(),
            ])
            .args(disk.keys());
        command.env("PILLION_CLOCK_AHEAD", ahead.to_string());
        command.output().await
    };
    let output = match tokio::time::timeout(Duration::from_secs(120), build_requests).await {
        Ok(Ok(output)) => output,
        other => {
            report.fail(
                "a process that comes later is served",
                &format!("{other:?}"),
            );
            return None;
        }
    };
    let told = serde_json::from_slice(&output.stdout);
    if told.is_err() || !output.status.success() {
        let log = fs::read_to_string(environment.log("checker.log")).unwrap_or_default();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        report.fail(
            "a process that comes later is served",
            &format!("{}, said {said:?}, log {log}", output.status),
        );
    }
    told.ok()
}
