//! Where clients find a binary: `<dir>/<hash>/rr`, a hard link to the stored file, with a note beside it
//! that says whose it is. Such a path stays while the binary is kept, also when it is built anew:
//! replaced by rename, never written into. Threads that may wait for a disk.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::build::configuration::Configuration;
use pillion_engine::{
    artifacts::Record,
    error::{IoContext, Result},
};

/// A client copies the file as soon as it has the answer; so long it may take.
pub(in crate::build) const GRACE: Duration = Duration::from_secs(15 * 60);
const CLAIM: &str = "build.json";

/// Whose binary stands beside it, and which one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    fingerprint: String,
    sha256: String,
    size: u64,
    /// For people; the fingerprint decides.
    configuration: serde_json::Value,
}

impl Manifest {
    fn of(configuration: &Configuration, record: &Record) -> Self {
        Self {
            fingerprint: configuration.fingerprint(),
            sha256: record.sha256_hex(),
            size: record.size,
            configuration: configuration.to_json(),
        }
    }
}

/// The links of one server.
#[derive(Debug)]
pub(in crate::build) struct Published {
    dir: PathBuf,
}

impl Published {
    /// Links below a directory that is there.
    pub(in crate::build) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The path where the binary stored in that file stands for clients, made where it is not there.
    ///
    /// # Errors
    /// The file system's.
    pub(in crate::build) fn shown(
        &self,
        configuration: &Configuration,
        record: &Record,
        stored: &Path,
    ) -> Result<PathBuf> {
        let dir = self.dir_of(configuration);
        let binary = dir.join(configuration.binary_name());
        let whole = fs::metadata(&binary).is_ok_and(|meta| meta.len() == record.size);
        if whole && read_manifest(&dir) == Some(Manifest::of(configuration, record)) {
            return Ok(binary);
        }
        self.show(configuration, record, stored)
    }

    /// Makes `<hash>/rr` be the stored binary, also where it has those bytes already: the store may
    /// have let go of the file that they were in.
    ///
    /// # Errors
    /// The file system's.
    pub(in crate::build) fn show(
        &self,
        configuration: &Configuration,
        record: &Record,
        stored: &Path,
    ) -> Result<PathBuf> {
        let dir = self.dir_of(configuration);
        let binary = dir.join(configuration.binary_name());
        let doing = || binary.display().to_string();
        let manifest = Manifest::of(configuration, record);
        let json = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&dir)
            .context(doing)?;
        replace(&binary, |fresh| link(stored, fresh)).context(doing)?;
        replace(&dir.join(CLAIM), |fresh| fs::write(fresh, json)).context(doing)?;
        Ok(binary)
    }

    /// The configuration's directory: its hash, and where another configuration with the same hash
    /// sits there, the hash and a piece of the fingerprint.
    fn dir_of(&self, configuration: &Configuration) -> PathBuf {
        let (hash, fingerprint) = (configuration.hash(), configuration.fingerprint());
        let dir = self.dir.join(&hash);
        match read_manifest(&dir) {
            Some(manifest) if manifest.fingerprint != fingerprint => {
                let piece = fingerprint.get(..16).unwrap_or_default();
                self.dir.join(format!("{hash}-{piece}"))
            }
            _ => dir,
        }
    }

    /// Removes links to what the store has let go.
    pub(in crate::build) fn clean(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let dir = entry.path();
            if read_manifest(&dir).is_none() || !is_left_alone(&dir) {
                continue;
            }
            match fs::remove_dir_all(&dir) {
                Ok(()) => log::info!(path:% = dir.display(); "binary removed"),
                Err(error) => log::warn!(path:% = dir.display(), error:%; "binary not removed"),
            }
        }
    }
}

fn read_manifest(dir: &Path) -> Option<Manifest> {
    serde_json::from_slice(&fs::read(dir.join(CLAIM)).ok()?).ok()
}

/// Whether the link is the last name of its file, and has been for a while: the store's own names are
/// gone. Where there are no hard links it is the age of the copy that counts; it is made again from
/// the store when it is wanted again.
fn is_left_alone(dir: &Path) -> bool {
    let meta = ["rr", "rr.exe"]
        .iter()
        .find_map(|name| fs::metadata(dir.join(name)).ok());
    meta.is_none_or(|meta| {
        let changed = Duration::from_secs(meta.ctime().try_into().unwrap_or(0));
        let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + changed);
        meta.nlink() == 1 && age.is_ok_and(|age| age > GRACE)
    })
}

/// A second name for a file, or a copy of it where the file system has no such thing.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
}

/// Puts a new file in the place of an old one in one step.
fn replace(file: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let fresh = file.with_extension("fresh");
    let _ = fs::remove_file(&fresh);
    make(&fresh)?;
    fs::rename(&fresh, file)?;
    // Two names of one file both stay when one is renamed to the other.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
