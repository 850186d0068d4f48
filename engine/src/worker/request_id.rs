//! The id of a request: the one in its headers if that is valid, else a new one (UUID version 7, RFC 9562: sortable
//! by time). Ids end in logs and headers, so only harmless characters are accepted from outside.

/// Bytes of an id from outside.
const MAX_LENGTH: usize = 128;

/// Validates an `X-Request-Id`: 1 to 128 letters, digits and `-_.:+/=@`.
#[must_use]
pub fn from_header(value: &[u8]) -> Option<&str> {
    let value = std::str::from_utf8(value).ok()?.trim();
    let is_valid = (1..=MAX_LENGTH).contains(&value.len())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(&byte));
    is_valid.then_some(value)
}

/// The trace id of a `traceparent` (W3C Trace Context, level 1): `00-<32 hex>-<16 hex>-<2 hex>`, neither
/// id all zero. A later version may have more behind it.
#[must_use]
pub fn from_traceparent(value: &[u8]) -> Option<&str> {
    let value = std::str::from_utf8(value).ok()?.trim();
    let mut parts = value.split('-');
    let version = hex(parts.next()?, 2)?;
    let trace = hex(parts.next()?, 32)?;
    let parent = hex(parts.next()?, 16)?;
    hex(parts.next()?, 2)?;
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let is_valid = version != "ff"
        && !is_zero(trace)
        && !is_zero(parent)
        && (version != "00" || parts.next().is_none());
    is_valid.then_some(trace)
}

fn hex(text: &str, length: usize) -> Option<&str> {
    let is_hex = text.len() == length
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::uuid;

    #[test]
    fn only_harmless_ids_are_accepted() {
        assert_eq!(from_header(b"abc-123"), Some("abc-123"));
        assert_eq!(from_header(b" 7f:a/b=@+_. "), Some("7f:a/b=@+_."));
        for bad in [
            &b""[..],
            b"  ",
            b"a b",
            b"a\nb",
            b"a\"b",
            b"\xff",
            b"<x>",
            &[b'a'; 129],
        ] {
            assert_eq!(from_header(bad), None, "{bad:?}");
        }
        assert!(from_header(&[b'a'; 128]).is_some());
    }

    #[test]
    fn the_standards_example_has_its_trace_id() {
        let good = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(
            from_traceparent(good),
            Some("4bf92f3577b34da6a3ce929d0e0e4736")
        );
        let later = b"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        assert!(from_traceparent(later).is_some());
        for bad in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "",
        ] {
            assert_eq!(from_traceparent(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_new_id_is_valid(ms: u64) {
            let id = uuid::v7(ms).unwrap().to_string();
            prop_assert_eq!(from_header(id.as_bytes()), Some(id.as_str()));
        }

        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = (from_header(&bytes), from_traceparent(&bytes));
        }
    }
}
