//! The paths from which clients read binaries: `<dir>/<hash>/rr`, a hard link to the stored file, beside a manifest
//! that names its configuration. A path stays valid while its binary is cached, also when it is built anew, because
//! files are replaced by rename and never written into. Threads that may block on a disk.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use pillion_engine::{
    artifacts::IndexRecord,
    error::{IoContext, Result},
};
use serde::{Deserialize, Serialize};

use crate::build::configuration::Configuration;

/// Time that a client has to copy a binary after its response.
pub(super) const COPY_TIMEOUT: Duration = Duration::from_secs(15 * 60);
const MANIFEST: &str = "build.json";

/// The configuration and the content of the binary beside it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    fingerprint: String,
    sha256: String,
    size: u64,
    /// For readers of the file; the fingerprint decides.
    configuration: serde_json::Value,
}

impl Manifest {
    fn new(configuration: &Configuration, record: &IndexRecord) -> Self {
        Self {
            fingerprint: configuration.fingerprint(),
            sha256: record.sha256_hex(),
            size: record.size,
            configuration: configuration.to_json(),
        }
    }

    fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(dir.join(MANIFEST)).ok()?).ok()
    }
}

/// The published binaries of one server.
#[derive(Debug)]
pub(super) struct PublishedBinaries {
    dir: PathBuf,
}

impl PublishedBinaries {
    /// Binaries below an existing directory.
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Returns the published path of a stored file, and publishes the file if it is not.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn ensure(
        &self,
        configuration: &Configuration,
        record: &IndexRecord,
        stored: &Path,
    ) -> Result<PathBuf> {
        let dir = self.dir_of(configuration);
        let binary = dir.join(configuration.binary_name());
        let is_whole = fs::metadata(&binary).is_ok_and(|meta| meta.len() == record.size);
        if is_whole && Manifest::read(&dir) == Some(Manifest::new(configuration, record)) {
            return Ok(binary);
        }
        self.publish(configuration, record, stored)
    }

    /// Links `<hash>/rr` to the stored file, also if it has the same bytes already, because it may be the link to a
    /// file that the store has removed.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn publish(
        &self,
        configuration: &Configuration,
        record: &IndexRecord,
        stored: &Path,
    ) -> Result<PathBuf> {
        let dir = self.dir_of(configuration);
        let binary = dir.join(configuration.binary_name());
        let name = || binary.display().to_string();
        let manifest = Manifest::new(configuration, record);
        let json = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&dir)
            .context(name)?;
        replace(&binary, |new| link(stored, new)).context(name)?;
        replace(&dir.join(MANIFEST), |new| fs::write(new, json)).context(name)?;
        Ok(binary)
    }

    /// The configuration's directory: its hash, with a part of the fingerprint if another configuration of the same
    /// hash occupies that.
    fn dir_of(&self, configuration: &Configuration) -> PathBuf {
        let (hash, fingerprint) = (configuration.hash(), configuration.fingerprint());
        let dir = self.dir.join(&hash);
        match Manifest::read(&dir) {
            Some(manifest) if manifest.fingerprint != fingerprint => {
                let part = fingerprint.get(..16).unwrap_or_default();
                self.dir.join(format!("{hash}-{part}"))
            }
            _ => dir,
        }
    }

    /// Removes binaries that the store has removed.
    pub(super) fn remove_unstored(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let dir = entry.path();
            if Manifest::read(&dir).is_none() || !is_unstored(&dir) {
                continue;
            }
            match fs::remove_dir_all(&dir) {
                Ok(()) => log::info!(path:% = dir.display(); "binary removed"),
                Err(error) => log::warn!(path:% = dir.display(), error:%; "binary not removed"),
            }
        }
    }
}

/// Whether a published binary has been the only link to its file for [`COPY_TIMEOUT`]. On a file system without hard
/// links the age of the copy decides; the next request publishes it again.
fn is_unstored(dir: &Path) -> bool {
    let meta = ["rr", "rr.exe"]
        .iter()
        .find_map(|name| fs::metadata(dir.join(name)).ok());
    meta.is_none_or(|meta| {
        let changed = Duration::from_secs(meta.ctime().try_into().unwrap_or(0));
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + changed);
        meta.nlink() == 1 && age.is_ok_and(|age| age > COPY_TIMEOUT)
    })
}

/// Links a file, or copies it on a file system without hard links.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
}

/// Replaces a file atomically by one that `make` writes.
fn replace(file: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let new = file.with_extension("fresh");
    let _ = fs::remove_file(&new);
    make(&new)?;
    fs::rename(&new, file)?;
    // Renaming one link of a file to another link of it does nothing.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
