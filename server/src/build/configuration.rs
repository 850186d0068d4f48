//! The part of a request that decides about the binary, in canonical order: equal configurations build the same binary
//! and share a hash. Pure data, any thread.

use std::ops::Deref;

use pillion_engine::velox::{BuildRequest, Platform, mutable_ref};
use prost::Message;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A build's configuration: a request without its id and `force_rebuild`, lists sorted, platform filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Configuration(BuildRequest);

impl Deref for Configuration {
    type Target = BuildRequest;

    fn deref(&self) -> &BuildRequest {
        &self.0
    }
}

impl Configuration {
    /// The configuration of a request; `host` fills in the platform's empty parts.
    pub(super) fn new(mut request: BuildRequest, host: &Platform) -> Self {
        request.request_id.clear();
        request.force_rebuild = false;
        request.plugins.sort();
        request.replaces.sort_by(|a, b| a.old.cmp(&b.old));
        request.excludes.sort();
        let platform = &mut request.target_platform;
        for (part, host) in [
            (&mut platform.os, &host.os),
            (&mut platform.arch, &host.arch),
        ] {
            if part.is_empty() {
                part.clone_from(host);
            }
        }
        Self(request)
    }

    /// The build's name, equal to the Velox server's: FNV-1a over the deterministic Protocol Buffers encoding, in
    /// hexadecimal without leading zeros. 64 bits that a client can make collide prove no equality.
    pub(super) fn hash(&self) -> String {
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let bytes = self.0.encode_to_vec();
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
    pub(super) fn to_json(&self) -> Value {
        let mut json = self.config();
        if let Some(fields) = json.as_object_mut() {
            fields.retain(|name, _| name != "request_id" && name != "force_rebuild");
        }
        json
    }

    /// Whether the same configuration may build another binary later, because it names a branch, `latest` or a
    /// directory.
    pub(super) fn is_mutable(&self) -> bool {
        mutable_ref(self).is_some()
    }

    /// File name of the executable.
    pub(super) fn binary_name(&self) -> &'static str {
        if self.target_platform.os == "windows" {
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
        let request = serde_json::from_str(body).unwrap();
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
        let full = r#"{"rr_version":"v2025.1.0","plugins":[
            {"module_name":"github.com/roadrunner-server/rpc/v6","tag":"v6.0.0"},
            {"module_name":"github.com/roadrunner-server/http/v6","tag":"v6.1.0"},
            {"module_name":"github.com/roadrunner-server/logger/v6","tag":"v6.1.0"}],
            "replaces":[{"new":"../bar","old":"github.com/foo/bar"},{"new":"../qux","old":"github.com/baz/qux"}],
            "excludes":[{"module":"github.com/redis/go-redis/v9","version":"v9.15.0"},
            {"module":"github.com/aaa/bbb","version":"v1.0.0"}]}"#;
        assert_eq!(configuration(full).hash(), "40c747bfb5daf205");
        let both = full.replacen('{', r#"{"race":true,"debug":true,"#, 1);
        assert_eq!(configuration(&both).hash(), "7dba65021b7f0495");
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
    fn a_branch_makes_the_configuration_mutable() {
        assert!(!configuration(TWO).is_mutable());
        assert!(configuration(&TWO.replace("v5.2.7", "master")).is_mutable());
    }
}
