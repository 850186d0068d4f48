//! The jobs of `Artifacts\push` and `Artifacts\pull`, the status, and the end of the process. On PHP's threads; jobs
//! run on the runtime.

use std::{
    fs::File,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    builds::Builds,
    transfer::{Remote, not_set},
};
use crate::{
    Error, Result,
    artifacts::{Artifact, Key, Put, Store},
    config::{Capability, RemoteMode},
    engine::{Engine, Value},
    error::Violation,
    remote::{binary::BinaryRecord, client::Client},
    runtime::{CompletionQueue, Job},
    threads::blocking,
    velox::{BuildRequest, ConfigKeys, RemoteBinaries},
};

impl Engine {
    /// The gateway, or `None` if the settings name none, or don't use it.
    pub(in crate::engine) fn remote(&self) -> Option<&Arc<Remote>> {
        let open = || {
            self.check_capability(Capability::Remote).ok()?;
            let settings = &self.settings().remote;
            if settings.url.is_none() || settings.mode == RemoteMode::Off {
                return None;
            }
            let directory = self.dirs().ok()?.state.join("remote");
            Some(Arc::new(Remote::new(settings.clone(), directory)))
        };
        self.remote.get_or_init(open).as_ref()
    }

    /// The gateway, as builds see it.
    pub(in crate::engine) fn remote_binaries(&self) -> Option<Arc<dyn RemoteBinaries>> {
        let remote = self.remote()?;
        Some(Arc::new(Builds(Arc::clone(remote))))
    }

    /// The gateway for a call of PHP.
    fn remote_for_call(&self, writes: bool) -> Result<Arc<Remote>> {
        self.check_capability(Capability::Remote)?;
        let mode = self.settings().remote.mode;
        let remote = self.remote().cloned().ok_or_else(|| match mode {
            RemoteMode::Off => Error::Config(
                "remote.mode: found off; expected read or read-write to use remote artifacts"
                    .into(),
            ),
            _ => not_set(),
        })?;
        if writes && mode != RemoteMode::ReadWrite {
            return Err(Error::Config(
                "remote.mode: found read; expected read-write to send artifacts".into(),
            ));
        }
        Ok(remote)
    }

    /// Sends an artifact of the cache to the gateway. The result is whether it is stored; `false`: another host was
    /// first.
    ///
    /// # Errors
    /// [`Error::Config`]: there is no gateway, or it may not be written; or as [`Engine::with_store`].
    pub fn push(
        &self,
        key: Key,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        let remote = self.remote_for_call(true)?;
        let store = Arc::clone(self.enabled_store()?);
        self.spawn("artifacts.push", completions, move |context| async move {
            let pushing = async {
                let (file, record) = blocking(move || open(&store, key)).await??;
                remote.push(file, record).await
            };
            tokio::select! {
                biased;
                pushed = pushing => pushed.map(|is_stored| Value::Report(json!(is_stored))),
                () = context.cancel.cancelled() => Err(Error::Cancelled("the upload was cancelled".into())),
            }
        })
    }

    /// Gets an artifact from the gateway, unless the cache has it. The result is null if neither has it.
    ///
    /// # Errors
    /// [`Error::Config`]: there is no gateway; or as [`Engine::with_store`].
    pub fn pull(
        &self,
        key: Key,
        completions: Option<Arc<CompletionQueue>>,
    ) -> Result<Arc<Job<Value>>> {
        let remote = self.remote_for_call(false)?;
        let store = Arc::clone(self.enabled_store()?);
        if let Some(record) = store.find(key) {
            let found = Ok(Value::Artifact(Artifact::hit(record)));
            return Ok(Job::ready("artifacts.pull", completions, found));
        }
        self.spawn("artifacts.pull", completions, move |context| async move {
            let job = context.cancel.clone();
            let pulling = async {
                let client = remote.client().await?;
                let Some((file, record)) = remote.pull(key, client).await? else {
                    return Ok(Value::Report(serde_json::Value::Null));
                };
                let keeping = move || keep(&store, key, &file, record, || job.is_cancelled());
                blocking(keeping).await?
            };
            tokio::select! {
                biased;
                pulled = pulling => pulled,
                () = context.cancel.cancelled() => Err(Error::Cancelled("the download was cancelled".into())),
            }
        })
    }

    /// Waits for uploads of builds, when the process ends, unless the gateway fails.
    pub(in crate::engine) fn stop_remote(&self, timeout: Duration) {
        let Some(remote) = self.remote.get().and_then(Option::as_ref) else {
            return;
        };
        let end = Instant::now() + timeout;
        let is_sending = || remote.uploads.waiting.load(Ordering::Relaxed) > 0;
        let is_paused = || remote.client.get().is_some_and(Client::is_writing_paused);
        while is_sending() && !is_paused() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
        if is_sending() {
            log::warn!("binaries not sent, the process ends");
        }
    }

    /// The gateway's part of the status.
    pub(in crate::engine) fn remote_status(&self) -> serde_json::Value {
        let off = self.resolved.capability_off(Capability::Remote);
        let settings = &self.settings().remote;
        let client = self.remote.get().and_then(Option::as_ref);
        let client = client.and_then(|remote| remote.client.get());
        json!({
            "enabled": off.is_none() && settings.url.is_some() && settings.mode != RemoteMode::Off,
            "reason": off.map(ToString::to_string),
            "url": settings.url.as_ref().map(ToString::to_string),
            "mode": settings.mode.name(),
            "reading_paused": client.is_some_and(Client::is_paused),
            "writing_paused": client.is_some_and(Client::is_writing_paused),
        })
    }
}

/// Opens an artifact of the cache, with its record.
fn open(store: &Store, key: Key) -> Result<(File, BinaryRecord)> {
    let absent = || {
        Error::InvalidRequest(vec![Violation {
            field: "key".into(),
            message: format!("{key} is not in the cache"),
        }])
    };
    let record = store.find(key).ok_or_else(absent)?;
    let file = store.open_binary(&record)?.ok_or_else(absent)?;
    let config = store.config(&record)?;
    Ok((file, BinaryRecord::new(&record, config)))
}

/// Commits an artifact that has arrived. One that another process has committed meanwhile stays.
fn keep(
    store: &Store,
    key: Key,
    file: &File,
    record: BinaryRecord,
    cancelled: impl FnMut() -> bool,
) -> Result<Value> {
    let meta = json!({
        "config": record.config,
        "build_seconds": record.build_time().as_secs_f64(),
        "replace": false,
    });
    let mut put = Put::parse(key, &meta)?;
    if let Ok(request) = BuildRequest::from_json(put.config()) {
        put = put.known_by(ConfigKeys::of(&request).digest);
    }
    let record = store.put(file, put, cancelled)?;
    Ok(Value::Artifact(Artifact::hit(record)))
}
