//! One project that envelopes go to: its address, its place on the board, whether it can be reached, and
//! what waits for it. Owned by the sender's task.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    batch::Batches,
    board::{Board, Project},
    category::Category,
    client::NAME,
    envelope::Envelope,
    outbox::{self, Claim},
};
use crate::config::Dsn;

/// Claims that are settled together, when the last of their envelopes has an end.
#[derive(Debug, Clone)]
pub(super) struct Claims(Arc<(Vec<Claim>, AtomicUsize)>);

impl Claims {
    /// Claims that so many envelopes come from.
    pub(super) fn new(claims: Vec<Claim>, envelopes: usize) -> Self {
        Self(Arc::new((claims, AtomicUsize::new(envelopes))))
    }

    /// One envelope has its end. The claims, where it was the last one.
    pub(super) fn end_one(&self) -> &[Claim] {
        match self.0.1.fetch_sub(1, Ordering::AcqRel) {
            1 => &self.0.0,
            _ => &[],
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Claim] {
        &self.0.0
    }
}

/// An envelope to be sent.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) claims: Claims,
    /// Made of several; `None`: the one claim's record.
    pub(super) made: Option<Arc<Vec<u8>>>,
    /// Tries that failed.
    pub(super) attempts: u32,
    /// The oldest of its records.
    pub(super) accepted_ms: u64,
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) dsn: Dsn,
    pub(super) auth: Arc<str>,
    pub(super) endpoint: Arc<str>,
    pub(super) board: Arc<Board>,
    pub(super) project: Project,
    pub(super) batches: Batches,
    /// What waits for Sentry to come back, or is sent step by step after it did.
    pub(super) held: VecDeque<Work>,
    /// Failures in a row.
    pub(super) failures: u32,
    /// Nothing is sent before, and then a single one.
    pub(super) down_until: Option<Instant>,
    pub(super) probing: bool,
    /// When the next of those that had to wait may go.
    pub(super) drain_at: Instant,
    /// Since when there are losses to report.
    pub(super) lost_since: Option<Instant>,
}

impl Target {
    pub(super) fn new(dsn: Dsn, shared: &Arc<Board>) -> Self {
        let (board, project) = place_on(shared, &dsn);
        Self {
            auth: dsn.auth(NAME).into(),
            endpoint: dsn.endpoint().into(),
            dsn,
            board,
            project,
            batches: Batches::default(),
            held: VecDeque::new(),
            failures: 0,
            down_until: None,
            probing: false,
            drain_at: Instant::now(),
            lost_since: None,
        }
    }

    /// Whether it can't be reached at the moment.
    pub(super) fn is_down(&self) -> bool {
        self.down_until.is_some()
    }

    /// Whether Sentry wants silence for that.
    pub(super) fn limited(&self, category: Option<Category>) -> Option<Duration> {
        self.board.limited(self.project, category)
    }
}

/// The board and the place on it for a project: the shared one, or one of its own where that is full.
pub(super) fn place_on(shared: &Arc<Board>, dsn: &Dsn) -> (Arc<Board>, Project) {
    place_of(shared, dsn.expose().as_bytes())
}

/// As [`place_on`], by the DSN's text.
pub(super) fn place_of(shared: &Arc<Board>, dsn: &[u8]) -> (Arc<Board>, Project) {
    let hash = hash(dsn);
    if let Some(project) = shared.project(hash) {
        return (Arc::clone(shared), project);
    }
    let own = Board::open(None).map_or_else(|_| Arc::clone(shared), Arc::new);
    let project = own.project(hash).unwrap_or_else(Project::last);
    (own, project)
}

/// The DSN that holds for a record.
pub(super) fn dsn_of(stored: &[u8], envelope: &Envelope<'_>) -> Option<Dsn> {
    if stored.is_empty() {
        return Dsn::parse(&envelope.text("dsn")?).ok();
    }
    Dsn::parse(std::str::from_utf8(stored).ok()?).ok()
}

/// Of a DSN's text; the same in every process.
#[inline]
pub(super) fn hash(text: &[u8]) -> u64 {
    outbox::hash(text)
}
