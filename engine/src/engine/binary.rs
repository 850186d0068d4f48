//! What is done with a binary in hand: where it lies, what it was built from, reading, checking. On
//! PHP's thread, when PHP asks.

use std::{fs::File, path::PathBuf};

use super::{Found, Process};
use crate::{Error, Result};

impl Process {
    /// A binary's path on this machine.
    #[must_use]
    pub fn path_of(&self, found: &Found) -> PathBuf {
        match (&found.loose, self.store()) {
            (Some(loose), _) => loose.path.clone(),
            (None, Ok(Some(store))) => store.path(&found.record),
            (None, _) => PathBuf::new(),
        }
    }

    /// The configuration a binary was built from; null where it is gone.
    #[must_use]
    pub fn config_of(&self, found: &Found) -> serde_json::Value {
        match (&found.loose, self.store()) {
            (Some(loose), _) => loose.config.clone(),
            (None, Ok(Some(store))) => store.config(&found.record).unwrap_or_default(),
            (None, _) => serde_json::Value::Null,
        }
    }

    /// Opens a binary for reading, its size checked.
    ///
    /// # Errors
    /// [`Error::State`]: it is gone.
    pub fn open(&self, found: &Found) -> Result<File> {
        let opened = match &found.loose {
            Some(loose) => loose.open(&found.record),
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
    pub fn verify(&self, found: &Found) -> bool {
        match (&found.loose, self.store()) {
            (Some(loose), _) => loose.verify(&found.record),
            (None, Ok(Some(store))) => store.verify(&found.record).unwrap_or(false),
            (None, _) => false,
        }
    }
}
