//! Binaries that other hosts have built: the flight asks for one before it builds, and offers its own. The
//! remote itself comes from above. Its failures are misses. Runs on the runtime; files are accessed on blocking
//! threads.

use std::{fs::File, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use super::{
    Build, attempt::check, context::BuildContext, error::AttemptError, storage::storage_error,
};
use crate::velox::{
    flight::BuildOutput,
    keys::{config_keys::ConfigKeys, mutable_refs::mutable_ref},
    protocol::request::BuildRequest,
};
use crate::{artifacts::IndexRecord, runtime::CancellationToken, threads::blocking};

/// The store of binaries that several hosts share.
pub trait RemoteBinaries: Send + Sync {
    /// Returns the binary of a configuration; `None` if there is none, or the remote fails. Ends within the time that a
    /// build may wait for it.
    fn fetch<'a>(
        &'a self,
        request: &'a BuildRequest,
        keys: &'a ConfigKeys,
    ) -> Pin<Box<dyn Future<Output = Option<RemoteBinary>> + Send + 'a>>;

    /// Sends a binary later. Called on the runtime; returns at once.
    fn offer(&self, binary: BuiltBinary);
}

/// A binary of another host; its bytes were verified.
#[derive(Debug)]
pub struct RemoteBinary {
    /// The binary from its start.
    pub file: File,
    /// Number of its bytes.
    pub size: u64,
    /// Duration of its build.
    pub build_time: Duration,
}

/// A binary that was built.
#[derive(Debug, Clone)]
pub struct BuiltBinary {
    /// Its record.
    pub record: IndexRecord,
    /// Its file.
    pub path: PathBuf,
    /// Its configuration.
    pub config: serde_json::Value,
}

/// Gets the binary from the remote. Not for a forced build, nor for a mutable reference: that of another host may be of
/// any age.
pub(super) async fn fetch(context: &Arc<BuildContext>, build: &Build) -> Option<BuildOutput> {
    let remote = context.remote.as_ref()?;
    if build.forced || mutable_ref(&build.request).is_some() {
        return None;
    }
    let binary = remote.fetch(&build.request, &build.keys).await?;
    let cancel = CancellationToken::new();
    let _cancel_on_drop = cancel.clone().drop_guard();
    let (own_context, own_build) = (Arc::clone(context), build.clone());
    let storing = blocking(move || store(&own_context, &own_build, &binary, &cancel)).await;
    let request_id = build.request.request_id.as_str();
    match storing {
        Ok(Ok(output)) => {
            let bytes = output.record.size;
            log::info!(request_id, cache_key:% = build.keys.key, bytes; "binary received from remote");
            Some(output)
        }
        Ok(Err(error)) => {
            log::warn!(request_id, cache_key:% = build.keys.key, error:?; "remote binary not stored");
            None
        }
        Err(error) => {
            log::warn!(request_id, cache_key:% = build.keys.key, error:%; "remote binary not stored");
            None
        }
    }
}

/// Offers a binary that was built.
pub(super) fn offer(context: &BuildContext, build: &Build, output: &BuildOutput) {
    let Some(remote) = &context.remote else {
        return;
    };
    if mutable_ref(&build.request).is_none() {
        remote.offer(BuiltBinary {
            record: output.record,
            path: output.path.clone(),
            config: build.request.config(),
        });
    }
}

fn store(
    context: &BuildContext,
    build: &Build,
    binary: &RemoteBinary,
    cancel: &CancellationToken,
) -> Result<BuildOutput, AttemptError> {
    let target = context.storage.target(&build.request);
    let mut staging = context.storage.stage(target, context.max_size)?;
    staging
        .copy_from(&binary.file, binary.size, || cancel.is_cancelled())
        .map_err(|error| storage_error(target, binary.size, error))?;
    check(&staging, &build.request, context)?;
    let output = context
        .storage
        .commit(target, staging, build, binary.build_time)?;
    Ok(BuildOutput {
        built: false,
        ..output
    })
}
