//! Records uses of objects of the bucket, each by a copy of the object onto itself: beside the request, few at once,
//! and a failure is repeated only after an hour, so a storage that allows no copies slows nothing. Any task.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use pillion_engine::remote::{
    object::ObjectName,
    s3::{S3Object, S3Store},
};
use tokio::sync::Semaphore;

const MAX_AT_ONCE: usize = 4;
/// Time in which an object is copied at most once, also if that fails.
const INTERVAL: Duration = Duration::from_secs(3600);
/// Objects that are remembered. Beyond, uses are not recorded until the interval of the others is over.
const MAX_REMEMBERED: usize = 10_000;

/// The copies in progress.
#[derive(Debug)]
pub(super) struct Touches {
    at_once: Arc<Semaphore>,
    started: Mutex<HashMap<String, Instant>>,
}

impl Default for Touches {
    fn default() -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(MAX_AT_ONCE)),
            started: Mutex::default(),
        }
    }
}

impl Touches {
    /// Begins a copy if the recorded time is too old; another use later records what is left out.
    pub(super) fn start(&self, store: &Arc<S3Store>, name: &ObjectName, object: &S3Object) {
        if !object.is_touch_due() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.at_once).try_acquire_owned() else {
            return;
        };
        if !self.is_first(name.path(), Instant::now()) {
            return;
        }
        let (store, name, object) = (Arc::clone(store), name.clone(), object.clone());
        tokio::spawn(async move {
            if let Err(error) = store.touch(&name, &object).await {
                log::warn!(artifact = name.path(), error:%; "use of an artifact not recorded");
            }
            drop(permit);
        });
    }

    /// Whether this is the first copy of an object in the interval.
    fn is_first(&self, path: String, now: Instant) -> bool {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < INTERVAL;
        if started.get(&path).is_some_and(is_recent) {
            return false;
        }
        if started.len() >= MAX_REMEMBERED {
            started.retain(|_, at| is_recent(at));
        }
        let has_space = started.len() < MAX_REMEMBERED;
        if has_space {
            started.insert(path, now);
        }
        has_space
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_is_copied_once_in_an_interval() {
        let touches = Touches::default();
        let now = Instant::now();
        assert!(touches.is_first("a".into(), now));
        assert!(!touches.is_first("a".into(), now + INTERVAL / 2));
        assert!(touches.is_first("b".into(), now));
        assert!(touches.is_first("a".into(), now + INTERVAL));
    }

    #[test]
    fn memory_of_copies_is_bounded() {
        let touches = Touches::default();
        let now = Instant::now();
        let count = |now| {
            let firsts =
                (0..2 * MAX_REMEMBERED).filter(|number| touches.is_first(number.to_string(), now));
            firsts.count()
        };
        assert_eq!(count(now), MAX_REMEMBERED);
        assert_eq!(count(now + INTERVAL), MAX_REMEMBERED);
    }
}
