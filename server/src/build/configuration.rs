//! What a build is made from, without who asked for it: the request's fields in a fixed order. Two
//! requests that mean the same build are equal here, and share a hash. Pure data, any thread.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::build::{
    rpc::protocol::{BuildRequest, Exclude, Platform, Plugin, Replace},
    validate::grammar,
    wire::Writer,
};

/// A build's configuration; lists sorted, platform filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Configuration {
    pub(super) rr_version: String,
    pub(super) platform: Platform,
    pub(super) plugins: Vec<Plugin>,
    pub(super) replaces: Vec<Replace>,
    pub(super) excludes: Vec<Exclude>,
    pub(super) race: bool,
    pub(super) debug: bool,
}

impl Configuration {
    /// Takes what decides about the binary; `host` stands in for a platform left open.
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
        let or_host = |asked: String, host: &str| {
            if asked.is_empty() {
                host.to_owned()
            } else {
                asked
            }
        };
        let platform = Platform {
            os: or_host(target_platform.os, &host.os),
            arch: or_host(target_platform.arch, &host.arch),
        };
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

    /// The build's name, as the real server makes it: FNV-1a over the deterministic protobuf
    /// rendering, hexadecimal without leading zeros. It is no proof of equality: 64 bits that anybody
    /// can make collide.
    pub(super) fn hash(&self) -> String {
        let mut out = Writer::default();
        let pair = |out: &mut Writer, field, first: &str, second: &str| {
            out.message(field, |inner| {
                inner.text(1, first);
                inner.text(2, second);
            });
        };
        out.text(2, &self.rr_version);
        pair(&mut out, 4, &self.platform.os, &self.platform.arch);
        for plugin in &self.plugins {
            pair(&mut out, 5, &plugin.module_name, &plugin.tag);
        }
        for replace in &self.replaces {
            pair(&mut out, 6, &replace.new, &replace.old);
        }
        for exclude in &self.excludes {
            pair(&mut out, 7, &exclude.module, &exclude.version);
        }
        for (field, set) in [(8, self.race), (9, self.debug)] {
            if set {
                out.number(field, 1);
            }
        }
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        format!(
            "{:x}",
            out.into_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fnv)
        )
    }

    /// What tells two configurations apart for certain: SHA-256 of their JSON.
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

    /// Everything, for people and for digests.
    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whether the same configuration may mean another binary tomorrow: a branch, `latest`, a
    /// directory that is edited.
    pub(super) fn moves(&self) -> bool {
        let version = |text: &str| {
            text.split_once('@')
                .is_none_or(|(_, version)| grammar::moves(version))
        };
        grammar::moves(&self.rr_version)
            || self
                .plugins
                .iter()
                .any(|plugin| grammar::moves(&plugin.tag))
            || self.replaces.iter().any(|replace| version(&replace.new))
    }

    /// The executable's name.
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

    pub(super) fn configuration(body: &str) -> Configuration {
        let request = BuildRequest::from_json(body.as_bytes()).unwrap();
        Configuration::new(
            request,
            &Platform {
                os: "linux".into(),
                arch: "amd64".into(),
            },
        )
    }

    const TWO: &str = r#"{"rr_version":"v2025.1.2","plugins":[
        {"module_name":"github.com/roadrunner-server/http/v5","tag":"v5.2.7"},
        {"module_name":"github.com/roadrunner-server/grpc/v5","tag":"v5.1.0"}]}"#;

    #[test]
    fn the_hash_is_the_one_that_the_real_server_makes() {
        assert_eq!(configuration(TWO).hash(), "caca668174db4a8c");
    }

    #[test]
    fn order_id_and_force_make_no_other_build_but_each_option_does() {
        let of = |body: &str| configuration(body);
        let same = TWO.replacen(
            '{',
            r#"{"requestId":"x","forceRebuild":true,"targetPlatform":{"os":"linux"},"#,
            1,
        );
        assert_eq!(of(&same), of(TWO));
        let mut seen = vec![of(TWO).fingerprint()];
        for extra in [
            r#""race":true,"#,
            r#""debug":true,"#,
            r#""replaces":[{"old":"a.b/c","new":"d.e/f@v1.0.0"}],"#,
            r#""excludes":[{"module":"a.b/c","version":"v1.0.0"}],"#,
            r#""target_platform":{"os":"linux","arch":"arm64"},"#,
        ] {
            let other = of(&TWO.replacen('{', &format!("{{{extra}"), 1));
            assert_ne!(other.hash(), of(TWO).hash());
            assert!(!seen.contains(&other.fingerprint()), "{extra}");
            seen.push(other.fingerprint());
        }
    }

    #[test]
    fn branches_and_directories_move_while_versions_and_commits_stand_still() {
        assert!(!configuration(TWO).moves());
        for tag in ["latest", "master", "v5", "0123abc", "feature/x"] {
            assert!(configuration(&TWO.replace("v5.2.7", tag)).moves(), "{tag}");
        }
        assert!(
            !configuration(&TWO.replace("v5.2.7", &"0123456789abcdef".repeat(3)[..40])).moves()
        );
        let replaced = |new: &str| {
            configuration(&TWO.replacen(
                '{',
                &format!(r#"{{"replaces":[{{"old":"a.b/c","new":"{new}"}}],"#),
                1,
            ))
            .moves()
        };
        assert!(replaced("/srv/c") && replaced("d.e/f@main") && !replaced("d.e/f@v1.0.0"));
    }
}
