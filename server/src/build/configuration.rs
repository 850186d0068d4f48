//! The part of a request that decides about the binary, in canonical order: equal configurations build the same binary
//! and share a hash. Pure data, any thread.

use prost::Message;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    rpc::messages::{BuildRequest, Exclude, Platform, Plugin, Replace},
    validate::grammar,
};

/// A build's configuration: lists sorted, platform filled in. Field numbers are those of `api.request.v1.BuildRequest`.
#[derive(Clone, PartialEq, Eq, Message, Serialize)]
pub(super) struct Configuration {
    #[prost(string, tag = "2")]
    pub(super) rr_version: String,
    #[prost(message, required, tag = "4")]
    pub(super) platform: Platform,
    #[prost(message, repeated, tag = "5")]
    pub(super) plugins: Vec<Plugin>,
    #[prost(message, repeated, tag = "6")]
    pub(super) replaces: Vec<Replace>,
    #[prost(message, repeated, tag = "7")]
    pub(super) excludes: Vec<Exclude>,
    #[prost(bool, tag = "8")]
    pub(super) race: bool,
    #[prost(bool, tag = "9")]
    pub(super) debug: bool,
}

impl Configuration {
    /// The configuration of a request; `host` fills in the platform's empty parts.
    pub(super) fn new(request: BuildRequest, host: &Platform) -> Self {
        let BuildRequest {
            rr_version,
            target_platform,
            mut plugins,
            mut replaces,
            mut excludes,
            race,
            debug,
            ..
        } = request;
        plugins.sort();
        replaces.sort_by(|a, b| a.old.cmp(&b.old));
        excludes.sort();
        let mut platform = target_platform.unwrap_or_default();
        for (part, host) in [
            (&mut platform.os, &host.os),
            (&mut platform.arch, &host.arch),
        ] {
            if part.is_empty() {
                part.clone_from(host);
            }
        }
        Self {
            rr_version,
            platform,
            plugins,
            replaces,
            excludes,
            race,
            debug,
        }
    }

    /// The build's name, equal to the Velox server's: FNV-1a over the deterministic Protocol Buffers encoding, in
    /// hexadecimal without leading zeros. 64 bits that a client can make collide prove no equality.
    pub(super) fn hash(&self) -> String {
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let bytes = self.encode_to_vec();
        format!("{:x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, fnv))
    }

    /// SHA-256 of the JSON form, which proves equality.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.to_json().to_string()).into()
    }

    /// The digest in hexadecimal.
    pub(super) fn fingerprint(&self) -> String {
        self.digest()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// All fields as JSON.
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whether the same configuration may build another binary later, because it names a branch, `latest` or a
    /// directory.
    pub(super) fn is_mutable(&self) -> bool {
        let is_mutable = |module: &str| {
            module
                .split_once('@')
                .is_none_or(|(_, version)| grammar::is_mutable(version))
        };
        grammar::is_mutable(&self.rr_version)
            || self
                .plugins
                .iter()
                .any(|plugin| grammar::is_mutable(&plugin.tag))
            || self.replaces.iter().any(|replace| is_mutable(&replace.new))
    }

    /// File name of the executable.
    pub(super) fn binary_name(&self) -> &'static str {
        if self.platform.os == "windows" {
            "rr.exe"
        } else {
            "rr"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(body: &str) -> Configuration {
        let request = BuildRequest::from_json(body.as_bytes()).unwrap();
        let host = Platform {
            os: "linux".into(),
            arch: "amd64".into(),
        };
        Configuration::new(request, &host)
    }

    const TWO: &str = r#"{"rr_version":"v2025.1.2","plugins":[
        {"module_name":"github.com/roadrunner-server/http/v5","tag":"v5.2.7"},
        {"module_name":"github.com/roadrunner-server/grpc/v5","tag":"v5.1.0"}]}"#;

    #[test]
    fn the_hash_is_the_velox_servers() {
        assert_eq!(configuration(TWO).hash(), "caca668174db4a8c");
    }

    #[test]
    fn order_id_and_force_are_no_part_and_each_option_is() {
        let same = TWO.replacen(
            '{',
            r#"{"requestId":"x","forceRebuild":true,"targetPlatform":{"os":"linux"},"#,
            1,
        );
        assert_eq!(configuration(&same), configuration(TWO));
        let mut seen = vec![configuration(TWO).fingerprint()];
        for extra in [
            r#""race":true,"#,
            r#""debug":true,"#,
            r#""replaces":[{"old":"a.b/c","new":"d.e/f@v1.0.0"}],"#,
            r#""excludes":[{"module":"a.b/c","version":"v1.0.0"}],"#,
            r#""target_platform":{"os":"linux","arch":"arm64"},"#,
        ] {
            let other = configuration(&TWO.replacen('{', &format!("{{{extra}"), 1));
            assert_ne!(other.hash(), configuration(TWO).hash());
            assert!(!seen.contains(&other.fingerprint()), "{extra}");
            seen.push(other.fingerprint());
        }
    }

    #[test]
    fn branches_and_directories_are_mutable_and_commits_are_not() {
        assert!(!configuration(TWO).is_mutable());
        for tag in ["latest", "master", "v5", "0123abc", "feature/x"] {
            let tagged = configuration(&TWO.replace("v5.2.7", tag));
            assert!(tagged.is_mutable(), "{tag}");
        }
        let commit = &"0123456789abcdef".repeat(3)[..40];
        assert!(!configuration(&TWO.replace("v5.2.7", commit)).is_mutable());
        let replaced = |new: &str| {
            let replace = format!(r#"{{"replaces":[{{"old":"a.b/c","new":"{new}"}}],"#);
            configuration(&TWO.replacen('{', &replace, 1)).is_mutable()
        };
        assert!(replaced("/srv/c") && replaced("d.e/f@main") && !replaced("d.e/f@v1.0.0"));
    }
}
