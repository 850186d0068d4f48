//! File names in a directory `ab/cd`. Unknown names are left alone. Pure functions; any thread.

use std::io;

use super::{Key, key::hex};

/// Suffix of a temporary file's name, after 32 random digits.
const TEMP_SUFFIX: &str = ".tmp";

/// The kinds of file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileName {
    /// `<key>.json`
    Metadata(Key),
    /// `<key>.<8 digits>.bin`
    Binary(Key),
    /// `<key>.bin`: the second name of a binary, or the only one in the Velox plugin's layout.
    Link(Key),
    /// A temporary name of a link.
    Temp,
    /// `<key>.bin.tmp`: a temporary file of the Velox plugin.
    PluginTemp,
}

impl FileName {
    /// Returns `None` for an unknown name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        if is_temp_name(name) {
            return Some(Self::Temp);
        }
        let (key, rest) = name.split_at_checked(16)?;
        let key = Key::parse(key.as_bytes())?;
        match rest {
            ".json" => Some(Self::Metadata(key)),
            ".bin" => Some(Self::Link(key)),
            ".bin.tmp" => Some(Self::PluginTemp),
            _ => {
                let digits = rest.strip_prefix('.')?.strip_suffix(".bin")?;
                let lower = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
                (digits.len() == 8 && digits.bytes().all(lower)).then_some(Self::Binary(key))
            }
        }
    }
}

/// `<key>.json`
pub(super) fn metadata_name(key: Key) -> String {
    format!("{key}.json")
}

/// `<key>.bin`
pub(super) fn link_name(key: Key) -> String {
    format!("{key}.bin")
}

/// `<key>.<first 8 digits of the SHA-256>.bin`
pub(super) fn binary_name(key: Key, sha256: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = *sha256;
    [&hex(&key.0.to_be_bytes()), ".", &hex(&[a, b, c, d]), ".bin"].concat()
}

/// Whether a name is one of a temporary file.
pub(super) fn is_temp_name(name: &str) -> bool {
    name.strip_suffix(TEMP_SUFFIX).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// A name of a temporary file, which can't be guessed.
pub(super) fn random_name() -> io::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(hex(&random) + TEMP_SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_created_name_is_parsed() {
        let key = Key(0xab01);
        assert_eq!(
            FileName::parse(&metadata_name(key)),
            Some(FileName::Metadata(key))
        );
        assert_eq!(FileName::parse(&link_name(key)), Some(FileName::Link(key)));
        assert_eq!(
            FileName::parse(&binary_name(key, &[0xfe; 32])),
            Some(FileName::Binary(key))
        );
        let temporary = random_name().unwrap();
        assert_eq!(FileName::parse(&temporary), Some(FileName::Temp));
        let old = FileName::parse("000000000000ab01.bin.tmp");
        assert_eq!(old, Some(FileName::PluginTemp));
    }

    #[test]
    fn foreign_names_are_unknown() {
        for name in [
            "",
            "README",
            "index.json",
            "000000000000ab01",
            "000000000000AB01.json",
            "000000000000ab01.json.bak",
            "000000000000ab01.1234567.bin",
            "000000000000ab01.1234567g.bin",
            "000000000000ab0.json",
            "00000000000000ab01.json",
            "éééééééé.json",
            "something.tmp",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }
}
