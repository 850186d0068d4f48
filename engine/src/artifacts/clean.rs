//! Cleaning: what has expired, what is too much, what dead writers left, what nobody names. Done in
//! pieces with a bound each, the lock held for one removal at a time; a call that has not done it
//! all says so, and the next one goes on. The steward's background thread.

use std::time::{Duration, Instant};

use rustix::fs::Stat;

use super::{
    Record, Store, changes, disk::Standing, evict::smallest, folder::Folder, names::Name, scan,
    temp,
};
use crate::{
    Result,
    error::IoContext as _,
    host::lock::{Kind, Lock},
    metrics::velox as metrics,
};

/// Removed at most in one call, of each kind.
const REMOVALS: usize = 10_000;
/// Chosen at once for removal: bounds the memory, and each choice looks at the whole index.
const CHOICE: usize = 2_048;
/// Names looked at in one call on the walk for strays.
const NAMES: usize = 50_000;
/// What nobody names is left alone that long: its commit may be under way, or somebody serves it.
const STRAY_GRACE: Duration = Duration::from_secs(600);
/// A temporary file of the old plugin, which locks nothing, is dead after that.
const OLD_TEMPORARY: Duration = Duration::from_secs(86_400);

/// What a cleaning did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleanReport {
    /// Artifacts whose time was over.
    pub expired_removed: u64,
    /// Artifacts that were used least recently, for want of room.
    pub lru_removed: u64,
    /// Temporary files of dead writers.
    pub temporaries_removed: u64,
    /// Files that no entry names: replaced binaries, leftovers of killed processes.
    pub strays_removed: u64,
    /// Of all these.
    pub bytes_freed: u64,
    /// Artifacts in the index afterwards.
    pub entries_remaining: u64,
    /// Whether all was done; else the next call goes on.
    pub complete: bool,
    /// How long it took.
    pub duration: Duration,
}

impl Store {
    /// Cleans, at the wall-clock time `now_ms` (Unix milliseconds).
    ///
    /// # Errors
    /// The directory can't be read. What was done until then is done.
    pub fn clean(&self, now_ms: u64) -> Result<CleanReport> {
        let start = Instant::now();
        let mut report = CleanReport {
            complete: true,
            ..CleanReport::default()
        };
        self.prepare()?;
        self.clean_expired(now_ms, &mut report);
        self.clean_surplus(now_ms, &mut report);
        let doing = || format!("cleaning the artifact cache {}", self.options.dir.display());
        self.sweep_temporaries(&mut report).context(doing)?;
        self.sweep_strays(now_ms, &mut report).context(doing)?;
        changes::tidy(&self.disk).context(doing)?;
        report.entries_remaining = self.index.len();
        report.duration = start.elapsed();
        self.show(now_ms);
        log::info!(
            expired_removed = report.expired_removed,
            lru_removed = report.lru_removed,
            duration = report.duration.as_secs_f64(),
            entries_remaining = report.entries_remaining;
            "cache cleanup completed"
        );
        Ok(report)
    }

    fn clean_expired(&self, now_ms: u64, report: &mut CleanReport) {
        let choose = || {
            let expired = self.index.records().filter(|record| {
                record.is_expired(now_ms) && !record.is_recent(now_ms, self.options.grace)
            });
            smallest(expired, CHOICE, |record| record.expires_ms)
        };
        let (removed, bytes, complete) = self.remove_all(now_ms, choose);
        report.expired_removed += removed;
        report.bytes_freed += bytes;
        report.complete &= complete;
    }

    fn clean_surplus(&self, now_ms: u64, report: &mut CleanReport) {
        let (removed, bytes, complete) = self.remove_all(now_ms, || self.surplus(now_ms, CHOICE));
        report.lru_removed += removed;
        report.bytes_freed += bytes;
        report.complete &= complete;
    }

    /// Removes what is chosen, and chooses anew, until there is nothing or it is enough for now.
    fn remove_all(&self, now_ms: u64, choose: impl Fn() -> Vec<Record>) -> (u64, u64, bool) {
        let (mut removed, mut bytes) = (0u64, 0);
        while removed < REMOVALS as u64 {
            let before = removed;
            let chosen = choose();
            if chosen.is_empty() {
                return (removed, bytes, true);
            }
            for record in chosen {
                let Some(writer) = self.writer() else {
                    return (removed, bytes, false);
                };
                if self.evict(&writer, &record, now_ms) {
                    removed += 1;
                    bytes += record.size;
                }
            }
            if removed == before {
                break;
            }
        }
        (removed, bytes, false)
    }

    /// Removes the temporary files of dead writers: those whose lock can be had.
    fn sweep_temporaries(&self, report: &mut CleanReport) -> std::io::Result<()> {
        let Some(folder) = self.disk.temporaries()? else {
            return Ok(());
        };
        let path = self.disk.temporary_path();
        let ours = folder
            .names()?
            .filter(|name| name.as_ref().map_or(true, |name| temp::is_ours(name)));
        for (at, name) in ours.enumerate() {
            if at == REMOVALS {
                report.complete = false;
                break;
            }
            let name = name?;
            let size = folder.file_size(&name)?.unwrap_or(0);
            // Another user's file is for that user to sweep.
            if let Ok(Some(_lock)) = Lock::attempt(&path.join(&name), Kind::Exclusive)
                && folder.remove(&name)?
            {
                report.temporaries_removed += 1;
                report.bytes_freed += size;
            }
        }
        Ok(())
    }

    /// Walks over the folders from where the last walk stopped.
    fn sweep_strays(&self, now_ms: u64, report: &mut CleanReport) -> std::io::Result<()> {
        let first = self.index.walk();
        let folders: Vec<_> = scan::folders(&self.disk)?.collect();
        let (before, from): (Vec<_>, Vec<_>) =
            folders.into_iter().partition(|(number, _)| *number < first);
        let mut left = NAMES;
        for (number, outer) in from.into_iter().chain(before) {
            if left == 0 {
                self.index.set_walk(number);
                report.complete = false;
                return Ok(());
            }
            for folder in scan::inner(&outer)? {
                let looked = self.sweep_folder(&folder, now_ms, report)?;
                left = left.saturating_sub(looked);
            }
        }
        Ok(())
    }

    /// Removes the strays of one folder `ab/cd`. Returns how many names it has.
    fn sweep_folder(
        &self,
        folder: &Folder,
        now_ms: u64,
        report: &mut CleanReport,
    ) -> std::io::Result<usize> {
        let names = folder.names()?.collect::<Result<Vec<_>, _>>()?;
        // Before anything is removed, since removing changes the counts of links.
        let mut found = Vec::new();
        for name in &names {
            if let (Some(parsed), Some(stat)) = (Name::parse(name), folder.stat(name)?) {
                found.push((parsed, name, stat));
            }
        }
        for (parsed, name, stat) in found {
            if self.is_stray(folder, &parsed, name, &stat, now_ms)? && folder.remove(name)? {
                report.strays_removed += 1;
                // Another name of the same file keeps its bytes.
                if stat.st_nlink <= 1 || matches!(parsed, Name::Binary(_)) {
                    report.bytes_freed += u64::try_from(stat.st_size).unwrap_or(0);
                }
            }
        }
        Ok(names.len())
    }

    fn is_stray(
        &self,
        folder: &Folder,
        parsed: &Name,
        name: &str,
        stat: &Stat,
        now_ms: u64,
    ) -> std::io::Result<bool> {
        let older = |grace| age(stat, now_ms) >= grace;
        let (key, grace) = match parsed {
            Name::Temporary => return Ok(older(STRAY_GRACE)),
            Name::OldTemporary => return Ok(older(OLD_TEMPORARY)),
            // With one name only it may be the old plugin's, whose index says what it is for.
            Name::Link(key) if stat.st_nlink <= 1 => (*key, STRAY_GRACE.max(self.options.ttl)),
            Name::Entry(key) | Name::Binary(key) | Name::Link(key) => (*key, STRAY_GRACE),
        };
        Ok(match (self.disk.standing(key)?, parsed) {
            (Standing::Foreign, _) => false,
            (Standing::Whole(record), Name::Entry(_)) => {
                self.reconcile(record, now_ms)?;
                false
            }
            (Standing::Whole(record), Name::Binary(_)) => {
                older(grace) && record.file_name() != name
            }
            (Standing::Whole(record), _) => {
                // A commit that died between the link and the entry.
                if older(grace) && !folder.same(&record.file_name(), stat)? {
                    self.link(folder, &record.file_name(), key);
                }
                false
            }
            (Standing::Broken | Standing::Nothing, _) => older(grace),
        })
    }

    /// An entry that the index doesn't know gets its place, or goes if its time is over.
    fn reconcile(&self, record: Record, now_ms: u64) -> std::io::Result<()> {
        if self.index.get(record.key).is_some() {
            return Ok(());
        }
        if record.is_expired(now_ms) && !record.is_recent(now_ms, self.options.grace) {
            self.erase(record.key)?;
        } else {
            self.settle(record.key);
        }
        Ok(())
    }

    /// The gauges of the host.
    fn show(&self, now_ms: u64) {
        metrics::CACHE_ENTRIES.set(self.index.len() as f64);
        metrics::CACHE_SIZE.set(self.index.total_size() as f64);
        let oldest = self.index.records().map(|record| record.accessed_ms).min();
        let age = oldest.map_or(0, |oldest| now_ms.saturating_sub(oldest));
        metrics::CACHE_ACCESS_AGE.set(age as f64 / 1000.0);
    }
}

/// Since its bytes, its names or its mode were changed.
fn age(stat: &Stat, now_ms: u64) -> Duration {
    let seconds = stat.st_mtime.max(stat.st_ctime);
    let changed_ms = u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
    Duration::from_millis(now_ms.saturating_sub(changed_ms))
}
