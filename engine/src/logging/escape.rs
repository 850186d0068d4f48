//! Sanitizes values for a log line: bounds their length, masks secrets, and escapes characters that could end the line,
//! forge another one, or control the reader's terminal.

use std::{borrow::Cow, fmt::Write as _};

use crate::secret::{MASK, mask_url};

/// Bytes of a long value that are logged from its start and from its end: a compiler reports its error at the end.
const HEAD_LEN: usize = 512;
const TAIL_LEN: usize = 1024;

/// Words in field names that mark a secret value.
const SECRET_FIELDS: [&str; 6] = [
    "token",
    "secret",
    "password",
    "passwd",
    "authorization",
    "cookie",
];

/// Returns the value of a field for a log line: masked if it is secret, shortened if it is long.
pub(super) fn sanitize<'a>(field: &str, value: &'a str) -> Cow<'a, str> {
    let field = field.to_ascii_lowercase();
    if SECRET_FIELDS.iter().any(|secret| field.contains(secret)) {
        return MASK.into();
    }
    match mask_url(value) {
        Cow::Borrowed(value) => shorten(value),
        Cow::Owned(value) => shorten(&value).into_owned().into(),
    }
}

/// Removes the middle of a long text.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    if text.len() <= HEAD_LEN + TAIL_LEN {
        return text.into();
    }
    let head = floor_char_boundary(text, HEAD_LEN);
    let tail = floor_char_boundary(text, text.len() - TAIL_LEN);
    let (Some(first), Some(last)) = (text.get(..head), text.get(tail..)) else {
        return "".into();
    };
    format!("{first} … {} bytes … {last}", tail - head).into()
}

/// Returns the last character boundary of `text` at or before `at`.
pub(super) fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|index| text.is_char_boundary(*index))
        .unwrap_or_default()
}

/// Whether a character may be logged without an escape.
fn is_safe(c: char) -> bool {
    // Beside control characters: line separators, and marks that change the direction of the following text.
    !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Appends a text; unsafe characters and those in `also` are escaped as in JSON.
pub(super) fn append(out: &mut String, text: &str, also: &[char]) {
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if also.contains(&c) => {
                out.push('\\');
                out.push(c);
            }
            c if is_safe(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
        }
    }
}

/// Appends a text in double quotes: a JSON string, and a quoted logfmt value.
pub(super) fn append_quoted(out: &mut String, text: &str) {
    out.push('"');
    append(out, text, &['"', '\\']);
    out.push('"');
}

/// Appends a value of `name=value`, quoted if it could be misread.
pub(super) fn append_value(out: &mut String, text: &str) {
    let bare = !text.is_empty()
        && text
            .chars()
            .all(|c| is_safe(c) && !c.is_whitespace() && !matches!(c, '=' | '"' | '\\'));
    if bare {
        out.push_str(text);
    } else {
        append_quoted(out, text);
    }
}

/// Returns a field name without characters that need quotes, and different from the names in the header.
pub(super) fn field_name(name: &str) -> String {
    let mut clean: String = name
        .chars()
        .take(64)
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') {
                c
            } else {
                '_'
            }
        })
        .collect();
    if matches!(
        clean.as_str(),
        "" | "time" | "level" | "event" | "pid" | "is_cut"
    ) {
        clean.push('_');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secret_fields_are_masked_and_cache_keys_are_not() {
        assert_eq!(sanitize("auth_token", "abc"), MASK);
        assert_eq!(sanitize("Authorization", "Bearer abc"), MASK);
        assert_eq!(
            sanitize("cache_key", "2eccb077c71e1f91"),
            "2eccb077c71e1f91"
        );
        assert_eq!(sanitize("url", "http://a:b@c/d"), "http://********@c/d");
    }

    #[test]
    fn long_value_keeps_its_start_and_end() {
        let text = format!("begin{}end", "é".repeat(5000));
        let short = shorten(&text);
        assert!(short.starts_with("begin") && short.ends_with("end"));
        assert!(short.len() < 1600, "{}", short.len());
    }

    proptest! {
        #[test]
        fn quoted_text_is_json_without_unsafe_characters(text: String) {
            let mut out = String::new();
            append_quoted(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            prop_assert!(out.chars().all(is_safe));
        }

        #[test]
        fn bare_value_has_no_space_and_no_quote(text: String) {
            let mut out = String::new();
            append_value(&mut out, &text);
            prop_assert!(out.chars().all(is_safe));
            prop_assert!(out.starts_with('"') || !out.contains([' ', '"', '=']));
        }
    }
}
