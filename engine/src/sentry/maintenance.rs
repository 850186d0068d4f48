//! Periodic work for the whole host: adopts outboxes of dead processes, replays dead letters on request, removes
//! temporary files. On threads that may block.

use std::{path::Path, time::SystemTime};

use super::{
    Sentry, dead_letters, dirs,
    outbox::{self, Backlog},
    protocol::category::DiscardReason,
    shared_state::Count,
    waiting_counts::{OtherSlot, WaitingCounts},
};
use crate::{Result, shm::segment};

impl Sentry {
    /// Adopts the outboxes of dead processes.
    pub fn adopt(&self) {
        if !self.sender_state.is_shutting_down() {
            let orphaned = self.orphaned_slots();
            self.adopt_up_to(usize::MAX);
            self.free_slots(&orphaned);
        }
    }

    /// Adopts at most `limit` outboxes. Returns whether there was one. The caller frees the slots that were orphaned
    /// before the first adoption: afterwards this process holds the locks of their outboxes.
    pub(super) fn adopt_up_to(&self, limit: usize) -> bool {
        let mut left = limit;
        for dir in self.outbox_dirs() {
            let adopted = self.outbox.adopt(&dir, &self.dirs.adopt_backoff, left);
            if adopted.outboxes == 0 {
                continue;
            }
            left = left.saturating_sub(adopted.outboxes);
            self.shared.count(Count::Adopted, adopted.records as u64);
            self.shared.count(Count::Torn, adopted.torn as u64);
            if adopted.records + adopted.torn > 0 {
                // A console command that ends must not print a line about other processes.
                let level = match self.sender_state.is_shutting_down() {
                    true => log::Level::Debug,
                    false => log::Level::Info,
                };
                log::log!(level, envelopes = adopted.records, torn = adopted.torn; "outbox of a dead process adopted");
            }
            self.sender_state.wake();
        }
        left < limit
    }

    /// Publishes the number of queued envelopes and the size of their files.
    pub(super) fn publish_backlog(&self) {
        self.publish_queued();
        if let Some(waiting_counts) = &self.waiting_counts {
            waiting_counts.set_bytes(self.outbox.bytes());
        }
    }

    /// The slots of dead processes in the counts of the host. Such a slot includes the outboxes that the process had
    /// adopted.
    pub(super) fn orphaned_slots(&self) -> Vec<OtherSlot> {
        let slots = self.waiting_counts.as_ref().map(WaitingCounts::slots);
        let mut slots = slots.unwrap_or_default();
        let is_alive = |name: &str| self.outbox_dirs().any(|dir| outbox::is_held(&dir, name));
        slots.retain(|slot| !is_alive(&slot.name));
        slots
    }

    /// Frees slots of dead processes. Their records are counted by this process now, or as orphaned if their outbox
    /// could not be adopted. Records in no file are counted as lost.
    pub(super) fn free_slots(&self, orphaned: &[OtherSlot]) {
        let Some(waiting_counts) = &self.waiting_counts else {
            return;
        };
        self.publish_backlog();
        waiting_counts.set_orphaned(|| {
            let dirs = self.outbox_dirs();
            let backlogs = dirs.map(|dir| outbox::orphaned_backlog_in(&dir));
            backlogs.fold(Backlog::default(), Backlog::and)
        });
        let lost: u64 = orphaned.iter().map(|slot| waiting_counts.free(slot)).sum();
        if lost > 0 {
            // Only their number is left: no client report can name their projects.
            self.shared.count(Count::Overflow, lost);
            log::warn!(envelopes = lost; "envelopes lost: in no outbox file when their process died");
        }
    }

    /// Removes a dead letter for good, and counts its items as lost. Returns `false` if there is no such one.
    pub fn discard(&self, id: &str) -> bool {
        let Some(dead_letters) = &self.dead_letters else {
            return false;
        };
        let Some(letter) = dead_letters.read(id) else {
            return false;
        };
        let is_removed = dead_letters.remove(id);
        if is_removed {
            let dsn = letter.metadata.dsn.as_bytes();
            self.record_loss(DiscardReason::Ignored, dsn, &letter.envelope);
        }
        is_removed
    }

    /// Queues one dead letter again, or all. Returns their number.
    ///
    /// # Errors
    /// As [`Sentry::send`].
    pub fn replay(&self, id: Option<&str>) -> Result<usize> {
        let Some(dead_letters) = &self.dead_letters else {
            return Ok(0);
        };
        let ids = match id {
            Some(id) => vec![id.to_owned()],
            None => dead_letters.ids(),
        };
        let mut count = 0;
        for id in ids {
            let Some(letter) = dead_letters.read(&id) else {
                continue;
            };
            // In a full outbox it would evict other records.
            if self.outbox.queued() >= self.settings.buffer_size {
                break;
            }
            let dsn = letter.metadata.dsn.as_bytes();
            if self.send(&letter.envelope, (!dsn.is_empty()).then_some(dsn))? {
                self.remove_replayed(dead_letters, &id);
                count += 1;
            }
        }
        Ok(count)
    }
}

/// Removes temporary files of processes that died while they created a segment or a dead letter. A periodic task of
/// the leader.
pub fn sweep(run_dir: &Path, state_dir: &Path, now: SystemTime) {
    segment::sweep(run_dir, now);
    dead_letters::sweep(&dirs::dead_letters_in(state_dir), now);
}
