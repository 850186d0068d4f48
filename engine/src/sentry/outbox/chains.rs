//! The files of an outbox, class by class, and what a moment of leisure does with them. Behind the outbox'
//! mutex, which is never held across a copy; on the runtime, by one task.

use std::{
    collections::VecDeque,
    ptr,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{GROWTH, Outbox, SMALL, evict::plan::Census, file::BoxFile};
use crate::sentry::protocol::category::Class;

#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Each class' files, the oldest first; its current one is the last of ours.
    pub(super) files: [VecDeque<Arc<BoxFile>>; 5],
    /// Made ahead, so that PHP's thread finds it.
    pub(super) spare: Option<Arc<BoxFile>>,
    /// Dropped and not yet reported.
    pub(super) shed: Vec<(Arc<BoxFile>, u32)>,
    /// Out of the lists; a writer may still be looking at them.
    pub(super) retired: Vec<Arc<BoxFile>>,
    pub(super) leaving: Option<(usize, Vec<Arc<BoxFile>>)>,
    /// Bytes of the files of other processes, and how many outboxes there are, this one included.
    pub(super) others: Option<(Instant, u64, u64)>,
    /// How many records the projects have waiting, not long ago.
    pub(super) census: Option<Census>,
}

impl Lists {
    pub(super) fn of(&self, class: Class) -> &VecDeque<Arc<BoxFile>> {
        class.of(&self.files)
    }

    pub(super) fn of_mut(&mut self, class: Class) -> &mut VecDeque<Arc<BoxFile>> {
        class.of_mut(&mut self.files)
    }

    pub(super) fn bytes(&self) -> u64 {
        let files = self.files.iter().flatten().chain(self.spare.iter());
        files.map(|file| file.bytes() as u64).sum()
    }

    /// Those that die with the process.
    pub(super) fn in_memory(&self) -> impl Iterator<Item = &Arc<BoxFile>> {
        let files = self.files.iter().flatten().chain(self.spare.iter());
        files.filter(|file| !file.is_file())
    }

    /// Bytes of the files in which something waits.
    pub(super) fn live_bytes(&self) -> u64 {
        let files = self.files.iter().flatten().chain(self.spare.iter());
        let live = files.filter(|file| !file.is_condemned());
        live.map(|file| file.bytes() as u64).sum()
    }

    pub(super) fn retire(&mut self, file: &Arc<BoxFile>) {
        let files = self.of_mut(file.class);
        if let Some(at) = files.iter().position(|one| Arc::ptr_eq(one, file)) {
            files.remove(at);
            file.unlink();
            self.retired.push(Arc::clone(file));
        }
    }
}

impl Outbox {
    /// What a moment of leisure is for: files that are done go, their mappings follow when no writer can
    /// be looking at them, a chain that fills fast gets its next file ahead, and one that is `idle` gives
    /// all but a small one back. On the runtime, by one task.
    pub fn tidy(&self, idle: bool) {
        let mut lists = self.lists();
        for class in Class::ALL {
            let current = &self.chain(class).current;
            let held = current.load(Ordering::Acquire);
            let last = lists
                .of(class)
                .back()
                .filter(|file| Arc::as_ptr(file).cast_mut() == held)
                .map(Arc::clone);
            if let Some(last) = last {
                // What is kept in memory makes way for a file as soon as it can.
                let is_makeshift = self.home.is_some() && !last.is_file();
                if (idle && last.bytes() > SMALL || is_makeshift) && last.is_drained() {
                    current.store(ptr::null_mut(), Ordering::Release);
                    last.seal();
                } else if last.filled() > 50 && lists.spare.is_none() {
                    let bytes = (last.bytes() * GROWTH).min(self.large());
                    let used = self.others(&mut lists).0 + lists.bytes();
                    if used + bytes as u64 <= self.room.bytes {
                        lists.spare = self.make(class, bytes).ok().map(Arc::new);
                    }
                }
            }
            let finished: Vec<_> = lists
                .of(class)
                .iter()
                .filter(|file| file.is_finished())
                .map(Arc::clone)
                .collect();
            for file in finished {
                lists.retire(&file);
            }
        }
        if idle && let Some(spare) = lists.spare.take() {
            spare.unlink();
        }
        self.give_way(&mut lists);
        self.let_go(&mut lists);
    }

    fn let_go(&self, lists: &mut Lists) {
        if let Some((turn, files)) = lists.leaving.take() {
            if !self.epoch.is_over(turn) {
                lists.leaving = Some((turn, files));
                return;
            }
            drop(files);
        }
        if !lists.retired.is_empty() {
            let files = std::mem::take(&mut lists.retired);
            lists.leaving = Some((self.epoch.turn(), files));
        }
    }
}
