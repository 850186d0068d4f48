//! Dead letters that connection trouble made go again by themselves: one at a time, with pauses, and only
//! where Sentry has answered since. Each has one try, and waits longer after each; those that are older
//! than `sentry.retry.max_age` stay for a replay by hand. A duty of the steward's, on a thread that may
//! block.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::{DeadLetter, DeadLetters, Metadata};
use crate::sentry::{
    Sentry,
    outbox::{self, Pushed, RecordInfo},
    protocol::envelope::{self, Envelope},
    reachability::Destination,
    sender::project::{dsn_of, register},
    shared_state::Count,
};
use crate::{
    failpoint::{FailPoint, reach},
    host::clock,
};

/// The pause before the first replay of a letter; it doubles with each.
const MIN_DELAY_MS: u64 = 15_000;
const MAX_DELAY_MS: u64 = 300_000;
/// How often the folder is read at most, and how many letters of it go at a time.
const SCAN_INTERVAL_MS: u64 = 1000;
const MAX_REPLAYS_AT_ONCE: u64 = 10;
/// Without an answer of Sentry's one letter finds out, so often.
const PROBE_INTERVAL_MS: u64 = 60_000;

/// What was found in the folder, so that it is read only when there may be something to do.
#[derive(Debug, Default)]
pub struct ReplayState(Mutex<LastScan>);

#[derive(Debug, Default, Clone, Copy)]
struct LastScan {
    changed: Option<SystemTime>,
    /// Milliseconds since 1970 at which a letter is due, and at which the folder was read.
    due: u64,
    scanned: u64,
    probed: u64,
}

impl ReplayState {
    /// Whether a letter in the folder may be due, as far as one system call tells.
    pub(in crate::sentry) fn may_have_due(&self, folder: &Path) -> bool {
        let changed = folder.metadata().and_then(|found| found.modified());
        let (Ok(changed), last_scan, now) = (changed, *self.last_scan(), clock::unix_ms()) else {
            return false;
        };
        let is_rested = now.abs_diff(last_scan.scanned) >= SCAN_INTERVAL_MS;
        is_rested && (last_scan.changed != Some(changed) || now >= last_scan.due)
    }

    fn last_scan(&self) -> MutexGuard<'_, LastScan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sentry {
    /// Queues letters again that are due.
    pub fn replay_due(&self) {
        let Some(letters) = &self.letters else {
            return;
        };
        let replays = &self.places.replays;
        let changed = letters.changed();
        let mut probed = replays.last_scan().probed;
        let due = self.replay_due_letters(letters, &mut probed);
        *replays.last_scan() = LastScan {
            changed,
            due,
            scanned: clock::unix_ms(),
            probed,
        };
    }

    /// Returns when to look again.
    fn replay_due_letters(&self, letters: &DeadLetters, probed: &mut u64) -> u64 {
        let pause = self.settings.drain_interval;
        let at_once = MAX_REPLAYS_AT_ONCE
            .min(1000 / (pause.as_millis() as u64).max(1))
            .max(1);
        let (mut next, mut count) = (u64::MAX, 0);
        for id in letters.ids() {
            let now = clock::unix_ms();
            let Some(metadata) = letters
                .metadata(&id)
                .filter(|metadata| self.is_replayable(metadata, now))
            else {
                continue;
            };
            let due = self.due_at(&metadata);
            if now < due {
                next = next.min(due);
                continue;
            }
            let Some(letter) = letters.read(&id) else {
                continue;
            };
            let Some(route) = self.destination_of(&letter) else {
                next = next.min(now + PROBE_INTERVAL_MS);
                continue;
            };
            let is_back = route.last_answer_ms() > metadata.given_up_ms;
            if route.is_down() || !is_back && now.abs_diff(*probed) < PROBE_INTERVAL_MS {
                next = next.min(now + SCAN_INTERVAL_MS);
                continue;
            }
            if !is_back {
                *probed = now;
            }
            if count == at_once || !self.requeue(letters, &letter) {
                return now + SCAN_INTERVAL_MS;
            }
            count += 1;
            std::thread::sleep(pause.min(Duration::from_secs(1)));
        }
        next
    }

    fn is_replayable(&self, metadata: &Metadata, now: u64) -> bool {
        let age = Duration::from_millis(now.saturating_sub(metadata.accepted_ms));
        metadata.connection && age <= self.settings.max_age
    }

    fn due_at(&self, metadata: &Metadata) -> u64 {
        let more = metadata
            .attempts
            .saturating_sub(self.settings.max_attempts)
            .min(16);
        metadata.given_up_ms + (MIN_DELAY_MS << more).min(MAX_DELAY_MS)
    }

    /// Where a letter goes. `None`: it is not understood, or Sentry wants silence for what is in it.
    fn destination_of(&self, letter: &DeadLetter) -> Option<Destination> {
        let envelope = Envelope::parse(&letter.envelope).ok()?;
        let dsn = dsn_of(letter.metadata.dsn.as_bytes(), &envelope)?;
        let (shared, project) = register(&self.shared, &dsn);
        let mut items = envelope.items.iter();
        let is_silenced = items.any(|item| shared.limited(project, item.category()).is_some());
        (!is_silenced).then(|| Destination::of(&self.shared, &dsn, &self.settings))
    }

    /// `false`: there is no room, or the process ends.
    fn requeue(&self, letters: &DeadLetters, letter: &DeadLetter) -> bool {
        let Ok(envelope::Summary {
            priority: Some(priority),
            ..
        }) = envelope::peek(&letter.envelope)
        else {
            return true;
        };
        if self.is_ending() || self.outbox.queued() >= self.settings.buffer_size {
            return false;
        }
        let stamp = RecordInfo {
            accepted_ms: letter.metadata.accepted_ms,
            attempts: letter.metadata.attempts,
            project: outbox::project_tag(outbox::hash(letter.metadata.dsn.as_bytes())),
        };
        let dsn = letter.metadata.dsn.as_bytes();
        let pushed = self.outbox.push(priority, dsn, &letter.envelope, stamp);
        let (is_in, evicted) = match pushed {
            Ok(Pushed::Stored(evicted)) => (true, evicted),
            Ok(Pushed::Full(evicted)) => (false, evicted),
            Err(_) => (false, 0),
        };
        self.shared.count(Count::Overflow, evicted as u64);
        if !is_in {
            return false;
        }
        self.shared.count(Count::Accepted, 1);
        reach(FailPoint::DeadLetterReplayed);
        letters.remove(&letter.id);
        self.shared.count(Count::Replayed, 1);
        self.wake_sender();
        true
    }
}
