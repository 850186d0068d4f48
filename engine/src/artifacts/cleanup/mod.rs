//! Cleaning: expired artifacts, artifacts beyond the limits, temporary files of dead writers, orphan files. Each part
//! is bounded, and the lock is held for one removal at a time; a call that has not done everything says so, and the
//! next one goes on. The leader's background thread.

pub(crate) mod disk_space;
pub(crate) mod evict;
pub(crate) mod orphans;

use std::{
    io,
    time::{Duration, Instant, SystemTime},
};

use super::{IndexRecord, Store, file_names, journal};
use crate::{
    Result,
    config::duration,
    error::IoContext as _,
    failpoint::failpoint,
    host::lock::{Lock, LockMode},
};
use evict::smallest;

/// A larger change of the clock since the last cleaning is a jump; smaller ones are drift.
const MIN_CLOCK_JUMP_MS: i64 = 600_000;
/// Maximum removals of each kind in one call.
const MAX_REMOVALS: usize = 10_000;
/// Maximum records chosen for removal at once: bounds the memory; each choice reads the whole index.
const MAX_CHOSEN: usize = 2_048;

/// The result of a cleaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleanReport {
    /// Expired artifacts.
    pub expired_removed: u64,
    /// Least recently used artifacts, removed for space.
    pub lru_removed: u64,
    /// Temporary files of dead writers.
    pub temporaries_removed: u64,
    /// Orphan files: replaced binaries, leftovers of killed processes.
    pub orphans_removed: u64,
    /// Bytes of all these.
    pub bytes_freed: u64,
    /// Artifacts in the index afterwards.
    pub entries_remaining: u64,
    /// Whether everything was done; else the next call goes on.
    pub complete: bool,
    /// Whether another process held the index's lock: the next call would wait for it as long.
    pub lock_timed_out: bool,
    /// Duration of the cleaning.
    pub duration: Duration,
}

impl Store {
    /// Cleans, at the wall-clock time `now_ms` (Unix milliseconds).
    ///
    /// # Errors
    /// The directory can't be read. Completed removals stay.
    pub fn clean(&self, now_ms: u64) -> Result<CleanReport> {
        let start = Instant::now();
        let mut report = CleanReport {
            complete: true,
            ..CleanReport::default()
        };
        self.prepare()?;
        match self.writer() {
            Some(writer) if !writer.check() => {
                log::warn!(dir:% = self.dir().display(); "index repaired");
            }
            Some(_) => {}
            None => report.lock_timed_out = true,
        }
        if !self.clock_jumped_forward(now_ms) {
            self.clean_expired(now_ms, &mut report);
        }
        self.clean_surplus(now_ms, &mut report);
        let doing = || format!("cleaning the artifact cache {}", self.options.dir.display());
        self.remove_stale_temps(&mut report).context(doing)?;
        self.remove_orphans(now_ms, &mut report).context(doing)?;
        journal::restart_if_full(&self.cache_dir).context(doing)?;
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms);
        report.temporaries_removed += self.index.sweep(now);
        report.entries_remaining = self.index.len();
        report.duration = start.elapsed();
        log::info!(
            expired_removed = report.expired_removed,
            lru_removed = report.lru_removed,
            duration = duration::brief(report.duration),
            entries_remaining = report.entries_remaining;
            "cache cleanup completed"
        );
        Ok(report)
    }

    /// Whether the wall clock jumped forward since the last cleaning. Artifacts that are expired by the new time are
    /// not found any more, but stay for one more cleaning: if the clock was wrong and is set back until then, nothing
    /// is lost.
    fn clock_jumped_forward(&self, now_ms: u64) -> bool {
        let ahead = now_ms.wrapping_sub(self.clock.boot_ms());
        let noted = self.index.clock_offset();
        self.index.set_clock_offset(ahead);
        // The difference, with a sign: both offsets count from the same time.
        let by = ahead.wrapping_sub(noted).cast_signed();
        let forward = noted != 0 && by > MIN_CLOCK_JUMP_MS;
        if forward {
            log::warn!(seconds = by / 1000; "wall clock was put forward, nothing expires in this cleaning");
        }
        forward
    }

    fn clean_expired(&self, now_ms: u64, report: &mut CleanReport) {
        let choose = || {
            let expired = self.index.records().filter(|record| {
                record.is_expired(now_ms) && !record.is_recent(now_ms, self.options.grace)
            });
            smallest(expired, MAX_CHOSEN, |record| record.expires_ms)
        };
        let (removed, bytes, complete) = self.remove_all(now_ms, choose);
        report.expired_removed += removed;
        report.bytes_freed += bytes;
        report.complete &= complete;
    }

    fn clean_surplus(&self, now_ms: u64, report: &mut CleanReport) {
        let (removed, bytes, complete) =
            self.remove_all(now_ms, || self.surplus(now_ms, MAX_CHOSEN));
        report.lru_removed += removed;
        report.bytes_freed += bytes;
        report.complete &= complete;
    }

    /// Removes the chosen records, and chooses again, until there is none or the limit is reached.
    fn remove_all(&self, now_ms: u64, choose: impl Fn() -> Vec<IndexRecord>) -> (u64, u64, bool) {
        let (mut removed, mut bytes) = (0u64, 0);
        while removed < MAX_REMOVALS as u64 {
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

    /// Removes the temporary files of dead writers, which are not locked.
    pub(super) fn remove_stale_temps(&self, report: &mut CleanReport) -> io::Result<()> {
        let Some(folder) = self.cache_dir.open_temp_dir()? else {
            return Ok(());
        };
        let path = self.cache_dir.temp_path();
        let ours = folder.names()?.filter(|name| {
            name.as_ref()
                .map_or(true, |name| file_names::is_temp_name(name))
        });
        for (at, name) in ours.enumerate() {
            if at == MAX_REMOVALS {
                report.complete = false;
                break;
            }
            let name = name?;
            let size = folder.file_size(&name)?.unwrap_or(0);
            // Another user's file is left to that user.
            let Ok(Some(_lock)) = Lock::attempt(&path.join(&name), LockMode::Exclusive) else {
                continue;
            };
            failpoint!("clean.temporary");
            if folder.remove(&name)? {
                report.temporaries_removed += 1;
                report.bytes_freed += size;
            }
        }
        Ok(())
    }
}
