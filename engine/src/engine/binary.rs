//! What is done with a binary in hand: where it lies, what it was built from, reading, checking. On
//! PHP's thread, when PHP asks.

use std::{fs::File, path::PathBuf};

use super::{ArtifactHandle, Engine};
use crate::{Error, Result};

impl Engine {
    /// A binary's path on this machine.
    #[must_use]
    pub fn path_of(&self, found: &ArtifactHandle) -> PathBuf {
        match (&found.temporary, self.store()) {
            (Some(temporary), _) => temporary.path.clone(),
            (None, Ok(Some(store))) => store.path(&found.record),
            (None, _) => PathBuf::new(),
        }
    }

    /// The configuration a binary was built from; null where it is gone.
    #[must_use]
    pub fn config_of(&self, found: &ArtifactHandle) -> serde_json::Value {
        match (&found.temporary, self.store()) {
            (Some(temporary), _) => temporary.config.clone(),
            (None, Ok(Some(store))) => store.config(&found.record).unwrap_or_default(),
            (None, _) => serde_json::Value::Null,
        }
    }

    /// Opens a binary for reading, its size checked.
    ///
    /// # Errors
    /// [`Error::State`]: it is gone.
    pub fn open(&self, found: &ArtifactHandle) -> Result<File> {
        let opened = match &found.temporary {
            Some(temporary) => temporary.open(&found.record),
            None => self.enabled_store()?.open_binary(&found.record)?,
        };
        opened.ok_or_else(|| {
            Error::State(format!(
                "the binary of artifact {} is gone: {}",
                found.record.key,
                self.path_of(found).display()
            ))
        })
    }

    /// Hashes a binary again. `false`: it is gone, or not what was committed.
    #[must_use]
    pub fn verify(&self, found: &ArtifactHandle) -> bool {
        match (&found.temporary, self.store()) {
            (Some(temporary), _) => temporary.verify(&found.record),
            (None, Ok(Some(store))) => store.verify(&found.record).unwrap_or(false),
            (None, _) => false,
        }
    }
}
