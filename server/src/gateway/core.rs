//! The parts that all requests share, and the lookup by the rights of a client. Any task.

use hyper::{HeaderMap, Uri, header};
use pillion_engine::{
    Result,
    config::GatewaySettings,
    metrics::gateway as metrics,
    remote::{
        object::{ObjectName, Signer, Space},
        protocol::{Key, Namespace},
    },
};
use tokio::sync::Semaphore;

use super::{
    access::{Access, Role},
    cleaning::Cleaning,
    storage::{Found, Storage},
};

const MAX_HOST: usize = 255;

/// The parts that all requests share.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) settings: GatewaySettings,
    pub(super) access: Access,
    pub(super) storage: Storage,
    pub(super) signer: Signer,
    pub(super) cleaning: Cleaning,
    /// Permits of uploads: a connection of HTTP/2 has many at once.
    pub(super) uploads: Semaphore,
}

impl Gateway {
    /// Finds an artifact that a role may read: its own, else that of trusted writers. One without the gateway's
    /// signature does not count.
    pub(super) async fn find(
        &self,
        role: &Role,
        space: &Space,
        key: &Key,
    ) -> Result<Option<Found>> {
        self.look_up(role.reads(), None, space, key).await
    }

    /// Finds the artifact because of which a role need not write a key. One in its own namespace without the gateway's
    /// signature, which no client ever gets, is removed, since it would prevent the upload.
    pub(super) async fn find_before_upload(
        &self,
        role: &Role,
        space: &Space,
        key: &Key,
    ) -> Result<Option<Found>> {
        self.look_up(role.reads(), role.writes(), space, key).await
    }

    async fn look_up(
        &self,
        namespaces: Vec<Namespace>,
        writes: Option<Namespace>,
        space: &Space,
        key: &Key,
    ) -> Result<Option<Found>> {
        for namespace in namespaces {
            let is_written = writes.as_ref() == Some(&namespace);
            let name = ObjectName {
                namespace,
                space: space.clone(),
                key: key.clone(),
            };
            let Some(found) = self.storage.find(name).await? else {
                continue;
            };
            if self.signer.verify(&found.name, &found.metadata) {
                return Ok(Some(found));
            }
            metrics::REFUSED_UPLOADS.inc_for(&["signature"]);
            log::warn!(
                artifact = found.name.path(), removed = is_written;
                "artifact without this gateway's signature"
            );
            if is_written {
                self.storage.remove(found).await?;
            }
        }
        Ok(None)
    }

    /// The URL of this gateway for the client of a request: that of the settings, or else the one that the client used
    /// itself. Only this client gets it.
    pub(super) fn base_url(&self, headers: &HeaderMap, uri: &Uri) -> String {
        if let Some(base) = &self.settings.base_url {
            return base.as_url().as_str().trim_end_matches('/').to_owned();
        }
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        match host {
            Some(host) if host.len() <= MAX_HOST && host.bytes().all(is_allowed) => {
                format!("http://{host}")
            }
            _ => format!("http://localhost:{}", self.settings.port),
        }
    }
}
