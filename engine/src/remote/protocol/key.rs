//! Keys and namespaces. Both are names of files and objects, so their grammar leaves nothing to escape. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The key of an artifact: 1 to 128 letters, digits, `.`, `_` and `-`; the first one is a letter or a digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

impl Key {
    /// Characters of a key at most.
    pub const MAX_LEN: usize = 128;

    /// Checks a key; `None` if it breaks the grammar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_name(text, Self::MAX_LEN).then(|| Self(text.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match is_name(&text, Self::MAX_LEN) {
            true => Ok(Self(text)),
            false => Err("not a key"),
        }
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Artifacts of one group of writers. The namespace [`Namespace::TRUSTED`] is that of trusted writers, and the only one
/// that all clients read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(String);

impl Namespace {
    /// Name of the namespace of trusted writers.
    pub const TRUSTED: &str = "trusted";
    /// Characters of a namespace at most.
    pub const MAX_LEN: usize = 64;

    /// The namespace of trusted writers.
    #[must_use]
    pub fn trusted() -> Self {
        Self(Self::TRUSTED.to_owned())
    }

    /// Checks the namespace of a writer that is not trusted: 1 to 64 characters of a [`Key`], another name than
    /// [`Namespace::TRUSTED`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_free = !text.eq_ignore_ascii_case(Self::TRUSTED);
        (is_free && is_name(text, Self::MAX_LEN)).then(|| Self(text.to_owned()))
    }

    /// Whether it is that of trusted writers.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.0 == Self::TRUSTED
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(text: &str, max_len: usize) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    text.len() <= max_len
        && text
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_a_name_that_no_path_can_leave() {
        for good in ["a", "0123456789abcdef", "A.b_c-d", &"f".repeat(128)] {
            assert!(Key::parse(good).is_some(), "{good}");
        }
        let long = "f".repeat(129);
        for bad in [
            "", ".", "..", "../a", "a/b", "a\\b", "a b", "a\0", "-a", ".a", "é", "a%2e", "a?b",
            &long,
        ] {
            assert!(Key::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn writers_cannot_take_the_trusted_namespace() {
        assert!(Namespace::parse("pr-42").is_some());
        for bad in ["trusted", "Trusted", "", "a/b", "..", &"n".repeat(65)] {
            assert!(Namespace::parse(bad).is_none(), "{bad}");
        }
    }
}
