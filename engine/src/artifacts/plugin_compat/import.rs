//! Imports the cache of the Velox plugin, which has an `index.json` in two forms: the documented one (relative paths, a
//! flat configuration) and that of its code (paths joined with the directory, the whole request as configuration).
//! Neither has checksums, so each binary is hashed once, which takes seconds for a large cache and is done in batches.
//! Nothing in the file is used as a path. Background threads.

use std::{collections::BTreeMap, io};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::export::{MAX_BYTES, NAME};
use crate::artifacts::{
    ConfigDigest, IndexRecord, Key, Store,
    commit::copy,
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

#[derive(Deserialize)]
struct PluginIndex {
    entries: BTreeMap<String, Value>,
}

/// An artifact in the Velox plugin's index.
#[derive(Deserialize)]
pub(in crate::artifacts) struct PluginEntry {
    file_size: u64,
    created_at: String,
    expires_at: String,
    #[serde(default)]
    accessed_at: String,
    #[serde(default)]
    build_config: Value,
}

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
        let name = random_name()?;
        place.link(&link_name(key), &place, &name)?;
        if !place.names_file(&name, &file)? {
            place.remove(&name)?;
            return Ok(false);
        }
        place.chmod(&name, 0o755)?;
        place.rename(&name, &place, &record.file_name())?;
        failpoint!("import.named");
        place.remove(&name)?;
        place.sync()?;
        let Some(writer) = self.writer() else {
            return Ok(false);
        };
        writer.with_pending(key, Pending::Change, || {
            temp.publish(&place, &metadata_name(key))?;
            self.index_record(&writer, &record);
            io::Result::Ok(())
        })?;
        self.append_change(key);
        Ok(true)
    }
}

/// Parses `index.json`, but not its entries.
pub(in crate::artifacts) fn parse(bytes: &[u8]) -> serde_json::Result<BTreeMap<String, Value>> {
    serde_json::from_slice(bytes).map(|old: PluginIndex| old.entries)
}

/// Parses an entry; `None` if it is invalid.
pub(in crate::artifacts) fn parse_plugin_entry(
    name: &str,
    value: Value,
) -> Option<(Key, PluginEntry)> {
    let key = Key::parse(name.as_bytes())?;
    Some((key, serde_json::from_value(value).ok()?))
}

/// Times of creation, expiry and last use; never in the future, except for the second.
pub(in crate::artifacts) fn times(old: &PluginEntry, now_ms: u64, ttl_ms: u64) -> [u64; 3] {
    let created_ms = crate::time::parse_rfc3339(&old.created_at)
        .unwrap_or(now_ms)
        .min(now_ms);
    let unknown = created_ms.saturating_add(ttl_ms);
    let accessed_ms = crate::time::parse_rfc3339(&old.accessed_at).unwrap_or(created_ms);
    [
        created_ms,
        crate::time::parse_rfc3339(&old.expires_at).unwrap_or(unknown),
        accessed_ms.clamp(created_ms, now_ms),
    ]
}

#[cfg(feature = "fuzzing")]
impl PluginEntry {
    /// For `fuzzing`.
    pub(in crate::artifacts) fn config(&self) -> &Value {
        &self.build_config
    }
}

/// The canonical form of a configuration in either form; `None` if it is neither.
pub(in crate::artifacts) fn normal(config: &Value) -> Option<Value> {
    let text = |value: &Value| Some(value.as_str()?.trim().to_owned());
    let platform = config.get("target_platform").unwrap_or(config);
    let mut plugins = Vec::new();
    for plugin in config.get("plugins")?.as_array()? {
        let module = plugin.get("module_name").or_else(|| plugin.get("module"))?;
        plugins.push((text(module)?, text(plugin.get("tag")?)?));
    }
    plugins.sort();
    let plugins: Vec<Value> = plugins
        .into_iter()
        .map(|(module, tag)| json!({"module": module, "tag": tag}))
        .collect();
    Some(json!({
        "rr_version": text(config.get("rr_version")?)?,
        "os": text(platform.get("os")?)?,
        "arch": text(platform.get("arch")?)?,
        "plugins": plugins,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_configuration_are_equal() {
        let flat = json!({
            "rr_version": "v2025.1.2", "os": "linux", "arch": "amd64",
            "plugins": [{"module": "github.com/b/http", "tag": "v5"}, {"module": "github.com/a/grpc", "tag": "v5"}],
        });
        let whole = json!({
            "request_id": "b66d5617-9c1c-4dd0-9d0f-6f9ab1a4a5d7", "force_rebuild": true,
            "target_platform": {"os": "linux", "arch": "amd64"}, "rr_version": " v2025.1.2",
            "plugins": [{"module_name": "github.com/a/grpc", "tag": "v5"}, {"module_name": "github.com/b/http", "tag": "v5"}],
        });
        let normalised = normal(&flat).unwrap();
        assert_eq!(normal(&whole), Some(normalised.clone()));
        assert_eq!(
            normalised.to_string(),
            r#"{"rr_version":"v2025.1.2","os":"linux","arch":"amd64","plugins":[{"module":"github.com/a/grpc","tag":"v5"},{"module":"github.com/b/http","tag":"v5"}]}"#
        );
        assert_eq!(normal(&json!({"something": "else"})), None);
        assert_eq!(normal(&Value::Null), None);
    }
}
