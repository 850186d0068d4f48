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

use std::fmt::Write as _;

use crate::velox::protocol::request::BuildRequest;

/// Returns the text under the key: lower-cased.
pub(super) fn folded(request: &BuildRequest) -> String {
    text(request, lower)
}

/// Returns the text under the digest: in the caller's letters.
pub(super) fn exact(request: &BuildRequest) -> String {
    text(request, str::to_owned)
}

fn text(request: &BuildRequest, fold: fn(&str) -> String) -> String {
    let mut plugins: Vec<(String, String)> = request
        .plugins
        .iter()
        .map(|plugin| (fold(plugin.module_name.trim()), fold(plugin.tag.trim())))
        .collect();
    plugins.sort();
    let mut out = String::with_capacity(128 + plugins.len() * 64);
    out.push('{');
    field(&mut out, "rr_version", &fold(request.rr_version.trim()));
    out.push(',');
    field(&mut out, "os", &fold(request.target_platform.os.trim()));
    out.push(',');
    field(&mut out, "arch", &fold(request.target_platform.arch.trim()));
    out.push(',');
    list(&mut out, "plugins", ("module", "tag"), &plugins);
    extras(&mut out, request);
    out.push('}');
    out
}

/// Appends the options that the plugin's key does not cover. Module paths and directories are case-sensitive.
fn extras(out: &mut String, request: &BuildRequest) {
    let mut replaces: Vec<(String, String)> = request
        .replaces
        .iter()
        .map(|replace| (replace.old.clone(), replace.new.clone()))
        .collect();
    replaces.sort();
    let mut excludes: Vec<(String, String)> = request
        .excludes
        .iter()
        .map(|exclude| (exclude.module.clone(), exclude.version.clone()))
        .collect();
    excludes.sort();
    for (name, keys, pairs) in [
        ("replaces", ("old", "new"), replaces),
        ("excludes", ("module", "version"), excludes),
    ] {
        if !pairs.is_empty() {
            out.push(',');
            list(out, name, keys, &pairs);
        }
    }
    for (name, set) in [("race", request.race), ("debug", request.debug)] {
        if set {
            let _ = write!(out, ",\"{name}\":true");
        }
    }
}

/// Appends a list of objects with two fields.
fn list(out: &mut String, name: &str, keys: (&str, &str), pairs: &[(String, String)]) {
    let _ = write!(out, "\"{name}\":[");
    for (at, (first, second)) in pairs.iter().enumerate() {
        out.push_str(if at == 0 { "{" } else { ",{" });
        field(out, keys.0, first);
        out.push(',');
        field(out, keys.1, second);
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
    while let Some((at, letter)) = rest.char_indices().find(|(_, letter)| is_escaped(*letter)) {
        out.push_str(rest.get(..at).unwrap_or_default());
        escape(out, letter);
        rest = rest.get(at + letter.len_utf8()..).unwrap_or_default();
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
fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        .map(|letter| match letter {
            'İ' => 'i',
            _ => letter.to_lowercase().next().unwrap_or(letter),
        })
        .collect()
}

#[cfg(test)]
mod tests;
