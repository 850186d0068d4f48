//! Rate limits and losses of a project, which all processes of the host share. Any thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{COUNT_WORDS, MAX_PROJECTS, SharedState};
use crate::{
    host::clock,
    metrics::sentry as metrics,
    sentry::{
        outbox,
        protocol::category::{Category, DiscardReason},
    },
    shm::owner_slots::OwnerSlots,
};

/// The words of a project after the hash of its DSN: deadline of a limit on everything, then on each category; losses
/// for each reason and category.
const ALL: usize = 1;
const DEADLINES_FROM: usize = 2;
const MAX_CATEGORIES: usize = 32;
const LOSSES_FROM: usize = DEADLINES_FROM + MAX_CATEGORIES;
const MAX_REASONS: usize = 8;
pub(super) const WORDS: usize = LOSSES_FROM + MAX_REASONS * MAX_CATEGORIES;

const PROJECTS: OwnerSlots = OwnerSlots::new(COUNT_WORDS, MAX_PROJECTS, WORDS);

/// A quantity that was lost of a category, for a reason.
pub type Loss = (DiscardReason, Category, u64);

/// The slot of a project in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectSlot(usize);

impl SharedState {
    /// Finds the slot of a project, or takes a free one, in the first segment that has one.
    pub(in crate::sentry) fn project_of(first: &Arc<Self>, dsn: &[u8]) -> (Arc<Self>, ProjectSlot) {
        let hash = outbox::hash(dsn);
        let mut shared = Arc::clone(first);
        loop {
            if let Some(slot) = shared.project(hash) {
                return (shared, slot);
            }
            match shared.next() {
                Some(next) => shared = next,
                None => return (shared, ProjectSlot::LAST),
            }
        }
    }

    /// The slot of the project with this hash. `None`: all slots of the segment are taken by others.
    #[must_use]
    pub fn project(&self, hash: u64) -> Option<ProjectSlot> {
        let hash = hash.max(1);
        PROJECTS
            .find_or_claim(&self.segment, hash as usize % MAX_PROJECTS, hash)
            .map(ProjectSlot)
    }

    fn project_word(&self, slot: ProjectSlot, word: usize) -> Option<&AtomicU64> {
        PROJECTS.word(&self.segment, slot.0, word)
    }

    /// Limits a category (`None`: everything) from now on. The later deadline wins.
    pub fn set_rate_limit(
        &self,
        slot: ProjectSlot,
        category: Option<Category>,
        duration: Duration,
    ) {
        let until = clock::since_boot().saturating_add(duration).as_millis();
        if let Some(word) = self.project_word(slot, deadline_word(category)) {
            word.fetch_max(until.try_into().unwrap_or(u64::MAX), Ordering::AcqRel);
        }
    }

    /// The rest of the limit on a category; a limit on everything includes it.
    #[must_use]
    pub fn rate_limit(&self, slot: ProjectSlot, category: Option<Category>) -> Option<Duration> {
        let own = category.and_then(|category| self.remaining(slot, Some(category)));
        own.max(self.remaining(slot, None))
    }

    /// All limits of a project, by category (`None`: everything).
    #[must_use]
    pub fn rate_limits(&self, slot: ProjectSlot) -> Vec<(Option<Category>, Duration)> {
        let categories = Category::ALL.iter().copied().map(Some);
        std::iter::once(None)
            .chain(categories)
            .filter_map(|category| Some((category, self.remaining(slot, category)?)))
            .collect()
    }

    /// The limits of all projects in this segment and those after it: hash of the DSN, category, rest.
    #[must_use]
    pub fn all_rate_limits(&self) -> Vec<(u64, Option<Category>, Duration)> {
        let mut found = self.own_rate_limits();
        for next in self.existing_next() {
            found.extend(next.own_rate_limits());
        }
        found
    }

    fn own_rate_limits(&self) -> Vec<(u64, Option<Category>, Duration)> {
        let used = (0..MAX_PROJECTS).filter_map(|slot| {
            let hash = PROJECTS.owner(&self.segment, slot);
            (hash != 0).then_some((hash, ProjectSlot(slot)))
        });
        let limits = used.flat_map(|(hash, slot)| {
            let limits = self.rate_limits(slot).into_iter();
            limits.map(move |(category, left)| (hash, category, left))
        });
        limits.collect()
    }

    fn remaining(&self, slot: ProjectSlot, category: Option<Category>) -> Option<Duration> {
        let until = self
            .project_word(slot, deadline_word(category))?
            .load(Ordering::Acquire);
        let now = clock::since_boot();
        Duration::from_millis(until)
            .checked_sub(now)
            .filter(|remaining| !remaining.is_zero())
    }

    /// Adds a loss, for the metrics and for the next client report.
    pub fn lose(&self, slot: ProjectSlot, loss: Loss) {
        let (reason, category, quantity) = loss;
        metrics::LOST_ITEMS.add_for(&[reason.name(), category.name()], quantity);
        self.restore_loss(slot, loss);
    }

    /// Adds a loss that is in the metrics already, or is not ours: a client report that contained it was lost.
    pub fn restore_loss(&self, slot: ProjectSlot, (reason, category, quantity): Loss) {
        if let Some(word) = self.project_word(slot, loss_word(reason, category)) {
            word.fetch_add(quantity, Ordering::AcqRel);
        }
    }

    /// Takes all losses that are not reported yet.
    #[must_use]
    pub fn take_losses(&self, slot: ProjectSlot) -> Vec<Loss> {
        let mut losses = Vec::new();
        for reason in DiscardReason::ALL {
            for category in Category::ALL.iter().copied() {
                let Some(word) = self.project_word(slot, loss_word(reason, category)) else {
                    continue;
                };
                if word.load(Ordering::Relaxed) == 0 {
                    continue;
                }
                let quantity = word.swap(0, Ordering::AcqRel);
                if quantity > 0 {
                    losses.push((reason, category, quantity));
                }
            }
        }
        losses
    }

    /// Whether there is a loss that is not reported yet.
    #[must_use]
    pub fn has_losses(&self, slot: ProjectSlot) -> bool {
        (LOSSES_FROM..WORDS).any(|word| {
            self.project_word(slot, word)
                .is_some_and(|word| word.load(Ordering::Relaxed) > 0)
        })
    }
}

impl ProjectSlot {
    /// The last slot of the last segment, which all projects without a slot of their own share.
    const LAST: Self = Self(MAX_PROJECTS - 1);
}

const fn deadline_word(category: Option<Category>) -> usize {
    match category {
        None => ALL,
        Some(category) => DEADLINES_FROM + category as usize,
    }
}

const fn loss_word(reason: DiscardReason, category: Category) -> usize {
    LOSSES_FROM + reason as usize * MAX_CATEGORIES + category as usize
}
