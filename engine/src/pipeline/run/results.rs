//! Results of tasks: restored from the store of this host, else from the gateway, and stored after a command has
//! succeeded. Blocking threads.

use std::{path::Path, sync::Arc};

use super::{
    gateway::Gateway,
    outputs,
    report::{Outcome, RemoteReport},
};
use crate::{
    Error, Result,
    error::IoContext as _,
    pipeline::{
        archive::{self, Limits},
        store::{ArtifactKey, Store, Stored},
    },
};

/// Where results come from.
#[derive(Debug, Default)]
pub struct Results {
    /// The store of this host; without it nothing is restored.
    pub store: Option<Arc<Store>>,
    /// The gateway.
    pub gateway: Option<Gateway>,
    /// The reason why the gateway of the file is not used.
    pub unused_gateway: Option<String>,
}

/// The place of a task's outputs.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Root of the workspace.
    pub root: &'a Path,
    /// Path of the package.
    pub package: &'a Path,
    /// `outputs` of the task.
    pub outputs: &'a [String],
}

impl Results {
    /// What has gone wrong with the gateway so far.
    #[must_use]
    pub fn remote(&self) -> RemoteReport {
        match &self.gateway {
            Some(gateway) => gateway.report(),
            None => RemoteReport {
                unused: self.unused_gateway.clone(),
                ..RemoteReport::default()
            },
        }
    }

    /// Whether the store of this host has the key.
    #[must_use]
    pub fn is_local(&self, key: &ArtifactKey) -> bool {
        self.store.as_ref().is_some_and(|store| store.has(key))
    }

    /// Whether the gateway has the key, as far as it was asked.
    #[must_use]
    pub fn is_remote(&self, key: &ArtifactKey) -> bool {
        self.gateway
            .as_ref()
            .is_some_and(|gateway| gateway.has(key))
    }

    /// Replaces the outputs of a task by those of an earlier run, and returns the output of its command; `None` if there
    /// are none.
    ///
    /// # Errors
    /// The outputs can't be replaced.
    pub(super) fn restore(
        &self,
        key: &ArtifactKey,
        place: Place<'_>,
    ) -> Result<Option<(Outcome, Vec<u8>)>> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        if let Some(stored) = store.get(key) {
            return Ok(Some((Outcome::Local, apply(&stored, place)?)));
        }
        let Some(gateway) = self.gateway.as_ref().filter(|gateway| gateway.has(key)) else {
            return Ok(None);
        };
        let stored = store.put(key, |file| gateway.download(key, file));
        // The gateway counts its errors.
        let Ok(stored) = stored else {
            return Ok(None);
        };
        Ok(Some((Outcome::Remote, apply(&stored, place)?)))
    }

    /// Stores the outputs of a command that has succeeded, and what it has written. Returns `false` if it has made none
    /// of its outputs.
    ///
    /// # Errors
    /// They can't be read or stored.
    pub(super) fn store(&self, key: &ArtifactKey, place: Place<'_>, log: &[u8]) -> Result<bool> {
        let Some(store) = &self.store else {
            return Ok(true);
        };
        let found = outputs::existing(place.root, place.package, place.outputs);
        let found = found.context(|| "searching outputs")?;
        store.put(key, |file| {
            archive::write_log(log, file)?;
            archive::pack(place.root, &found, file).map(drop)
        })?;
        if let Some(gateway) = &self.gateway {
            gateway.upload(key.clone(), Arc::clone(store));
        }
        Ok(place.outputs.is_empty() || !found.is_empty())
    }
}

/// Removes the outputs that are there, and creates those of the archive. Returns its log.
fn apply(stored: &Stored, place: Place<'_>) -> Result<Vec<u8>> {
    let Place {
        root,
        package,
        outputs,
    } = place;
    let log = archive::read_log(&stored.file)?;
    let before = outputs::existing(root, package, outputs);
    let before = before.context(|| "searching outputs")?;
    outputs::remove(root, &before).context(|| "removing outputs")?;
    let is_output = |path: &Path| outputs::are(package, outputs, path);
    archive::restore_only(&stored.file, root, Limits::default(), &is_output)?;
    Ok(log)
}

/// The outcome of storing, as a remark.
pub(super) fn remark(stored: Result<bool>) -> Option<String> {
    match stored {
        Ok(true) => None,
        Ok(false) => Some("the command has made none of its outputs".into()),
        Err(Error::Io { context, source }) => Some(format!("not stored: {context}: {source}")),
        Err(error) => Some(format!("not stored: {error}")),
    }
}
