//! Imports the cache of the Velox plugin. Its index has no checksums, so each binary is hashed once, which takes
//! seconds for a large cache and is done in batches. Background threads.

use std::{collections::BTreeMap, fs::File, io};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    export::{MAX_BYTES, NAME},
    plugin_index::{PluginEntry, normal, parse, parse_plugin_entry, times},
};
use crate::artifacts::{
    ConfigDigest, IndexRecord, Key, Store,
    commit::copy,
    dir_fd::DirFd,
    file_names::{link_name, metadata_name, random_name},
    index::Pending,
    layout::META_DIR,
    metadata,
};
use crate::{Result, error::IoContext as _, failpoint::failpoint, file_size::without_sigxfsz};

/// Marker file in [`META_DIR`]: the import is complete.
const DONE: &str = "imported";
/// Bytes hashed in one batch, which takes half a second.
const PIECE: u64 = 1 << 30;

impl Store {
    /// Imports all artifacts of the Velox plugin. Returns how many.
    ///
    /// # Errors
    /// An I/O error.
    pub fn import(&self) -> Result<usize> {
        let doing = || format!("taking over {NAME} of {}", self.options.dir.display());
        self.import_up_to(u64::MAX)
            .map(|(count, _)| count)
            .context(doing)
    }

    /// Whether there may be a Velox plugin's cache that was not imported.
    pub(in crate::artifacts) fn needs_import(&self) -> bool {
        let Ok(root) = self.cache_dir.root() else {
            return false;
        };
        let done = root
            .open_dir(META_DIR)
            .and_then(|control| control.stat(DONE));
        !matches!(done, Ok(Some(_))) && matches!(root.file_size(NAME), Ok(Some(_)))
    }

    /// Imports a batch. Returns whether there is more.
    pub(in crate::artifacts) fn import_batch(&self) -> Result<bool> {
        let doing = || format!("taking over {NAME} of {}", self.options.dir.display());
        self.import_up_to(PIECE)
            .map(|(_, more)| more)
            .context(doing)
    }

    fn import_up_to(&self, mut bytes: u64) -> io::Result<(usize, bool)> {
        let mut count = 0;
        let now_ms = self.clock.now_ms();
        let mut entries = self.old_entries()?.into_iter();
        for (name, old) in entries.by_ref() {
            let Some((key, old)) = parse_plugin_entry(&name, old) else {
                log::debug!(name; "entry of index.json unreadable");
                continue;
            };
            if bytes == 0 {
                return Ok((count, true));
            }
            let Some(record) = self.old_record(key, &old, now_ms)? else {
                continue;
            };
            bytes = bytes.saturating_sub(record.size);
            count += usize::from(self.import_binary(record, old.build_config)?);
        }
        match self.cache_dir.create_meta_dir()?.create(DONE) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if count > 0 {
            log::info!(count; "artifacts of the old index taken over");
        }
        Ok((count, false))
    }

    fn old_entries(&self) -> io::Result<BTreeMap<String, Value>> {
        let Some(bytes) = self.cache_dir.root()?.read(NAME, MAX_BYTES)? else {
            return Ok(BTreeMap::new());
        };
        match parse(&bytes) {
            Ok(entries) => Ok(entries),
            Err(error) => {
                log::warn!(dir:% = self.options.dir.display(), error:%; "index.json unreadable");
                Ok(BTreeMap::new())
            }
        }
    }

    /// The record of an entry to import, without its checksum: not expired, its binary of the right size, and not in
    /// the cache already.
    fn old_record(
        &self,
        key: Key,
        old: &PluginEntry,
        now_ms: u64,
    ) -> io::Result<Option<IndexRecord>> {
        let ttl_ms = u64::try_from(self.options.ttl.as_millis()).unwrap_or(u64::MAX);
        let [created_ms, expires_ms, accessed_ms] = times(old, now_ms, ttl_ms);
        let record = IndexRecord {
            key,
            sha256: [0; 32],
            size: old.file_size,
            created_ms,
            expires_ms,
            accessed_ms,
            build_ms: 0,
            digest: ConfigDigest(0),
        };
        if record.is_expired(now_ms) {
            return Ok(None);
        }
        let Some(place) = self.cache_dir.open_shard(key)? else {
            return Ok(None);
        };
        let known = place.stat(&metadata_name(key))?.is_some();
        let there = place.file_size(&link_name(key))? == Some(record.size);
        Ok((there && !known).then_some(record))
    }

    /// Hashes the binary, and gives it its name and its metadata file. Returns `false` if it was replaced meanwhile.
    fn import_binary(&self, mut record: IndexRecord, config: Value) -> io::Result<bool> {
        let key = record.key;
        let place = self.cache_dir.create_shard(key)?;
        let Some(file) = place.open(&link_name(key))? else {
            return Ok(false);
        };
        let mut hasher = Sha256::new();
        if let Err(error) = copy::hash(&file, 0, record.size, &mut hasher) {
            log::warn!(cache_key:% = key, error:%; "binary of the old index unreadable");
            return Ok(false);
        }
        record.sha256 = hasher.finalize().into();
        failpoint!("import.hashed");
        let config = normal(&config).unwrap_or(config);
        // A binary is imported even if its configuration is too long.
        let config = Some(config).filter(metadata::fits).unwrap_or_default();
        record.digest = ConfigDigest::of_value(&config);

        let temp = self.cache_dir.create_temp()?;
        let text = metadata::format(&record, &config)?;
        without_sigxfsz(|| io::Write::write_all(&mut temp.file(), &text))?;
        temp.seal(0o644)?;
        let Some(writer) = self.writer() else {
            return Ok(false);
        };
        // Under the lock: a process that removes an artifact of the same bytes removes a file of this name.
        if !name_binary(&place, &file, &record)? {
            return Ok(false);
        }
        writer.with_pending(key, Pending::Change, || {
            temp.publish(&place, &metadata_name(key))?;
            self.index_record(&writer, &record);
            io::Result::Ok(())
        })?;
        self.append_change(key);
        drop(writer);
        place.sync()?;
        Ok(true)
    }
}

/// Gives the plugin's binary the name of an artifact, beside its own. Returns `false` if it was removed or replaced, or
/// if the key has an artifact by now. The caller holds the lock of the index.
fn name_binary(place: &DirFd, file: &File, record: &IndexRecord) -> io::Result<bool> {
    let link = link_name(record.key);
    if place.stat(&metadata_name(record.key))?.is_some() || !place.names_file(&link, file)? {
        return Ok(false);
    }
    // A process without the lock may replace it at any time: only the new name is checked to the end.
    let name = random_name()?;
    place.link(&link, place, &name)?;
    if !place.names_file(&name, file)? {
        place.remove(&name)?;
        return Ok(false);
    }
    place.chmod(&name, 0o755)?;
    place.rename(&name, place, &record.file_name())?;
    failpoint!("import.named");
    place.remove(&name)?;
    Ok(true)
}
