//! JSON texts in both directions, as Go parses and writes them: the parser of quoted texts with Go's error wording,
//! and two writers with different escapes (encoding/json for errors, protojson for answers).

use std::fmt::Write as _;

/// Parses the quoted text at the start of `input`; the content and the length with both quotes.
///
/// # Errors
/// The violation, or `None` if the input ends inside the text.
pub(super) fn parse(input: &[u8]) -> Result<(String, usize), Option<String>> {
    let mut out = String::new();
    let mut at = 1;
    loop {
        let rest = input.get(at..).unwrap_or_default();
        let Some(first) = rest.first().copied() else {
            return Err(None);
        };
        match first {
            b'"' => return Ok((out, at + 1)),
            b'\\' => {
                let (character, length) = escape(rest)?;
                out.push(character);
                at += length;
            }
            _ => {
                let character =
                    first_char(rest).ok_or_else(|| Some("invalid UTF-8 in string".to_owned()))?;
                if character < ' ' {
                    let shown = quoted(&[first]);
                    return Err(Some(format!(
                        "invalid character '{}' in string",
                        shown.trim_matches('"')
                    )));
                }
                out.push(character);
                at += character.len_utf8();
            }
        }
    }
}

fn first_char(bytes: &[u8]) -> Option<char> {
    let head = bytes.get(..4.min(bytes.len()))?;
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
    };
    valid.chars().next()
}

fn escape(rest: &[u8]) -> Result<(char, usize), Option<String>> {
    let bad = |bytes: &[u8]| Some(format!("invalid escape code {} in string", quoted(bytes)));
    let character = match rest.get(1).ok_or(None)? {
        quote @ (b'"' | b'\\' | b'/') => char::from(*quote),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(rest),
        _ => return Err(bad(rest.get(..2).unwrap_or_default())),
    };
    Ok((character, 2))
}

/// `\uXXXX`, or two of them for a character outside the first plane.
fn unicode(rest: &[u8]) -> Result<(char, usize), Option<String>> {
    let bad = |bytes: &[u8]| Some(format!("invalid escape code {} in string", quoted(bytes)));
    let unit = |bytes: &[u8]| {
        let digits = std::str::from_utf8(bytes.strip_prefix(b"\\u")?).ok()?;
        u16::from_str_radix(digits, 16)
            .ok()
            .filter(|_| !digits.starts_with('+'))
    };
    let first = rest.get(..6).ok_or(None)?;
    let high = unit(first).ok_or_else(|| bad(first))?;
    if let Some(character) = char::from_u32(u32::from(high)) {
        return Ok((character, 6));
    }
    let second = rest.get(6..12).ok_or(None)?;
    let low = unit(second).ok_or_else(|| bad(second))?;
    match char::decode_utf16([high, low]).next() {
        Some(Ok(character)) => Ok((character, 12)),
        _ => Err(bad(second)),
    }
}

/// Formats bytes like Go's `%q`.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{b}' => out.push_str("\\v"),
                control if control.is_ascii_control() => {
                    let _ = write!(out, "\\x{:02x}", u32::from(control));
                }
                other => out.push(other),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

/// A quoted JSON text in the form of Go's encoding/json: safe inside HTML.
pub(super) fn json(text: &str) -> String {
    write(text, |character| {
        matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
    })
}

/// A quoted JSON text in the form of protojson.
pub(super) fn protojson(text: &str) -> String {
    write(text, |character| character == '\u{7f}')
}

fn write(text: &str, escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if other < ' ' || escaped(other) => {
                let _ = write!(out, "\\u{:04x}", u32::from(other));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_parsed_with_every_escape() {
        let (text, length) = parse(br#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00" tail"#).unwrap();
        assert_eq!(text, "a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}");
        assert_eq!(length, 37);
        assert_eq!(parse(b"\"open"), Err(None));
        assert_eq!(parse(b"\"\\ud83d\\n\"").unwrap_err(), None);
    }

    #[test]
    fn errors_escape_html_and_answers_do_not() {
        assert_eq!(json("<&>\u{2028}\n"), r#""\u003c\u0026\u003e\u2028\n""#);
        assert_eq!(protojson("<&>\u{1}\n"), r#""<&>\u0001\n""#);
    }
}
