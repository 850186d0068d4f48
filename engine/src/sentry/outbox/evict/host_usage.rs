//! The share of a process in the capacity of the host. A process above its share evicts records if others need space.
//! On the runtime, and on PHP's thread that found the outbox full.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use super::{
    super::{Outbox, chains::Chains, sizes::MIN_FILE_BYTES},
    plan::plan,
};

/// Interval at which the files of other processes are counted.
const HOST_USAGE_INTERVAL: Duration = Duration::from_secs(1);
impl Outbox {
    /// Evicts records of this process if it holds more than its share and others need theirs. On the runtime.
    pub(in crate::sentry::outbox) fn evict_for_others(&self, chains: &mut Chains) {
        let (others, outboxes) = self.host_usage(chains);
        let share = self.capacity.bytes / outboxes.max(1);
        let excess = |chains: &Chains| {
            let live = chains.live_bytes();
            let of_host = (others + live).saturating_sub(self.capacity.bytes);
            let excess = of_host.min(live.saturating_sub(share));
            (outboxes > 1 && excess >= MIN_FILE_BYTES as u64).then_some(excess)
        };
        if excess(chains).is_some() {
            chains.unlink_unused(0);
        }
        let Some(excess) = excess(chains) else {
            return;
        };
        let mut evicted = 0;
        for (file, projects) in plan(chains, None, excess) {
            evicted += self.evict_projects(chains, &file, &projects);
        }
        self.evicted_for_others.fetch_add(evicted, Ordering::AcqRel);
    }

    /// The bytes of the files of all processes of the host.
    pub(in crate::sentry::outbox) fn host_bytes(&self, chains: &mut Chains) -> u64 {
        self.host_usage(chains).0 + chains.bytes()
    }

    /// The bytes of the files of all other processes, and the number of outboxes on the host; counted once in
    /// [`HOST_USAGE_INTERVAL`].
    pub(in crate::sentry::outbox) fn host_usage(&self, chains: &mut Chains) -> (u64, u64) {
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
                    // Of any version.
                    if owner == lock.name() || !rest.ends_with(".box") {
                        continue;
                    }
                    bytes += entry.metadata().map_or(0, |found| found.len());
                    names.push(owner.to_owned());
                }
                // Outboxes without files do not count.
                names.sort_unstable();
                names.dedup();
                let outboxes = names.len() as u64;
                chains.host_usage = Some((Instant::now(), bytes, outboxes));
                (bytes, outboxes)
            }
        }
    }
}
