//! Entry point of the fuzz target `negotiate`, with the invariants of the protocol.
#![allow(clippy::panic, reason = "a broken invariant is a failing input")]

use super::protocol::{Checksum, Key, MAX_KEYS, Namespace, NegotiateRequest};

/// Reads a body as a negotiation, and as the text of a key, a namespace and a checksum.
pub fn negotiate(body: &[u8]) {
    if let Ok(request) = NegotiateRequest::parse(body) {
        assert!(request.items.len() <= MAX_KEYS);
        let written = request.to_json();
        assert_eq!(NegotiateRequest::parse(written.as_bytes()), Ok(request));
    }
    let Ok(text) = str::from_utf8(body) else {
        return;
    };
    if let Some(key) = Key::parse(text) {
        assert!(!key.as_str().contains(['/', '\\', '\0']) && !key.as_str().starts_with('.'));
    }
    if let Some(namespace) = Namespace::parse(text) {
        assert_ne!(namespace, Namespace::trusted());
    }
    if let Some(checksum) = Checksum::parse_digest(text) {
        assert_eq!(Checksum::parse_digest(&checksum.digest()), Some(checksum));
    }
    if let Some(checksum) = Checksum::parse_hex(text) {
        assert_eq!(checksum.to_string(), text.to_ascii_lowercase());
    }
}
