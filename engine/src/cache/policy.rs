//! The policies of keys, compiled: the first pattern that matches a key applies, else a policy that sets nothing. A
//! policy may have the variable parts of its keys stored as hashes, so that no id is readable in shared memory, in the
//! second tier or in a list of keys; the stored key still matches the pattern. Pure functions; any thread.

use std::borrow::Cow;

use super::pattern;
use crate::{config::Policy, hmac, secret::Secret};

/// Bytes of a hash in a key: 32 hex digits.
const HASH_BYTES: usize = 16;

/// A policy with its place in the configuration.
#[derive(Debug)]
struct Rule {
    pattern: Vec<u8>,
    policy: Policy,
}

/// The policies of a configuration.
#[derive(Debug, Default)]
pub struct Policies {
    rules: Vec<Rule>,
    /// Of keys without a pattern.
    default: Policy,
    secret: Vec<u8>,
}

impl Policies {
    /// Compiles policies. `secret` is the key of the hashes.
    #[must_use]
    pub fn new(policies: &[Policy], secret: Option<&Secret>) -> Self {
        let rule = |policy: &Policy| Rule {
            pattern: pattern::without_names(policy.pattern.as_bytes()),
            policy: policy.clone(),
        };
        Self {
            rules: policies.iter().map(rule).collect(),
            default: Policy::default(),
            secret: secret.map_or_else(Vec::new, |secret| secret.expose().as_bytes().to_vec()),
        }
    }

    /// Whether no policy is configured.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The policies in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.rules.iter().map(|rule| &rule.policy)
    }

    /// The policy of a key, as PHP has it or as it is stored.
    #[must_use]
    #[inline]
    pub fn policy_for(&self, key: &[u8]) -> &Policy {
        match self.number_of(key) {
            Some(number) => self.policy(number),
            None => &self.default,
        }
    }

    /// The number of the first policy with a pattern that matches the key.
    #[must_use]
    #[inline]
    pub fn number_of(&self, key: &[u8]) -> Option<usize> {
        let matches = |rule: &Rule| pattern::matches(&rule.pattern, key);
        self.rules.iter().position(matches)
    }

    /// The policy of a number; beyond them, the one that sets nothing.
    #[must_use]
    pub fn policy(&self, number: usize) -> &Policy {
        self.rules
            .get(number)
            .map_or(&self.default, |rule| &rule.policy)
    }

    /// The key under which the value of `key` is stored, here and in the second tier. Differs from `key` only with the
    /// policy `hash`.
    #[must_use]
    #[inline]
    pub fn stored_key<'a>(&self, key: &'a [u8]) -> Cow<'a, [u8]> {
        match self.number_of(key) {
            Some(number) => self.stored_key_of(number, key),
            None => Cow::Borrowed(key),
        }
    }

    /// As [`Policies::stored_key`], for a key with the policy of that number.
    #[must_use]
    pub fn stored_key_of<'a>(&self, number: usize, key: &'a [u8]) -> Cow<'a, [u8]> {
        match self.rules.get(number) {
            Some(rule) if rule.policy.is_hashed => Cow::Owned(self.hashed_key(rule, key)),
            _ => Cow::Borrowed(key),
        }
    }

    fn hashed_key(&self, rule: &Rule, key: &[u8]) -> Vec<u8> {
        let Some(parts) = pattern::variable_parts(&rule.pattern, key) else {
            return key.to_vec();
        };
        let mut stored = Vec::with_capacity(key.len() + parts.len() * HASH_BYTES * 2);
        let mut end = 0;
        for part in parts {
            stored.extend_from_slice(key.get(end..part.start).unwrap_or_default());
            let hash = hmac::sign(&self.secret, &[key.get(part.clone()).unwrap_or_default()]);
            for byte in hash.iter().take(HASH_BYTES) {
                stored.extend_from_slice(format!("{byte:02x}").as_bytes());
            }
            end = part.end;
        }
        stored.extend_from_slice(key.get(end..).unwrap_or_default());
        stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(patterns: &[(&str, bool)], secret: Option<&str>) -> Policies {
        let list: Vec<_> = patterns
            .iter()
            .map(|(pattern, is_hashed)| Policy {
                pattern: (*pattern).into(),
                is_hashed: *is_hashed,
                ..Policy::default()
            })
            .collect();
        Policies::new(&list, secret.map(Secret::new).as_ref())
    }

    #[test]
    fn first_pattern_that_matches_applies() {
        let policies = policies(&[("user:{id}:orgs", false), ("user:*", true)], None);
        assert_eq!(policies.number_of(b"user:7:orgs"), Some(0));
        assert_eq!(policies.number_of(b"user:7"), Some(1));
        assert_eq!(policies.number_of(b"users"), None);
        assert_eq!(policies.policy_for(b"users"), &Policy::default());
        assert_eq!(policies.stored_key(b"user:7:orgs").as_ref(), b"user:7:orgs");
    }

    #[test]
    fn hashed_key_shows_no_id_and_matches_its_pattern() {
        let hashed = policies(&[("token:{installation}:{repo}", true)], Some("s"));
        let key = hashed.stored_key(b"token:17:php/php-src");
        let text = String::from_utf8(key.to_vec()).unwrap();
        assert_eq!(text.len(), "token::".len() + 64);
        assert!(!text.contains("17:") && !text.contains("php"), "{text}");
        assert_eq!(hashed.number_of(&key), Some(0));
        assert_eq!(hashed.stored_key(b"token:17:php/php-src"), key);
        assert_ne!(hashed.stored_key(b"token:1:7php/php-src"), key);
        let other = policies(&[("token:{installation}:{repo}", true)], None);
        assert_ne!(other.stored_key(b"token:17:php/php-src"), key);
    }
}
