//! What is to go from a full outbox: whose, from which files, and how much comes back. Changes nothing, but
//! for the one record that [`drop_oldest`] drops.

use std::{collections::HashMap, sync::Arc};

use crate::sentry::outbox::{BoxFile, Lists, Newcomer, State};
use crate::sentry::protocol::category::Class;

/// What the projects have waiting, records or bytes; good for so many drops.
#[derive(Debug)]
pub(in crate::sentry::outbox) struct Census {
    pub(in crate::sentry::outbox) held: HashMap<u32, usize>,
    pub(in crate::sentry::outbox) left: usize,
}

/// What is to be dropped: of a file, these projects.
pub(in crate::sentry::outbox) type Plan = Vec<(Arc<BoxFile>, Vec<u32>)>;

impl Census {
    /// The project that holds most; of several the newcomer's own.
    pub(in crate::sentry::outbox) fn largest(&self, own: Option<u32>) -> Option<u32> {
        let held = self.held.iter().filter(|(_, held)| **held > 0);
        let rank = |(project, held): &(&u32, &usize)| (**held, Some(**project) == own, **project);
        held.max_by_key(rank).map(|(project, _)| *project)
    }

    pub(in crate::sentry::outbox) fn take(&mut self, project: u32, quantity: usize) {
        if let Some(held) = self.held.get_mut(&project) {
            *held = held.saturating_sub(quantity);
        }
    }
}

/// What waits, project by project.
pub(in crate::sentry::outbox) fn count(
    lists: &Lists,
    of_one: impl Fn(&BoxFile, u32) -> usize,
) -> Census {
    let (mut held, mut sum) = (HashMap::new(), 0);
    for file in lists.files.iter().flatten() {
        for index in 0..file.slots() {
            if matches!(file.state(index), State::Ready | State::Held) {
                *held.entry(file.project(index)).or_default() += of_one(file, index);
                sum += 1;
            }
        }
    }
    let left = (sum / 16).max(16);
    Census { held, left }
}

/// The oldest of the least important of a project; none that matters more than `least`.
pub(in crate::sentry::outbox) fn drop_oldest(
    lists: &Lists,
    project: u32,
    least: Option<Class>,
) -> Option<(Arc<BoxFile>, u32)> {
    let classes = Class::ALL.into_iter().rev();
    let mut classes = classes.take_while(|class| least.is_none_or(|least| *class >= least));
    classes.find_map(|class| {
        lists.of(class).iter().find_map(|file| {
            let index = file.drop_oldest(project)?;
            Some((Arc::clone(file), index))
        })
    })
}

/// What has to go so that so many bytes come back; nothing, where that can't be had.
pub(in crate::sentry::outbox) fn plan(
    lists: &Lists,
    newcomer: Option<Newcomer>,
    missing: u64,
) -> Plan {
    let mut census = count(lists, BoxFile::room_of);
    let (mut plan, mut freed) = (Plan::new(), 0);
    let own = newcomer.map(|newcomer| newcomer.project);
    while freed < missing {
        let Some(project) = census.largest(own) else {
            return Plan::new();
        };
        let least = newcomer.filter(|newcomer| newcomer.project == project);
        let Some((file, before, after)) = next_of(lists, &plan, project, least) else {
            if least.is_some() {
                return Plan::new();
            }
            census.held.remove(&project);
            continue;
        };
        freed += before.bytes - after.bytes;
        census.take(project, before.waiting - after.waiting);
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
    lists: &Lists,
    plan: &Plan,
    project: u32,
    newcomer: Option<Newcomer>,
) -> Option<(Arc<BoxFile>, Size, Size)> {
    let classes = Class::ALL.into_iter().rev();
    let classes = classes.take_while(|class| newcomer.is_none_or(|least| *class >= least.class));
    let mut files = classes.flat_map(|class| lists.of(class));
    files.find_map(|file| {
        let planned = plan.iter().find(|(one, _)| Arc::ptr_eq(one, file));
        let planned = planned.map_or(&[][..], |(_, projects)| projects.as_slice());
        if planned.contains(&project) || file.is_condemned() {
            return None;
        }
        let (mut waiting, mut stay, mut is_there) = (0, 0, false);
        for index in 0..file.slots() {
            match file.state(index) {
                // It can't go as long as one of its records is on its way, or being written.
                State::Empty | State::Taken => return None,
                State::Shed | State::Done => {}
                State::Ready | State::Held if planned.contains(&file.project(index)) => {}
                State::Ready | State::Held => {
                    let (room, goes) = (file.room_of(index), file.project(index) == project);
                    is_there |= goes;
                    waiting += room;
                    stay += if goes { 0 } else { room };
                }
            }
        }
        let bytes_of = |waiting: usize| match waiting {
            0 => 0,
            _ => (BoxFile::bytes_for(0) + waiting).div_ceil(4096) as u64 * 4096,
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
