//! Artifacts by pages, with a search over key, file name, version, platform and plugins.

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::seconds;
use crate::{
    Result,
    artifacts::{IndexRecord, Key, Store},
    engine::{Engine, artifact_stats},
    velox::{Plugin, filename},
};

/// Records that one search reads the metadata files of; the next page goes on from there.
const MAX_SEARCHED: usize = 2000;
/// Records of one reading of the index.
const PIECE: usize = 500;

/// The part of the list that is wanted.
#[derive(Debug, Clone, Default)]
pub struct ArtifactPage {
    /// The key that the page begins after.
    pub after: Option<Key>,
    /// The largest number of artifacts.
    pub limit: usize,
    /// A part of key, file name, version, platform or plugin; empty: all.
    pub search: String,
}

impl Engine {
    /// A page of artifacts in the order of keys. `next` is the key to go on after, null at the end; a page of a search
    /// may be short and have one.
    ///
    /// # Errors
    /// The cache can't be opened.
    pub fn artifacts_view(&self, page: &ArtifactPage) -> Result<Value> {
        let Some(store) = self.store()? else {
            return Ok(json!({ "artifacts": [], "next": null, "stats": { "enabled": false } }));
        };
        let search = page.search.to_lowercase();
        let (mut found, mut after, mut searched, mut is_end) = (Vec::new(), page.after, 0, false);
        'pages: while !is_end && searched < MAX_SEARCHED {
            let records = store.entries(PIECE, after);
            is_end = records.len() < PIECE;
            for record in records {
                if found.len() == page.limit {
                    is_end = false;
                    break 'pages;
                }
                after = Some(record.key);
                searched += 1;
                let view = artifact_view(store, &record);
                if is_wanted(&view, &search) {
                    found.push(view);
                }
            }
        }
        let next = after.filter(|_| !is_end).map(|key| key.to_string());
        Ok(json!({
            "artifacts": found,
            "next": next,
            "stats": artifact_stats::stats(&store.stats()),
        }))
    }
}

fn artifact_view(store: &Store, record: &IndexRecord) -> Value {
    // Absent if the artifact is being removed or replaced.
    let config = store.config(record).unwrap_or_default();
    let text = |pointer| config.pointer(pointer).and_then(Value::as_str);
    let platform = text("/target_platform/os").zip(text("/target_platform/arch"));
    json!({
        "key": record.key.to_string(),
        "size": record.size,
        "sha256": record.sha256_hex(),
        "filename": filename(&config),
        "platform": platform.map(|(os, arch)| format!("{os}/{arch}")),
        "rr_version": text("/rr_version"),
        "plugins": plugins(&config),
        "created": seconds(record.created_ms),
        "expires": (record.expires_ms != u64::MAX).then(|| seconds(record.expires_ms)),
        "accessed": seconds(record.accessed_ms),
        "build_seconds": (record.build_ms != 0).then(|| seconds(record.build_ms.into())),
    })
}

/// The plugins of a recorded configuration, with their versions.
fn plugins(config: &Value) -> Vec<String> {
    let plugins = config.get("plugins").and_then(Value::as_array);
    let plugins = plugins.into_iter().flatten();
    plugins
        .filter_map(|plugin| Plugin::deserialize(plugin).ok())
        .map(|plugin| plugin.to_string())
        .collect()
}

fn is_wanted(view: &Value, search: &str) -> bool {
    let fields = ["key", "filename", "platform", "rr_version", "sha256"];
    let fields = fields.iter().filter_map(|field| view.get(*field));
    let plugins = view.get("plugins").and_then(Value::as_array);
    let mut texts = fields
        .chain(plugins.into_iter().flatten())
        .filter_map(Value::as_str);
    search.is_empty() || texts.any(|text| text.to_lowercase().contains(search))
}
