//! The checksum of an artifact, in the notations of the protocol. Pure.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// The SHA-256 of an artifact. In JSON: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum(pub [u8; 32]);

impl Checksum {
    /// Parses 64 hexadecimal digits.
    #[must_use]
    pub fn parse_hex(text: &str) -> Option<Self> {
        let digits: [u8; 64] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let digit = char::from(*digit).to_digit(16)?;
                *byte = *byte << 4 | u8::try_from(digit).ok()?;
            }
        }
        Some(Self(bytes))
    }

    /// Parses the SHA-256 of a header [`REPR_DIGEST`](super::REPR_DIGEST): `sha-256=:BASE64:`, among other algorithms.
    #[must_use]
    pub fn parse_digest(header: &str) -> Option<Self> {
        let value = header.split(',').find_map(|member| {
            let (name, value) = member.trim().split_once('=')?;
            name.trim().eq_ignore_ascii_case("sha-256").then_some(value)
        })?;
        let base64 = value.trim().strip_prefix(':')?.strip_suffix(':')?;
        Self::parse_base64(base64)
    }

    /// Parses base64.
    #[must_use]
    pub fn parse_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Base64, as object storage has it.
    #[must_use]
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// The value of a header [`REPR_DIGEST`](super::REPR_DIGEST).
    #[must_use]
    pub fn digest(&self) -> String {
        format!("sha-256=:{}:", self.base64())
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Checksum {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse_hex(&text).ok_or("not a SHA-256 in hexadecimal digits")
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> Self {
        checksum.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_of_a_checksum_are_read_as_written() {
        let checksum = Checksum(std::array::from_fn(|at| at as u8 * 7));
        assert_eq!(Checksum::parse_hex(&checksum.to_string()), Some(checksum));
        assert_eq!(Checksum::parse_base64(&checksum.base64()), Some(checksum));
        let header = format!("sha-512=:AA==:, {}", checksum.digest());
        assert_eq!(Checksum::parse_digest(&header), Some(checksum));
        let upper = checksum.to_string().to_uppercase();
        assert_eq!(Checksum::parse_hex(&upper), Some(checksum));
    }

    #[test]
    fn texts_that_are_no_checksum_are_refused() {
        let digits = "0".repeat(64);
        for bad in [
            "",
            "0",
            &digits[1..],
            &format!("{digits}0"),
            &digits.replacen('0', "g", 1),
        ] {
            assert_eq!(Checksum::parse_hex(bad), None, "{bad}");
        }
        for bad in [
            "",
            "sha-256",
            "sha-256=AA==",
            "sha-256=:AA==:",
            "md5=:AA==:",
        ] {
            assert_eq!(Checksum::parse_digest(bad), None, "{bad}");
        }
    }
}
