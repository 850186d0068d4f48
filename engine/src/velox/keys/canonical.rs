//! The canonical JSON of a configuration, from which its key and digest are made.
//!
//! * **key**: byte-compatible with the Velox plugin. Compact JSON with the fields `rr_version`, `os`, `arch`,
//!   `plugins` [{`module`, `tag`}], every text trimmed and lower-cased, escaped as Go's `json.Marshal` does, plugins
//!   sorted; SHA-256, first 8 bytes. The plugin sorts by module alone and leaves the order of one module's entries
//!   open; here the tag decides, so that the order of a request's plugins never matters. Where set, and only then,
//!   these follow inside the object, in the caller's exact letters: `,"replaces":[{"old","new"}…]` and
//!   `,"excludes":[{"module","version"}…]` (both sorted), `,"race":true`, `,"debug":true`.
//! * **digest**: the same bytes without the lower-casing, first 8 bytes of their SHA-256. Module paths and tags are
//!   case-sensitive, so different configurations may share a key.
//! * **extended key**: if the key belongs to another configuration: SHA-256 over
//!   `<key's bytes>\n<digest's bytes>`, first 8 bytes.

use std::{borrow::Cow, fmt::Write as _};

use crate::velox::protocol::configuration::Configuration;

/// Returns the text under the key: lower-cased.
pub(super) fn folded(of: &Configuration<'_>) -> String {
    text(of, lower)
}

/// Returns the text under the digest: in the caller's letters.
pub(super) fn exact(of: &Configuration<'_>) -> String {
    text(of, |text| text)
}

/// Whether both texts are equal because neither has an upper-case letter. `false` may stand for equal texts too.
pub(super) fn is_folded(of: &Configuration<'_>) -> bool {
    let plugins = of.plugins.iter();
    plugins.fold(true, |is_folded, (module, tag)| {
        is_folded & is_lower(module) & is_lower(tag)
    }) && [of.rr_version, of.os, of.arch].into_iter().all(is_lower)
}

/// Returns whether [`lower`] would change nothing in an ASCII text; `false` for any other text. Without an early end,
/// so that it compares many bytes in a step.
fn is_lower(text: &str) -> bool {
    let is_odd = |is_odd, byte: &u8| is_odd | matches!(byte, b'A'..=b'Z' | 0x80..);
    !text.as_bytes().iter().fold(false, is_odd)
}

fn text<'a, T: AsRef<str> + Ord>(of: &Configuration<'a>, fold: impl Fn(&'a str) -> T) -> String {
    let plugins = of.plugins.iter();
    let plugins: Vec<_> = plugins
        .map(|(module, tag)| (fold(module), fold(tag)))
        .collect();
    let lists = [&of.plugins, &of.replaces, &of.excludes];
    let lengths = lists.into_iter().flatten();
    let length: usize = lengths
        .map(|(first, second)| first.len() + second.len() + 32)
        .sum();
    let mut out = String::with_capacity(128 + of.rr_version.len() + length);
    out.push('{');
    field(&mut out, "rr_version", fold(of.rr_version).as_ref());
    out.push(',');
    field(&mut out, "os", fold(of.os).as_ref());
    out.push(',');
    field(&mut out, "arch", fold(of.arch).as_ref());
    out.push(',');
    list(&mut out, "plugins", ("module", "tag"), plugins);
    extras(&mut out, of);
    out.push('}');
    out
}

/// Appends the options that the plugin's key does not cover. Module paths and directories are case-sensitive.
fn extras(out: &mut String, of: &Configuration<'_>) {
    for (name, keys, pairs) in [
        ("replaces", ("old", "new"), &of.replaces),
        ("excludes", ("module", "version"), &of.excludes),
    ] {
        if !pairs.is_empty() {
            out.push(',');
            list(out, name, keys, pairs.clone());
        }
    }
    for (name, set) in [("race", of.race), ("debug", of.debug)] {
        if set {
            let _ = write!(out, ",\"{name}\":true");
        }
    }
}

/// Appends a list of objects with two fields, sorted. Pairs that are equal are the same text.
fn list<T: AsRef<str> + Ord>(
    out: &mut String,
    name: &str,
    keys: (&str, &str),
    mut pairs: Vec<(T, T)>,
) {
    pairs.sort_unstable();
    out.push('"');
    out.push_str(name);
    out.push_str("\":[");
    for (at, (first, second)) in pairs.iter().enumerate() {
        out.push_str(if at == 0 { "{" } else { ",{" });
        field(out, keys.0, first.as_ref());
        out.push(',');
        field(out, keys.1, second.as_ref());
        out.push('}');
    }
    out.push(']');
}

/// Appends one text field.
fn field(out: &mut String, name: &str, value: &str) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":\"");
    let mut rest = value;
    // Texts without such letters are the usual ones.
    let is_odd = |is_odd, byte: &u8| {
        is_odd | matches!(byte, 0..0x20 | b'"' | b'\\' | b'<' | b'>' | b'&' | 0x80..)
    };
    if value.as_bytes().iter().fold(false, is_odd) {
        while let Some((at, letter)) = rest.char_indices().find(|(_, letter)| is_escaped(*letter)) {
            out.push_str(rest.get(..at).unwrap_or_default());
            escape(out, letter);
            rest = rest.get(at + letter.len_utf8()..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out.push('"');
}

/// Returns whether Go escapes the letter: its JSON is safe for HTML and JavaScript too.
fn is_escaped(letter: char) -> bool {
    matches!(
        letter,
        '\0'..='\u{1f}' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}'
    )
}

fn escape(out: &mut String, letter: char) {
    let short = match letter {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        _ => {
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
            return;
        }
    };
    out.push_str(short);
}

/// Lower-cases like Go's `strings.ToLower`: letter by letter, by Unicode's simple mapping. Rust's own handles the
/// final sigma and maps `İ` to two letters.
fn lower(text: &str) -> Cow<'_, str> {
    if is_lower(text) {
        return Cow::Borrowed(text);
    }
    let letters = text.chars().map(|letter| match letter {
        'İ' => 'i',
        _ => letter.to_lowercase().next().unwrap_or(letter),
    });
    Cow::Owned(letters.collect())
}

#[cfg(test)]
mod tests;
