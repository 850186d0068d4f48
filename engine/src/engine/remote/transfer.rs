//! Downloads and uploads of binaries, checked and counted. Runs on the runtime; files are accessed on blocking threads.

use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
    time::Instant,
};

use tokio::sync::{OnceCell, Semaphore};

use crate::{
    Error, Result,
    artifacts::Key,
    config::RemoteSettings,
    error::IoContext as _,
    host::files,
    metrics::remote as metrics,
    remote::{
        binary::{BinaryRecord, pack, remote_key, unpack},
        client::{Client, ClientOptions, Uploaded},
        spool::Spool,
    },
    threads::blocking,
    velox::BuiltBinary,
};

/// Bytes of a binary at most, with its record.
const MAX_SIZE: u64 = (1 << 30) + (2 << 20);

/// The gateway of this process.
pub(in crate::engine) struct Remote {
    pub(super) settings: RemoteSettings,
    /// Downloads, and copies for uploads.
    directory: PathBuf,
    pub(super) client: OnceCell<Client>,
    pub(super) uploads: Arc<Uploads>,
}

/// The uploads after builds: one at a time, and a bounded number that waits.
pub(super) struct Uploads {
    pub(super) waiting: AtomicUsize,
    pub(super) turn: Semaphore,
}

impl Remote {
    /// Opens nothing.
    pub(super) fn new(settings: RemoteSettings, directory: PathBuf) -> Self {
        let uploads = Arc::new(Uploads {
            waiting: AtomicUsize::new(0),
            turn: Semaphore::new(1),
        });
        Self {
            settings,
            directory,
            client: OnceCell::new(),
            uploads,
        }
    }

    /// The client, which is created at its first use.
    pub(super) async fn client(&self) -> Result<&Client> {
        let create = || async {
            let RemoteSettings {
                url,
                token,
                timeout,
                ca_file,
                system_certificates,
                ..
            } = self.settings.clone();
            let url = url.ok_or_else(not_set)?;
            let directory = self.directory.clone();
            let options = ClientOptions {
                token,
                timeout,
                max_size: MAX_SIZE,
                ca_file,
                certificates: system_certificates,
                ..ClientOptions::new(url)
            };
            // Certificates are read from disk.
            let opening = move || {
                let made = files::create_dir(&directory);
                made.context(|| format!("making {}", directory.display()))?;
                Client::new(options)
            };
            blocking(opening).await?
        };
        self.client.get_or_try_init(create).await
    }

    /// Downloads a binary; `None` if the gateway has none.
    pub(super) async fn pull(
        &self,
        key: Key,
        client: &Client,
    ) -> Result<Option<(File, BinaryRecord)>> {
        let started = Instant::now();
        let was_paused = client.is_paused();
        let pulled = self.download(key, client).await;
        let result = match &pulled {
            Ok(Some(_)) => "hit",
            Ok(None) => "miss",
            Err(_) if was_paused => "paused",
            Err(_) if client.is_paused() => "error",
            Err(_) => "refused",
        };
        metrics::PULLS.inc_for(&[result]);
        if pulled.is_ok() {
            metrics::PULL_SECONDS.observe(&[], started.elapsed().as_secs_f64());
        }
        pulled
    }

    async fn download(&self, key: Key, client: &Client) -> Result<Option<(File, BinaryRecord)>> {
        let directory = self.directory.clone();
        let create = move || Spool::create(&directory).and_then(|spool| spool.file());
        let created = blocking(create).await?;
        let mut file = created.context(|| format!("receiving remote binary {key}"))?;
        let remote_key = remote_key(key).ok_or_else(|| Error::Internal("remote key".into()))?;
        let Some(downloaded) = client.download(&remote_key, &mut file).await? else {
            return Ok(None);
        };
        metrics::BYTES.add_for(&["in"], downloaded.size);
        blocking(move || unpack(&file, key).map(|record| Some((file, record)))).await?
    }

    /// Uploads a binary. Returns `false` if another host was first.
    pub(super) async fn push(&self, file: File, record: BinaryRecord) -> Result<bool> {
        let client = self.client().await?;
        let was_paused = client.is_writing_paused();
        let pushed = self.upload(client, file, record).await;
        let result = match &pushed {
            Ok(true) => "stored",
            Ok(false) => "exists",
            Err(_) if was_paused => "paused",
            Err(_) => "error",
        };
        metrics::PUSHES.inc_for(&[result]);
        pushed
    }

    async fn upload(&self, client: &Client, file: File, record: BinaryRecord) -> Result<bool> {
        let key = remote_key(record.key).ok_or_else(|| Error::Internal("remote key".into()))?;
        // Before the copy.
        client.check_writing()?;
        let directory = self.directory.clone();
        let spool = blocking(move || pack(&file, &record, &directory)).await??;
        let (sha256, size) = (spool.checksum(), spool.size());
        let file = spool.file().context(|| "reading a copy for the gateway")?;
        let uploaded = client.upload(&key, &file, sha256, size).await?;
        if uploaded == Uploaded::Stored {
            metrics::BYTES.add_for(&["out"], size);
        }
        Ok(uploaded == Uploaded::Stored)
    }
}

impl Remote {
    /// Uploads a binary that was built.
    pub(super) async fn send(&self, binary: BuiltBinary) -> Result<bool> {
        let path = binary.path.clone();
        let opened = blocking(move || File::open(&path)).await?;
        let file = opened.context(|| format!("opening {}", binary.path.display()))?;
        self.push(file, BinaryRecord::new(&binary.record, binary.config))
            .await
    }
}

/// The error without a gateway.
pub(super) fn not_set() -> Error {
    Error::Config(
        "remote.url is not set; set it to the URL of a gateway of remote artifacts".into(),
    )
}
