//! Detects state that grows from request to request. The extension measures PHP's state where the loop waits for its
//! next request, and records the size of each subject; the rules here decide which of them is a leak. State that a
//! request replaces is none, however much it differs: a leak becomes larger again and again, and never smaller.
//! Nothing here holds a PHP value, only numbers. Runs on PHP's thread.
//!
//! * [`subject`] identity of a value or count. [`size`] its size, and the text of a change.
//! * [`engine_state`] PHP's own state at a check.
//! * [`history`] the history of one subject, and the rule of its kind.
//! * [`mod@compare`] all subjects, check by check.

pub mod compare;
pub mod engine_state;
pub mod history;
pub mod size;
pub mod subject;

pub use compare::{Leak, LeakDetector};
pub use engine_state::{EngineState, GcState};
pub use size::{ValueShape, ValueSize};
pub use subject::{LeakKind, LoadedCode, Subject};

/// A map for addresses and numbers of this process, which no input of a client chooses.
pub type AddressMap<K, V> = rustc_hash::FxHashMap<K, V>;

/// Checks in a row: the first one, and as many further ones as the rules need.
const BURST_CHECKS: u64 = 8;

/// Whether to check after the `ended`th request of a loop. Growth shows between requests that follow each other, so one
/// of `every` requests is spent on bursts: eight in a row out of eight times `every`.
#[must_use]
pub fn is_due(every: u32, ended: u64) -> bool {
    let every = u64::from(every);
    every != 0 && ended >= every && (ended - every) % (every * BURST_CHECKS) < BURST_CHECKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_every_n_requests_is_checked() {
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
