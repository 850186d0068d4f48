//! Caches full of generated artifacts, for benchmarks and tests: ten thousand on disk, or a million in the index alone.
//! Compiled with the feature `fixture` only. Any thread that may wait.

use std::io::{self, Write as _};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    Clock, ConfigDigest, IndexRecord, Key, Store, StoreOptions,
    file_names::{link_name, metadata_name},
    index::{Pending, Stored},
    metadata,
};
use crate::{Error, Result, error::IoContext as _};

/// Records stored under one lock.
const BATCH: u32 = 4096;

/// The place of the generated artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// In the index alone, marked as filled: opening one of them finds no file.
    Index,
    /// On disk, each with a binary of that many bytes, and then in the index.
    Disk {
        /// Bytes of each binary.
        binary_size: u32,
    },
}

/// The key of artifact `n`: the first 16 digits of the SHA-256 of `fixture-<n>`.
#[must_use]
pub fn key(n: u32) -> Key {
    Key::from_sha256(&Sha256::digest(format!("fixture-{n}")).into())
}

/// The configuration of artifact `n`, of the usual size.
#[must_use]
pub fn config(n: u32) -> Value {
    serde_json::from_str(&canonical(n)).unwrap_or_default()
}

/// The canonical text of [`config`], which the digest of the record is of.
#[must_use]
pub fn canonical(n: u32) -> String {
    let plugins = [
        "grpc", "http", "jobs", "kv", "logger", "metrics", "rpc", "server",
    ]
    .map(|name| {
        format!(
            r#"{{"module":"github.com/roadrunner-server/{name}/v5","tag":"v5.{}.{}"}}"#,
            n % 10,
            n / 10
        )
    });
    let plugins = plugins.join(",");
    format!(r#"{{"rr_version":"v2025.1.2","os":"linux","arch":"amd64","plugins":[{plugins}]}}"#)
}

/// Creates a cache of `count` artifacts that expire in seven days, and opens it.
///
/// # Errors
/// The directory can't be created or written; the index has less capacity than `count`.
pub fn fill(options: StoreOptions, count: u32, place: Target) -> Result<Store> {
    let store = Store::attach(options, Clock::System)?;
    match place {
        Target::Index => fill_index(&store, count)?,
        Target::Disk { binary_size } => {
            let bytes = vec![0x5a; binary_size as usize];
            for n in 0..count {
                write(&store, n, &bytes).context(|| format!("writing artifact {n}"))?;
            }
            store.rebuild()?;
        }
    }
    Ok(store)
}

fn fill_index(store: &Store, count: u32) -> Result<()> {
    let full = || Error::State(format!("the index has no room for {count} artifacts"));
    for first in (0..count).step_by(BATCH as usize) {
        let writer = store.writer().ok_or_else(full)?;
        for n in first..count.min(first.saturating_add(BATCH)) {
            if writer.store(&record(store, n, &[])) == Stored::Full {
                return Err(full());
            }
        }
    }
    store.index.end_rescan();
    Ok(())
}

/// Changes the index at full speed: stores each of the first `count` artifacts again and again, marked as pending as in
/// every commit. Returns when the index can't be changed.
pub fn write_continuously(store: &Store, count: u32) {
    let keys: Vec<Key> = (0..count).map(key).collect();
    while let Some(writer) = store.writer() {
        for key in &keys {
            if let Some(record) = store.index.get(*key) {
                writer.with_pending(*key, Pending::Change, || writer.store(&record));
            }
        }
    }
}

/// Writes to the final names and does not wait for the disk, unlike a real commit.
fn write(store: &Store, n: u32, bytes: &[u8]) -> io::Result<()> {
    let record = record(store, n, bytes);
    let folder = store.cache_dir.create_shard(record.key)?;
    let binary = record.file_name();
    folder.remove(&binary)?;
    folder.create(&binary)?.write_all(bytes)?;
    folder.chmod(&binary, 0o755)?;
    folder.remove(&link_name(record.key))?;
    folder.link(&binary, &folder, &link_name(record.key))?;
    let entry = metadata_name(record.key);
    folder.remove(&entry)?;
    folder
        .create(&entry)?
        .write_all(&metadata::format(&record, &config(n))?)
}

fn record(store: &Store, n: u32, bytes: &[u8]) -> IndexRecord {
    let now_ms = store.clock.now_ms();
    IndexRecord {
        key: key(n),
        sha256: Sha256::digest(bytes).into(),
        size: bytes.len() as u64,
        created_ms: now_ms,
        expires_ms: now_ms.saturating_add(7 * 86_400_000),
        accessed_ms: now_ms,
        build_ms: 30_000,
        digest: ConfigDigest::of(canonical(n).as_bytes()),
    }
}
