//! Finds what grows from request to request. The extension checks at PHP's state where the loop waits for the next
//! request, and reports the size of each thing; the rules here decide which of them is a leak. What a request
//! replaces is none, however much it differs: only what becomes larger again and again, and never smaller, is.
//! Nothing here holds a value of PHP's, only numbers. On PHP's thread.
//!
//! * [`subject`] which thing it is. [`size`] how large one is, and how a change reads.
//! * [`history`] the history of one thing, and the rule of its kind.
//! * [`mod@compare`] all of them, check by check.

pub mod compare;
pub mod history;
pub mod size;
pub mod subject;

pub use compare::{EngineState, GcState, Leak, LeakDetector};
pub use size::{ValueShape, ValueSize};
pub use subject::{LeakKind, LoadedCode, Subject};

/// A map for addresses and numbers of this process, which no input of a client chooses.
pub type AddressMap<K, V> = rustc_hash::FxHashMap<K, V>;

/// Looks in a row: one to begin with, and as many further ones as the rules need. See [`is_due`].
const BURST_CHECKS: u64 = 8;

/// Whether the check checks after so many requests of a loop. History shows between requests that follow each other,
/// so one of `every` requests is spent on bursts: eight in a row, of eight times `every`.
#[must_use]
pub fn is_due(every: u32, ended: u64) -> bool {
    let every = u64::from(every);
    every != 0 && ended >= every && (ended - every) % (every * BURST_CHECKS) < BURST_CHECKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_every_so_many_requests_is_looked_at() {
        assert!((1..1000).all(|ended| is_due(1, ended) && !is_due(0, ended)));
        for every in [2, 10, 1000] {
            let period = u64::from(every) * BURST_CHECKS;
            let due = (1..=period * 100)
                .filter(|ended| is_due(every, *ended))
                .count();
            assert_eq!(due as u64, BURST_CHECKS * 100, "{every}");
        }
        let first: Vec<u64> = (1..2000).filter(|ended| is_due(100, *ended)).collect();
        assert_eq!(
            first.get(..9),
            Some(&[100, 101, 102, 103, 104, 105, 106, 107, 900][..])
        );
    }
}
