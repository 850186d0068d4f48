//! The reads under way: equal keys are read once, and a key that is changed meanwhile is not stored. Any thread.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::watch;

use super::error::TierError;
use crate::cache::{Cache, Encoding, FillGuard, Ttl};

/// A value of the second tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The encoding of the bytes.
    pub encoding: Encoding,
    /// The bytes, as the first tier has them.
    pub bytes: Vec<u8>,
    /// The time that it has left.
    pub ttl: Ttl,
}

/// The answer to a read.
pub(super) type Answer = Result<Option<Arc<Fetched>>, TierError>;

/// The reads under way, by key.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Vec<u8>, Flight>>);

#[derive(Debug)]
struct Flight {
    answer: watch::Receiver<Option<Answer>>,
    /// Whether the key was changed since the read began.
    is_stale: Arc<AtomicBool>,
}

/// A read that this call makes, for itself and others. Without an answer, the others get none.
pub(super) struct Led {
    pub(super) key: Vec<u8>,
    pub(super) place: usize,
    pub(super) guard: Option<FillGuard>,
    pub(super) is_stale: Arc<AtomicBool>,
    pub(super) answer: watch::Sender<Option<Answer>>,
}

/// The place of a key that another call reads, and its answer.
pub(super) type Joined = (usize, watch::Receiver<Option<Answer>>);

/// Ends flights, also if their call is dropped.
pub(super) struct Landing<'a>(&'a Flights, pub(super) Vec<Led>);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut flights = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        for led in &self.1 {
            let own = flights
                .get(&led.key)
                .is_some_and(|flight| Arc::ptr_eq(&flight.is_stale, &led.is_stale));
            if own {
                flights.remove(&led.key);
            }
        }
    }
}

impl Flights {
    /// A key is changed: what is being read of it is neither stored nor given to later reads.
    pub(super) fn change(&self, key: &[u8]) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.remove(key) {
            flight.is_stale.store(true, Ordering::Release);
        }
    }

    /// All keys may be changed.
    pub(super) fn change_all(&self) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, flight) in flights.drain() {
            flight.is_stale.store(true, Ordering::Release);
        }
    }

    /// Registers the reads that a call makes, with the first tier. Returns the places of those that others make already.
    pub(super) fn take_off(
        &self,
        keys: Vec<Vec<u8>>,
        first: Option<&Cache>,
    ) -> (Landing<'_>, Vec<Joined>) {
        let (mut led, mut joined) = (Vec::new(), Vec::new());
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, key) in keys.into_iter().enumerate() {
            if let Some(flight) = flights.get(&key) {
                joined.push((place, flight.answer.clone()));
                continue;
            }
            let (sender, receiver) = watch::channel(None);
            let is_stale = Arc::new(AtomicBool::new(false));
            let flight = Flight {
                answer: receiver,
                is_stale: Arc::clone(&is_stale),
            };
            flights.insert(key.clone(), flight);
            led.push(Led {
                guard: first.map(|cache| cache.fill_guard(&key)),
                key,
                place,
                is_stale,
                answer: sender,
            });
        }
        (Landing(self, led), joined)
    }
}
