//! What is done with a binary in hand: where it lies, what it was built from, reading, checking. On
//! PHP's thread, when PHP asks.

use std::{fs::File, path::PathBuf};

use super::Engine;
use crate::{
    Error, Result,
    artifacts::{Artifact, Location},
};

impl Engine {
    /// A binary's path on this machine.
    #[must_use]
    pub fn path_of(&self, artifact: &Artifact) -> PathBuf {
        artifact.path(self.store().ok().flatten().map(AsRef::as_ref))
    }

    /// The configuration a binary was built from; null where it is gone.
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

    /// Opens a binary for reading, its size checked.
    ///
    /// # Errors
    /// [`Error::State`]: it is gone.
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

    /// Hashes a binary again. `false`: it is gone, or not what was committed.
    #[must_use]
    pub fn verify(&self, artifact: &Artifact) -> bool {
        match (&artifact.location, self.store()) {
            (Location::Temporary(binary), _) => binary.verify(&artifact.record),
            (Location::Cached, Ok(Some(store))) => store.verify(&artifact.record).unwrap_or(false),
            (Location::Cached, _) => false,
        }
    }
}
