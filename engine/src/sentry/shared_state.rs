//! What all processes of the host know together: until when Sentry wants silence, what was lost and not
//! yet reported, and how much was done. One segment of words, each touched by single atomic operations,
//! so nobody's death can leave it half-changed. It belongs to one boot, whose clock its deadlines are of.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::protocol::category::{Category, DiscardReason};
use crate::{
    failpoint::{FailPoint, reach},
    host::{Segment, clock, files},
    metrics::{Counter, sentry as metrics},
};

/// How the name of the board begins, and how that of one that is being made ends.
const PREFIX: &str = "sentry-v2-";
const TEMP_SUFFIX: &str = ".tmp";
/// Making takes a moment; whose file is older died over it.
const STALE_TEMP_AGE: Duration = Duration::from_secs(60);

const COUNT_WORDS: usize = 64;
/// Projects of one board; further ones have their place on the next one.
const MAX_PROJECTS: usize = 64;
/// Boards that one host may have.
const MAX_SEGMENTS: usize = 64;
/// Destinations of one board, and the words of each; their meaning is in `reach`.
pub(super) const MAX_DESTINATIONS: usize = 32;
const DESTINATION_WORDS: usize = 8;
/// Of each project: its name's hash, a deadline for everything, one a category, losses.
const HASH: usize = 0;
const ALL: usize = 1;
const DEADLINES_FROM: usize = 2;
const MAX_CATEGORIES: usize = 32;
const LOSSES_FROM: usize = DEADLINES_FROM + MAX_CATEGORIES;
const MAX_REASONS: usize = 8;
const PROJECT_WORDS: usize = LOSSES_FROM + MAX_REASONS * MAX_CATEGORIES;
const DESTINATIONS_FROM: usize = COUNT_WORDS + MAX_PROJECTS * PROJECT_WORDS;
const BYTES: usize = (DESTINATIONS_FROM + MAX_DESTINATIONS * DESTINATION_WORDS) * 8;

/// What is counted for the host. The number of each is its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Count {
    /// Envelopes taken into an outbox.
    Accepted,
    /// Envelopes that Sentry took.
    Sent,
    /// Envelopes given up after a refusal, or not understood.
    Failed,
    /// Envelopes not sent, or refused, because Sentry wanted silence.
    RateLimited,
    /// Tries after the first one.
    Retries,
    /// Envelopes that had no room.
    Overflow,
    /// Envelopes put into the dead-letter directory.
    DeadLetters,
    /// Envelopes that their process left when it died.
    Adopted,
    /// Records that their writer died over.
    Torn,
    /// Envelopes refused for their size.
    TooLarge,
    /// Bytes that went over the wire.
    Bytes,
    /// Requests that were answered.
    Requests,
    /// Microseconds from the first byte of a request to the end of its answer, summed.
    SendMicros,
    /// Milliseconds from acceptance to Sentry's answer, summed over what was sent.
    WaitMillis,
    /// Dead letters that were queued again.
    Replayed,
}

impl Count {
    /// The same count on the page of this process; sums of times stand there as histograms.
    const fn process_counter(self) -> Option<&'static Counter> {
        Some(match self {
            Self::Accepted => &metrics::ACCEPTED,
            Self::Sent => &metrics::SENT,
            Self::Failed => &metrics::FAILED,
            Self::RateLimited => &metrics::RATE_LIMITED,
            Self::Retries => &metrics::RETRIES,
            Self::Overflow => &metrics::OVERFLOW,
            Self::DeadLetters => &metrics::DEAD_LETTERS,
            Self::Adopted => &metrics::ADOPTED,
            Self::Torn => &metrics::TORN,
            Self::TooLarge => &metrics::TOO_LARGE,
            Self::Bytes => &metrics::BYTES,
            Self::Replayed => &metrics::REPLAYED,
            Self::Requests | Self::SendMicros | Self::WaitMillis => return None,
        })
    }
}

/// What was lost of one category, for one reason.
pub type Loss = (DiscardReason, Category, u64);

/// See the head of the file.
#[derive(Debug)]
pub struct SharedState {
    segment: Segment,
    /// Where the boards of the host lie; `None`: it is this process' alone.
    dir: Option<PathBuf>,
    number: usize,
    next: OnceLock<Option<Arc<Self>>>,
}

/// The place of a destination on a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DestinationSlot(pub(super) usize);

/// One project's part of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectSlot(usize);

/// Removes what processes left in `run_dir` that died while they made the board.
pub(super) fn sweep(run_dir: &Path, now: SystemTime) {
    files::sweep(run_dir, now, STALE_TEMP_AGE, |name| {
        name.starts_with(PREFIX) && name.ends_with(TEMP_SUFFIX)
    });
}

impl SharedState {
    /// The board in `run_dir`; without one a board of this process alone.
    ///
    /// # Errors
    /// No memory.
    pub fn open(run_dir: Option<&Path>) -> io::Result<Self> {
        Self::open_number(run_dir, 0)
    }

    fn open_number(run_dir: Option<&Path>, number: usize) -> io::Result<Self> {
        let of = |segment, dir| Self {
            segment,
            dir,
            number,
            next: OnceLock::new(),
        };
        let Some(dir) = run_dir else {
            return Ok(of(Segment::anonymous(BYTES)?, None));
        };
        let boot = clock::boot_id().replace('-', "");
        let boot = boot.get(..12).unwrap_or("unknown");
        let path = match number {
            0 => dir.join(format!("{PREFIX}{boot}.seg")),
            _ => dir.join(format!("{PREFIX}{boot}.{number}.seg")),
        };
        // Made under a name of its own and linked, so that nobody maps half of one.
        for _ in 0..4 {
            match Segment::open(&path) {
                Ok(Some(segment)) if segment.bytes() == BYTES => {
                    return Ok(of(segment, Some(dir.to_owned())));
                }
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => break,
            }
            let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
            let temporary = dir.join(format!("{PREFIX}{random:016x}{TEMP_SUFFIX}"));
            if Segment::create(&temporary, BYTES).is_err() {
                break;
            }
            reach(FailPoint::SentryStateMade);
            let linked = std::fs::hard_link(&temporary, &path);
            reach(FailPoint::SentryStateLinked);
            let _ = std::fs::remove_file(&temporary);
            if linked.is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
                break;
            }
        }
        log::warn!(path = path.display().to_string().as_str(); "rate limits can't be shared with other processes");
        Ok(of(Segment::anonymous(BYTES)?, None))
    }

    /// The board for what has no place on this one. `None`: no more can be had.
    pub(super) fn next(&self) -> Option<Arc<Self>> {
        let number = self.number + 1;
        let open = || {
            Self::open_number(self.dir.as_deref(), number)
                .ok()
                .map(Arc::new)
        };
        let next = self
            .next
            .get_or_init(|| (number < MAX_SEGMENTS).then(open).flatten());
        next.clone()
    }

    pub(super) fn destination_word(&self, row: DestinationSlot, word: usize) -> Option<&AtomicU64> {
        self.cell(DESTINATIONS_FROM + row.0 * DESTINATION_WORDS + word)
    }

    fn cell(&self, index: usize) -> Option<&AtomicU64> {
        self.segment.word(index)
    }

    /// Counts.
    #[inline]
    pub fn count(&self, what: Count, by: u64) {
        if let Some(cell) = self.cell(what as usize) {
            cell.fetch_add(by, Ordering::Relaxed);
        }
        if let Some(counter) = what.process_counter() {
            counter.add(by);
        }
    }

    /// What was counted since the host started.
    #[must_use]
    pub fn total(&self, what: Count) -> u64 {
        self.cell(what as usize)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// The place of the project with this hash. `None`: the board is full.
    #[must_use]
    pub fn register_project(&self, hash: u64) -> Option<ProjectSlot> {
        let hash = hash.max(1);
        let first = hash as usize % MAX_PROJECTS;
        let places = (first..MAX_PROJECTS).chain(0..first).map(ProjectSlot);
        places.into_iter().find(|project| {
            self.cell(project.at(HASH)).is_some_and(|cell| {
                match cell.compare_exchange(0, hash, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => true,
                    Err(held) => held == hash,
                }
            })
        })
    }

    /// Silence from now on, for a category or for everything. The longer word holds.
    pub fn limit(&self, project: ProjectSlot, category: Option<Category>, duration: Duration) {
        let until = clock::since_boot().saturating_add(duration).as_millis();
        if let Some(cell) = self.cell(project.deadline(category)) {
            cell.fetch_max(until.try_into().unwrap_or(u64::MAX), Ordering::AcqRel);
        }
    }

    /// How long silence still lasts for that category; what goes for everything goes for it too.
    #[must_use]
    pub fn limited(&self, project: ProjectSlot, category: Option<Category>) -> Option<Duration> {
        let own = category.and_then(|one| self.left(project, Some(one)));
        own.max(self.left(project, None))
    }

    /// All silences of a project: for what (`None`: everything), and how long.
    #[must_use]
    pub fn limits(&self, project: ProjectSlot) -> Vec<(Option<Category>, Duration)> {
        let categories = Category::ALL.iter().copied().map(Some);
        std::iter::once(None)
            .chain(categories)
            .filter_map(|category| Some((category, self.left(project, category)?)))
            .collect()
    }

    fn left(&self, project: ProjectSlot, category: Option<Category>) -> Option<Duration> {
        let until = self
            .cell(project.deadline(category))?
            .load(Ordering::Acquire);
        let now = clock::since_boot();
        Duration::from_millis(until)
            .checked_sub(now)
            .filter(|left| !left.is_zero())
    }

    /// Notes what was lost.
    pub fn lose(&self, project: ProjectSlot, loss: Loss) {
        let (reason, category, quantity) = loss;
        metrics::LOST_ITEMS.add(&[reason.name(), category.name()], quantity);
        self.put_back(project, loss);
    }

    /// Notes what has to be told, and was counted before: its report was lost, or was somebody else's.
    pub fn put_back(&self, project: ProjectSlot, (reason, category, quantity): Loss) {
        if let Some(cell) = self.cell(project.loss(reason, category)) {
            cell.fetch_add(quantity, Ordering::AcqRel);
        }
    }

    /// Takes all that was lost and not yet reported.
    #[must_use]
    pub fn take_losses(&self, project: ProjectSlot) -> Vec<Loss> {
        let mut losses = Vec::new();
        for reason in DiscardReason::ALL {
            for category in Category::ALL.iter().copied() {
                let Some(cell) = self.cell(project.loss(reason, category)) else {
                    continue;
                };
                if cell.load(Ordering::Relaxed) == 0 {
                    continue;
                }
                let quantity = cell.swap(0, Ordering::AcqRel);
                if quantity > 0 {
                    losses.push((reason, category, quantity));
                }
            }
        }
        losses
    }

    /// Whether there is anything to report.
    #[must_use]
    pub fn has_losses(&self, project: ProjectSlot) -> bool {
        (LOSSES_FROM..PROJECT_WORDS).any(|at| {
            self.cell(project.at(at))
                .is_some_and(|cell| cell.load(Ordering::Relaxed) > 0)
        })
    }
}

impl ProjectSlot {
    /// The last place, which several may share.
    #[must_use]
    pub const fn last() -> Self {
        Self(MAX_PROJECTS - 1)
    }

    const fn at(self, word: usize) -> usize {
        COUNT_WORDS + self.0 * PROJECT_WORDS + word
    }

    const fn deadline(self, category: Option<Category>) -> usize {
        match category {
            None => self.at(ALL),
            Some(category) => self.at(DEADLINES_FROM + category as usize),
        }
    }

    const fn loss(self, reason: DiscardReason, category: Category) -> usize {
        self.at(LOSSES_FROM + reason as usize * MAX_CATEGORIES + category as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentry::sender::project::register_text;
    use proptest::prelude::*;

    #[test]
    fn one_processs_limit_silences_the_others_and_the_longer_word_holds() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (
            SharedState::open(Some(dir.path())).unwrap(),
            SharedState::open(Some(dir.path())).unwrap(),
        );
        let (here, there) = (
            one.register_project(7).unwrap(),
            other.register_project(7).unwrap(),
        );
        one.limit(here, Some(Category::Error), Duration::from_secs(2700));
        one.limit(here, Some(Category::Error), Duration::from_secs(60));
        let left = other.limited(there, Some(Category::Error)).unwrap();
        assert!(left > Duration::from_secs(2600), "{left:?}");
        assert_eq!(other.limited(there, Some(Category::Span)), None);
        assert_eq!(
            other.limited(other.register_project(8).unwrap(), Some(Category::Error)),
            None
        );
        one.limit(here, None, Duration::from_secs(10));
        assert!(other.limited(there, Some(Category::Span)).is_some());
        assert_eq!(other.limits(there).len(), 2);
    }

    #[test]
    fn losses_are_taken_once() {
        let shared = SharedState::open(None).unwrap();
        let project = shared.register_project(1).unwrap();
        assert!(!shared.has_losses(project));
        shared.lose(project, (DiscardReason::QueueOverflow, Category::Error, 2));
        shared.lose(project, (DiscardReason::QueueOverflow, Category::Error, 1));
        shared.lose(
            project,
            (DiscardReason::NetworkError, Category::Internal, 1),
        );
        assert!(shared.has_losses(project));
        assert_eq!(
            shared.take_losses(project),
            [
                (DiscardReason::QueueOverflow, Category::Error, 3),
                (DiscardReason::NetworkError, Category::Internal, 1)
            ]
        );
        assert!(shared.take_losses(project).is_empty());
    }

    #[test]
    fn the_page_has_every_reason_and_category() {
        for reason in DiscardReason::ALL {
            for category in Category::ALL {
                let before = metrics::LOST_ITEMS.get(&[reason.name(), category.name()]);
                let shared = SharedState::open(None).unwrap();
                shared.lose(shared.register_project(1).unwrap(), (reason, *category, 3));
                let after = metrics::LOST_ITEMS.get(&[reason.name(), category.name()]);
                assert!(after >= before + 3, "{} {}", reason.name(), category.name());
                let other = metrics::LOST_ITEMS.get(&["no such", category.name()]);
                assert_eq!(other, 0, "{} is on no list", reason.name());
            }
        }
        assert_eq!(metrics::LOST_ITEMS.get(&["queue_overflow", "no such"]), 0);
    }

    #[test]
    fn a_full_board_says_so() {
        let shared = SharedState::open(None).unwrap();
        assert!((1..=MAX_PROJECTS as u64).all(|hash| shared.register_project(hash).is_some()));
        assert_eq!(shared.register_project(9999), None);
        assert_eq!(shared.register_project(3), Some(ProjectSlot(3)));
    }

    #[test]
    fn projects_beyond_the_first_board_share_limits_too() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Arc::new(SharedState::open(Some(dir.path())).unwrap());
        let (one, other) = (open(), open());
        let dsns: Vec<_> = (0..MAX_PROJECTS * 2 + 5)
            .map(|n| format!("https://k@host/{n}"))
            .collect();
        for (n, dsn) in dsns.iter().enumerate() {
            let (shared, project) = register_text(&one, dsn.as_bytes());
            let duration = Duration::from_secs(10_000 + 1000 * n as u64);
            shared.limit(project, Some(Category::Error), duration);
        }
        for (n, dsn) in dsns.iter().enumerate() {
            let (shared, project) = register_text(&other, dsn.as_bytes());
            let left = shared.limited(project, Some(Category::Error)).unwrap();
            assert_eq!(left.as_secs().div_ceil(1000), 10 + n as u64, "{dsn}");
        }
    }

    proptest! {
        #[test]
        fn limits_are_those_of_a_small_model(
            told in proptest::collection::vec((proptest::option::of(0..5usize), 0..1000u64), 0..30),
        ) {
            let shared = SharedState::open(None).unwrap();
            let project = shared.register_project(1).unwrap();
            let mut model = std::collections::HashMap::new();
            for (category, seconds) in told {
                let category = category.map(|at| Category::ALL[at]);
                shared.limit(project, category, Duration::from_secs(seconds));
                let held: &mut u64 = model.entry(category).or_default();
                *held = seconds.max(*held);
            }
            for category in Category::ALL.iter().take(6).copied() {
                let own = model.get(&Some(category)).copied().unwrap_or(0);
                let expected = own.max(model.get(&None).copied().unwrap_or(0));
                let left = shared.limited(project, Some(category)).unwrap_or_default().as_secs_f64();
                prop_assert!((left - expected as f64).abs() < 5.0, "{left} {expected}");
            }
        }
    }
}
