//! Who does the duties of the host: the process that holds `steward.lock`. Each process with a
//! living runtime tries for the lock about once a second, so the duties go on within a second or so
//! of the holder's death. Runs as one task on the runtime; duties run on a blocking thread.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::lock::{Kind, Lock};
use crate::{
    Error,
    failpoint::{FailPoint, reach},
    threads::blocking,
};

/// How often a process that is not the steward tries to become it.
const TRY_EVERY: Duration = Duration::from_millis(700);

/// One thing to be done for the whole host from time to time. Must be bounded work.
pub struct Duty {
    /// For the log.
    pub name: &'static str,
    /// The pause between two runs; the first run comes when the process becomes steward.
    pub every: Duration,
    /// Whether there is anything to do; always where nothing is said. Asked on the runtime's own thread, so it may look
    /// at memory, and at names that the kernel has in its cache: a duty that comes often must not keep a thread
    /// that may block alive for ever.
    pub wanted: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// The work. Runs on a thread that may block.
    pub run: Arc<dyn Fn() + Send + Sync>,
}

/// Whether this process is the steward now; shared with `status()`.
#[derive(Debug, Clone, Default)]
pub struct Standing(Arc<AtomicBool>);

impl Standing {
    /// Whether this process holds the lock.
    #[must_use]
    pub fn is_steward(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Watches for ever: tries for the lock, and while it holds it does the duties. Dropped with the
/// runtime, which releases the lock.
pub async fn watch(lock_path: PathBuf, duties: Vec<Duty>, standing: Standing) {
    loop {
        let attempted = Lock::attempt(&lock_path, Kind::Exclusive);
        if let Ok(Some(lock)) = attempted {
            let _seat = Seat::take(&standing);
            reach(FailPoint::LeaderElected);
            serve(&lock, &duties).await;
        }
        tokio::time::sleep(TRY_EVERY + jitter()).await;
    }
}

/// Does the duties until the lock file is replaced under us.
async fn serve(lock: &Lock, duties: &[Duty]) {
    let mut due: Vec<Instant> = vec![Instant::now(); duties.len()];
    while lock.is_current() {
        for (duty, due) in duties.iter().zip(due.iter_mut()) {
            if Instant::now() < *due {
                continue;
            }
            if duty.wanted.as_ref().is_none_or(|wanted| wanted()) {
                let run = Arc::clone(&duty.run);
                // Cancelled: the process ends.
                if let Err(error) = blocking(move || run()).await
                    && !matches!(error, Error::Cancelled(_))
                {
                    log::error!(duty = duty.name, error = error.to_string().as_str(); "duty failed");
                }
                reach(FailPoint::LeaderTask);
            }
            *due = Instant::now() + duty.every;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

struct Seat<'a>(&'a Standing);

impl<'a> Seat<'a> {
    fn take(standing: &'a Standing) -> Self {
        standing.0.store(true, Ordering::Relaxed);
        Self(standing)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

fn jitter() -> Duration {
    let mut byte = [0u8; 1];
    let _ = getrandom::fill(&mut byte);
    let [byte] = byte;
    Duration::from_millis(u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[tokio::test]
    async fn one_of_two_is_steward_and_the_other_follows_within_a_second() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("steward.lock");
        let runs = Arc::new(AtomicUsize::new(0));
        let start = |standing: &Standing| {
            let runs = Arc::clone(&runs);
            let duty = Duty {
                name: "count",
                every: Duration::from_secs(3600),
                wanted: None,
                run: Arc::new(move || {
                    runs.fetch_add(1, Ordering::SeqCst);
                }),
            };
            tokio::spawn(watch(path.clone(), vec![duty], standing.clone()))
        };
        let (first, second) = (Standing::default(), Standing::default());
        let task = start(&first);
        while !first.is_steward() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _other = start(&second);
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(!second.is_steward());
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        task.abort();
        let died = Instant::now();
        while !second.is_steward() && died.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(second.is_steward() && !first.is_steward());
        while runs.load(Ordering::SeqCst) < 2 && died.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_is_not_wanted_wakes_no_thread() {
        let dir = tempfile::tempdir().unwrap();
        let (asked, runs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (ask, run) = (Arc::clone(&asked), Arc::clone(&runs));
        let duty = Duty {
            name: "count",
            every: Duration::ZERO,
            wanted: Some(Arc::new(move || ask.fetch_add(1, Ordering::SeqCst) == 1)),
            run: Arc::new(move || {
                run.fetch_add(1, Ordering::SeqCst);
            }),
        };
        let lock = dir.path().join("steward.lock");
        let watching = tokio::spawn(watch(lock, vec![duty], Standing::default()));
        let began = Instant::now();
        while asked.load(Ordering::SeqCst) < 3 && began.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        watching.abort();
        assert!(asked.load(Ordering::SeqCst) >= 3);
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}
