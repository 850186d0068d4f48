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

use super::{BoxFile, Claim, LOOK_AROUND, Lists, Outbox, SMALL, State, file::Stamp};
use crate::sentry::protocol::category::Class;
use plan::{count, drop_oldest, plan};

/// A record that wants room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sentry) struct Newcomer {
    pub(in crate::sentry) class: Class,
    pub(in crate::sentry) project: u32,
}

impl Outbox {
    /// Drops one record for the newcomer. `false`: all that may go matter more.
    #[cold]
    pub(in crate::sentry) fn shed_one(&self, newcomer: Newcomer) -> bool {
        let mut lists = self.lists();
        let own = newcomer.project;
        // An old count is good enough for a project that pushes out its own.
        let known = lists
            .census
            .take()
            .filter(|census| census.left > 0 && census.largest(Some(own)) == Some(own));
        let oldest_of = |lists: &Lists, project: u32| {
            drop_oldest(lists, project, (project == own).then_some(newcomer.class))
        };
        let mut dropped = None;
        if let Some(census) = known {
            dropped = oldest_of(&lists, own).map(|found| (found, own, census));
        }
        if dropped.is_none() {
            let mut census = count(&lists, |_, _| 1);
            while let Some(project) = census.largest(Some(own)) {
                if let Some(found) = oldest_of(&lists, project) {
                    dropped = Some((found, project, census));
                    break;
                }
                if project == own {
                    return false;
                }
                census.held.remove(&project);
            }
        }
        let Some((found, project, mut census)) = dropped else {
            return false;
        };
        census.take(project, 1);
        census.left = census.left.saturating_sub(1);
        lists.census = Some(census);
        lists.shed.push(found);
        self.queued.fetch_sub(1, Ordering::AcqRel);
        self.stale.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// The size that a new file may have, at most `wanted` and at least `need`, if there is room for it;
    /// and how many records had to go.
    pub(super) fn make_room(
        &self,
        lists: &mut Lists,
        newcomer: Newcomer,
        wanted: usize,
        need: usize,
    ) -> (Option<usize>, usize) {
        let least = SMALL.max(need.div_ceil(4096) * 4096);
        let (others, outboxes) = self.others(lists);
        // A process may have its part whatever others hold; they give way.
        let part = self.room.bytes / outboxes.max(1);
        let left = |lists: &Lists| {
            let live = lists.live_bytes();
            let of_all = self.room.bytes.saturating_sub(others + live);
            of_all.max(part.saturating_sub(live))
        };
        let room = |lists: &Lists| {
            let left = usize::try_from(left(lists)).unwrap_or(usize::MAX) / 4096 * 4096;
            (left >= least).then_some(left.min(wanted.max(least)))
        };
        if let Some(bytes) = room(lists) {
            return (Some(bytes), 0);
        }
        // A chain without a file gets a small one, so that a full host silences no process.
        let has_file = lists
            .of(newcomer.class)
            .iter()
            .any(|file| !file.is_condemned());
        if !has_file && least == SMALL {
            return (Some(least), 0);
        }
        // What was dropped takes its bytes until it is reported: an eighth of the budget at most.
        let overdrawn = lists.bytes() - lists.live_bytes();
        if overdrawn > 0 && overdrawn + least as u64 > self.room.bytes / 8 {
            return (None, 0);
        }
        let mut gone = 0;
        for _ in 0..4 {
            let missing = (least as u64).saturating_sub(left(lists));
            let plan = plan(lists, Some(newcomer), missing);
            for (file, projects) in plan {
                gone += self.thin(lists, &file, &projects);
            }
            match room(lists) {
                Some(bytes) => return (Some(bytes), gone),
                None if gone == 0 => break,
                None => {}
            }
        }
        (None, gone)
    }

    /// Drops all records of some projects from a file, and moves the others to one of their size, in its
    /// place. Returns how many were dropped.
    fn thin(&self, lists: &mut Lists, file: &Arc<BoxFile>, projects: &[u32]) -> usize {
        let current = &self.chain(file.class).current;
        let held = Arc::as_ptr(file).cast_mut();
        let _ =
            current.compare_exchange(held, ptr::null_mut(), Ordering::AcqRel, Ordering::Acquire);
        file.seal();
        let waits = |index: &u32| matches!(file.state(*index), State::Ready | State::Held);
        let (go, stay): (Vec<u32>, Vec<u32>) = (0..file.slots())
            .filter(waits)
            .partition(|index| projects.contains(&file.project(*index)));
        if !stay.is_empty() && !self.relocate(lists, file, &stay) {
            return 0;
        }
        let mut gone = 0;
        for index in go {
            if file.drop_one(index) {
                lists.shed.push((Arc::clone(file), index));
                gone += 1;
            }
        }
        self.queued.fetch_sub(gone, Ordering::AcqRel);
        self.stale.fetch_add(gone + stay.len(), Ordering::AcqRel);
        file.condemn();
        if file.is_finished() {
            lists.retire(file);
        }
        gone
    }

    /// Copies records to a file of their own, before that file. The copy comes first: a death in between
    /// sends one twice, and loses none.
    fn relocate(&self, lists: &mut Lists, file: &Arc<BoxFile>, stay: &[u32]) -> bool {
        let rooms = stay.iter().map(|index| file.room_of(*index));
        let bytes = BoxFile::bytes_for(0) + rooms.sum::<usize>();
        let Ok(smaller) = self.make(file.class, bytes.div_ceil(4096) * 4096) else {
            return false;
        };
        if file.is_file() && !smaller.is_file() {
            return false;
        }
        for index in stay {
            let Some(record) = file.read(*index) else {
                continue;
            };
            let stamp = Stamp {
                accepted_ms: record.accepted_ms,
                attempts: record.attempts,
                project: file.project(*index),
            };
            let copied = smaller.push(&record.dsn, &record.envelope, stamp);
            match copied {
                Some(_) if file.drop_one(*index) => file.settle(*index),
                // It went on its way meanwhile.
                Some(copy) => smaller.settle(copy),
                None => {}
            }
        }
        smaller.seal();
        let files = lists.of_mut(file.class);
        let at = files.iter().position(|one| Arc::ptr_eq(one, file));
        files.insert(at.unwrap_or(0), Arc::new(smaller));
        true
    }

    /// Makes room for other processes that hold less than their part. On the runtime.
    pub(super) fn give_way(&self, lists: &mut Lists) {
        let (others, outboxes) = self.others(lists);
        let (live, part) = (lists.live_bytes(), self.room.bytes / outboxes.max(1));
        let over = (others + live).saturating_sub(self.room.bytes);
        let over = over.min(live.saturating_sub(part));
        if outboxes < 2 || over < SMALL as u64 {
            return;
        }
        let mut gone = 0;
        for (file, projects) in plan(lists, None, over) {
            gone += self.thin(lists, &file, &projects);
        }
        self.gave_way.fetch_add(gone, Ordering::AcqRel);
    }

    /// How many records went for other processes since the last call.
    pub(in crate::sentry) fn gave_way(&self) -> usize {
        self.gave_way.swap(0, Ordering::AcqRel)
    }

    /// How many records were dropped or moved since the last call.
    pub(in crate::sentry) fn stale(&self) -> usize {
        self.stale.swap(0, Ordering::AcqRel)
    }

    /// Bytes of the files of all other processes, and how many outboxes there are; looked up once a second
    /// at most.
    pub(super) fn others(&self, lists: &mut Lists) -> (u64, u64) {
        let Some(home) = &self.home else {
            return (0, 1);
        };
        match lists.others {
            Some((at, bytes, outboxes)) if at.elapsed() < LOOK_AROUND => (bytes, outboxes),
            _ => {
                let entries = std::fs::read_dir(home.dir());
                let (mut bytes, mut names) = (0, vec![home.name().to_owned()]);
                for entry in entries.into_iter().flatten().flatten() {
                    let name = entry.file_name();
                    let Some((owner, rest)) = name.to_str().and_then(|name| name.split_once('.'))
                    else {
                        continue;
                    };
                    if owner == home.name() || !rest.ends_with(".box") {
                        continue;
                    }
                    bytes += entry.metadata().map_or(0, |found| found.len());
                    names.push(owner.to_owned());
                }
                // Those that hold files.
                names.sort_unstable();
                names.dedup();
                let outboxes = names.len() as u64;
                lists.others = Some((Instant::now(), bytes, outboxes));
                (bytes, outboxes)
            }
        }
    }

    /// One record that was dropped and is not yet told of. [`Outbox::settle_shed`] ends it.
    pub fn shed_record(&self) -> Option<Claim> {
        let (file, index) = self.lists().shed.pop()?;
        Some(Claim { file, index })
    }

    /// A dropped record was told of.
    pub fn settle_shed(&self, claim: &Claim) {
        claim.file.settle(claim.index);
        if claim.file.is_finished() {
            self.lists().retire(&claim.file);
        }
    }
}
