//! How a flight ended, for all who waited: one small file for each attempt, published by rename, so
//! that it is never read half. It lives for a minute; who comes later asks the store, or builds.
//! Blocking threads.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::{
    failure::Failure,
    paths::{read_small, replace},
    table::FlightId,
};
use crate::{
    Error, Result,
    artifacts::{ConfigDigest, Key, Record},
    error::IoContext,
    host::clock,
};

/// How long waiters may take to read it.
const LIFETIME: Duration = Duration::from_secs(60);
const ENDING: &str = "outcome";

/// A binary that a flight has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// What is known of it.
    pub record: Record,
    /// Where it lies: in the cache, or in a place for binaries that are not kept.
    pub path: PathBuf,
    /// Whether it was built in this flight, and not there already.
    pub built: bool,
}

#[derive(Serialize, Deserialize)]
struct Brought {
    key: String,
    digest: String,
    path: PathBuf,
    sha256: String,
    size: u64,
    created_ms: u64,
    expires_ms: u64,
    build_ms: u32,
    built: bool,
}

impl Brought {
    fn of(landed: &Landed) -> Self {
        let record = &landed.record;
        Self {
            key: record.key.to_string(),
            digest: record.digest.to_string(),
            path: landed.path.clone(),
            sha256: record.sha256_hex(),
            size: record.size,
            created_ms: record.created_ms,
            expires_ms: record.expires_ms,
            build_ms: record.build_ms,
            built: landed.built,
        }
    }

    fn into_landed(self) -> Option<Landed> {
        let mut sha256 = [0; 32];
        let quarters = sha256.chunks_exact_mut(8).enumerate();
        for (at, quarter) in quarters {
            let digits = self.sha256.as_bytes().get(at * 16..at * 16 + 16)?;
            quarter.copy_from_slice(&Key::parse(digits)?.0.to_be_bytes());
        }
        Some(Landed {
            record: Record {
                key: Key::parse(self.key.as_bytes())?,
                sha256,
                size: self.size,
                created_ms: self.created_ms,
                expires_ms: self.expires_ms,
                accessed_ms: self.created_ms,
                build_ms: self.build_ms,
                digest: ConfigDigest::parse(&self.digest)?,
            },
            path: self.path,
            built: self.built,
        })
    }
}

/// The end of one attempt.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What came of it.
    pub result: Result<Landed>,
    /// Who asked, as far as they are known.
    pub request_ids: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Page {
    request_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<Brought>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

fn path(dir: &Path, id: FlightId, attempt: u64) -> PathBuf {
    dir.join(format!(
        "{:016x}{:016x}-{attempt:016x}.{ENDING}",
        id.key, id.digest
    ))
}

/// Publishes the end of an attempt.
pub(super) fn publish(dir: &Path, id: FlightId, attempt: u64, outcome: &Outcome) -> Result<()> {
    let page = Page {
        request_ids: outcome.request_ids.clone(),
        ok: outcome.result.as_ref().ok().map(Brought::of),
        error: outcome.result.as_ref().err().map(Failure::of),
    };
    let bytes = serde_json::to_vec(&page)
        .map_err(|error| Error::Internal(format!("encoding the end of a build: {error}")))?;
    let path = path(dir, id, attempt);
    replace(&path, &bytes).context(|| format!("writing {}", path.display()))
}

/// The time by the clock that dates these files, which may be a file server's: that of the end that was
/// published just now.
pub(super) fn moment(dir: &Path, id: FlightId, attempt: u64) -> SystemTime {
    let published = path(dir, id, attempt).symlink_metadata();
    published
        .and_then(|published| published.modified())
        .unwrap_or_else(|_| SystemTime::now())
}

/// The end of that attempt, if it has ended in an orderly way.
pub(super) fn look(dir: &Path, id: FlightId, attempt: u64) -> Option<Outcome> {
    decode(&path(dir, id, attempt))
}

fn decode(path: &Path) -> Option<Outcome> {
    let bytes = read_small(path).ok()??;
    let page: Page = serde_json::from_slice(&bytes).ok()?;
    let result = match (page.ok, page.error) {
        (Some(brought), None) => Ok(brought.into_landed()?),
        (None, Some(failure)) => Err(failure.into_error()),
        _ => return None,
    };
    Some(Outcome {
        result,
        request_ids: page.request_ids,
    })
}

/// All ends that are still told.
pub(super) fn all(dir: &Path) -> Vec<Outcome> {
    files(dir)
        .filter_map(|entry| decode(&entry.path()))
        .collect()
}

/// Removes what nobody waits for any more, and what a killed writer left behind.
pub(super) fn sweep(dir: &Path, now: SystemTime) {
    for entry in files(dir) {
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|time| clock::apart(now, time) > LIFETIME);
        if old {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn files(dir: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let path = entry.path();
            let ending = path.extension().unwrap_or_default();
            ending == ENDING || ending == "tmp"
        })
}
