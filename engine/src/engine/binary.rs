//! Reads the binary of an artifact handle: path, configuration, content, checksum. Called on PHP's thread.

use std::{fs::File, path::PathBuf};

use super::Engine;
use crate::{
    Error, Result,
    artifacts::{Artifact, Location},
};

impl Engine {
    /// Returns the path of a binary on this machine.
    #[must_use]
    pub fn path_of(&self, artifact: &Artifact) -> PathBuf {
        artifact.path(self.store().ok().flatten().map(AsRef::as_ref))
    }

    /// Returns the configuration a binary was built from, or null if it is gone.
    #[must_use]
    pub fn config_of(&self, artifact: &Artifact) -> serde_json::Value {
        match (&artifact.location, self.store()) {
            (Location::Temporary(binary), _) => binary.config.clone(),
            (Location::Cached, Ok(Some(store))) => {
                store.config(&artifact.record).unwrap_or_default()
            }
            (Location::Cached, _) => serde_json::Value::Null,
        }
    }

    /// Opens a binary for reading after checking its size.
    ///
    /// # Errors
    /// [`Error::State`] if the file is gone.
    pub fn open(&self, artifact: &Artifact) -> Result<File> {
        let opened = match &artifact.location {
            Location::Temporary(binary) => binary.open(&artifact.record),
            Location::Cached => self.enabled_store()?.open_binary(&artifact.record)?,
        };
        opened.ok_or_else(|| {
            Error::State(format!(
                "the binary of artifact {} is gone: {}",
                artifact.record.key,
                self.path_of(artifact).display()
            ))
        })
    }

    /// Hashes a binary again. Returns `false` if it is gone or differs from the committed one.
    #[must_use]
    pub fn verify(&self, artifact: &Artifact) -> bool {
        match (&artifact.location, self.store()) {
            (Location::Temporary(binary), _) => binary.verify(&artifact.record),
            (Location::Cached, Ok(Some(store))) => store.verify(&artifact.record).unwrap_or(false),
            (Location::Cached, _) => false,
        }
    }
}
