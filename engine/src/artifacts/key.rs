//! Cache keys: 64 bits of a SHA-256 over the normalised configuration, as the Velox plugin computes them, and a digest
//! of 64 bits over the exact configuration, because normalising lower-cases names that Go distinguishes. Pure values;
//! any thread.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A cache key: written as exactly 16 lower-case hexadecimal digits.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd, Serialize, Deserialize)]
pub struct Key(pub u64);

/// The error for a text that is no [`Key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is exactly 16 lower-case hexadecimal digits, such as 2eccb077c71e1f91")]
pub struct InvalidKey;

impl Key {
    /// The first 64 bits of a SHA-256: its first 16 hexadecimal digits.
    #[must_use]
    pub const fn from_sha256(sha256: &[u8; 32]) -> Self {
        Self(head(sha256))
    }

    /// Parses 16 lower-case hexadecimal digits; `None` for anything else, upper case included, so that one artifact has
    /// one name.
    #[inline]
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits: &[u8; 16] = text.try_into().ok()?;
        let mut value = 0u64;
        for digit in digits {
            let nibble = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            value = value << 4 | u64::from(nibble);
        }
        Some(Self(value))
    }

    /// The names of the two nested directories of this key: `ab` and `cd`.
    pub(super) fn shard_names(self) -> [String; 2] {
        let [outer, inner, ..] = self.0.to_be_bytes();
        [hex(&[outer]), hex(&[inner])]
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0.to_be_bytes()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        Self::parse(text.as_bytes()).ok_or(InvalidKey)
    }
}

/// The first 64 bits of a SHA-256 over the exact canonical configuration (not lower-cased): two
/// configurations that share a key differ here.
#[derive(Copy, Clone, Eq, PartialEq, Serialize, Deserialize)]
pub struct ConfigDigest(pub u64);

impl ConfigDigest {
    /// Digests the canonical bytes.
    #[must_use]
    pub fn of(canonical: &[u8]) -> Self {
        Self(head(&Sha256::digest(canonical).into()))
    }

    /// Digests a configuration that is canonical when it is written compactly in its own order.
    #[must_use]
    pub fn of_value(config: &Value) -> Self {
        Self::of(config.to_string().as_bytes())
    }

    /// Parses the format of [`fmt::Display`]: 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Key::parse(text.as_bytes()).map(|key| Self(key.0))
    }
}

impl fmt::Display for ConfigDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0.to_be_bytes()))
    }
}

impl fmt::Debug for ConfigDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigDigest({self})")
    }
}

/// Formats lower-case hexadecimal digits. Without the formatting machinery, because PHP waits for it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

const fn head(sha256: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *sha256;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_the_first_sixteen_digits_of_the_sha256() {
        let canonical = br#"{"rr_version":"v2025.1.2","os":"linux","arch":"amd64","plugins":[{"module":"github.com/roadrunner-server/grpc/v5","tag":"v5.1.0"},{"module":"github.com/roadrunner-server/http/v5","tag":"v5.2.7"}]}"#;
        let key = Key::from_sha256(&Sha256::digest(canonical).into());
        assert_eq!(key.to_string(), "2eccb077c71e1f91");
        assert_eq!(key.shard_names(), ["2e", "cc"]);
    }

    #[test]
    fn key_keeps_its_leading_zeros() {
        assert_eq!(Key(0x1f).to_string(), "000000000000001f");
        assert_eq!("000000000000001f".parse(), Ok(Key(0x1f)));
        assert_eq!(Key(0x0012_3400_0000_0000).shard_names(), ["00", "12"]);
    }

    #[test]
    fn anything_but_sixteen_lower_case_digits_is_refused() {
        for text in [
            "",
            "2eccb077c71e1f9",
            "2eccb077c71e1f911",
            "2ECCB077C71E1F91",
            "2eccb077c71e1f9g",
            "+eccb077c71e1f91",
            "2eccb077c71e1f9\n",
            "../../etc/passwd",
        ] {
            assert_eq!(text.parse::<Key>(), Err(InvalidKey), "{text:?}");
        }
    }

    #[test]
    fn configurations_that_differ_in_case_have_different_digests() {
        let lower = serde_json::json!({"module": "github.com/acme/plugin"});
        let upper = serde_json::json!({"module": "github.com/Acme/plugin"});
        assert_ne!(
            ConfigDigest::of_value(&lower),
            ConfigDigest::of_value(&upper)
        );
        let digest = ConfigDigest::of_value(&lower);
        assert_eq!(ConfigDigest::parse(&digest.to_string()), Some(digest));
    }

    proptest::proptest! {
        #[test]
        fn every_key_reads_back_as_itself(value: u64) {
            proptest::prop_assert_eq!(Key(value).to_string().parse(), Ok(Key(value)));
        }
    }
}
