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

use sha2::{Digest, Sha256};

use super::request::Request;

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

    /// The plugin's key, as a number: its 16 hex digits are these 8 bytes in big-endian order.
    #[must_use]
    pub fn key(&self) -> u64 {
        hash(&[self.json.as_bytes()])
    }

    /// What tells configurations with equal keys apart.
    #[must_use]
    pub fn digest(&self) -> u64 {
        hash(&[self.exact.as_bytes()])
    }

    /// The key to use where [`Canonical::key`] belongs to another configuration.
    #[must_use]
    pub fn extended_key(&self) -> u64 {
        hash(&[self.json.as_bytes(), b"\n", self.exact.as_bytes()])
    }
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part);
    }
    sha.finalize()
        .iter()
        .take(8)
        .fold(0, |bits, byte| bits << 8 | u64::from(*byte))
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
    let _ = write!(out, "\"{name}\":\"");
    for letter in value.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            // Go makes its JSON safe for HTML and JavaScript.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// Go's `strings.ToLower`: letter by letter, by Unicode's simple mapping. Rust's own knows the final
/// sigma and maps `İ` to two letters.
fn lower(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            'İ' => 'i',
            _ => letter.to_lowercase().next().unwrap_or(letter),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn example() -> Request {
        Request::from_json(&json!({
            "rr_version": "v2025.1.2",
            "target_platform": {"os": "linux", "arch": "amd64"},
            "plugins": [
                {"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.2.7"},
                {"module_name": "github.com/roadrunner-server/grpc/v5", "tag": "v5.1.0"},
            ],
        }))
        .unwrap()
    }

    fn bits(change: impl FnOnce(&mut Request)) -> (u64, u64, u64) {
        let mut request = example();
        change(&mut request);
        let canonical = Canonical::of(&request);
        (
            canonical.key(),
            canonical.digest(),
            canonical.extended_key(),
        )
    }

    #[test]
    fn the_plugins_own_example_has_the_plugins_key() {
        let canonical = Canonical::of(&example());
        assert_eq!(format!("{:016x}", canonical.key()), "2eccb077c71e1f91");
        assert_eq!(
            canonical.json,
            r#"{"rr_version":"v2025.1.2","os":"linux","arch":"amd64","plugins":[{"module":"github.com/roadrunner-server/grpc/v5","tag":"v5.1.0"},{"module":"github.com/roadrunner-server/http/v5","tag":"v5.2.7"}]}"#
        );
    }

    #[test]
    fn texts_are_escaped_as_go_escapes_them() {
        let mut out = String::new();
        field(&mut out, "a", "<&>\u{2028}\"\\\u{1}\u{7f}é");
        assert_eq!(
            out,
            "\"a\":\"\\u003c\\u0026\\u003e\\u2028\\\"\\\\\\u0001\u{7f}é\""
        );
        assert_eq!(lower("ΟΔΟΣ İX"), "οδοσ ix");
    }

    #[test]
    fn letters_of_another_case_share_the_key_and_nothing_else() {
        let plain = bits(|_| {});
        let other = bits(|request| request.plugins[0].module_name.make_ascii_uppercase());
        assert_eq!(plain.0, other.0);
        assert_ne!(plain.1, other.1);
        assert_ne!(plain.2, other.2);
    }

    #[test]
    fn options_that_make_another_artifact_extend_the_key_only_when_set() {
        let plain = bits(|_| {});
        let replace = |old: &str| super::super::request::Replace {
            old: old.into(),
            new: "B@v1.0.0".into(),
        };
        let exclude = super::super::request::Exclude {
            module: "a".into(),
            version: "v1.0.0".into(),
        };
        let mut seen = vec![plain];
        for change in [
            Box::new(|request: &mut Request| request.race = true) as Box<dyn FnOnce(&mut Request)>,
            Box::new(|request| request.debug = true),
            Box::new(|request| request.replaces = vec![replace("a")]),
            Box::new(|request| request.excludes = vec![exclude]),
        ] {
            let next = bits(change);
            assert!(
                seen.iter()
                    .all(|before| before.0 != next.0 && before.1 != next.1)
            );
            seen.push(next);
        }
        assert_eq!(bits(|request| request.force_rebuild = true), plain);
        assert_eq!(bits(|request| request.request_id = "x".into()), plain);
        let ab = bits(|request| request.replaces = vec![replace("a"), replace("b")]);
        let ba = bits(|request| request.replaces = vec![replace("b"), replace("a")]);
        assert_eq!(ab, ba);
        let mut request = example();
        request.race = true;
        request.replaces = vec![replace("a")];
        assert!(
            Canonical::of(&request)
                .json
                .ends_with(r#""}],"replaces":[{"old":"a","new":"B@v1.0.0"}],"race":true}"#)
        );
    }

    proptest! {
        #[test]
        fn order_whitespace_and_case_leave_the_key_alone(
            plugins in prop::collection::vec(("[a-zA-Z./<&>]{1,12}", "[a-zA-Z0-9.]{1,8}"), 1..12),
            seed in any::<u64>(),
        ) {
            let list = |shuffle: bool| {
                let mut list: Vec<_> = plugins
                    .iter()
                    .map(|(module, tag)| if shuffle {
                        json!({"module_name": format!("\u{a0} {}\t", module.to_uppercase()), "tag": format!(" {}", tag.to_lowercase())})
                    } else {
                        json!({"module_name": module, "tag": tag})
                    })
                    .collect();
                if shuffle {
                    let shift = usize::try_from(seed % plugins.len() as u64).unwrap();
                    list.rotate_left(shift);
                    list.reverse();
                }
                json!({"rr_version": if shuffle { " master " } else { "master" }, "plugins": list})
            };
            let plain = Canonical::of(&Request::from_json(&list(false)).unwrap());
            let shuffled = Canonical::of(&Request::from_json(&list(true)).unwrap());
            prop_assert_eq!(plain.key(), shuffled.key());
        }

        #[test]
        fn the_exact_text_reads_back_as_the_request(
            plugins in prop::collection::vec(("[^\\p{Cc}]{1,20}", "[^\\p{Cc}]{1,20}"), 1..5),
        ) {
            let list: Vec<_> = plugins.iter().map(|(module, tag)| json!({"module_name": format!("m{module}m"), "tag": format!("t{tag}t")})).collect();
            let request = Request::from_json(&json!({"rr_version": "master", "plugins": list})).unwrap();
            let read: serde_json::Value = serde_json::from_str(&Canonical::of(&request).exact).unwrap();
            let mut expected = request.plugins.clone();
            expected.sort();
            let got: Vec<_> = read["plugins"].as_array().unwrap().iter().map(|plugin| (plugin["module"].as_str().unwrap().to_owned(), plugin["tag"].as_str().unwrap().to_owned())).collect();
            let expected: Vec<_> = expected.into_iter().map(|plugin| (plugin.module_name, plugin.tag)).collect();
            prop_assert_eq!(got, expected);
        }
    }
}
