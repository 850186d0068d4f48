//! The parameters of a path. Pure.

/// The value of a parameter, decoded; `None` if it is absent or not UTF-8.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    bytes(query, name).and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The same, any bytes.
pub(super) fn bytes(query: Option<&str>, name: &str) -> Option<Vec<u8>> {
    let pairs = query?.split('&');
    let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(decode(value))
}

/// Decodes `%41` and `+`; an incomplete escape stands for itself.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = after.first_chunk::<2>().filter(|_| *first == b'%');
        let digits = escape.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, first) {
            (Some(byte), _) => {
                decoded.push(byte);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (None, b'+') => decoded.push(b' '),
            (None, other) => decoded.push(*other),
        }
        rest = after;
    }
    decoded
}

/// The parameter `limit`: from 1 to `max`.
pub(super) fn limit(query: Option<&str>, default: usize, max: usize) -> Option<usize> {
    match parameter(query, "limit") {
        None => Some(default),
        Some(text) => text.parse().ok().filter(|limit| (1..=max).contains(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = Some("a=user%3A7+x&b=%ff&c&d=%4&limit=5&a=second");
        assert_eq!(parameter(query, "a").as_deref(), Some("user:7 x"));
        assert_eq!(bytes(query, "b"), Some(vec![0xff]));
        assert_eq!(parameter(query, "b"), None);
        assert_eq!(parameter(query, "c").as_deref(), Some(""));
        assert_eq!(parameter(query, "d").as_deref(), Some("%4"));
        assert_eq!(parameter(query, "e"), None);
        assert_eq!(parameter(None, "a"), None);
        assert_eq!(decode("%+1%é%zz"), "% 1%é%zz".as_bytes());
    }

    #[test]
    fn limit_has_a_range() {
        assert_eq!(limit(None, 100, 1000), Some(100));
        assert_eq!(limit(Some("limit=1000"), 100, 1000), Some(1000));
        for wrong in ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit="] {
            assert_eq!(limit(Some(wrong), 100, 1000), None, "{wrong}");
        }
    }
}
