//! Automatic replay of dead letters that only the connection was at fault for: one at a time, with pauses, and only if
//! Sentry has answered since. Each replay is one attempt, and the delay grows with each; dead letters older than
//! `sentry.retry.max_age` stay for a manual replay. A periodic task of the leader, on a thread that may block.

use std::time::Duration;

use super::{
    DeadLetter, DeadLetters, Metadata,
    replay_state::{LastScan, SCAN_INTERVAL_MS},
};
use crate::sentry::{
    Sentry,
    outbox::{self, Pushed, RecordInfo},
    protocol::envelope::{self, Envelope},
    reachability::Destination,
    sender::project::dsn_of,
    shared_state::{Count, SharedState},
};
use crate::{failpoint::failpoint, host::clock};

/// The delay before the first replay of a dead letter, which doubles with each.
const MIN_DELAY_MS: u64 = 15_000;
const MAX_DELAY_MS: u64 = 300_000;
/// The number of replays of one scan.
const MAX_REPLAYS_AT_ONCE: u64 = 10;
/// Interval at which one dead letter probes a Sentry that has not answered since.
const PROBE_INTERVAL_MS: u64 = 60_000;

impl Sentry {
    /// Replays dead letters that are due.
    pub fn replay_due(&self) {
        let Some(dead_letters) = &self.dead_letters else {
            return;
        };
        let replays = &self.dirs.replays;
        let changed = dead_letters.changed();
        let mut probed = replays.last_scan().probed;
        let due = self.replay_due_letters(dead_letters, &mut probed);
        *replays.last_scan() = LastScan {
            changed,
            due,
            scanned: clock::unix_ms(),
            probed,
        };
    }

    /// Returns when to scan again, in milliseconds since 1970.
    fn replay_due_letters(&self, dead_letters: &DeadLetters, probed: &mut u64) -> u64 {
        let pause = self.settings.drain_interval;
        let at_once = MAX_REPLAYS_AT_ONCE
            .min(1000 / (pause.as_millis() as u64).max(1))
            .max(1);
        let (mut next, mut count) = (u64::MAX, 0);
        for id in dead_letters.ids() {
            let now = clock::unix_ms();
            let Some(metadata) = dead_letters
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
            let Some(letter) = dead_letters.read(&id) else {
                continue;
            };
            let Some(destination) = self.destination_of(&letter) else {
                next = next.min(now + PROBE_INTERVAL_MS);
                continue;
            };
            let is_back = destination.last_answer_ms() > metadata.given_up_ms;
            if destination.is_down() || !is_back && now.abs_diff(*probed) < PROBE_INTERVAL_MS {
                next = next.min(now + SCAN_INTERVAL_MS);
                continue;
            }
            if !is_back {
                *probed = now;
            }
            if count == at_once || !self.requeue(dead_letters, &letter) {
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
        let replays = metadata
            .attempts
            .saturating_sub(self.settings.max_attempts)
            .min(16);
        metadata.given_up_ms + (MIN_DELAY_MS << replays).min(MAX_DELAY_MS)
    }

    /// The destination of a dead letter. `None`: it is invalid, or one of its items is rate-limited.
    fn destination_of(&self, letter: &DeadLetter) -> Option<Destination> {
        let envelope = Envelope::parse(&letter.envelope).ok()?;
        let dsn = dsn_of(letter.metadata.dsn.as_bytes(), &envelope)?;
        let (shared, slot) = SharedState::project_of(&self.shared, dsn.expose().as_bytes());
        let mut items = envelope.items.iter();
        let is_limited = items.any(|item| shared.rate_limit(slot, item.category()).is_some());
        (!is_limited).then(|| Destination::of(&self.shared, &dsn, &self.settings))
    }

    /// Queues a dead letter again and removes it. Returns `false` if the outbox is full or the process ends.
    fn requeue(&self, dead_letters: &DeadLetters, letter: &DeadLetter) -> bool {
        let Ok(envelope::Summary {
            priority: Some(priority),
            ..
        }) = envelope::peek(&letter.envelope)
        else {
            return true;
        };
        if self.sender_state.is_shutting_down() || self.outbox.queued() >= self.settings.buffer_size
        {
            return false;
        }
        let info = RecordInfo {
            accepted_ms: letter.metadata.accepted_ms,
            attempts: letter.metadata.attempts,
            project: outbox::project_tag(outbox::hash(letter.metadata.dsn.as_bytes())),
        };
        let dsn = letter.metadata.dsn.as_bytes();
        let pushed = self.outbox.push(priority, dsn, &letter.envelope, info);
        let (is_stored, evicted) = match pushed {
            Ok(Pushed::Stored(evicted)) => (true, evicted),
            Ok(Pushed::Full(evicted)) => (false, evicted),
            Err(_) => (false, 0),
        };
        self.shared.count(Count::Overflow, evicted as u64);
        if !is_stored {
            return false;
        }
        self.shared.count(Count::Accepted, 1);
        self.remove_replayed(dead_letters, &letter.id);
        self.sender_state.wake();
        true
    }

    /// Removes a dead letter that is queued again.
    pub(in crate::sentry) fn remove_replayed(&self, dead_letters: &DeadLetters, id: &str) {
        failpoint!("dead-letter.replayed");
        dead_letters.remove(id);
        self.shared.count(Count::Replayed, 1);
    }
}
