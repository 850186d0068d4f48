//! Which records are evicted: of which projects, from which files, and the bytes that are freed. Changes nothing,
//! except [`evict_oldest`], which evicts one record.

use std::{collections::HashMap, sync::Arc};

use super::usage::ProjectUsage;
use crate::sentry::{
    outbox::{QueueFile, RecordState, chains::Chains, sizes::PAGE},
    protocol::category::Priority,
};

/// Files, and the projects to evict from each.
pub(super) type Plan = Vec<(Arc<QueueFile>, Vec<u32>)>;

/// A record that needs space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sentry) struct NewRecord {
    pub(in crate::sentry) priority: Priority,
    pub(in crate::sentry) project: u32,
}

/// Counts evictable records by project; `size` is the quantity for each.
pub(super) fn count_usage(
    chains: &Chains,
    size: impl Fn(&QueueFile, u32) -> usize,
) -> ProjectUsage {
    let (mut by_project, mut count) = (HashMap::new(), 0);
    for file in chains.files.iter().flatten() {
        for index in 0..file.slots() {
            if matches!(
                file.state(index),
                RecordState::Ready | RecordState::Deferred
            ) {
                *by_project.entry(file.project(index)).or_default() += size(file, index);
                count += 1;
            }
        }
    }
    let uses_left = (count / 16).max(16);
    ProjectUsage {
        by_project,
        uses_left,
    }
}

/// Evicts the oldest record of the lowest priority of a project, but none of a higher priority than `limit`.
pub(super) fn evict_oldest(
    chains: &Chains,
    project: u32,
    limit: Option<Priority>,
) -> Option<(Arc<QueueFile>, u32)> {
    lowest_first(limit).find_map(|priority| {
        chains.of(priority).iter().find_map(|file| {
            let index = file.evict_oldest(project)?;
            Some((Arc::clone(file), index))
        })
    })
}

/// The priorities from the lowest to `limit`.
fn lowest_first(limit: Option<Priority>) -> impl Iterator<Item = Priority> {
    let priorities = Priority::ALL.into_iter().rev();
    priorities.take_while(move |priority| limit.is_none_or(|limit| *priority >= limit))
}

/// Plans evictions that free at least `missing` bytes. Empty if that is not possible.
pub(super) fn plan(chains: &Chains, new_record: Option<NewRecord>, missing: u64) -> Plan {
    let mut usage = count_usage(chains, QueueFile::record_bytes);
    let (mut plan, mut freed) = (Plan::new(), 0);
    let own = new_record.map(|new_record| new_record.project);
    while freed < missing {
        let Some(project) = usage.largest(own) else {
            return Plan::new();
        };
        let limit = new_record.filter(|new_record| new_record.project == project);
        let limit = limit.map(|new_record| new_record.priority);
        let Some(step) = next_step(chains, &plan, project, limit) else {
            if limit.is_some() {
                return Plan::new();
            }
            usage.by_project.remove(&project);
            continue;
        };
        freed += step.before.bytes - step.after.bytes;
        usage.subtract(project, step.before.waiting - step.after.waiting);
        let file = plan
            .iter_mut()
            .find(|(file, _)| Arc::ptr_eq(file, &step.file));
        match file {
            Some((_, projects)) => projects.push(project),
            None => plan.push((step.file, vec![project])),
        }
    }
    plan
}

/// The eviction of one project from one file.
struct EvictionStep {
    file: Arc<QueueFile>,
    before: FileUsage,
    after: FileUsage,
}

/// The bytes of a file, and those of its evictable records.
struct FileUsage {
    bytes: u64,
    waiting: usize,
}

/// The file with the oldest record of the lowest priority of a project, with its usage before and after the eviction of
/// that project.
fn next_step(
    chains: &Chains,
    plan: &Plan,
    project: u32,
    limit: Option<Priority>,
) -> Option<EvictionStep> {
    let mut files = lowest_first(limit).flat_map(|priority| chains.of(priority));
    files.find_map(|file| {
        let planned = plan.iter().find(|(one, _)| Arc::ptr_eq(one, file));
        let planned = planned.map_or(&[][..], |(_, projects)| projects.as_slice());
        if planned.contains(&project) || file.is_dead() {
            return None;
        }
        let (mut waiting, mut kept, mut has_project) = (0, 0, false);
        for index in 0..file.slots() {
            match file.state(index) {
                // The file can't be freed while a record is being sent or written.
                RecordState::Empty | RecordState::Claimed => return None,
                RecordState::Evicted | RecordState::Done => {}
                RecordState::Ready | RecordState::Deferred
                    if planned.contains(&file.project(index)) => {}
                RecordState::Ready | RecordState::Deferred => {
                    let bytes = file.record_bytes(index);
                    let is_evicted = file.project(index) == project;
                    has_project |= is_evicted;
                    waiting += bytes;
                    kept += if is_evicted { 0 } else { bytes };
                }
            }
        }
        let file_bytes = |records: usize| match records {
            0 => 0,
            _ => (QueueFile::bytes_for(0) + records).next_multiple_of(PAGE) as u64,
        };
        let before = match planned.is_empty() {
            true => file.bytes() as u64,
            false => file_bytes(waiting),
        };
        has_project.then(|| EvictionStep {
            file: Arc::clone(file),
            before: FileUsage {
                bytes: before,
                waiting,
            },
            after: FileUsage {
                bytes: file_bytes(kept).min(before),
                waiting: kept,
            },
        })
    })
}
