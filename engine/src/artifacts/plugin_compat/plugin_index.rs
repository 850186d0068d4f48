//! The `index.json` of the Velox plugin, which has two forms: the documented one (relative paths, a flat configuration)
//! and that of its code (paths joined with the directory, the whole request as configuration). Its paths are not used.
//! Pure functions; any thread.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{artifacts::Key, time::parse_rfc3339};

#[derive(Deserialize)]
struct PluginIndex {
    entries: BTreeMap<String, Value>,
}

/// An artifact in the Velox plugin's index.
#[derive(Deserialize)]
pub(in crate::artifacts) struct PluginEntry {
    pub(super) file_size: u64,
    created_at: String,
    expires_at: String,
    #[serde(default)]
    accessed_at: String,
    #[serde(default)]
    pub(super) build_config: Value,
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
    let created_ms = parse_rfc3339(&old.created_at).unwrap_or(now_ms).min(now_ms);
    let unknown = created_ms.saturating_add(ttl_ms);
    let accessed_ms = parse_rfc3339(&old.accessed_at).unwrap_or(created_ms);
    [
        created_ms,
        parse_rfc3339(&old.expires_at).unwrap_or(unknown),
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
