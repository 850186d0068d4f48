//! Making room: of the project that holds most, the oldest of the least important goes, and just as much as
//! makes the space. So a project that holds no more than its part loses nothing to another one, and nothing
//! goes for what matters less within its project. What goes is only marked; it is counted and reported
//! afterwards. Bytes come back by files: what else is in a file is copied to a smaller one in its place. On
//! PHP's thread where the outbox is full, and on the runtime where other processes need the budget.

pub(crate) mod plan;

use std::{
    ptr,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{
    Chains, Claim, HOST_USAGE_INTERVAL, MIN_FILE_BYTES, Outbox, QueueFile, RecordState,
    file::RecordInfo,
};
use crate::sentry::protocol::category::Priority;
use plan::{count_usage, evict_oldest, plan};

/// A record that wants room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sentry) struct NewRecord {
    pub(in crate::sentry) priority: Priority,
    pub(in crate::sentry) project: u32,
}

impl Outbox {
    /// Drops one record for the newcomer. `false`: all that may go matter more.
    #[cold]
    pub(in crate::sentry) fn evict_one(&self, new_record: NewRecord) -> bool {
        let mut chains = self.chains();
        let own = new_record.project;
        // An old count is good enough for a project that pushes out its own.
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
        let mut dropped = None;
        if let Some(usage) = known {
            dropped = oldest_of(&chains, own).map(|found| (found, own, usage));
        }
        if dropped.is_none() {
            let mut usage = count_usage(&chains, |_, _| 1);
            while let Some(project) = usage.largest(Some(own)) {
                if let Some(found) = oldest_of(&chains, project) {
                    dropped = Some((found, project, usage));
                    break;
                }
                if project == own {
                    return false;
                }
                usage.by_project.remove(&project);
            }
        }
        let Some((found, project, mut usage)) = dropped else {
            return false;
        };
        usage.subtract(project, 1);
        usage.uses_left = usage.uses_left.saturating_sub(1);
        chains.usage = Some(usage);
        chains.evicted.push(found);
        self.queued.fetch_sub(1, Ordering::AcqRel);
        self.stale_claims.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// The size that a new file may have, at most `wanted` and at least `need`, if there is room for it;
    /// and how many records had to go.
    pub(super) fn make_space(
        &self,
        chains: &mut Chains,
        new_record: NewRecord,
        wanted: usize,
        need: usize,
    ) -> (Option<usize>, usize) {
        let least = MIN_FILE_BYTES.max(need.div_ceil(4096) * 4096);
        let (others, outboxes) = self.host_usage(chains);
        // A process may have its part whatever others hold; they give way.
        let part = self.capacity.bytes / outboxes.max(1);
        let left = |chains: &Chains| {
            let live = chains.live_bytes();
            let of_all = self.capacity.bytes.saturating_sub(others + live);
            of_all.max(part.saturating_sub(live))
        };
        let room = |chains: &Chains| {
            let left = usize::try_from(left(chains)).unwrap_or(usize::MAX) / 4096 * 4096;
            (left >= least).then_some(left.min(wanted.max(least)))
        };
        if let Some(bytes) = room(chains) {
            return (Some(bytes), 0);
        }
        // A chain without a file gets a small one, so that a full host silences no process.
        let has_file = chains
            .of(new_record.priority)
            .iter()
            .any(|file| !file.is_dead());
        if !has_file && least == MIN_FILE_BYTES {
            return (Some(least), 0);
        }
        // What was dropped takes its bytes until it is reported: an eighth of the budget at most.
        let overdrawn = chains.bytes() - chains.live_bytes();
        if overdrawn > 0 && overdrawn + least as u64 > self.capacity.bytes / 8 {
            return (None, 0);
        }
        let mut gone = 0;
        for _ in 0..4 {
            let missing = (least as u64).saturating_sub(left(chains));
            let plan = plan(chains, Some(new_record), missing);
            for (file, projects) in plan {
                gone += self.evict_projects(chains, &file, &projects);
            }
            match room(chains) {
                Some(bytes) => return (Some(bytes), gone),
                None if gone == 0 => break,
                None => {}
            }
        }
        (None, gone)
    }

    /// Drops all records of some projects from a file, and moves the others to one of their size, in its
    /// place. Returns how many were dropped.
    fn evict_projects(
        &self,
        chains: &mut Chains,
        file: &Arc<QueueFile>,
        projects: &[u32],
    ) -> usize {
        let current = &self.head(file.priority).current;
        let held = Arc::as_ptr(file).cast_mut();
        let _ =
            current.compare_exchange(held, ptr::null_mut(), Ordering::AcqRel, Ordering::Acquire);
        file.seal();
        let waits = |index: &u32| {
            matches!(
                file.state(*index),
                RecordState::Ready | RecordState::Deferred
            )
        };
        let (go, stay): (Vec<u32>, Vec<u32>) = (0..file.slots())
            .filter(waits)
            .partition(|index| projects.contains(&file.project(*index)));
        if !stay.is_empty() && !self.relocate(chains, file, &stay) {
            return 0;
        }
        let mut gone = 0;
        for index in go {
            if file.evict(index) {
                chains.evicted.push((Arc::clone(file), index));
                gone += 1;
            }
        }
        self.queued.fetch_sub(gone, Ordering::AcqRel);
        self.stale_claims
            .fetch_add(gone + stay.len(), Ordering::AcqRel);
        file.mark_dead();
        if file.is_finished() {
            chains.retire(file);
        }
        gone
    }

    /// Copies records to a file of their own, before that file. The copy comes first: a death in between
    /// sends one twice, and loses none.
    fn relocate(&self, chains: &mut Chains, file: &Arc<QueueFile>, stay: &[u32]) -> bool {
        let rooms = stay.iter().map(|index| file.record_bytes(*index));
        let bytes = QueueFile::bytes_for(0) + rooms.sum::<usize>();
        let Ok(smaller) = self.make(file.priority, bytes.div_ceil(4096) * 4096) else {
            return false;
        };
        if file.is_file() && !smaller.is_file() {
            return false;
        }
        for index in stay {
            let Some(record) = file.read(*index) else {
                continue;
            };
            let stamp = RecordInfo {
                accepted_ms: record.accepted_ms,
                attempts: record.attempts,
                project: file.project(*index),
            };
            let copied = smaller.push(&record.dsn, &record.envelope, stamp);
            match copied {
                Some(_) if file.evict(*index) => file.settle(*index),
                // It went on its way meanwhile.
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

    /// Makes room for other processes that hold less than their part. On the runtime.
    pub(super) fn evict_for_others(&self, chains: &mut Chains) {
        let (others, outboxes) = self.host_usage(chains);
        let (live, part) = (chains.live_bytes(), self.capacity.bytes / outboxes.max(1));
        let over = (others + live).saturating_sub(self.capacity.bytes);
        let over = over.min(live.saturating_sub(part));
        if outboxes < 2 || over < MIN_FILE_BYTES as u64 {
            return;
        }
        let mut gone = 0;
        for (file, projects) in plan(chains, None, over) {
            gone += self.evict_projects(chains, &file, &projects);
        }
        self.take_evicted_for_others
            .fetch_add(gone, Ordering::AcqRel);
    }

    /// How many records went for other processes since the last call.
    pub(in crate::sentry) fn take_evicted_for_others(&self) -> usize {
        self.take_evicted_for_others.swap(0, Ordering::AcqRel)
    }

    /// How many records were dropped or moved since the last call.
    pub(in crate::sentry) fn take_stale_claims(&self) -> usize {
        self.stale_claims.swap(0, Ordering::AcqRel)
    }

    /// Bytes of the files of all other processes, and how many outboxes there are; looked up once a second
    /// at most.
    pub(super) fn host_usage(&self, chains: &mut Chains) -> (u64, u64) {
        let Some(lock) = &self.lock else {
            return (0, 1);
        };
        match chains.host_usage {
            Some((at, bytes, outboxes)) if at.elapsed() < HOST_USAGE_INTERVAL => (bytes, outboxes),
            _ => {
                let entries = std::fs::read_dir(lock.dir());
                let (mut bytes, mut names) = (0, vec![lock.name().to_owned()]);
                for entry in entries.into_iter().flatten().flatten() {
                    let name = entry.file_name();
                    let Some((owner, rest)) = name.to_str().and_then(|name| name.split_once('.'))
                    else {
                        continue;
                    };
                    if owner == lock.name() || !rest.ends_with(".box") {
                        continue;
                    }
                    bytes += entry.metadata().map_or(0, |found| found.len());
                    names.push(owner.to_owned());
                }
                // Those that hold files.
                names.sort_unstable();
                names.dedup();
                let outboxes = names.len() as u64;
                chains.host_usage = Some((Instant::now(), bytes, outboxes));
                (bytes, outboxes)
            }
        }
    }

    /// One record that was dropped and is not yet told of. [`Outbox::settle_shed`] ends it.
    pub fn take_evicted(&self) -> Option<Claim> {
        let (file, index) = self.chains().evicted.pop()?;
        Some(Claim { file, index })
    }

    /// A dropped record was told of.
    pub fn settle_evicted(&self, claim: &Claim) {
        claim.file.settle(claim.index);
        if claim.file.is_finished() {
            self.chains().retire(&claim.file);
        }
    }
}
