//! Making space: of the project that holds most, the oldest records of the lowest priority are evicted, just as many as
//! needed. So a project that holds no more than its share loses nothing to others, and nothing is evicted for a record
//! of lower priority of the same project. Eviction only marks a record; it is counted and reported afterwards. Bytes
//! are freed by whole files: other records of a file are moved to a smaller one in its place. On PHP's thread if the
//! outbox is full, on the runtime if other processes need their share.

mod host_usage;
mod plan;
#[cfg(test)]
mod tests;
pub(super) mod usage;

use std::{
    ptr,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Outbox, QueueFile, RecordInfo, RecordState,
    chains::Chains,
    sizes::{MIN_FILE_BYTES, PAGE},
};
use plan::{count_usage, evict_oldest, plan};

pub(in crate::sentry) use plan::NewRecord;

/// Records that are evicted but not reported occupy at most this fraction of the capacity.
const UNREPORTED_SHARE: u64 = 8;
/// Rounds of eviction for one new file.
const MAX_EVICTION_ROUNDS: usize = 4;

impl Outbox {
    /// Evicts one record for a new one. Returns `false` if all evictable ones have a higher priority.
    #[cold]
    pub(in crate::sentry) fn evict_one(&self, new_record: NewRecord) -> bool {
        let mut chains = self.chains();
        let own = new_record.project;
        // An older count is exact enough for a project that evicts its own records.
        let known = chains
            .usage
            .take()
            .filter(|usage| usage.uses_left > 0 && usage.largest(Some(own)) == Some(own));
        let oldest_of = |chains: &Chains, project: u32| {
            evict_oldest(
                chains,
                project,
                (project == own).then_some(new_record.priority),
            )
        };
        let mut evicted = None;
        if let Some(usage) = known {
            evicted = oldest_of(&chains, own).map(|found| (found, own, usage));
        }
        if evicted.is_none() {
            let mut usage = count_usage(&chains, |_, _| 1);
            while let Some(project) = usage.largest(Some(own)) {
                if let Some(found) = oldest_of(&chains, project) {
                    evicted = Some((found, project, usage));
                    break;
                }
                if project == own {
                    return false;
                }
                usage.by_project.remove(&project);
            }
        }
        let Some((found, project, mut usage)) = evicted else {
            return false;
        };
        usage.subtract(project, 1);
        usage.uses_left = usage.uses_left.saturating_sub(1);
        chains.usage = Some(usage);
        self.subtract_queued(&found.0, 1);
        chains.evicted.push(found);
        self.stale_claims.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// Makes space for a file of at least `need` bytes. Returns its size, at most `wanted`, or `None` if there is no
    /// space; and the number of evicted records.
    pub(super) fn make_space(
        &self,
        chains: &mut Chains,
        new_record: NewRecord,
        wanted: usize,
        need: usize,
    ) -> (Option<usize>, usize) {
        let min = MIN_FILE_BYTES.max(need.next_multiple_of(PAGE));
        let has_file = chains
            .of(new_record.priority)
            .iter()
            .any(|file| !file.is_dead());
        // A chain without a file gets a small one, so that a full host does not stop a process from sending; and the
        // first envelope of a process needs no list of the files of all others.
        if !has_file && wanted.max(min) == MIN_FILE_BYTES {
            return (Some(MIN_FILE_BYTES), 0);
        }
        let (others, outboxes) = self.host_usage(chains);
        // A process may use its share in any case: others evict for it.
        let share = self.capacity.bytes / outboxes.max(1);
        let free = |chains: &Chains| {
            let live = chains.live_bytes();
            let of_host = self.capacity.bytes.saturating_sub(others + live);
            of_host.max(share.saturating_sub(live))
        };
        let file_bytes = |chains: &Chains| {
            let free = usize::try_from(free(chains)).unwrap_or(usize::MAX) / PAGE * PAGE;
            (free >= min).then_some(free.min(wanted.max(min)))
        };
        if let Some(bytes) = file_bytes(chains) {
            return (Some(bytes), 0);
        }
        chains.unlink_unused(0);
        if let Some(bytes) = file_bytes(chains) {
            return (Some(bytes), 0);
        }
        if !has_file && min == MIN_FILE_BYTES {
            return (Some(min), 0);
        }
        // Evicted records occupy their bytes until they are reported.
        let unreported = chains.bytes() - chains.live_bytes();
        if unreported > 0 && unreported + min as u64 > self.capacity.bytes / UNREPORTED_SHARE {
            return (None, 0);
        }
        let mut evicted = 0;
        for _ in 0..MAX_EVICTION_ROUNDS {
            let missing = (min as u64).saturating_sub(free(chains));
            for (file, projects) in plan(chains, Some(new_record), missing) {
                evicted += self.evict_projects(chains, &file, &projects);
            }
            match file_bytes(chains) {
                Some(bytes) => return (Some(bytes), evicted),
                None if evicted == 0 => break,
                None => {}
            }
        }
        (None, evicted)
    }

    /// Evicts all records of some projects from a file, and moves the others to a smaller one in its place. Returns the
    /// number of evicted records.
    fn evict_projects(
        &self,
        chains: &mut Chains,
        file: &Arc<QueueFile>,
        projects: &[u32],
    ) -> usize {
        let current = &self.head(file.priority).current;
        let expected = Arc::as_ptr(file).cast_mut();
        let _ = current.compare_exchange(
            expected,
            ptr::null_mut(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        file.seal();
        let waits = |index: &u32| {
            matches!(
                file.state(*index),
                RecordState::Ready | RecordState::Deferred
            )
        };
        let (removed, kept): (Vec<u32>, Vec<u32>) = (0..file.slots())
            .filter(waits)
            .partition(|index| projects.contains(&file.project(*index)));
        if !kept.is_empty() && !self.relocate(chains, file, &kept) {
            return 0;
        }
        let mut evicted = 0;
        for index in removed {
            if file.evict(index) {
                chains.evicted.push((Arc::clone(file), index));
                evicted += 1;
            }
        }
        self.subtract_queued(file, evicted);
        self.stale_claims
            .fetch_add(evicted + kept.len(), Ordering::AcqRel);
        file.mark_dead();
        if file.is_finished() {
            chains.retire(file, self.capacity);
        }
        evicted
    }

    /// Moves records to a file of their own, before the old one in the chain. Each is copied first: a death in between
    /// sends one twice and loses none.
    fn relocate(&self, chains: &mut Chains, file: &Arc<QueueFile>, indices: &[u32]) -> bool {
        let sizes = indices.iter().map(|index| file.record_bytes(*index));
        let bytes = QueueFile::bytes_for(0) + sizes.sum::<usize>();
        let Ok(smaller) = self.create_file(file.priority, bytes.next_multiple_of(PAGE)) else {
            return false;
        };
        if file.is_file() && !smaller.is_file() {
            return false;
        }
        let becomes_durable = smaller.is_file() && !file.is_file();
        for index in indices {
            let Some(record) = file.read(*index) else {
                continue;
            };
            let info = RecordInfo {
                accepted_ms: record.accepted_ms,
                attempts: record.attempts,
                project: file.project(*index),
            };
            let copied = smaller.push(&record.dsn, &record.envelope, info);
            match copied {
                Some(_) if file.evict(*index) => {
                    file.settle(*index);
                    if becomes_durable {
                        self.in_memory_records.fetch_sub(1, Ordering::AcqRel);
                    }
                }
                // It was claimed meanwhile.
                Some(copy) => smaller.settle(copy),
                None => {}
            }
        }
        smaller.seal();
        let files = chains.of_mut(file.priority);
        let at = files.iter().position(|one| Arc::ptr_eq(one, file));
        files.insert(at.unwrap_or(0), Arc::new(smaller));
        true
    }

    /// The number of records that were evicted for other processes since the last call.
    pub(in crate::sentry) fn take_evicted_for_others(&self) -> usize {
        self.evicted_for_others.swap(0, Ordering::AcqRel)
    }

    /// The number of claims that became stale since the last call: their record was evicted or moved.
    pub(in crate::sentry) fn take_stale_claims(&self) -> usize {
        self.stale_claims.swap(0, Ordering::AcqRel)
    }

    /// Evicts the records that are in no file, because the process ends. Returns their number. Records of a request
    /// that is under way stay.
    pub(in crate::sentry) fn evict_in_memory(&self) -> usize {
        let mut chains = self.chains();
        let files: Vec<_> = chains.in_memory().map(Arc::clone).collect();
        let mut count = 0;
        for file in files {
            let indices = (0..file.slots()).filter(|index| file.evict(*index));
            let evicted: Vec<_> = indices.map(|index| (Arc::clone(&file), index)).collect();
            self.subtract_queued(&file, evicted.len());
            count += evicted.len();
            chains.evicted.extend(evicted);
        }
        self.stale_claims.fetch_add(count, Ordering::AcqRel);
        count
    }
}
