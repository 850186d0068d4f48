//! How a flight ended, for all who waited: one small file for each attempt, published by rename, so
//! that it is never read half. It lives for a minute; who comes later asks the store, or builds.
//! Blocking threads.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::table::FlightId;
use crate::{
    Error, Result,
    artifacts::{ConfigDigest, Key, Record},
    error::{BuildFailure, IoContext, Violation},
};

/// How long waiters may take to read it.
const LIFETIME: Duration = Duration::from_secs(60);
/// A larger file is none of ours.
const MAX_BYTES: u64 = 4 << 20;
/// What is kept of a compiler's log, from its end.
const MAX_LOG: usize = 1 << 20;
const ENDING: &str = "outcome";

/// A binary that a flight has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// What is known of it.
    pub record: Record,
    /// Where it lies: in the cache, or in a place for binaries that are not kept.
    pub path: PathBuf,
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

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Failure {
    kind: String,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    logs: String,
    #[serde(skip_serializing_if = "is_zero")]
    http_status: u16,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<(String, String)>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(number: &u16) -> bool {
    *number == 0
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

/// Writes a small file so that a reader sees all of it or the one before.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o660)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Reads a small file of ours. `None`: it is not there.
pub(super) fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("too large"));
    }
    Ok(Some(bytes))
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
            .is_ok_and(|time| now.duration_since(time).is_ok_and(|age| age > LIFETIME));
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

impl Failure {
    fn of(error: &Error) -> Self {
        let mut failure = Self {
            kind: kind(error).into(),
            message: match error {
                Error::Internal(message) => message.clone(),
                _ => error.to_string(),
            },
            ..Self::default()
        };
        match error {
            Error::BuildFailed(build) => {
                failure.logs = tail(&build.logs, MAX_LOG).to_owned();
                failure.http_status = build.http_status;
            }
            Error::InvalidRequest(violations) => {
                failure.violations = violations
                    .iter()
                    .map(|one| (one.field.clone(), one.message.clone()))
                    .collect();
            }
            _ => {}
        }
        failure
    }

    fn into_error(self) -> Error {
        let message = self.message;
        match self.kind.as_str() {
            "config" => Error::Config(message),
            "invalid_request" => Error::InvalidRequest(
                self.violations
                    .into_iter()
                    .map(|(field, message)| Violation { field, message })
                    .collect(),
            ),
            "build_failed" => Error::BuildFailed(BuildFailure {
                message,
                logs: self.logs,
                http_status: self.http_status,
            }),
            "timeout" => Error::Timeout(message),
            "cancelled" => Error::Cancelled(message),
            "queue_full" => Error::QueueFull(message),
            "remote" => Error::Remote(message),
            "state" => Error::State(message),
            "io" => Error::Io {
                context: "another process that built for us met this".into(),
                source: Arc::new(io::Error::other(message)),
            },
            _ => Error::Internal(message),
        }
    }
}

/// A stable name for an error, for files and logs.
pub(crate) fn kind(error: &Error) -> &'static str {
    match error {
        Error::Config(_) => "config",
        Error::InvalidRequest(_) => "invalid_request",
        Error::BuildFailed(_) => "build_failed",
        Error::Timeout(_) => "timeout",
        Error::Cancelled(_) => "cancelled",
        Error::QueueFull(_) => "queue_full",
        Error::Remote(_) => "remote",
        Error::State(_) => "state",
        Error::Io { .. } => "io",
        Error::Internal(_) => "internal",
    }
}

/// The last `limit` bytes of a text, from a character's start.
pub(crate) fn tail(text: &str, limit: usize) -> &str {
    let mut from = text.len().saturating_sub(limit);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}
