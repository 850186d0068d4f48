//! The build requests of tickets, one file for each configuration: `<run_dir>/requests/<digest>.json`. PHP's process
//! writes it before it issues a ticket, so that a ticket stays short; the delivery server reads it on a miss. The name
//! is the digest of the content, so that no other request can be put in its place. Bounded by count and size: beyond,
//! the oldest go, and their tickets find only what is in the cache. Blocks on the file system of `run_dir`.

use std::{
    cmp::Reverse,
    fs::{self, FileTimes, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::ticket::{MAX_LIFETIME, Ticket, request_digest};
use crate::{
    Error, Result,
    artifacts::hex,
    error::IoContext as _,
    host::files,
    velox::{flight::small_files, keys::config_keys::ConfigKeys, protocol::request::BuildRequest},
};

/// Limit of the number of files.
const MAX_FILES: usize = 4096;
/// Limit of the size of all files, in bytes.
const MAX_BYTES: u64 = 32 << 20;
/// A temporary file is written in far less time.
const STALE_TEMP_AGE: Duration = Duration::from_secs(60);

/// The directory of the stored requests.
#[derive(Debug, Clone)]
pub struct StoredRequests {
    dir: PathBuf,
    max_files: usize,
    max_bytes: u64,
}

impl StoredRequests {
    /// The requests of a host. Touches no file.
    #[must_use]
    pub fn new(run_dir: &Path) -> Self {
        Self {
            dir: run_dir.join("requests"),
            max_files: MAX_FILES,
            max_bytes: MAX_BYTES,
        }
    }

    /// Stores the request of a ticket, or marks it as used if it is stored already.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put(&self, request: &BuildRequest) -> Result<()> {
        let path = self.path(&request_digest(&ConfigKeys::of(request)));
        let mut content = request.config();
        if let Some(content) = content.as_object_mut() {
            // The ticket has both.
            content.shift_remove("request_id");
            content.shift_remove("force_rebuild");
        }
        let bytes = content.to_string().into_bytes();
        let stored = small_files::read_small(&path);
        if stored.is_ok_and(|stored| stored.as_ref() == Some(&bytes)) && touch(&path) {
            return Ok(());
        }
        files::create_dir(&self.dir)
            .and_then(|()| {
                self.evict(SystemTime::now(), bytes.len() as u64);
                small_files::replace(&path, &bytes)
            })
            .context(|| format!("storing a request in {}", self.dir.display()))
    }

    /// Reads the request of a ticket, with the ticket's request id and `force_rebuild`. Returns `None` if it is not
    /// stored any more.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::State`] if the content is not the request of this digest.
    pub fn get(&self, ticket: &Ticket) -> Result<Option<BuildRequest>> {
        let path = self.path(&ticket.digest);
        let Some(bytes) = small_files::read_small(&path)
            .context(|| format!("reading a stored request from {}", path.display()))?
        else {
            return Ok(None);
        };
        let damaged = || Error::State(format!("{} holds another request", path.display()));
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        let mut request = BuildRequest::from_json(&value).map_err(|_| damaged())?;
        if request_digest(&ConfigKeys::of(&request)) != ticket.digest {
            return Err(damaged());
        }
        request.request_id = ticket.request_id.to_string();
        request.force_rebuild = ticket.force_rebuild;
        Ok(Some(request))
    }

    /// Removes the requests whose tickets have expired, whatever their lifetimes are. A periodic task of the host.
    pub fn sweep(&self, now: SystemTime) {
        self.evict(now, 0);
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        self.dir.join(format!("{}.json", hex(digest)))
    }

    /// Removes expired files, and the oldest until `incoming` more bytes fit.
    fn evict(&self, now: SystemTime, incoming: u64) {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else {
                continue;
            };
            let modified = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            // A time in the future is one of a clock that was ahead.
            let age = now
                .duration_since(modified)
                .unwrap_or_else(|error| error.duration());
            let name = entry.file_name();
            let is_request = name.as_encoded_bytes().ends_with(b".json");
            let max_age = if is_request {
                MAX_LIFETIME
            } else {
                STALE_TEMP_AGE
            };
            if age > max_age {
                let _ = fs::remove_file(entry.path());
            } else if is_request {
                kept.push((age, found.len(), entry.path()));
            }
        }
        kept.sort_unstable_by_key(|(age, ..)| Reverse(*age));
        let mut count = kept.len() + usize::from(incoming > 0);
        let mut bytes = incoming + kept.iter().map(|(_, len, _)| len).sum::<u64>();
        for (_, len, path) in kept {
            if count <= self.max_files && bytes <= self.max_bytes {
                break;
            }
            let _ = fs::remove_file(path);
            count -= 1;
            bytes = bytes.saturating_sub(len);
        }
    }
}

/// Sets the time of last use. Returns `false` if the file is gone, or another user's.
fn touch(path: &Path) -> bool {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let now = FileTimes::new().set_modified(SystemTime::now());
    opened.and_then(|file| file.set_times(now)).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(tag: &str) -> BuildRequest {
        BuildRequest::from_json(&json!({
            "rr_version": "v2025.1.2",
            "plugins": [{"module_name": "github.com/acme/plugin", "tag": tag}],
            "replaces": [{"old": "a", "new": "b@v1.0.0"}],
            "debug": true,
        }))
        .unwrap()
    }

    fn ticket(request: &BuildRequest) -> Ticket {
        Ticket::issue(request, 0, MAX_LIFETIME)
    }

    fn count(requests: &StoredRequests) -> usize {
        fs::read_dir(&requests.dir).unwrap().count()
    }

    #[test]
    fn request_of_a_ticket_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let requests = StoredRequests::new(dir.path());
        let mut request = request("v1.0.0");
        assert_eq!(requests.get(&ticket(&request)).unwrap(), None);
        requests.put(&request).unwrap();
        request.force_rebuild = true;
        requests.put(&request).unwrap();
        assert_eq!(count(&requests), 1, "one file for each configuration");
        assert_eq!(requests.get(&ticket(&request)).unwrap(), Some(request));
    }

    #[test]
    fn file_with_another_request_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let requests = StoredRequests::new(dir.path());
        let [one, other] = ["v1.0.0", "v2.0.0"].map(request);
        requests.put(&one).unwrap();
        let path = requests.path(&ticket(&other).digest);
        fs::rename(requests.path(&ticket(&one).digest), &path).unwrap();
        assert!(requests.get(&ticket(&other)).is_err());
        fs::write(&path, "{").unwrap();
        assert!(requests.get(&ticket(&other)).is_err());
        requests.put(&other).unwrap();
        assert!(requests.get(&ticket(&other)).unwrap().is_some());
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
        assert!(requests.get(&ticket(&other)).is_err());
        requests.put(&other).unwrap();
        assert!(requests.get(&ticket(&other)).unwrap().is_some());
    }

    #[test]
    fn oldest_requests_go_beyond_the_limits() {
        let dir = tempfile::tempdir().unwrap();
        let mut requests = StoredRequests::new(dir.path());
        requests.max_files = 2;
        let all = ["v1.0.0", "v2.0.0", "v3.0.0"].map(request);
        for (age, request) in [300, 200, 0].into_iter().zip(&all) {
            requests.put(request).unwrap();
            if age > 0 {
                let path = requests.path(&ticket(request).digest);
                let at = SystemTime::now() - Duration::from_secs(age);
                let file = fs::File::open(path).unwrap();
                file.set_times(FileTimes::new().set_modified(at)).unwrap();
            }
        }
        assert_eq!(count(&requests), 2);
        assert!(requests.get(&ticket(&all[0])).unwrap().is_none());
        // A file's use counts, and not its creation.
        requests.put(&all[1]).unwrap();
        requests.max_bytes = 1;
        requests.sweep(SystemTime::now());
        assert_eq!(count(&requests), 0);
    }

    #[test]
    fn sweep_removes_expired_requests_and_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        let requests = StoredRequests::new(dir.path());
        requests.sweep(SystemTime::now());
        requests.put(&request("v1.0.0")).unwrap();
        fs::write(requests.dir.join("abc.0123456789abcdef.tmp"), "").unwrap();
        requests.sweep(SystemTime::now());
        assert_eq!(count(&requests), 2);
        requests.sweep(SystemTime::now() + STALE_TEMP_AGE * 2);
        assert_eq!(count(&requests), 1);
        requests.sweep(SystemTime::now() + MAX_LIFETIME * 2);
        assert_eq!(count(&requests), 0);
    }
}
