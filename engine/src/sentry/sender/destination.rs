//! One project that envelopes go to: its address, its place on the board, whether it can be reached, and
//! what waits for it. Owned by the sender's task.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::client::NAME;
use crate::config::{Dsn, SentrySettings};
use crate::sentry::{
    outbox::{self, Claim, Outbox},
    protocol::{
        batcher::Batches,
        category::{Category, Class},
        envelope::Envelope,
    },
    reachability::{Probe, Route},
    shared_state::{Board, Project},
};

/// Claims that are settled together, when the last of their envelopes has an end.
#[derive(Debug, Clone)]
pub(in crate::sentry) struct Claims(Arc<(Vec<Claim>, AtomicUsize)>);

impl Claims {
    /// Claims that so many envelopes come from.
    pub(in crate::sentry) fn new(claims: Vec<Claim>, envelopes: usize) -> Self {
        Self(Arc::new((claims, AtomicUsize::new(envelopes))))
    }

    /// One envelope has its end. The claims, where it was the last one.
    pub(in crate::sentry) fn end_one(&self) -> &[Claim] {
        match self.0.1.fetch_sub(1, Ordering::AcqRel) {
            1 => &self.0.0,
            _ => &[],
        }
    }

    /// All of them.
    pub(in crate::sentry) fn all(&self) -> &[Claim] {
        &self.0.0
    }
}

/// An envelope to be sent.
#[derive(Debug, Clone)]
pub(in crate::sentry) struct Work {
    pub(in crate::sentry) claims: Claims,
    /// Made of several; `None`: the one claim's record.
    pub(in crate::sentry) made: Option<Arc<Vec<u8>>>,
    /// Tries that failed.
    pub(in crate::sentry) attempts: u32,
    /// The oldest of its records.
    pub(in crate::sentry) accepted_ms: u64,
    /// Its class, and the number of its claim: in this order those that wait are sent.
    pub(in crate::sentry) turn: (Class, u64),
}

impl Work {
    /// Whether it may be dropped while it waits. One that was made of records, or of a part of one, is not:
    /// they are settled together.
    pub(in crate::sentry) fn may_be_dropped(&self) -> bool {
        self.made.is_none()
    }
}

/// See the head of the file.
#[derive(Debug)]
pub(in crate::sentry) struct Target {
    pub(in crate::sentry) dsn: Dsn,
    pub(in crate::sentry) auth: Arc<str>,
    pub(in crate::sentry) endpoint: Arc<str>,
    pub(in crate::sentry) board: Arc<Board>,
    pub(in crate::sentry) project: Project,
    pub(in crate::sentry) batches: Batches,
    /// What waits for Sentry to come back, or is sent step by step after it did; by its turn.
    pub(in crate::sentry) held: BTreeMap<(Class, u64), Work>,
    /// Batches that are to be sent at once.
    pub(in crate::sentry) fresh: VecDeque<Work>,
    /// Failures in a row.
    pub(in crate::sentry) failures: u32,
    /// After trouble with an envelope nothing is sent before, and then a single one.
    pub(in crate::sentry) down_until: Option<Instant>,
    /// Whether its destination can be reached, as far as the host knows.
    pub(in crate::sentry) route: Route,
    /// What is sent next is to find out whether Sentry is back, or is under way to do so.
    pub(in crate::sentry) probing: bool,
    /// The right to do so where the destination is out of reach, until the request has it.
    pub(in crate::sentry) probe: Option<Probe>,
    /// Why it could not be reached last.
    pub(in crate::sentry) trouble: Option<String>,
    /// When to look again, where another process probes.
    pub(in crate::sentry) look_at: Instant,
    /// When the next of those that had to wait may go.
    pub(in crate::sentry) drain_at: Instant,
    /// Since when there are losses to report.
    pub(in crate::sentry) lost_since: Option<Instant>,
    /// When a report that went alone was refused last: a flush doesn't offer it again and again.
    pub(in crate::sentry) report_refused: Option<Instant>,
}

impl Target {
    pub(in crate::sentry) fn new(dsn: Dsn, shared: &Arc<Board>, settings: &SentrySettings) -> Self {
        let (board, project) = place_on(shared, &dsn);
        Self {
            auth: dsn.auth(NAME).into(),
            endpoint: dsn.endpoint().into(),
            board,
            project,
            batches: Batches::default(),
            held: BTreeMap::new(),
            fresh: VecDeque::new(),
            failures: 0,
            down_until: None,
            route: Route::of(shared, &dsn, settings),
            probing: false,
            probe: None,
            trouble: None,
            look_at: Instant::now(),
            drain_at: Instant::now(),
            lost_since: None,
            report_refused: None,
            dsn,
        }
    }

    /// Whether it can't be reached at the moment.
    pub(in crate::sentry) fn is_down(&self) -> bool {
        self.down_until.is_some() || self.route.is_down()
    }

    /// When the next of those that wait may go; where Sentry can't be reached, the next probe.
    pub(in crate::sentry) fn next_at(&self, now: Instant, ceiling: Duration) -> Instant {
        let probe = self.route.probe_in(ceiling).map(|left| now + left);
        let down = self.down_until.into_iter().chain(probe).max();
        down.unwrap_or(self.drain_at)
    }

    /// Nothing is under way any more that was to find out whether Sentry is back.
    pub(in crate::sentry) fn end_probe(&mut self) {
        self.probing = false;
        self.probe = None;
    }

    /// Lets a piece of work wait; it may be dropped meanwhile.
    pub(in crate::sentry) fn hold(&mut self, work: Work, outbox: &Outbox) {
        if work.may_be_dropped() {
            work.claims
                .all()
                .iter()
                .for_each(|claim| outbox.hold(claim));
        }
        self.held.insert(work.turn, work);
    }

    /// The next one of those that wait.
    pub(in crate::sentry) fn resume(&mut self) -> Option<Work> {
        loop {
            let (_, work) = self.held.pop_first()?;
            if !work.may_be_dropped() || work.claims.all().iter().all(Claim::resume) {
                return Some(work);
            }
        }
    }

    /// Forgets what was dropped while it waited.
    pub(in crate::sentry) fn forget_dropped(&mut self) {
        self.held.retain(|_, work| {
            !work.may_be_dropped() || work.claims.all().iter().all(Claim::is_held)
        });
    }

    /// Whether Sentry wants silence for that.
    pub(in crate::sentry) fn limited(&self, category: Option<Category>) -> Option<Duration> {
        self.board.limited(self.project, category)
    }
}

/// The board and the place on it for a project.
pub(in crate::sentry) fn place_on(shared: &Arc<Board>, dsn: &Dsn) -> (Arc<Board>, Project) {
    place_of(shared, dsn.expose().as_bytes())
}

/// As [`place_on`], by the DSN's text.
pub(in crate::sentry) fn place_of(shared: &Arc<Board>, dsn: &[u8]) -> (Arc<Board>, Project) {
    let hash = hash(dsn);
    let mut board = Arc::clone(shared);
    loop {
        if let Some(project) = board.project(hash) {
            return (board, project);
        }
        match board.next() {
            Some(next) => board = next,
            None => return (board, Project::last()),
        }
    }
}

/// The DSN that holds for a record.
pub(in crate::sentry) fn dsn_of(stored: &[u8], envelope: &Envelope<'_>) -> Option<Dsn> {
    if stored.is_empty() {
        return Dsn::parse(&envelope.text("dsn")?).ok();
    }
    Dsn::parse(std::str::from_utf8(stored).ok()?).ok()
}

/// Of a DSN's text; the same in every process.
#[inline]
pub(in crate::sentry) fn hash(text: &[u8]) -> u64 {
    outbox::hash(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Settings, sentry::outbox::Room};

    #[test]
    fn those_that_wait_go_in_their_order_whatever_the_order_in_which_they_failed() {
        let room = Room {
            bytes: 1 << 20,
            records: 100,
        };
        let (outbox, _) = Outbox::open(None, room);
        let shared = Arc::new(Board::open(None).unwrap());
        let dsn = Dsn::parse("https://k@host/1").unwrap();
        let mut target = Target::new(dsn, &shared, &Settings::default().sentry);
        for _ in 0..3 {
            outbox.push(Class::Critical, b"", b"e", 1).unwrap();
            outbox.push(Class::Lowest, b"", b"r", 1).unwrap();
        }
        let mut works: Vec<Work> = (1..=6)
            .map(|turn| {
                let class = [Class::Critical, Class::Lowest][turn as usize % 2];
                Work {
                    claims: Claims::new(vec![outbox.claim(class).unwrap()], 1),
                    made: None,
                    attempts: 0,
                    accepted_ms: 1,
                    turn: (class, turn),
                }
            })
            .collect();
        works.rotate_left(2);
        works.swap(0, 3);
        works
            .into_iter()
            .for_each(|work| target.hold(work, &outbox));
        // The oldest replay goes for an event.
        let dropped = target.held.get(&(Class::Lowest, 1)).unwrap().claims.all()[0].clone();
        let newcomer = outbox::Newcomer {
            class: Class::Critical,
            project: 0,
        };
        assert!(outbox.shed_one(newcomer));
        assert!(!dropped.is_held());
        target.forget_dropped();
        let turns: Vec<u64> = std::iter::from_fn(|| target.resume())
            .map(|work| work.turn.1)
            .collect();
        assert_eq!(turns, [2, 4, 6, 3, 5]);
    }
}
