//! Removes orphan files: replaced binaries, leftovers of killed processes and of the Velox plugin. The scan goes on
//! where the last one stopped, and adds artifacts to the index that it lacks. The leader's background thread.

use std::{io, time::Duration};

use rustix::fs::{FileType, Stat};

use crate::artifacts::{
    CleanReport, IndexRecord, Store,
    dir_fd::DirFd,
    file_names::FileName,
    layout::DiskState,
    reindex::{LOCKED, scan},
};

use crate::failpoint::failpoint;

/// Maximum names examined in one call.
const MAX_NAMES: usize = 50_000;
/// An orphan stays that long: its commit may be in progress, or a process serves it.
const ORPHAN_GRACE: Duration = Duration::from_secs(600);
/// A temporary file of the Velox plugin, which has no lock, is stale after that.
const PLUGIN_TEMP_AGE: Duration = Duration::from_secs(86_400);

impl Store {
    /// Scans the directories from where the last scan stopped.
    pub(in crate::artifacts) fn remove_orphans(
        &self,
        now_ms: u64,
        report: &mut CleanReport,
    ) -> io::Result<()> {
        let first = self.index.next_scan_dir();
        let folders: Vec<_> = scan::folders(&self.cache_dir)?.collect();
        let (before, from): (Vec<_>, Vec<_>) =
            folders.into_iter().partition(|(number, _)| *number < first);
        let mut left = MAX_NAMES;
        for (number, outer) in from.into_iter().chain(before) {
            if left == 0 {
                self.index.set_next_scan_dir(number);
                report.complete = false;
                return Ok(());
            }
            for folder in scan::inner(&outer)? {
                match self.remove_orphans_in(&folder, now_ms, report) {
                    Ok(looked) => left = left.saturating_sub(looked),
                    // Every further key would wait as long: the next scan goes on here.
                    Err(error) if is_locked(&error) => {
                        self.index.set_next_scan_dir(number);
                        report.complete = false;
                        report.lock_timed_out = true;
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Removes the orphans of one directory `ab/cd`. Returns how many names it has.
    fn remove_orphans_in(
        &self,
        folder: &DirFd,
        now_ms: u64,
        report: &mut CleanReport,
    ) -> io::Result<usize> {
        let names = folder.names()?.collect::<io::Result<Vec<_>>>()?;
        // Before any removal, because removals change link counts.
        let mut found = Vec::new();
        for name in &names {
            if let (Some(parsed), Some(stat)) = (FileName::parse(name), folder.stat(name)?)
                && FileType::from_raw_mode(stat.st_mode) != FileType::Directory
            {
                found.push((parsed, name, stat));
            }
        }
        for (parsed, name, stat) in found {
            if !self.is_orphan(folder, &parsed, name, &stat, now_ms)? {
                continue;
            }
            failpoint!("clean.orphan");
            // One that can't be removed, another user's for example, must not stop the scan.
            let removed = folder.remove(name).unwrap_or_else(|error| {
                log::warn!(name, error:%; "stray file not removed");
                false
            });
            if removed {
                report.orphans_removed += 1;
                // Another name of the same file keeps its bytes.
                if stat.st_nlink <= 1 || matches!(parsed, FileName::Binary(_)) {
                    report.bytes_freed += u64::try_from(stat.st_size).unwrap_or(0);
                }
            }
        }
        Ok(names.len())
    }

    fn is_orphan(
        &self,
        folder: &DirFd,
        parsed: &FileName,
        name: &str,
        stat: &Stat,
        now_ms: u64,
    ) -> io::Result<bool> {
        let older = |grace| age(stat, now_ms) >= grace;
        let (key, grace) = match parsed {
            FileName::Temp => return Ok(older(ORPHAN_GRACE)),
            FileName::PluginTemp => return Ok(older(PLUGIN_TEMP_AGE)),
            // With one name only it may be the Velox plugin's, which its index names.
            FileName::Link(key) if stat.st_nlink <= 1 => (*key, ORPHAN_GRACE.max(self.options.ttl)),
            FileName::Metadata(key) | FileName::Binary(key) | FileName::Link(key) => {
                (*key, ORPHAN_GRACE)
            }
        };
        Ok(match (self.cache_dir.read_state(key)?, parsed) {
            (DiskState::Foreign, _) => false,
            (DiskState::Whole(record), FileName::Metadata(_)) => {
                self.reconcile(record, now_ms)?;
                false
            }
            (DiskState::Whole(record), FileName::Binary(_)) => {
                older(grace) && record.file_name() != name
            }
            (DiskState::Whole(record), _) => {
                // A commit that died between the link and the metadata file.
                if older(grace) && !folder.names_same(&record.file_name(), stat)? {
                    self.link(folder, &record.file_name(), key);
                }
                false
            }
            (DiskState::Broken | DiskState::Absent, _) => older(grace),
        })
    }

    /// Adds an artifact to the index that lacks it, or removes it if it is expired.
    fn reconcile(&self, record: IndexRecord, now_ms: u64) -> io::Result<()> {
        if self.index.get(record.key).is_some() {
            return Ok(());
        }
        if record.is_expired(now_ms) && !record.is_recent(now_ms, self.options.grace) {
            self.erase(record.key)?;
            return Ok(());
        }
        if !self.sync_key(record.key) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, LOCKED));
        }
        Ok(())
    }
}

/// Whether the error is a lock timeout of the index, and not one of the disk.
fn is_locked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
}

/// Time since its bytes, names or mode were changed; see [`abs_diff`](crate::host::clock::abs_diff) for times in the
/// future.
fn age(stat: &Stat, now_ms: u64) -> Duration {
    let seconds = stat.st_mtime.max(stat.st_ctime);
    let changed_ms = u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
    Duration::from_millis(now_ms.abs_diff(changed_ms))
}
