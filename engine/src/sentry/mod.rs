//! Envelopes for Sentry: PHP's threads queue them in well under a microsecond, the outbox keeps them through the death
//! of the process, the runtime sends them by Sentry's rules.
//!
//! # Layout
//!
//! * [`protocol`] envelopes, categories, rate limits, client reports, batches.
//! * [`outbox`] the crash-safe queue.
//! * [`sender`] the task that sends: receive, schedule, dispatch, response; its HTTP client; destinations.
//! * [`shared_state`] limits and counts of the host; [`reachability`] of a destination; [`waiting_counts`] of all outboxes.
//! * [`dead_letters`] envelopes that were given up, and their replay; [`capture`] an envelope from an event; [`status`].

mod capture;
pub mod dead_letters;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod outbox;
pub mod protocol;
mod reachability;
mod sender;
pub mod shared_state;
mod status;
#[cfg(test)]
mod tests;
mod waiting_counts;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::Notify;

use dead_letters::DeadLetters;
use outbox::{AdoptBackoff, Backlog, Capacity, Outbox, Pushed, RecordInfo};
use protocol::category::DiscardReason;
use shared_state::{Count, SharedState};
use waiting_counts::{CachedFileCount, WaitingCounts};

pub use capture::Captured;
pub use dead_letters::replay::ReplayState;
pub use status::settings;

use crate::{
    Error, Result,
    config::{Dsn, SentrySettings},
    error::Violation,
    failpoint::{FailPoint, reach},
    host::{clock, files},
};

/// DSNs that were found good, by their hash, so that each text is read once.
const KNOWN: usize = 16;

/// Where things are kept. `None`: in memory of this process.
#[derive(Debug, Clone, Default)]
pub struct SentryDirs {
    /// `run_dir`.
    pub run: Option<PathBuf>,
    /// `state_dir`.
    pub state: Option<PathBuf>,
    /// Other directories that have been `run_dir`.
    pub other_runs: Vec<PathBuf>,
    /// What can't be adopted.
    pub adopt_backoff: Arc<AdoptBackoff>,
    /// Dead letters that go again.
    pub replays: Arc<ReplayState>,
}

impl SentryDirs {
    /// Whether there are outboxes whose owners have died, as far as a glance tells.
    #[must_use]
    pub fn has_adoptable_outboxes(&self) -> bool {
        self.outboxes().any(|dir| self.adopt_backoff.has_due(&dir))
    }

    /// Whether there are dead letters that may go again now, as far as a glance tells.
    #[must_use]
    pub fn may_replay(&self) -> bool {
        let state = self.state.as_ref();
        state.is_some_and(|state| self.replays.may_have_due(&dead_letter_dir(state)))
    }

    /// Where a process keeps its outbox.
    fn outbox(&self, on_disk: bool) -> Option<PathBuf> {
        match on_disk {
            true => Some(self.state.as_ref()?.join("sentry").join("outbox")),
            false => Some(self.run.as_ref()?.join("sentry")),
        }
    }

    /// All directories in which outboxes may lie, whatever the setting was when they were made.
    fn outboxes(&self) -> impl Iterator<Item = PathBuf> {
        let others = self.other_runs.iter().map(|run| run.join("sentry"));
        [false, true]
            .into_iter()
            .filter_map(|on_disk| self.outbox(on_disk))
            .chain(others)
    }
}

/// See the head of the file.
#[derive(Debug)]
pub struct Sentry {
    settings: SentrySettings,
    places: SentryDirs,
    outbox: Outbox,
    shared: Arc<SharedState>,
    letters: Option<DeadLetters>,
    /// What waits on the host. `None`: it is counted in the files.
    waiting_counts: Option<WaitingCounts>,
    listed: CachedFileCount,
    wake: Notify,
    /// The sender looks by itself; nobody needs to wake it.
    awake: AtomicBool,
    /// How many wait for the outbox to be empty.
    flushing: AtomicUsize,
    /// How often the sender found nothing to do.
    rests: AtomicU64,
    /// All that waits, waits for Sentry to come back.
    stuck: AtomicBool,
    /// The process ends: what others left is for those who go on.
    ending: AtomicBool,
    /// Its last moment: no request is begun any more.
    closing: AtomicBool,
    /// Requests that have no answer yet.
    under_way: AtomicUsize,
    known: [AtomicU64; KNOWN],
}

impl Sentry {
    /// The room of this process. Makes its outbox; starts nothing.
    ///
    /// # Errors
    /// No memory.
    pub fn open(settings: SentrySettings, places: SentryDirs) -> Result<Self> {
        let outboxes = places.outbox(settings.on_disk);
        if let Some(dir) = &outboxes
            && let Err(error) = files::make_dir_in_ours(dir)
        {
            log::warn!(path = dir.display().to_string().as_str(), error = error.to_string().as_str(); "outbox directory can't be made");
        }
        let room = Capacity {
            bytes: settings.outbox_size,
            records: settings.buffer_size,
        };
        let (outbox, trouble) = Outbox::open(outboxes.as_deref(), room);
        if let Some(error) = trouble {
            log::warn!(error = error.to_string().as_str(); "outbox is kept in memory: envelopes die with the process");
        }
        let shared = SharedState::open(places.run.as_deref())
            .map_err(|error| Error::io("mapping Sentry's board", error))?;
        let slot = places.run.as_deref().zip(outbox.name());
        let waiting_counts = slot.and_then(|(run, name)| WaitingCounts::open(run, name));
        let letters = places.state.as_ref().map(|state| {
            DeadLetters::new(
                dead_letter_dir(state),
                settings.dead_letter_max_count,
                settings.dead_letter_max_size,
            )
        });
        Ok(Self {
            outbox,
            shared: Arc::new(shared),
            letters,
            waiting_counts,
            listed: CachedFileCount::default(),
            wake: Notify::new(),
            awake: AtomicBool::new(false),
            flushing: AtomicUsize::new(0),
            rests: AtomicU64::new(0),
            stuck: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            known: [const { AtomicU64::new(0) }; KNOWN],
            settings,
            places,
        })
    }

    fn outbox_dirs(&self) -> impl Iterator<Item = PathBuf> {
        self.places.outboxes()
    }

    /// How many envelopes of this process wait or are on their way.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.outbox.queued()
    }

    /// Takes an envelope in. On PHP's thread: no lock, no system call on the ordinary path. `false`:
    /// there is nothing to send or no project to send it to, it is too large, or there is no room; the last two are
    /// counted. A DSN that is empty or a word for off names no project, and the next one counts: the argument's, the
    /// header's, the setting's.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for what is no envelope, [`Error::Config`] for a wrong DSN.
    #[inline]
    pub fn send(&self, envelope: &[u8], dsn: Option<&[u8]>) -> Result<bool> {
        if !self.settings.enabled {
            return Ok(false);
        }
        let seen = protocol::envelope::peek(envelope).map_err(|why| {
            Error::InvalidRequest(vec![Violation {
                field: "envelope".into(),
                message: why,
            }])
        })?;
        let given = dsn.filter(|text| !Dsn::is_off(text));
        let named = || seen.dsn().filter(|text| !Dsn::is_off(text));
        let named = given.is_none().then(named).flatten();
        let (stored, hash) = match (given, named, &self.settings.dsn) {
            (Some(text), ..) => {
                self.check_dsn(text)?;
                (text, sender::project::hash(text))
            }
            (None, Some(text), _) => {
                self.check_dsn(text.as_bytes())?;
                (&[][..], sender::project::hash(text.as_bytes()))
            }
            (None, None, Some(dsn)) => {
                let text = dsn.expose().as_bytes();
                (text, sender::project::hash(text))
            }
            (None, None, None) => return Ok(false),
        };
        let Some(priority) = seen.priority else {
            return Ok(false);
        };
        if envelope.len() as u64 > self.settings.max_payload_size
            || !Outbox::accepts(stored, envelope)
        {
            self.shared.count(Count::TooLarge, 1);
            return Ok(false);
        }
        let stamp = RecordInfo {
            accepted_ms: clock::unix_ms(),
            attempts: 0,
            project: outbox::project_tag(hash),
        };
        let push = || {
            self.outbox
                .push(priority, stored, envelope, stamp)
                .map_err(|error| Error::io("making room for an envelope", error))
        };
        let mut pushed = push()?;
        if let Pushed::Full(evicted) = pushed {
            // What was dropped before has its room still, and the runtime is behind.
            self.shared.count(Count::Overflow, evicted as u64);
            pushed = match self.report_evicted() {
                0 => Pushed::Full(0),
                _ => push()?,
            };
        }
        match pushed {
            Pushed::Stored(evicted) => {
                self.shared.count(Count::Accepted, 1);
                self.publish_queued();
                if evicted > 0 {
                    self.shared.count(Count::Overflow, evicted as u64);
                }
                self.wake_sender();
                Ok(true)
            }
            Pushed::Full(evicted) => {
                self.shared.count(Count::Overflow, evicted as u64);
                self.refuse(stored, envelope);
                Ok(false)
            }
        }
    }

    /// Whether there is a project for what names none itself: the argument's, else that of the setting.
    ///
    /// # Errors
    /// [`Error::Config`] for a wrong DSN.
    pub fn has_project(&self, dsn: Option<&[u8]>) -> Result<bool> {
        if !self.settings.enabled {
            return Ok(false);
        }
        match dsn.filter(|text| !Dsn::is_off(text)) {
            Some(text) => self.check_dsn(text).map(|()| true),
            None => Ok(self.settings.dsn.is_some()),
        }
    }

    /// Reports what was dropped, and has its room back. Returns how many records that were.
    fn report_evicted(&self) -> usize {
        let mut count = 0;
        while let Some(claim) = self.outbox.take_evicted() {
            if let Some(record) = claim.read() {
                self.lose(DiscardReason::QueueOverflow, &record.dsn, &record.envelope);
            }
            self.outbox.settle_evicted(&claim);
            count += 1;
        }
        count
    }

    /// Counts what had no room, for Sentry too. All that waits matters more, so this is rare.
    #[cold]
    fn refuse(&self, dsn: &[u8], envelope: &[u8]) {
        self.shared.count(Count::Overflow, 1);
        self.lose(DiscardReason::QueueOverflow, dsn, envelope);
        self.wake_sender();
    }

    /// Tells the board what an envelope's loss means.
    fn lose(&self, reason: DiscardReason, dsn: &[u8], bytes: &[u8]) {
        let Ok(envelope) = protocol::envelope::Envelope::parse(bytes) else {
            return;
        };
        let Some(dsn) = sender::project::dsn_of(dsn, &envelope) else {
            return;
        };
        let target = sender::project::register(&self.shared, &dsn);
        for loss in protocol::client_report::of_items(reason, &envelope.items) {
            target.0.lose(target.1, loss);
        }
    }

    /// Has the host know how many envelopes wait here.
    #[inline]
    fn publish_queued(&self) {
        if let Some(waiting_counts) = &self.waiting_counts {
            waiting_counts.set_records(self.outbox.queued());
        }
    }

    /// As [`Sentry::count_waiting`], and the size of their files.
    fn publish_backlog(&self) {
        self.publish_queued();
        if let Some(waiting_counts) = &self.waiting_counts {
            waiting_counts.set_bytes(self.outbox.bytes());
        }
    }

    /// The slots of dead processes, which count what they had adopted too.
    fn orphaned_slots(&self) -> Vec<waiting_counts::OtherSlot> {
        let mut slots = self
            .waiting_counts
            .as_ref()
            .map(WaitingCounts::slots)
            .unwrap_or_default();
        let lives = |name: &str| self.outbox_dirs().any(|dir| outbox::is_held(&dir, name));
        slots.retain(|slot| !lives(&slot.name));
        slots
    }

    /// What the dead had is counted here now, or stays in outboxes that could not be adopted.
    fn free_slots(&self, dead: &[waiting_counts::OtherSlot]) {
        let Some(waiting_counts) = &self.waiting_counts else {
            return;
        };
        self.publish_backlog();
        let orphaned = self
            .outbox_dirs()
            .map(|dir| outbox::orphaned_backlog_in(&dir));
        waiting_counts.set_orphaned(orphaned.fold(Backlog::default(), Backlog::and));
        dead.iter().for_each(|slot| waiting_counts.free(slot));
    }

    /// Wakes the sender, unless it looks by itself.
    #[inline]
    fn wake_sender(&self) {
        if !self.awake.load(Ordering::SeqCst) && !self.awake.swap(true, Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    #[inline]
    fn check_dsn(&self, text: &[u8]) -> Result<()> {
        let hash = sender::project::hash(text);
        if self.is_validated(hash) {
            return Ok(());
        }
        self.validate_dsn(text, hash)
    }

    #[inline]
    fn is_validated(&self, hash: u64) -> bool {
        let mut known = self.known.iter();
        known.any(|known| known.load(Ordering::Relaxed) == hash)
    }

    #[cold]
    fn validate_dsn(&self, text: &[u8], hash: u64) -> Result<()> {
        let parsed = std::str::from_utf8(text)
            .map_err(|_| "is no UTF-8 text".to_owned())
            .and_then(Dsn::parse);
        parsed.map_err(|why| {
            Error::Config(format!(
                "the DSN {why}; https://<key>@<host>/<project> would be right"
            ))
        })?;
        if let Some(place) = self.known.get((hash >> 8) as usize % KNOWN) {
            place.store(hash, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether nothing of this process waits any more: sent, refused, or dropped and counted. Waits for
    /// that, and doesn't let batches and reports wait for company meanwhile.
    pub async fn flush(self: Arc<Self>) -> bool {
        let _guard = self.begin_flush();
        let begun = self.rests.load(Ordering::SeqCst);
        loop {
            if self.is_drained_since(begun) {
                return true;
            }
            self.wake_sender();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn begin_flush(&self) -> FlushGuard<'_> {
        self.flushing.fetch_add(1, Ordering::SeqCst);
        self.wake.notify_one();
        FlushGuard(self)
    }

    fn is_drained_since(&self, since: u64) -> bool {
        self.outbox.queued() == 0 && self.rests.load(Ordering::SeqCst) > since
    }

    /// Gives what waits a moment to be sent, at the end of the process: `most` at most, and no longer
    /// than there is any use in waiting. With `adopts`, so much of the time is left, what dead processes
    /// left goes too, one outbox at a time, because others may end at the same moment and take the next.
    /// The last third is for the answers to what is under way: whatever has none is sent again by another
    /// process. Blocks the thread.
    pub fn end(&self, most: Duration, adopts: bool) {
        self.ending.store(true, Ordering::SeqCst);
        if self.outbox.queued() == 0 && !(adopts && self.places.has_adoptable_outboxes()) {
            return;
        }
        let begun = Instant::now();
        let _guard = self.begin_flush();
        let waits = || self.outbox.queued() > 0 && !self.stuck.load(Ordering::SeqCst);
        loop {
            while begun.elapsed() < most * 2 / 3 && waits() {
                self.wake_sender();
                std::thread::sleep(Duration::from_millis(1));
            }
            let has_time = begun.elapsed() < most / 2 && self.outbox.queued() == 0;
            if !adopts || !has_time || !self.adopt_up_to(1) {
                break;
            }
            self.stuck.store(false, Ordering::SeqCst);
        }
        self.closing.store(true, Ordering::SeqCst);
        while begun.elapsed() < most && self.under_way.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Adopts what dead processes left. On a thread that may block.
    pub fn adopt(&self) {
        if !self.is_ending() {
            self.adopt_up_to(usize::MAX);
        }
    }

    /// Adopts so many outboxes at most. Whether there was one.
    fn adopt_up_to(&self, most: usize) -> bool {
        let dead = self.orphaned_slots();
        let mut left = most;
        for dir in self.outbox_dirs() {
            let adopted = self.outbox.adopt(&dir, &self.places.adopt_backoff, left);
            if adopted.outboxes == 0 {
                continue;
            }
            left = left.saturating_sub(adopted.outboxes);
            self.shared.count(Count::Adopted, adopted.records as u64);
            self.shared.count(Count::Torn, adopted.torn as u64);
            if adopted.records + adopted.torn > 0 {
                // A command that ends says nothing of others.
                let level = match self.is_ending() {
                    true => log::Level::Debug,
                    false => log::Level::Info,
                };
                log::log!(level, envelopes = adopted.records, torn = adopted.torn; "adopted the outbox of a process that died");
            }
            self.wake_sender();
        }
        if left > 0 {
            self.free_slots(&dead);
        }
        left < most
    }

    /// Queues dead letters again: one, or all. Returns how many. On a thread that may block.
    ///
    /// # Errors
    /// As [`Sentry::send`].
    pub fn replay(&self, id: Option<&str>) -> Result<usize> {
        let Some(letters) = &self.letters else {
            return Ok(0);
        };
        let ids = match id {
            Some(id) => vec![id.to_owned()],
            None => letters.ids(),
        };
        let mut count = 0;
        for id in ids {
            let Some(letter) = letters.read(&id) else {
                continue;
            };
            // One that would push others out stays where it is.
            if self.outbox.queued() >= self.settings.buffer_size {
                break;
            }
            let dsn = letter.metadata.dsn.as_bytes();
            if self.send(&letter.envelope, (!dsn.is_empty()).then_some(dsn))? {
                reach(FailPoint::DeadLetterReplayed);
                letters.remove(&id);
                self.shared.count(Count::Replayed, 1);
                count += 1;
            }
        }
        Ok(count)
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    fn logs_at(&self, level: log::Level) -> bool {
        level <= self.settings.log_level
    }
}

/// Removes what processes left that died over a board or a letter. A duty of the steward's.
pub fn sweep(run_dir: &Path, state_dir: &Path, now: SystemTime) {
    shared_state::sweep(run_dir, now);
    waiting_counts::sweep(run_dir, now);
    dead_letters::sweep(&dead_letter_dir(state_dir), now);
}

impl Drop for Sentry {
    fn drop(&mut self) {
        if let Some(waiting_counts) = &self.waiting_counts {
            waiting_counts.end(self.outbox.queued());
        }
    }
}

fn dead_letter_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("sentry").join("dead")
}

/// Somebody waits for the outbox to be empty.
struct FlushGuard<'a>(&'a Sentry);

impl Drop for FlushGuard<'_> {
    fn drop(&mut self) {
        self.0.flushing.fetch_sub(1, Ordering::SeqCst);
    }
}
