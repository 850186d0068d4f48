//! What is to go from a full outbox: whose, from which files, and how much comes back. Changes nothing, but
//! for the one record that [`drop_oldest`] drops.

use std::{collections::HashMap, sync::Arc};

use crate::sentry::outbox::{Chains, NewRecord, QueueFile, RecordState};
use crate::sentry::protocol::category::Priority;

/// What the projects have waiting, records or bytes; good for so many drops.
#[derive(Debug)]
pub(in crate::sentry::outbox) struct ProjectUsage {
    pub(in crate::sentry::outbox) by_project: HashMap<u32, usize>,
    pub(in crate::sentry::outbox) uses_left: usize,
}

/// What is to be dropped: of a file, these projects.
pub(in crate::sentry::outbox) type Plan = Vec<(Arc<QueueFile>, Vec<u32>)>;

impl ProjectUsage {
    /// The project that holds most; of several the newcomer's own.
    pub(in crate::sentry::outbox) fn largest(&self, own: Option<u32>) -> Option<u32> {
        let by_project = self
            .by_project
            .iter()
            .filter(|(_, by_project)| **by_project > 0);
        let rank = |(project, by_project): &(&u32, &usize)| {
            (**by_project, Some(**project) == own, **project)
        };
        by_project.max_by_key(rank).map(|(project, _)| *project)
    }

    pub(in crate::sentry::outbox) fn subtract(&mut self, project: u32, quantity: usize) {
        if let Some(by_project) = self.by_project.get_mut(&project) {
            *by_project = by_project.saturating_sub(quantity);
        }
    }
}

/// What waits, project by project.
pub(in crate::sentry::outbox) fn count_usage(
    chains: &Chains,
    of_one: impl Fn(&QueueFile, u32) -> usize,
) -> ProjectUsage {
    let (mut by_project, mut sum) = (HashMap::new(), 0);
    for file in chains.files.iter().flatten() {
        for index in 0..file.slots() {
            if matches!(
                file.state(index),
                RecordState::Ready | RecordState::Deferred
            ) {
                *by_project.entry(file.project(index)).or_default() += of_one(file, index);
                sum += 1;
            }
        }
    }
    let uses_left = (sum / 16).max(16);
    ProjectUsage {
        by_project,
        uses_left,
    }
}

/// The oldest of the least important of a project; none that matters more than `least`.
pub(in crate::sentry::outbox) fn evict_oldest(
    chains: &Chains,
    project: u32,
    least: Option<Priority>,
) -> Option<(Arc<QueueFile>, u32)> {
    let priorities = Priority::ALL.into_iter().rev();
    let mut priorities =
        priorities.take_while(|priority| least.is_none_or(|least| *priority >= least));
    priorities.find_map(|priority| {
        chains.of(priority).iter().find_map(|file| {
            let index = file.evict_oldest(project)?;
            Some((Arc::clone(file), index))
        })
    })
}

/// What has to go so that so many bytes come back; nothing, where that can't be had.
pub(in crate::sentry::outbox) fn plan(
    chains: &Chains,
    new_record: Option<NewRecord>,
    missing: u64,
) -> Plan {
    let mut usage = count_usage(chains, QueueFile::record_bytes);
    let (mut plan, mut freed) = (Plan::new(), 0);
    let own = new_record.map(|new_record| new_record.project);
    while freed < missing {
        let Some(project) = usage.largest(own) else {
            return Plan::new();
        };
        let least = new_record.filter(|new_record| new_record.project == project);
        let Some((file, before, after)) = next_of(chains, &plan, project, least) else {
            if least.is_some() {
                return Plan::new();
            }
            usage.by_project.remove(&project);
            continue;
        };
        freed += before.bytes - after.bytes;
        usage.subtract(project, before.waiting - after.waiting);
        match plan.iter_mut().find(|(one, _)| Arc::ptr_eq(one, &file)) {
            Some((_, projects)) => projects.push(project),
            None => plan.push((file, vec![project])),
        }
    }
    plan
}

/// Of a file: what it takes, and how much of that is records that wait.
struct Size {
    bytes: u64,
    waiting: usize,
}

/// The file with the oldest of the least important of a project, before and after those have gone.
fn next_of(
    chains: &Chains,
    plan: &Plan,
    project: u32,
    new_record: Option<NewRecord>,
) -> Option<(Arc<QueueFile>, Size, Size)> {
    let priorities = Priority::ALL.into_iter().rev();
    let priorities = priorities
        .take_while(|priority| new_record.is_none_or(|least| *priority >= least.priority));
    let mut files = priorities.flat_map(|priority| chains.of(priority));
    files.find_map(|file| {
        let planned = plan.iter().find(|(one, _)| Arc::ptr_eq(one, file));
        let planned = planned.map_or(&[][..], |(_, projects)| projects.as_slice());
        if planned.contains(&project) || file.is_dead() {
            return None;
        }
        let (mut waiting, mut stay, mut is_there) = (0, 0, false);
        for index in 0..file.slots() {
            match file.state(index) {
                // It can't go as long as one of its records is on its way, or being written.
                RecordState::Empty | RecordState::Claimed => return None,
                RecordState::Evicted | RecordState::Done => {}
                RecordState::Ready | RecordState::Deferred
                    if planned.contains(&file.project(index)) => {}
                RecordState::Ready | RecordState::Deferred => {
                    let (room, goes) = (file.record_bytes(index), file.project(index) == project);
                    is_there |= goes;
                    waiting += room;
                    stay += if goes { 0 } else { room };
                }
            }
        }
        let bytes_of = |waiting: usize| match waiting {
            0 => 0,
            _ => (QueueFile::bytes_for(0) + waiting).div_ceil(4096) as u64 * 4096,
        };
        let before = match planned.is_empty() {
            true => file.bytes() as u64,
            false => bytes_of(waiting),
        };
        let size = |bytes, waiting| Size { bytes, waiting };
        let after = size(bytes_of(stay).min(before), stay);
        is_there.then(|| (Arc::clone(file), size(before, waiting), after))
    })
}
