//! The active builds of one process. Requests for the same configuration subscribe to one build task, which alone
//! polls the host's files for all of them. Dropping a subscriber unsubscribes it; the task may stop after the last
//! one. Runs on any thread; no lock is held across an await.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use super::{BuildOutput, FlightId, progress::Progress};
use crate::Result;

/// Identifies a build task of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct BuildId {
    flight: FlightId,
    forced: bool,
}

/// The state of a build task that its subscribers see.
#[derive(Debug, Clone)]
pub(in crate::velox) struct Snapshot {
    pub(in crate::velox) progress: Progress,
    pub(in crate::velox) result: Option<Result<BuildOutput>>,
}

/// All build tasks of the process.
#[derive(Debug, Default)]
pub(in crate::velox) struct Inflight {
    tasks: Mutex<HashMap<BuildId, Subscribers>>,
}

/// The subscribers of one task.
#[derive(Debug)]
struct Subscribers {
    shared: Arc<Shared>,
    count: usize,
    request_ids: Vec<String>,
    /// The number of request ids that were passed on to the host.
    reported: usize,
}

#[derive(Debug)]
struct Shared {
    snapshots: watch::Receiver<Snapshot>,
    /// Notified when the last subscriber unsubscribes.
    unsubscribed: Notify,
}

/// A subscriber to a build; dropping it unsubscribes.
#[derive(Debug)]
pub(in crate::velox) struct Subscriber {
    inflight: Arc<Inflight>,
    id: BuildId,
    shared: Arc<Shared>,
    pub(in crate::velox) snapshots: watch::Receiver<Snapshot>,
}

/// The publishing side of a build. However it ends, its subscribers are notified, and the next request for the
/// configuration gets a new task.
#[derive(Debug)]
pub(in crate::velox) struct BuildTask {
    inflight: Arc<Inflight>,
    id: BuildId,
    shared: Arc<Shared>,
    snapshots: watch::Sender<Snapshot>,
}

impl Inflight {
    /// Subscribes to the build of a configuration. Returns a new task if there is none; the caller must run it.
    pub(in crate::velox) fn subscribe(
        self: &Arc<Self>,
        flight: FlightId,
        forced: bool,
        request_id: &str,
        progress: &Progress,
    ) -> (Subscriber, Option<BuildTask>) {
        let mut tasks = self.lock();
        let id = |forced| BuildId { flight, forced };
        // A forced build serves all requests; but if there is also a plain one, that probably ends earlier.
        let joins_forced =
            !forced && !tasks.contains_key(&id(false)) && tasks.contains_key(&id(true));
        let id = id(forced || joins_forced);
        let mut task = None;
        let subscribers = tasks.entry(id).or_insert_with(|| {
            let (sender, receiver) = watch::channel(Snapshot {
                progress: progress.clone(),
                result: None,
            });
            let shared = Arc::new(Shared {
                snapshots: receiver,
                unsubscribed: Notify::new(),
            });
            task = Some(BuildTask {
                inflight: Arc::clone(self),
                id,
                shared: Arc::clone(&shared),
                snapshots: sender,
            });
            Subscribers {
                shared,
                count: 0,
                request_ids: Vec::new(),
                reported: 0,
            }
        });
        subscribers.count += 1;
        if !subscribers.request_ids.iter().any(|id| id == request_id) {
            subscribers.request_ids.push(request_id.to_owned());
        }
        let subscriber = Subscriber {
            inflight: Arc::clone(self),
            id,
            snapshots: subscribers.shared.snapshots.clone(),
            shared: Arc::clone(&subscribers.shared),
        };
        (subscriber, task)
    }

    /// Returns the request ids and the snapshot of every task.
    pub(in crate::velox) fn list(&self) -> Vec<(Vec<String>, Snapshot)> {
        let tasks = self.lock();
        tasks
            .values()
            .map(|subscribers| {
                (
                    subscribers.request_ids.clone(),
                    subscribers.shared.snapshots.borrow().clone(),
                )
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BuildId, Subscribers>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut tasks = self.inflight.lock();
        let subscribers = tasks.get_mut(&self.id);
        let own = |subscribers: &&mut Subscribers| Arc::ptr_eq(&subscribers.shared, &self.shared);
        if let Some(subscribers) = subscribers.filter(own) {
            subscribers.count = subscribers.count.saturating_sub(1);
            if subscribers.count == 0 {
                self.shared.unsubscribed.notify_one();
            }
        }
    }
}

impl BuildTask {
    /// Publishes progress to the subscribers.
    pub(in crate::velox) fn publish(&self, progress: Progress) {
        self.snapshots
            .send_modify(|snapshot| snapshot.progress = progress);
    }

    /// Returns the progress that was published last.
    pub(in crate::velox) fn progress(&self) -> Progress {
        self.snapshots.borrow().progress.clone()
    }

    /// Returns the request ids that were added since the last call.
    pub(in crate::velox) fn take_new_request_ids(&self) -> Vec<String> {
        let mut tasks = self.inflight.lock();
        self.subscribers(&mut tasks)
            .map_or_else(Vec::new, |subscribers| {
                let new = subscribers.request_ids.iter().skip(subscribers.reported);
                let new = new.cloned().collect();
                subscribers.reported = subscribers.request_ids.len();
                new
            })
    }

    /// Makes all request ids new again, for the list of another flight.
    pub(in crate::velox) fn reset_request_ids(&self) {
        let mut tasks = self.inflight.lock();
        if let Some(subscribers) = self.subscribers(&mut tasks) {
            subscribers.reported = 0;
        }
    }

    /// Resolves when the last subscriber may have unsubscribed. Cancel-safe.
    pub(in crate::velox) async fn unsubscribed(&self) {
        self.shared.unsubscribed.notified().await;
    }

    /// Returns whether there is a subscriber.
    pub(in crate::velox) fn has_subscribers(&self) -> bool {
        let mut tasks = self.inflight.lock();
        self.subscribers(&mut tasks)
            .is_some_and(|subscribers| subscribers.count > 0)
    }

    /// Removes the task if it has no subscriber, and returns whether it did. Later requests get a new task.
    pub(in crate::velox) fn retire(&self) -> bool {
        let mut tasks = self.inflight.lock();
        let subscribers = self.subscribers(&mut tasks);
        if subscribers.is_some_and(|subscribers| subscribers.count > 0) {
            return false;
        }
        self.remove(&mut tasks);
        true
    }

    /// Removes the task, and publishes its result to all subscribers.
    pub(in crate::velox) fn complete(&self, result: Result<BuildOutput>) {
        self.remove(&mut self.inflight.lock());
        self.snapshots
            .send_modify(|snapshot| snapshot.result = Some(result));
    }

    fn subscribers<'a>(
        &self,
        tasks: &'a mut HashMap<BuildId, Subscribers>,
    ) -> Option<&'a mut Subscribers> {
        let subscribers = tasks.get_mut(&self.id)?;
        Arc::ptr_eq(&subscribers.shared, &self.shared).then_some(subscribers)
    }

    fn remove(&self, tasks: &mut HashMap<BuildId, Subscribers>) {
        if self.subscribers(tasks).is_some() {
            tasks.remove(&self.id);
        }
    }
}

impl Drop for BuildTask {
    fn drop(&mut self) {
        // The subscribers see their channel closed.
        self.remove(&mut self.inflight.lock());
    }
}

#[cfg(test)]
mod tests;
