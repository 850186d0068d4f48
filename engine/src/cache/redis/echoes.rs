//! The reports about this process's own stores: a server reports each of them once, as a command before it in the
//! same transaction has read the key. One report for each store is ignored; a further one is a change by another
//! client. Any thread.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Keys with the number of reports that are expected.
#[derive(Debug, Default)]
pub(super) struct Echoes(Mutex<HashMap<Vec<u8>, u32>>);

impl Echoes {
    /// A store of a key is sent.
    pub(super) fn expect(&self, key: &[u8]) {
        *self.lock().entry(key.to_vec()).or_default() += 1;
    }

    /// Whether a report about a key is the one of an own store.
    pub(super) fn take(&self, key: &[u8]) -> bool {
        let mut keys = self.lock();
        let Some(count) = keys.get_mut(key) else {
            return false;
        };
        *count = count.saturating_sub(1);
        if *count == 0 {
            keys.remove(key);
        }
        true
    }

    /// A store has failed: it is not known whether it is reported.
    pub(super) fn forget(&self, key: &[u8]) {
        self.lock().remove(key);
    }

    /// The connection has ended.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_report_for_each_store_is_an_own_one() {
        let echoes = Echoes::default();
        echoes.expect(b"a");
        echoes.expect(b"a");
        assert!(echoes.take(b"a") && echoes.take(b"a") && !echoes.take(b"a"));
        echoes.expect(b"a");
        echoes.forget(b"a");
        assert!(!echoes.take(b"a"));
    }
}
