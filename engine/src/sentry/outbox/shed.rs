//! Making room: the oldest of the least important goes first, and never for something that matters less.
//! What goes is only marked; the runtime counts it, tells Sentry, and has its bytes back. On PHP's
//! thread, and only where the outbox is full.

use std::sync::{Arc, atomic::Ordering};

use super::{Claim, LOOK_AROUND, Lists, Outbox, SMALL};
use crate::sentry::category::Class;

impl Outbox {
    /// Drops one record for one of that class. `false`: all that wait matter more.
    #[cold]
    pub(in crate::sentry) fn shed_one(&self, newcomer: Class) -> bool {
        self.shed(&mut self.lists(), newcomer, 1) > 0
    }

    /// Drops up to `most` records for one of that class.
    fn shed(&self, lists: &mut Lists, newcomer: Class, most: usize) -> usize {
        let mut gone = 0;
        for class in Class::ALL.into_iter().rev().take_while(|c| *c >= newcomer) {
            let files: Vec<_> = lists.of(class).iter().map(Arc::clone).collect();
            for file in files {
                while gone < most
                    && let Some(index) = file.drop_oldest()
                {
                    lists.shed.push((Arc::clone(&file), index));
                    gone += 1;
                }
            }
        }
        self.queued.fetch_sub(gone, Ordering::AcqRel);
        gone
    }

    /// The size that a new file may have, at most `wanted` and at least `need`, and how many records had
    /// to go for it. `None`: there is no room.
    pub(super) fn make_room(
        &self,
        lists: &mut Lists,
        newcomer: Class,
        wanted: usize,
        need: usize,
    ) -> Option<(usize, usize)> {
        let used = self.others(lists) + lists.bytes();
        let fits = |bytes: usize, most: u64| used + bytes as u64 <= most;
        if fits(wanted, self.room.bytes) {
            return Some((wanted, 0));
        }
        let least = SMALL.max(need.div_ceil(4096) * 4096);
        if fits(least, self.room.bytes) {
            return Some((least, 0));
        }
        // A chain without a file gets a small one, so that a full host silences no process.
        if lists.of(newcomer).is_empty() && least == SMALL {
            return Some((least, 0));
        }
        // A file's worth of records goes; its bytes come back when the runtime has told of them, and
        // until then the budget may be overdrawn by an eighth.
        let records = lists.of(newcomer).front().map_or(1, |file| file.slots());
        let gone = self.shed(lists, newcomer, records as usize);
        (gone > 0 && fits(least, self.room.bytes + self.room.bytes / 8)).then_some((least, gone))
    }

    /// Bytes of the files of all other processes; looked up once a second at most.
    pub(super) fn others(&self, lists: &mut Lists) -> u64 {
        let Some(home) = &self.home else {
            return 0;
        };
        match lists.others {
            Some((at, bytes)) if at.elapsed() < LOOK_AROUND => bytes,
            _ => {
                let prefix = format!("{}.", home.name());
                let entries = std::fs::read_dir(home.dir())
                    .into_iter()
                    .flatten()
                    .flatten();
                let bytes = entries
                    .filter(|entry| {
                        entry.file_name().to_str().is_some_and(|name| {
                            name.ends_with(".box") && !name.starts_with(&prefix)
                        })
                    })
                    .filter_map(|entry| Some(entry.metadata().ok()?.len()))
                    .sum();
                lists.others = Some((std::time::Instant::now(), bytes));
                bytes
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
