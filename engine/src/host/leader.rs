//! Leader election: the process that holds `leader.lock` does the periodic work of the host. Each process with a
//! running runtime tries for the lock about once a second, so another one takes over within about a second of the
//! leader's death. A worker that leads gives the lock up while a process holds `serve.lock`: the standing server is the
//! preferred leader. One task on the runtime; periodic tasks run on a blocking thread.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::lock::{Lock, LockMode};
use crate::{Error, failpoint::failpoint, threads::blocking};

/// How often a process that is not the leader tries for the lock.
const ELECTION_INTERVAL: Duration = Duration::from_millis(700);
/// The same for the standing server: a worker that gave the lock up may try for it again before the server does.
const PREFERRED_INTERVAL: Duration = Duration::from_millis(100);
/// How often the leader checks which tasks are due.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Periodic, bounded work for the whole host.
pub struct PeriodicTask {
    /// For the log.
    pub name: &'static str,
    /// The pause between two runs; the first run is when the process becomes leader.
    pub interval: Duration,
    /// Returns whether there is work; `None`: there always is. Called on the runtime's own thread, so it may only read
    /// memory, and names that the kernel has cached: otherwise a frequent task would keep a blocking thread alive for
    /// ever.
    pub is_needed: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// The work. Runs on a thread that may block.
    pub run: Arc<dyn Fn() + Send + Sync>,
}

/// Whether this process is the leader now; shared with `status()`.
#[derive(Debug, Clone, Default)]
pub struct Leadership(Arc<AtomicBool>);

impl Leadership {
    /// Whether this process holds the lock.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a process takes part in the election.
#[derive(Debug, Clone)]
pub enum Candidacy {
    /// A worker: it does not lead while this file is locked, which the standing server does.
    Worker {
        /// The path of `serve.lock`.
        serve_lock: PathBuf,
    },
    /// The standing server, until the token is cancelled.
    Server(CancellationToken),
}

impl Candidacy {
    /// Whether the process may lead now.
    fn may_lead(&self) -> bool {
        match self {
            Self::Worker { serve_lock } => !Lock::is_held(serve_lock).unwrap_or(false),
            Self::Server(resigned) => !resigned.is_cancelled(),
        }
    }

    fn has_resigned(&self) -> bool {
        matches!(self, Self::Server(resigned) if resigned.is_cancelled())
    }

    /// Sleeps; shorter if the process resigns.
    async fn pause(&self, time: Duration) {
        match self {
            Self::Worker { .. } => tokio::time::sleep(time).await,
            Self::Server(resigned) => {
                let _ = tokio::time::timeout(time, resigned.cancelled()).await;
            }
        }
    }
}

/// Tries for the lock, and runs the tasks while it holds it. Ends if the process resigns; dropped with the runtime.
/// Both release the lock.
pub async fn run(
    lock_path: PathBuf,
    tasks: Vec<PeriodicTask>,
    leadership: Leadership,
    candidacy: Candidacy,
) {
    while !candidacy.has_resigned() {
        let attempted = Lock::attempt(&lock_path, LockMode::Exclusive);
        if let Ok(Some(lock)) = attempted
            && candidacy.may_lead()
        {
            let _guard = LeaderGuard::new(&leadership);
            failpoint!("leader.elected");
            lead(&lock, &tasks, &candidacy).await;
        }
        let interval = match candidacy {
            Candidacy::Worker { .. } => ELECTION_INTERVAL + jitter(),
            Candidacy::Server(_) => PREFERRED_INTERVAL,
        };
        candidacy.pause(interval).await;
    }
}

/// Runs the tasks until the lock file is replaced, or the process may not lead any more.
async fn lead(lock: &Lock, tasks: &[PeriodicTask], candidacy: &Candidacy) {
    let mut due: Vec<Instant> = vec![Instant::now(); tasks.len()];
    while lock.is_current() && candidacy.may_lead() {
        for (task, due) in tasks.iter().zip(due.iter_mut()) {
            if candidacy.has_resigned() {
                return;
            }
            if Instant::now() < *due {
                continue;
            }
            if task.is_needed.as_ref().is_none_or(|is_needed| is_needed()) {
                let run = Arc::clone(&task.run);
                // Cancelled: the process ends.
                if let Err(error) = blocking(move || run()).await
                    && !matches!(error, Error::Cancelled(_))
                {
                    log::error!(task = task.name, error:%; "periodic task failed");
                }
                failpoint!("leader.task");
            }
            *due = Instant::now() + task.interval;
        }
        candidacy.pause(POLL_INTERVAL).await;
    }
}

/// Marks this process as leader until it is dropped.
struct LeaderGuard<'a>(&'a Leadership);

impl<'a> LeaderGuard<'a> {
    fn new(leadership: &'a Leadership) -> Self {
        leadership.0.store(true, Ordering::Relaxed);
        Self(leadership)
    }
}

impl Drop for LeaderGuard<'_> {
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
    use std::{path::Path, sync::atomic::AtomicUsize};

    fn worker(dir: &Path) -> Candidacy {
        Candidacy::Worker {
            serve_lock: dir.join("serve.lock"),
        }
    }

    async fn until(is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(20), "still not so");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    #[tokio::test]
    async fn leading_worker_hands_over_to_the_server_and_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leader.lock");
        let (of_worker, of_server) = (Leadership::default(), Leadership::default());
        let start = |leadership: &Leadership, candidacy| {
            tokio::spawn(run(path.clone(), Vec::new(), leadership.clone(), candidacy))
        };
        let working = start(&of_worker, worker(dir.path()));
        until(|| of_worker.is_leader()).await;
        let serve_lock = dir.path().join("serve.lock");
        let lock = Lock::attempt(&serve_lock, LockMode::Exclusive)
            .unwrap()
            .unwrap();
        let resign = CancellationToken::new();
        let serving = start(&of_server, Candidacy::Server(resign.clone()));
        until(|| of_server.is_leader()).await;
        assert!(!of_worker.is_leader());
        drop(lock);
        resign.cancel();
        serving.await.unwrap();
        assert!(!of_server.is_leader());
        until(|| of_worker.is_leader()).await;
        working.abort();
    }

    #[tokio::test]
    async fn one_of_two_leads_and_the_other_follows_within_a_second() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leader.lock");
        let runs = Arc::new(AtomicUsize::new(0));
        let start = |leadership: &Leadership| {
            let runs = Arc::clone(&runs);
            let task = PeriodicTask {
                name: "count",
                interval: Duration::from_secs(3600),
                is_needed: None,
                run: Arc::new(move || {
                    runs.fetch_add(1, Ordering::SeqCst);
                }),
            };
            let candidacy = worker(dir.path());
            tokio::spawn(super::run(
                path.clone(),
                vec![task],
                leadership.clone(),
                candidacy,
            ))
        };
        let (first, second) = (Leadership::default(), Leadership::default());
        let leader = start(&first);
        while !first.is_leader() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let _other = start(&second);
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(!second.is_leader());
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        leader.abort();
        let died = Instant::now();
        while !second.is_leader() && died.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(second.is_leader() && !first.is_leader());
        while runs.load(Ordering::SeqCst) < 2 && died.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn task_without_work_wakes_no_thread() {
        let dir = tempfile::tempdir().unwrap();
        let (asked, runs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (ask, count) = (Arc::clone(&asked), Arc::clone(&runs));
        let task = PeriodicTask {
            name: "count",
            interval: Duration::ZERO,
            is_needed: Some(Arc::new(move || ask.fetch_add(1, Ordering::SeqCst) == 1)),
            run: Arc::new(move || {
                count.fetch_add(1, Ordering::SeqCst);
            }),
        };
        let lock = dir.path().join("leader.lock");
        let candidacy = worker(dir.path());
        let running = tokio::spawn(run(lock, vec![task], Leadership::default(), candidacy));
        let began = Instant::now();
        while asked.load(Ordering::SeqCst) < 3 && began.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running.abort();
        assert!(asked.load(Ordering::SeqCst) >= 3);
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}
