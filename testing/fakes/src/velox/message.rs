//! The build request as the server decodes it: fields by their proto name or their JSON name, unknown ones skipped,
//! `null` as absent. It shares nothing with the engine's type, which the server would otherwise agree with by
//! construction.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Deserializer};

/// `api.request.v1.BuildRequest`.
#[derive(Debug, Clone, Default, Hash, Deserialize)]
#[serde(default)]
pub(super) struct BuildRequest {
    #[serde(alias = "requestId")]
    pub(super) request_id: String,
    #[serde(alias = "rrVersion")]
    pub(super) rr_version: String,
    #[serde(alias = "forceRebuild")]
    pub(super) force_rebuild: bool,
    #[serde(alias = "targetPlatform")]
    pub(super) target_platform: Option<Platform>,
    #[serde(deserialize_with = "nullable")]
    pub(super) plugins: Vec<Plugin>,
    #[serde(deserialize_with = "nullable")]
    pub(super) replaces: Vec<BTreeMap<String, String>>,
    #[serde(deserialize_with = "nullable")]
    pub(super) excludes: Vec<BTreeMap<String, String>>,
    pub(super) race: bool,
    pub(super) debug: bool,
}

/// A target in Go's words.
#[derive(Debug, Clone, Hash, Deserialize)]
pub(super) struct Platform {
    pub(super) os: String,
    pub(super) arch: String,
}

/// A plugin of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Plugin {
    #[serde(alias = "moduleName")]
    pub(super) module_name: String,
    pub(super) tag: String,
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Option::<Vec<T>>::deserialize(from).map(Option::unwrap_or_default)
}

impl BuildRequest {
    /// The name of the recorded answer that refuses it, if it lacks a field.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        let Self {
            request_id,
            rr_version,
            plugins,
            ..
        } = self;
        if request_id.is_empty() {
            Some("no request_id")
        } else if rr_version.is_empty() {
            Some("no rr_version")
        } else if plugins.is_empty() {
            Some("no plugins")
        } else {
            None
        }
    }

    /// The name of its configuration, 16 hexadecimal digits; the same for each order of the lists.
    pub(super) fn hash(&self) -> String {
        let mut configuration = self.clone();
        configuration.request_id.clear();
        configuration.force_rebuild = false;
        configuration.plugins.sort();
        configuration.replaces.sort();
        configuration.excludes.sort();
        let mut hasher = DefaultHasher::new();
        Hash::hash(&configuration, &mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(fields: &str) -> String {
        let body = format!(
            r#"{{"requestId":"a","rr_version":"v1.0.0","plugins":[{{"module_name":"m","tag":"t"}},{{"moduleName":"n"}}]{fields}}}"#
        );
        let request: BuildRequest = serde_json::from_str(&body).unwrap();
        assert_eq!(request.refusal(), None);
        request.hash()
    }

    #[test]
    fn hash_covers_the_configuration_only() {
        let base = hash("");
        for same in [
            r#","force_rebuild":true"#,
            r#","replaces":null"#,
            r#","x":{"y":[1]}"#,
        ] {
            assert_eq!(hash(same), base, "{same}");
        }
        for other in [
            r#","debug":true"#,
            r#","excludes":[{"module":"a","version":"b"}]"#,
            r#","targetPlatform":{"os":"linux","arch":"arm64"}"#,
        ] {
            assert_ne!(hash(other), base, "{other}");
        }
    }
}
