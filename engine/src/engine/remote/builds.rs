//! The gateway as builds see it: asked before a build, and offered its binary. A failure is a miss. Runs on the
//! runtime.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::transfer::Remote;
use crate::{
    Error,
    config::RemoteMode,
    metrics::remote as metrics,
    velox::{BuildRequest, BuiltBinary, ConfigKeys, RemoteBinaries, RemoteBinary},
};

/// Binaries that wait for their upload at most.
const MAX_WAITING: usize = 16;

/// The gateway, as builds see it.
pub(super) struct Builds(pub(super) Arc<Remote>);

impl RemoteBinaries for Builds {
    fn fetch<'a>(
        &'a self,
        request: &'a BuildRequest,
        keys: &'a ConfigKeys,
    ) -> Pin<Box<dyn Future<Output = Option<RemoteBinary>> + Send + 'a>> {
        let remote = &self.0;
        let fetching = async move {
            let (client, started) = (remote.client().await?, Instant::now());
            // The second key is in use only if the first one belongs to another configuration.
            for key in [keys.key, keys.extended_key()] {
                let left = remote.settings.timeout.saturating_sub(started.elapsed());
                let Some((file, record)) = remote.pull(key, &client.within(left)).await? else {
                    break;
                };
                let found = BuildRequest::from_json(&record.config);
                if found.is_ok_and(|found| ConfigKeys::of(&found).exact == keys.exact) {
                    return Ok(Some(RemoteBinary {
                        file,
                        size: record.size,
                        build_time: record.build_time(),
                    }));
                }
            }
            Ok(None)
        };
        Box::pin(async move {
            let request_id = request.request_id.as_str();
            fetching.await.unwrap_or_else(|error: Error| {
                log::debug!(request_id, error:%; "no remote binary");
                None
            })
        })
    }

    fn offer(&self, binary: BuiltBinary) {
        if self.0.settings.mode != RemoteMode::ReadWrite {
            return;
        }
        let (remote, uploads) = (Arc::clone(&self.0), Arc::clone(&self.0.uploads));
        if uploads.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            uploads.waiting.fetch_sub(1, Ordering::Relaxed);
            metrics::PUSHES.inc_for(&["dropped"]);
            log::warn!(cache_key:% = binary.record.key; "binary not sent, too many are waiting");
            return;
        }
        tokio::spawn(async move {
            let turn = uploads.turn.acquire().await;
            let key = binary.record.key;
            let pushed = remote.send(binary).await;
            drop(turn);
            uploads.waiting.fetch_sub(1, Ordering::Relaxed);
            match pushed {
                Ok(is_stored) => log::info!(cache_key:% = key, is_stored; "binary sent to remote"),
                Err(error) => log::warn!(cache_key:% = key, error:%; "binary not sent to remote"),
            }
        });
    }
}
