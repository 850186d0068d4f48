//! How long a waiter leaves the lock of a bucket to its holder. A file of its own, because the model of `testing/loom`
//! has no clock. Any thread.

use std::{
    hint, thread,
    time::{Duration, Instant},
};

/// After this time a waiter takes over the lock of a bucket.
const TAKEOVER: Duration = Duration::from_millis(1);
/// Attempts of a spinning waiter before it sleeps.
const SPINS: usize = 200;

/// The wait for a lock.
#[derive(Debug, Default)]
pub(super) struct Patience {
    attempts: usize,
    /// The holder, as the word of the lock, and since when it holds it.
    holder: Option<(u64, Instant)>,
}

impl Patience {
    /// Waits a moment. Returns `true` once the holder, which has stored `word`, has had its time.
    pub(super) fn is_over(&mut self, word: u64) -> bool {
        if self.attempts < SPINS {
            self.attempts += 1;
            hint::spin_loop();
            return false;
        }
        // The time of one holder, not of a queue of them.
        let since = match self.holder {
            Some((holder, since)) if holder == word => since,
            _ => self.holder.insert((word, Instant::now())).1,
        };
        if since.elapsed() >= TAKEOVER {
            return true;
        }
        thread::sleep(Duration::from_micros(50));
        false
    }
}
