//! The reads under way: equal keys are read once, and a key that is changed meanwhile is not stored. All keys of a call
//! are one batch with one answer. Any thread.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::watch;

use super::error::TierError;
use crate::cache::{Cache, Encoding, FillGuard};

/// A value of the second tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The encoding of the bytes.
    pub encoding: Encoding,
    /// The bytes, as the first tier has them.
    pub bytes: Vec<u8>,
}

/// The answer to a read.
pub(super) type Answer = Result<Option<Arc<Fetched>>, TierError>;

/// The answers to the reads of a batch; empty: none yet.
type Answers = watch::Receiver<Vec<Answer>>;

/// The reads under way, by key.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Vec<u8>, Flight>>);

/// A key of a batch.
#[derive(Debug)]
struct Flight {
    /// The state of the key in the first tier when the read began.
    guard: Option<FillGuard>,
    batch: Arc<Batch>,
    number: usize,
}

/// The reads that one call makes.
#[derive(Debug)]
struct Batch {
    answers: Answers,
    /// For each key whether it was changed since the read began.
    is_stale: Box<[AtomicBool]>,
}

impl Flight {
    fn mark_stale(&self) {
        if let Some(is_stale) = self.batch.is_stale.get(self.number) {
            is_stale.store(true, Ordering::Release);
        }
    }
}

/// A read that this call makes, for itself and others.
#[derive(Debug)]
pub(super) struct Led {
    pub(super) key: Vec<u8>,
    pub(super) place: usize,
    pub(super) guard: Option<FillGuard>,
}

/// The place of a key that another call reads, and its answer.
pub(super) struct Joined {
    pub(super) place: usize,
    answers: Answers,
    number: usize,
}

impl Joined {
    /// Waits for the answer. `None`: the other call has ended without one.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        let answers = self.answers.wait_for(|answers| !answers.is_empty()).await;
        answers.ok()?.get(self.number).cloned()
    }
}

/// The reads that a call makes. Ends them, also if the call is dropped; without an answer, others get none.
pub(super) struct Landing {
    flights: Arc<Flights>,
    batch: Arc<Batch>,
    sender: watch::Sender<Vec<Answer>>,
    pub(super) led: Vec<Led>,
}

impl Landing {
    /// Answers the reads, in their order. Until the landing is dropped, their values are those of a key that may be
    /// changed, and no later read joins them.
    pub(super) fn answer(&self, answers: Vec<Answer>) {
        if !answers.is_empty() {
            self.sender.send_replace(answers);
        }
    }

    /// Whether the key of a read was changed since the read began.
    pub(super) fn is_stale(&self, number: usize) -> bool {
        let is_stale = self.batch.is_stale.get(number);
        is_stale.is_none_or(|is_stale| is_stale.load(Ordering::Acquire))
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        for (number, led) in self.led.iter().enumerate() {
            let own = flights.get(&led.key).is_some_and(|flight| {
                Arc::ptr_eq(&flight.batch, &self.batch) && flight.number == number
            });
            if own {
                flights.remove(&led.key);
            }
        }
    }
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key is changed: what is being read of it is neither stored nor given to later reads.
    pub(super) fn change(&self, key: &[u8]) {
        if let Some(flight) = self.lock().remove(key) {
            flight.mark_stale();
        }
    }

    /// All keys may be changed.
    pub(super) fn change_all(&self) {
        for (_, flight) in self.lock().drain() {
            flight.mark_stale();
        }
    }

    /// Registers the reads that a call makes, with the first tier. Returns the places of those that others make already,
    /// since the last change of the key by a process of the host: an earlier read may have the value before it.
    pub(super) fn take_off(
        self: &Arc<Self>,
        keys: Vec<Vec<u8>>,
        first: Option<&Cache>,
    ) -> (Landing, Vec<Joined>) {
        let (sender, answers) = watch::channel(Vec::new());
        let batch = Arc::new(Batch {
            answers,
            is_stale: keys.iter().map(|_| AtomicBool::new(false)).collect(),
        });
        let (mut led, mut joined) = (Vec::with_capacity(keys.len()), Vec::new());
        let mut flights = self.lock();
        for (place, key) in keys.into_iter().enumerate() {
            // One that is answered already is only stored still. What this call reads is newer.
            let guard = first.map(|cache| cache.fill_guard(&key));
            let is_open = |flight: &&Flight| {
                flight.guard == guard && flight.batch.answers.borrow().is_empty()
            };
            if let Some(flight) = flights.get(&key).filter(is_open) {
                joined.push(Joined {
                    place,
                    answers: flight.batch.answers.clone(),
                    number: flight.number,
                });
                continue;
            }
            let flight = Flight {
                guard,
                batch: Arc::clone(&batch),
                number: led.len(),
            };
            if let Some(former) = flights.insert(key.clone(), flight) {
                former.mark_stale();
            }
            led.push(Led { guard, key, place });
        }
        drop(flights);
        let landing = Landing {
            flights: Arc::clone(self),
            batch,
            sender,
            led,
        };
        (landing, joined)
    }
}
