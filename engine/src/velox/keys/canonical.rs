//! What makes two requests the same: the bytes that are hashed into a key and a digest.
//!
//! * **key**: byte-compatible with the Velox plugin. Compact JSON with the fields `rr_version`, `os`,
//!   `arch`, `plugins` [{`module`, `tag`}], every text trimmed and lower-cased, escaped as Go's
//!   `json.Marshal` does, plugins sorted; SHA-256, first 8 bytes. The plugin sorts by module alone
//!   and leaves the order of one module's entries open; here the tag decides, so that the order in
//!   which plugins are asked for never matters. Where set, and only then, these follow inside the
//!   object, in the caller's exact letters: `,"replaces":[{"old","new"}…]` and
//!   `,"excludes":[{"module","version"}…]` (both sorted), `,"race":true`, `,"debug":true`.
//! * **digest**: the same bytes without the lower-casing, first 8 bytes of their SHA-256. Module paths
//!   and tags are case-sensitive, so configurations may share a key and be different.
//! * **extended key**: for a configuration whose key is taken by another one: SHA-256 over
//!   `<key's bytes>\n<digest's bytes>`, first 8 bytes.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::artifacts::{ConfigDigest, Key};
use crate::velox::protocol::request::Request;

/// The identity of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// The bytes under the key.
    pub json: String,
    /// The bytes under the digest.
    pub exact: String,
}

impl Canonical {
    /// Works out both texts.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self {
            json: text(request, lower),
            exact: text(request, str::to_owned),
        }
    }

    /// The plugin's key.
    #[must_use]
    pub fn key(&self) -> Key {
        key(self.json.as_bytes())
    }

    /// What tells configurations with equal keys apart.
    #[must_use]
    pub fn digest(&self) -> ConfigDigest {
        ConfigDigest::of(self.exact.as_bytes())
    }

    /// The key to use where [`Canonical::key`] belongs to another configuration.
    #[must_use]
    pub fn extended_key(&self) -> Key {
        key(format!("{}\n{}", self.json, self.exact).as_bytes())
    }
}

fn key(bytes: &[u8]) -> Key {
    Key::from_sha256(&Sha256::digest(bytes).into())
}

fn text(request: &Request, fold: fn(&str) -> String) -> String {
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
    field(&mut out, "os", &fold(request.os.trim()));
    out.push(',');
    field(&mut out, "arch", &fold(request.arch.trim()));
    out.push(',');
    list(&mut out, "plugins", ("module", "tag"), &plugins);
    extras(&mut out, request);
    out.push('}');
    out
}

/// What the plugin's key does not know. Module paths and directories are case-sensitive.
fn extras(out: &mut String, request: &Request) {
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

/// Go makes its JSON safe for HTML and JavaScript too.
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

/// Go's `strings.ToLower`: letter by letter, by Unicode's simple mapping. Rust's own knows the final
/// sigma and maps `İ` to two letters.
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
