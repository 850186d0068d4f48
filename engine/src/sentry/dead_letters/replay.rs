//! Dead letters that connection trouble made go again by themselves: one at a time, with pauses, and only
//! where Sentry has answered since. Each has one try, and waits longer after each; those that are older
//! than `sentry.retry.max_age` stay for a replay by hand. A duty of the steward's, on a thread that may
//! block.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::{Letter, Letters, Why};
use crate::sentry::{
    Sentry,
    outbox::{self, Pushed, Stamp},
    protocol::envelope::{self, Envelope},
    reachability::Route,
    sender::destination::{dsn_of, place_on},
    shared_state::Count,
};
use crate::{
    failpoint::{Place, reach},
    host::clock,
};

/// The pause before the first replay of a letter; it doubles with each.
const FIRST_PAUSE: u64 = 15_000;
const LONGEST_PAUSE: u64 = 300_000;
/// How often the folder is read at most, and how many letters of it go at a time.
const LOOK_EVERY: u64 = 1000;
const MOST_AT_ONCE: u64 = 10;
/// Without an answer of Sentry's one letter finds out, so often.
const PROBE_EVERY: u64 = 60_000;

/// What was found in the folder, so that it is read only when there may be something to do.
#[derive(Debug, Default)]
pub struct Replays(Mutex<Seen>);

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    changed: Option<SystemTime>,
    /// Milliseconds since 1970 at which a letter is due, and at which the folder was read.
    due: u64,
    read: u64,
    probed: u64,
}

impl Replays {
    /// Whether a letter in the folder may be due, as far as one system call tells.
    pub(in crate::sentry) fn may_be_due(&self, folder: &Path) -> bool {
        let changed = folder.metadata().and_then(|found| found.modified());
        let (Ok(changed), seen, now) = (changed, *self.seen(), clock::unix_ms()) else {
            return false;
        };
        let is_rested = now.abs_diff(seen.read) >= LOOK_EVERY;
        is_rested && (seen.changed != Some(changed) || now >= seen.due)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
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
        let mut probed = replays.seen().probed;
        let due = self.replay_those_due(letters, &mut probed);
        *replays.seen() = Seen {
            changed,
            due,
            read: clock::unix_ms(),
            probed,
        };
    }

    /// Returns when to look again.
    fn replay_those_due(&self, letters: &Letters, probed: &mut u64) -> u64 {
        let pause = self.settings.drain_interval;
        let at_once = MOST_AT_ONCE
            .min(1000 / (pause.as_millis() as u64).max(1))
            .max(1);
        let (mut next, mut count) = (u64::MAX, 0);
        for id in letters.ids() {
            let now = clock::unix_ms();
            let Some(why) = letters.why(&id).filter(|why| self.goes_again(why, now)) else {
                continue;
            };
            let due = self.due_at(&why);
            if now < due {
                next = next.min(due);
                continue;
            }
            let Some(letter) = letters.read(&id) else {
                continue;
            };
            let Some(route) = self.way_of(&letter) else {
                next = next.min(now + PROBE_EVERY);
                continue;
            };
            let is_back = route.answered_ms() > why.given_up_ms;
            if route.is_down() || !is_back && now.abs_diff(*probed) < PROBE_EVERY {
                next = next.min(now + LOOK_EVERY);
                continue;
            }
            if !is_back {
                *probed = now;
            }
            if count == at_once || !self.queue_again(letters, &letter) {
                return now + LOOK_EVERY;
            }
            count += 1;
            std::thread::sleep(pause.min(Duration::from_secs(1)));
        }
        next
    }

    fn goes_again(&self, why: &Why, now: u64) -> bool {
        let age = Duration::from_millis(now.saturating_sub(why.accepted_ms));
        why.connection && age <= self.settings.max_age
    }

    fn due_at(&self, why: &Why) -> u64 {
        let more = why
            .attempts
            .saturating_sub(self.settings.max_attempts)
            .min(16);
        why.given_up_ms + (FIRST_PAUSE << more).min(LONGEST_PAUSE)
    }

    /// Where a letter goes. `None`: it is not understood, or Sentry wants silence for what is in it.
    fn way_of(&self, letter: &Letter) -> Option<Route> {
        let envelope = Envelope::parse(&letter.envelope).ok()?;
        let dsn = dsn_of(letter.why.dsn.as_bytes(), &envelope)?;
        let (board, project) = place_on(&self.board, &dsn);
        let mut items = envelope.items.iter();
        let is_silenced = items.any(|item| board.limited(project, item.category()).is_some());
        (!is_silenced).then(|| Route::of(&self.board, &dsn, &self.settings))
    }

    /// `false`: there is no room, or the process ends.
    fn queue_again(&self, letters: &Letters, letter: &Letter) -> bool {
        let Ok(envelope::Glance {
            class: Some(class), ..
        }) = envelope::glance(&letter.envelope)
        else {
            return true;
        };
        if self.is_ending() || self.outbox.queued() >= self.settings.buffer_size {
            return false;
        }
        let stamp = Stamp {
            accepted_ms: letter.why.accepted_ms,
            attempts: letter.why.attempts,
            project: outbox::project_tag(outbox::hash(letter.why.dsn.as_bytes())),
        };
        let dsn = letter.why.dsn.as_bytes();
        let pushed = self.outbox.push(class, dsn, &letter.envelope, stamp);
        let (is_in, pushed_out) = match pushed {
            Ok(Pushed::In(pushed_out)) => (true, pushed_out),
            Ok(Pushed::Full(pushed_out)) => (false, pushed_out),
            Err(_) => (false, 0),
        };
        self.board.count(Count::Overflow, pushed_out as u64);
        if !is_in {
            return false;
        }
        self.board.count(Count::Accepted, 1);
        reach(Place::LetterReplayed);
        letters.remove(&letter.id);
        self.board.count(Count::Replayed, 1);
        self.rouse();
        true
    }
}
