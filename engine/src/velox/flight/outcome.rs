//! The outcome of a flight, for its followers: one small file for each attempt, published by rename, so that it is
//! never read half. It is valid for a minute; later requests use the store, or build. Runs on blocking threads.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    entry::FlightId,
    small_files::{read_small, replace},
    stored_error::StoredError,
};
use crate::{
    Error, Result,
    artifacts::{IndexRecord, Key},
    error::IoContext,
    host::clock,
};

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
    /// Its configuration and duration, if its leader has published progress.
    pub summary: Option<BuildSummary>,
}

/// The configuration and the duration of an ended build, for the status.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildSummary {
    /// RoadRunner's version.
    pub rr_version: String,
    /// Operating system of the target.
    pub os: String,
    /// Processor of the target.
    pub arch: String,
    /// Plugins with their versions.
    pub plugins: Vec<String>,
    /// The start, in Unix seconds.
    pub started: f64,
    /// Seconds from the start to the end, with pauses between attempts.
    pub seconds: f64,
}

impl BuildSummary {
    /// Reads it from the last progress of a build that ends now.
    pub(super) fn of(progress: Value) -> Option<Self> {
        let mut summary: Self = serde_json::from_value(progress).ok()?;
        let now = clock::unix_ms() as f64 / 1000.0;
        summary.seconds = (now - summary.started).max(0.0);
        (summary.started > 0.0).then_some(summary)
    }
}

/// A flight that has ended within the last minute.
#[derive(Debug, Clone)]
pub struct EndedFlight {
    /// The key of its configuration.
    pub key: Key,
    /// When it ended.
    pub ended: SystemTime,
    /// Its end.
    pub outcome: Outcome,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct OutcomeFile {
    request_ids: Vec<String>,
    #[serde(default)]
    summary: Option<BuildSummary>,
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
        summary: outcome.summary.clone(),
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
        summary: file.summary,
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

/// Reads all outcomes with the keys and ends of their flights, the newest first.
pub(super) fn read_recent(dir: &Path, now: SystemTime) -> Vec<EndedFlight> {
    let ended = |entry: fs::DirEntry| {
        let ended = entry.metadata().ok()?.modified().ok()?;
        if clock::abs_diff(now, ended) > OUTCOME_TTL {
            return None;
        }
        let name = entry.file_name();
        Some(EndedFlight {
            key: Key::parse(name.as_encoded_bytes().get(..16)?)?,
            ended,
            outcome: decode(&entry.path())?,
        })
    };
    let mut all: Vec<EndedFlight> = outcome_files(dir).filter_map(ended).collect();
    all.sort_by_key(|flight| std::cmp::Reverse(flight.ended));
    all
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
