//! The gateway during a run: all keys in one negotiation, then downloads where a key is found and uploads in the
//! background. Its errors are counted and never stop a task; after one that concerns the whole gateway it is not asked
//! again in that direction, and not at all after silence, or when its answers have taken too long in all: tasks wait
//! for a gateway that is slow or silent for a bounded time. Called from the threads of tasks; requests run on the
//! runtime.

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::Semaphore, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::report::{RemoteReport, counted};
use crate::{
    Error, Result,
    config::duration,
    pipeline::store::{ArtifactKey, Store},
    remote::{
        client::{Client, Uploaded},
        protocol::{Action, Item, Negotiated},
    },
    threads::blocking,
};

/// Bytes of an answer for which a second is no long time.
const BYTES_PER_SECOND: u64 = 1_000_000;
/// Uploads at once.
const MAX_UPLOADS: usize = 4;

/// The limits of a gateway's use.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Time for which all negotiations and downloads may be slow, beyond a second for each and one for each MB.
    pub patience: Duration,
    /// Time of one upload.
    pub upload: Duration,
    /// Time that uploads have after the last task.
    pub uploads: Duration,
}

impl Default for Budget {
    /// 10 seconds, one minute, half a minute.
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            upload: Duration::from_secs(60),
            uploads: Duration::from_secs(30),
        }
    }
}

/// The gateway of a run.
#[derive(Debug)]
pub struct Gateway {
    client: Client,
    runtime: Handle,
    budget: Budget,
    cancelled: CancellationToken,
    found: Mutex<BTreeMap<ArtifactKey, Negotiated>>,
    uploads: Mutex<JoinSet<()>>,
    /// What is left of the budget's.
    patience: Mutex<Duration>,
    /// Negotiations and downloads under way, which share the network.
    readers: AtomicU32,
    shared: Arc<Shared>,
}

/// Shared with uploads under way.
#[derive(Debug)]
struct Shared {
    slots: Semaphore,
    no_reading: AtomicBool,
    no_writing: AtomicBool,
    errors: Mutex<RemoteReport>,
}

impl Gateway {
    /// The gateway of a client, which gets the results of this run if it `is_written`. Sends nothing yet. Requests end
    /// when the run is stopped.
    #[must_use]
    pub fn new(
        client: Client,
        runtime: Handle,
        budget: Budget,
        is_written: bool,
        cancelled: CancellationToken,
    ) -> Self {
        Self {
            client,
            runtime,
            budget,
            cancelled,
            found: Mutex::default(),
            uploads: Mutex::default(),
            patience: Mutex::new(budget.patience),
            readers: AtomicU32::new(0),
            shared: Arc::new(Shared {
                slots: Semaphore::new(MAX_UPLOADS),
                no_reading: AtomicBool::new(false),
                no_writing: AtomicBool::new(!is_written),
                errors: Mutex::default(),
            }),
        }
    }

    /// Asks for all keys at once.
    pub fn negotiate(&self, keys: Vec<ArtifactKey>) {
        if keys.is_empty() || self.shared.no_reading.load(Ordering::Relaxed) {
            return;
        }
        let items: Vec<Item> = keys
            .into_iter()
            .map(|hash| Item {
                hash,
                sha256: None,
                size: None,
            })
            .collect();
        match self.read(0, |client| async move {
            client.negotiate(Action::Download, &items).await
        }) {
            Ok(mut found) => {
                found.retain(|_, answer| matches!(answer, Negotiated::Found { .. }));
                *lock(&self.found) = found;
            }
            Err(error) => self.shared.fail(Action::Download, true, &error),
        }
    }

    /// Whether the gateway has the key.
    #[must_use]
    pub fn has(&self, key: &ArtifactKey) -> bool {
        !self.shared.no_reading.load(Ordering::Relaxed) && lock(&self.found).contains_key(key)
    }

    /// Downloads an artifact that the gateway has.
    ///
    /// # Errors
    /// It is not there any more, or the gateway fails, which is counted.
    pub fn download(&self, key: &ArtifactKey, file: &mut File) -> Result<()> {
        let found = lock(&self.found).get(key).cloned();
        let absent = || Error::Remote(format!("no artifact {key}"));
        let found = found.filter(|_| self.has(key)).ok_or_else(absent)?;
        let size = match &found {
            Negotiated::Found { size, .. } => size.unwrap_or(0),
            _ => 0,
        };
        match self.read(size, |client| async move {
            client.download_found(key, &found, file).await
        }) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(absent()),
            Err(error) => {
                // An artifact that is damaged is a problem of its own.
                let is_of_gateway = self.client.is_paused() || self.cancelled.is_cancelled();
                self.shared.fail(Action::Download, is_of_gateway, &error);
                Err(error)
            }
        }
    }

    /// Uploads a stored artifact in the background.
    pub fn upload(&self, key: ArtifactKey, store: Arc<Store>) {
        if self.shared.no_writing.load(Ordering::Relaxed) {
            return;
        }
        let client = self.client.within(self.budget.upload);
        let shared = Arc::clone(&self.shared);
        let upload = async move {
            let Ok(_slot) = shared.slots.acquire().await else {
                return;
            };
            if shared.no_writing.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = upload(&client, key, store).await {
                shared.fail(Action::Upload, client.is_writing_paused(), &error);
            }
        };
        let mut uploads = lock(&self.uploads);
        // Those that are done.
        while uploads.try_join_next().is_some() {}
        uploads.spawn_on(upload, &self.runtime);
    }

    /// What has gone wrong so far.
    #[must_use]
    pub fn report(&self) -> RemoteReport {
        lock(&self.shared.errors).clone()
    }

    /// Waits for the uploads within the budget, and gives up the others.
    pub fn finish(&self) {
        let mut uploads = std::mem::take(&mut *lock(&self.uploads));
        let all = async { while uploads.join_next().await.is_some() {} };
        let seconds = self.budget.uploads.as_secs_f32();
        let end = self.runtime.block_on(async {
            tokio::select! {
                () = all => None,
                () = self.cancelled.cancelled() => Some("when the run was stopped".to_owned()),
                () = sleep(self.budget.uploads) => Some(format!("{seconds} s after the last task")),
            }
        });
        let left = uploads.len();
        if let Some(when) = end.filter(|_| left > 0) {
            let uploads = counted(left, "upload", "uploads");
            let message = format!("{uploads} not done {when}");
            self.shared
                .fail(Action::Upload, true, &Error::Timeout(message));
        }
    }

    /// Reads an answer of about `size` bytes, unless the run is stopped. A slow one uses up patience.
    fn read<T, F: Future<Output = Result<T>>>(
        &self,
        size: u64,
        read: impl FnOnce(Client) -> F,
    ) -> Result<T> {
        let readers = self.readers.fetch_add(1, Ordering::Relaxed) + 1;
        let (started, allowed) = (Instant::now(), allowance(size, readers));
        let patience = *lock(&self.patience);
        let client = self.client.within(allowed + patience);
        let answer = self.runtime.block_on(async {
            tokio::select! {
                answer = read(client) => answer,
                () = self.cancelled.cancelled() => Err(Error::Cancelled("the run is stopped".into())),
            }
        });
        self.readers.fetch_sub(1, Ordering::Relaxed);
        let late = started.elapsed().saturating_sub(allowed);
        let mut patience = lock(&self.patience);
        let is_used_up = *patience <= late;
        *patience = patience.saturating_sub(late);
        match answer {
            Err(Error::Timeout(_)) if is_used_up => {
                let address = self.client.address();
                let budget = duration::format(self.budget.patience);
                Err(Error::Timeout(format!(
                    "the gateway at {address} is slow: its answers take {budget} longer than a second each and one \
                     for each MB"
                )))
            }
            answer => answer,
        }
    }
}

/// The time that an answer of this size may take, as one of `readers` at once.
fn allowance(size: u64, readers: u32) -> Duration {
    let size = size.saturating_mul(u64::from(readers));
    Duration::from_secs(1) + Duration::from_millis(size.saturating_mul(1000) / BYTES_PER_SECOND)
}

async fn upload(client: &Client, key: ArtifactKey, store: Arc<Store>) -> Result<Uploaded> {
    let wanted = key.clone();
    let stored = blocking(move || store.get(&wanted)).await?;
    // Removed since, to make space for others.
    let Some(stored) = stored else {
        return Ok(Uploaded::Exists);
    };
    client
        .upload(&key, &stored.file, stored.sha256, stored.size)
        .await
}

impl Shared {
    /// Counts an error, and stops asking if it concerns the whole gateway.
    fn fail(&self, action: Action, is_of_gateway: bool, error: &Error) {
        let is_silent = matches!(error, Error::Timeout(_));
        if is_of_gateway {
            for (flag, of) in [
                (&self.no_reading, Action::Download),
                (&self.no_writing, Action::Upload),
            ] {
                if is_silent || action == of {
                    flag.store(true, Ordering::Relaxed);
                }
            }
        }
        if matches!(error, Error::Cancelled(_)) {
            return;
        }
        let mut errors = lock(&self.errors);
        match action {
            Action::Download => errors.reading_errors += 1,
            Action::Upload => errors.writing_errors += 1,
        }
        errors.first_error.get_or_insert_with(|| error.to_string());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
