//! The stored artifact: its name in the storage, and its record. Pure.

use serde::{Deserialize, Serialize};

use super::protocol::{Checksum, Key, Namespace};
use crate::{hmac, secret::Secret};

/// The kind of clients that a key belongs to: the same key means other artifacts to other clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Space {
    /// Clients of the VelocityCache protocol.
    Velocity,
    /// Turborepo, with the team that it names.
    Turborepo(Option<Key>),
    /// Nx.
    Nx,
}

/// The name of an artifact in the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// The namespace of its writer.
    pub namespace: Namespace,
    /// The kind of its clients.
    pub space: Space,
    /// Its key.
    pub key: Key,
}

impl Space {
    /// Its name: `v1`.
    fn name(&self) -> String {
        match self {
            Self::Velocity => "v1".to_owned(),
            Self::Turborepo(None) => "turborepo".to_owned(),
            // No team has this name, since a space ends at its first dot.
            Self::Turborepo(Some(team)) => format!("turborepo.{team}"),
            Self::Nx => "nx".to_owned(),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        match name {
            "v1" => Some(Self::Velocity),
            "turborepo" => Some(Self::Turborepo(None)),
            "nx" => Some(Self::Nx),
            _ => {
                let team = Key::parse(name.strip_prefix("turborepo.")?)?;
                Some(Self::Turborepo(Some(team)))
            }
        }
    }
}

impl ObjectName {
    /// The directory and the file: `trusted/v1` and `KEY`.
    #[must_use]
    pub fn parts(&self) -> (String, &str) {
        let directory = format!("{}/{}", self.namespace.as_str(), self.space.name());
        (directory, self.key.as_str())
    }

    /// The whole name: `trusted/v1/KEY`.
    #[must_use]
    pub fn path(&self) -> String {
        let (directory, file) = self.parts();
        format!("{directory}/{file}")
    }

    /// Parses a name as [`ObjectName::path`] has it; `None` if it is that of another program's file or object.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (namespace, rest) = path.split_once('/')?;
        let (space, key) = rest.split_once('/')?;
        Some(Self {
            namespace: match namespace {
                Namespace::TRUSTED => Namespace::trusted(),
                other => Namespace::parse(other)?,
            },
            space: Space::parse(space)?,
            key: Key::parse(key)?,
        })
    }
}

/// The record of an artifact, which is stored with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// SHA-256 of its bytes.
    pub sha256: Checksum,
    /// Number of its bytes.
    pub size: u64,
    /// The client's own signature of it, of Turborepo's `x-artifact-tag`; handed out as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Milliseconds that its task took, of Turborepo's `x-artifact-duration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The gateway's signature, see [`Signer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Signs artifacts, so that one that another program stored or changed is recognized. Without a secret, it signs and
/// checks nothing.
#[derive(Debug, Clone, Default)]
pub struct Signer(Option<Secret>);

impl Signer {
    /// A signer with this secret.
    #[must_use]
    pub const fn new(secret: Option<Secret>) -> Self {
        Self(secret)
    }

    /// Adds the signature to the record of an artifact.
    pub fn sign(&self, name: &ObjectName, metadata: &mut Metadata) {
        let mac = self.mac(name, metadata);
        metadata.signature = mac.map(|mac| Checksum(mac).to_string());
    }

    /// Whether the record has the signature of this secret.
    #[must_use]
    pub fn verify(&self, name: &ObjectName, metadata: &Metadata) -> bool {
        let Some(mac) = self.mac(name, metadata) else {
            return true;
        };
        let found = metadata.signature.as_deref().and_then(Checksum::parse_hex);
        found.is_some_and(|found| hmac::is_equal(&found.0, &mac))
    }

    fn mac(&self, name: &ObjectName, metadata: &Metadata) -> Option<[u8; 32]> {
        let secret = self.0.as_ref()?;
        let Metadata {
            sha256, size, tag, ..
        } = metadata;
        let tag = tag.as_deref().unwrap_or_default();
        // The tag is the last field, and the only one that may have any character.
        let text = format!(
            "pillion artifact 1\n{}\n{sha256}\n{size}\n{tag}",
            name.path()
        );
        Some(hmac::sign(secret.expose().as_bytes(), &[text.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(namespace: &str, space: Space) -> ObjectName {
        ObjectName {
            namespace: Namespace::parse(namespace).unwrap_or_else(Namespace::trusted),
            space,
            key: Key::parse("0a").unwrap(),
        }
    }

    #[test]
    fn names_of_different_clients_differ() {
        let team = Key::parse("team_1").unwrap();
        let names = [
            (name("trusted", Space::Velocity), "trusted/v1/0a"),
            (name("pr-1", Space::Velocity), "pr-1/v1/0a"),
            (
                name("trusted", Space::Turborepo(None)),
                "trusted/turborepo/0a",
            ),
            (
                name("trusted", Space::Turborepo(Some(team))),
                "trusted/turborepo.team_1/0a",
            ),
            (name("trusted", Space::Nx), "trusted/nx/0a"),
        ];
        for (name, path) in names {
            assert_eq!(name.path(), path);
            assert_eq!(ObjectName::parse(path), Some(name));
        }
        for other in [
            "",
            "other",
            "trusted/0a",
            "trusted/v2/0a",
            "Trusted/v1/0a",
            "trusted/v1/0a/b",
            ".tmp/v1/0a",
            "trusted/turborepo./0a",
        ] {
            assert_eq!(ObjectName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn signature_covers_name_and_record() {
        let signer = Signer::new(Some(Secret::new("s3cret")));
        let here = name("trusted", Space::Nx);
        let mut signed = Metadata {
            sha256: Checksum([1; 32]),
            size: 9,
            tag: Some("t".into()),
            duration_ms: None,
            signature: None,
        };
        assert!(!signer.verify(&here, &signed));
        signer.sign(&here, &mut signed);
        assert!(signer.verify(&here, &signed));
        assert!(!signer.verify(&name("pr-1", Space::Nx), &signed));
        assert!(!Signer::new(Some(Secret::new("other"))).verify(&here, &signed));
        assert!(Signer::default().verify(&here, &signed));
        for change in [
            |record: &mut Metadata| record.sha256 = Checksum([2; 32]),
            |record: &mut Metadata| record.size = 8,
            |record: &mut Metadata| record.tag = None,
            |record: &mut Metadata| record.signature = None,
        ] {
            let mut changed = signed.clone();
            change(&mut changed);
            assert!(!signer.verify(&here, &changed));
        }
    }
}
