//! The outcome of a flight, for its followers: one small file for each attempt, published by rename, so that it is
//! never read half. It is valid for a minute; later requests use the store, or build. Runs on blocking threads.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{
    entry::FlightId,
    small_files::{read_small, replace},
    stored_error::StoredError,
};
use crate::{Error, Result, artifacts::IndexRecord, error::IoContext, host::clock};

/// The time that followers have to read an outcome.
const OUTCOME_TTL: Duration = Duration::from_secs(60);
const EXTENSION: &str = "outcome";

/// The binary that a flight has built or found, the same for all its subscribers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildOutput {
    /// Its key, hash, size and times.
    pub record: IndexRecord,
    /// Its file: in the cache, or in the directory of temporary binaries.
    pub path: PathBuf,
    /// Whether it was built in this flight and not found in the cache.
    pub built: bool,
}

/// The end of one attempt.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The result.
    pub result: Result<BuildOutput>,
    /// The request ids of its subscribers, as far as they are known.
    pub request_ids: Vec<String>,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct OutcomeFile {
    request_ids: Vec<String>,
    result: Result<BuildOutput, StoredError>,
}

fn path(dir: &Path, id: FlightId, attempt: u64) -> PathBuf {
    dir.join(format!(
        "{:016x}{:016x}-{attempt:016x}.{EXTENSION}",
        id.key, id.digest
    ))
}

/// Publishes the outcome of an attempt.
pub(super) fn publish(dir: &Path, id: FlightId, attempt: u64, outcome: &Outcome) -> Result<()> {
    let file = OutcomeFile {
        request_ids: outcome.request_ids.clone(),
        result: outcome
            .result
            .clone()
            .map_err(|error| StoredError::from_error(&error)),
    };
    let bytes = serde_json::to_vec(&file)
        .map_err(|error| Error::Internal(format!("encoding the outcome of a build: {error}")))?;
    let path = path(dir, id, attempt);
    replace(&path, &bytes).context(|| format!("writing {}", path.display()))
}

/// Returns the modification time of the outcome that was published just now: the time by the clock that dates these
/// files, which may be a file server's.
pub(super) fn published_at(dir: &Path, id: FlightId, attempt: u64) -> SystemTime {
    let published = path(dir, id, attempt).symlink_metadata();
    published
        .and_then(|published| published.modified())
        .unwrap_or_else(|_| SystemTime::now())
}

/// Reads the outcome of an attempt, if one was published.
pub(super) fn read(dir: &Path, id: FlightId, attempt: u64) -> Option<Outcome> {
    decode(&path(dir, id, attempt))
}

fn decode(path: &Path) -> Option<Outcome> {
    let bytes = read_small(path).ok()??;
    let file: OutcomeFile = serde_json::from_slice(&bytes).ok()?;
    Some(Outcome {
        result: file.result.map_err(StoredError::into_error),
        request_ids: file.request_ids,
    })
}

/// Reads the newest outcome of a flight that has not expired.
pub(super) fn read_last(dir: &Path, id: FlightId, now: SystemTime) -> Option<Outcome> {
    let prefix = format!("{:016x}{:016x}-", id.key, id.digest);
    let is_own = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.as_encoded_bytes().starts_with(prefix.as_bytes())
            && entry.path().extension().is_some_and(|end| end == EXTENSION)
    };
    let (_, newest) = outcome_files(dir)
        .filter(is_own)
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry)))
        .filter(|(at, _)| clock::abs_diff(now, *at) <= OUTCOME_TTL)
        .max_by_key(|(at, _)| *at)?;
    decode(&newest.path())
}

/// Reads all outcomes.
pub(super) fn read_all(dir: &Path) -> Vec<Outcome> {
    outcome_files(dir)
        .filter_map(|entry| decode(&entry.path()))
        .collect()
}

/// Removes expired outcomes, and temporary files of killed writers.
pub(super) fn sweep(dir: &Path, now: SystemTime) {
    for entry in outcome_files(dir) {
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|time| clock::abs_diff(now, time) > OUTCOME_TTL);
        if old {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn outcome_files(dir: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let path = entry.path();
            let extension = path.extension().unwrap_or_default();
            extension == EXTENSION || extension == "tmp"
        })
}
