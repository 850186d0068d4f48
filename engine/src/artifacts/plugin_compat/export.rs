//! `index.json`: the list of all artifacts, for people and for readers of the Velox plugin's file. Written entry by
//! entry, so that ten thousand need no memory, and renamed into place. Background threads.

use std::{
    collections::HashMap,
    io::{self, BufWriter, Write as _},
};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::artifacts::{Key, Store, file_names::link_name};
use crate::{Result, error::IoContext as _, failpoint::failpoint};

/// The file in the cache directory.
pub(in crate::artifacts) const NAME: &str = "index.json";
/// Maximum number of entries; more would make a file too large to be read: some 75 MB.
const MOST: u64 = 100_000;
/// Maximum bytes read of it.
pub(in crate::artifacts) const MAX_BYTES: u64 = 128 << 20;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    entries: Entries<'a>,
}

struct Entries<'a>(&'a Store);

/// An entry in the plugin's format: the path is relative to the file, as the plugin documents it.
#[derive(Serialize)]
struct ExportedEntry {
    key: String,
    file_path: String,
    file_size: u64,
    created_at: String,
    expires_at: String,
    accessed_at: String,
    build_config: Value,
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let store = self.0;
        let mut keys: Vec<Key> = store.index.records().map(|record| record.key).collect();
        keys.sort_unstable();
        serializer.collect_map(keys.into_iter().filter_map(|key| store.line(key)))
    }
}

impl Store {
    /// Writes `index.json`, if an artifact was added or removed since the last time.
    ///
    /// # Errors
    /// An I/O error; the file is then unchanged.
    pub fn export(&self) -> Result<()> {
        let doing = || format!("writing {NAME} in {}", self.options.dir.display());
        let changes = self.index.change_count();
        if changes == self.index.exported_count() && self.has_export().context(doing)? {
            return Ok(());
        }
        if self.index.len() > MOST {
            log::debug!(entries = self.index.len(), most = MOST; "too many artifacts for index.json");
            return Ok(());
        }
        // A Velox plugin's file is imported before it is replaced.
        while self.needs_import() && self.import_batch()? {}
        self.write_export().context(doing)?;
        self.index.set_exported_count(changes);
        Ok(())
    }

    fn has_export(&self) -> io::Result<bool> {
        Ok(self.cache_dir.root()?.file_size(NAME)?.is_some())
    }

    fn write_export(&self) -> io::Result<()> {
        let temp = self.cache_dir.create_temp()?;
        let mut out = BufWriter::with_capacity(1 << 16, temp.file());
        let document = Document {
            version: 1,
            entries: Entries(self),
        };
        serde_json::to_writer_pretty(&mut out, &document)?;
        out.write_all(b"\n")?;
        out.flush()?;
        drop(out);
        temp.seal(0o644)?;
        failpoint!("export.written");
        temp.publish(&self.cache_dir.root()?, NAME)?;
        failpoint!("export.published");
        Ok(())
    }

    fn line(&self, key: Key) -> Option<(String, ExportedEntry)> {
        let accessed_ms = self.index.get(key)?.accessed_ms;
        let entry = self.cache_dir.read_metadata(key).ok().flatten()?;
        let [outer, inner] = key.shard_names();
        let line = ExportedEntry {
            key: key.to_string(),
            file_path: format!("{outer}/{inner}/{}", link_name(key)),
            file_size: entry.record.size,
            created_at: crate::time::format_rfc3339(entry.record.created_ms),
            expires_at: crate::time::format_rfc3339(entry.record.expires_ms),
            accessed_at: crate::time::format_rfc3339(accessed_ms),
            build_config: entry.config,
        };
        Some((key.to_string(), line))
    }

    /// Sets the last uses in a new index from the last export, so that after a reboot eviction still knows the least
    /// recently used ones.
    pub(in crate::artifacts) fn restore_uses(&self) {
        #[derive(Deserialize)]
        struct Uses {
            entries: HashMap<String, Use>,
        }
        #[derive(Deserialize)]
        struct Use {
            accessed_at: String,
        }
        let read = self
            .cache_dir
            .root()
            .and_then(|root| root.read(NAME, MAX_BYTES));
        let Ok(Some(bytes)) = read else {
            return;
        };
        let Ok(uses) = serde_json::from_slice::<Uses>(&bytes) else {
            return;
        };
        let now_ms = self.clock.now_ms();
        for (key, used) in uses.entries {
            let used_ms =
                crate::time::parse_rfc3339(&used.accessed_at).filter(|used| *used <= now_ms);
            if let (Some(key), Some(used_ms)) = (Key::parse(key.as_bytes()), used_ms) {
                self.index.record_use(key, used_ms);
            }
        }
    }
}
