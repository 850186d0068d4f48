//! How a value is made fit for a line: bounded, without secrets, and without any character that could
//! end the line, forge another one, or steer the terminal of whoever reads it.

use std::{borrow::Cow, fmt::Write as _};

use crate::config::{MASK, mask_url};

/// How much of a long value stays from its beginning and from its end, in bytes: a compiler says at
/// the end what is wrong.
const HEAD: usize = 512;
const TAIL: usize = 1024;

/// Fields whose value is never shown, whoever sends it.
const SECRET_FIELDS: [&str; 6] = [
    "token",
    "secret",
    "password",
    "passwd",
    "authorization",
    "cookie",
];

/// The value of a field: masked where it is secret, cut where it is long.
pub(super) fn tame<'a>(field: &str, value: &'a str) -> Cow<'a, str> {
    let field = field.to_ascii_lowercase();
    if SECRET_FIELDS.iter().any(|secret| field.contains(secret)) {
        return MASK.into();
    }
    match mask_url(value) {
        Cow::Borrowed(value) => cut(value),
        Cow::Owned(value) => cut(&value).into_owned().into(),
    }
}

/// Takes the middle out of a long text.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= HEAD + TAIL {
        return text.into();
    }
    let head = floor(text, HEAD);
    let tail = floor(text, text.len() - TAIL);
    let (Some(first), Some(last)) = (text.get(..head), text.get(tail..)) else {
        return "".into();
    };
    format!("{first} … {} bytes … {last}", tail - head).into()
}

/// The last place not after `at` between two characters of `text`.
pub(super) fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|place| text.is_char_boundary(*place))
        .unwrap_or_default()
}

/// Whether a character may stand in a line as it is.
fn is_tame(c: char) -> bool {
    // Beside controls: line separators, and marks that turn the direction of what follows.
    !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Appends a text with what is not tame, and the characters in `also`, behind a backslash as in JSON.
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
            c if is_tame(c) => out.push(c),
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

/// Appends a value of `name=value`: bare where nothing in it could be misread.
pub(super) fn append_value(out: &mut String, text: &str) {
    let bare = !text.is_empty()
        && text
            .chars()
            .all(|c| is_tame(c) && !c.is_whitespace() && !matches!(c, '=' | '"' | '\\'));
    if bare {
        out.push_str(text);
    } else {
        append_quoted(out, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_names_itself_a_secret_is_masked_and_a_cache_key_is_not() {
        assert_eq!(tame("auth_token", "abc"), MASK);
        assert_eq!(tame("Authorization", "Bearer abc"), MASK);
        assert_eq!(tame("cache_key", "2eccb077c71e1f91"), "2eccb077c71e1f91");
        assert_eq!(tame("url", "http://a:b@c/d"), "http://********@c/d");
    }

    #[test]
    fn a_long_value_keeps_its_beginning_and_its_end() {
        let text = format!("begin{}end", "é".repeat(5000));
        let short = cut(&text);
        assert!(short.starts_with("begin") && short.ends_with("end"));
        assert!(short.len() < 1600, "{}", short.len());
    }

    proptest! {
        #[test]
        fn a_quoted_text_is_json_and_holds_nothing_wild(text: String) {
            let mut out = String::new();
            append_quoted(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            prop_assert!(out.chars().all(is_tame));
        }

        #[test]
        fn a_bare_value_has_no_space_and_no_quote(text: String) {
            let mut out = String::new();
            append_value(&mut out, &text);
            prop_assert!(out.chars().all(is_tame));
            prop_assert!(out.starts_with('"') || !out.contains([' ', '"', '=']));
        }
    }
}
