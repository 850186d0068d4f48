//! The plugin's test vector, and the changes of a request that leave its key unchanged.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::velox::protocol::request::BuildRequest;
use crate::{
    artifacts::{ConfigDigest, Key},
    velox::keys::config_keys::ConfigKeys,
};

fn example() -> BuildRequest {
    BuildRequest::from_json(&json!({
        "rr_version": "v2025.1.2",
        "target_platform": {"os": "linux", "arch": "amd64"},
        "plugins": [
            {"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.2.7"},
            {"module_name": "github.com/roadrunner-server/grpc/v5", "tag": "v5.1.0"},
        ],
    }))
    .unwrap()
}

fn names(change: impl FnOnce(&mut BuildRequest)) -> (Key, ConfigDigest, Key) {
    let mut request = example();
    change(&mut request);
    let keys = ConfigKeys::of(&request);
    (keys.key, keys.digest, keys.extended_key())
}

#[test]
fn plugin_example_has_the_key_of_the_plugin() {
    let keys = ConfigKeys::of(&example());
    assert_eq!(keys.key.to_string(), "2eccb077c71e1f91");
    assert_eq!(
        keys.canonical,
        r#"{"rr_version":"v2025.1.2","os":"linux","arch":"amd64","plugins":[{"module":"github.com/roadrunner-server/grpc/v5","tag":"v5.1.0"},{"module":"github.com/roadrunner-server/http/v5","tag":"v5.2.7"}]}"#
    );
}

#[test]
fn texts_are_escaped_like_go() {
    let mut out = String::new();
    field(&mut out, "a", "<&>\u{2028}\"\\\u{1}\u{7f}é");
    assert_eq!(
        out,
        "\"a\":\"\\u003c\\u0026\\u003e\\u2028\\\"\\\\\\u0001\u{7f}é\""
    );
    assert_eq!(lower("ΟΔΟΣ İX"), "οδοσ ix");
}

#[test]
fn case_variants_share_the_key_and_nothing_else() {
    let plain = names(|_| {});
    let other = names(|request| request.plugins[0].module_name.make_ascii_uppercase());
    assert_eq!(plain.0, other.0);
    assert_ne!(plain.1, other.1);
    assert_ne!(plain.2, other.2);
}

#[test]
fn options_extend_the_key_only_when_set() {
    let plain = names(|_| {});
    let replace = |old: &str| crate::velox::protocol::request::Replace {
        old: old.into(),
        new: "B@v1.0.0".into(),
    };
    let exclude = crate::velox::protocol::request::Exclude {
        module: "a".into(),
        version: "v1.0.0".into(),
    };
    let mut seen = vec![plain];
    for change in [
        Box::new(|request: &mut BuildRequest| request.race = true)
            as Box<dyn FnOnce(&mut BuildRequest)>,
        Box::new(|request| request.debug = true),
        Box::new(|request| request.replaces = vec![replace("a")]),
        Box::new(|request| request.excludes = vec![exclude]),
    ] {
        let next = names(change);
        assert!(
            seen.iter()
                .all(|before| before.0 != next.0 && before.1 != next.1)
        );
        seen.push(next);
    }
    assert_eq!(names(|request| request.force_rebuild = true), plain);
    assert_eq!(names(|request| request.request_id = "x".into()), plain);
    let ab = names(|request| request.replaces = vec![replace("a"), replace("b")]);
    let ba = names(|request| request.replaces = vec![replace("b"), replace("a")]);
    assert_eq!(ab, ba);
    let mut request = example();
    request.race = true;
    request.replaces = vec![replace("a")];
    assert!(
        folded(&(&request).into())
            .ends_with(r#""}],"replaces":[{"old":"a","new":"B@v1.0.0"}],"race":true}"#)
    );
}

/// The text of a request in the plainest way: JSON of sorted lists, with Go's further escapes.
fn plainly(request: &BuildRequest, fold: fn(&str) -> String) -> String {
    let sorted = |names: [&str; 2], mut pairs: Vec<(String, String)>| -> serde_json::Value {
        pairs.sort();
        let items = pairs.into_iter();
        items
            .map(|(first, second)| json!({names[0]: first, names[1]: second}))
            .collect()
    };
    let plugins = request.plugins.iter();
    let mut out = json!({
        "rr_version": fold(request.rr_version.trim()),
        "os": fold(request.target_platform.os.trim()),
        "arch": fold(request.target_platform.arch.trim()),
        "plugins": sorted(
            ["module", "tag"],
            plugins.map(|plugin| (fold(plugin.module_name.trim()), fold(plugin.tag.trim()))).collect(),
        ),
    });
    let (replaces, excludes) = (request.replaces.iter(), request.excludes.iter());
    if !request.replaces.is_empty() {
        let pairs = replaces.map(|replace| (replace.old.clone(), replace.new.clone()));
        out["replaces"] = sorted(["old", "new"], pairs.collect());
    }
    if !request.excludes.is_empty() {
        let pairs = excludes.map(|exclude| (exclude.module.clone(), exclude.version.clone()));
        out["excludes"] = sorted(["module", "version"], pairs.collect());
    }
    for (name, set) in [("race", request.race), ("debug", request.debug)] {
        if set {
            out[name] = true.into();
        }
    }
    let escapes = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    escapes.into_iter().fold(out.to_string(), |text, letter| {
        text.replace(letter, &format!("\\u{:04x}", u32::from(letter)))
    })
}

fn lower_letter_by_letter(text: &str) -> String {
    let lower = |letter: char| match letter {
        'İ' => 'i',
        _ => letter.to_lowercase().next().unwrap(),
    };
    text.chars().map(lower).collect()
}

/// A text of few letters, so that lists have equal modules and texts that differ in case only.
const TEXT: &str =
    "[aAbB]{1,2}|[ -~]{1,40}|\\PC{1,8}|[İΣσς\u{a0}\u{2028}é ]{1,4}|[\u{0}-\u{1f}\u{7f}-\u{9f}]";

proptest! {
    #[test]
    fn texts_are_those_of_plain_json(
        head in (TEXT, TEXT, TEXT),
        lists in prop::array::uniform3(prop::collection::vec((TEXT, TEXT), 0..30)),
        flags in any::<(bool, bool)>(),
    ) {
        use crate::velox::protocol::request::{Exclude, Platform, Plugin, Replace};
        let [plugins, replaces, excludes] = lists.map(Vec::into_iter);
        let request = BuildRequest {
            rr_version: head.0,
            target_platform: Platform { os: head.1, arch: head.2 },
            plugins: plugins.map(|(module_name, tag)| Plugin { module_name, tag }).collect(),
            replaces: replaces.map(|(old, new)| Replace { new, old }).collect(),
            excludes: excludes.map(|(module, version)| Exclude { module, version }).collect(),
            race: flags.0,
            debug: flags.1,
            ..BuildRequest::default()
        };
        let keys = ConfigKeys::of(&request);
        let (canonical, exact) = (plainly(&request, lower_letter_by_letter), plainly(&request, str::to_owned));
        prop_assert_eq!(&keys.canonical, &canonical);
        prop_assert_eq!(&keys.exact, &exact);
        let key_of = |text: &str| Key(ConfigDigest::of(text.as_bytes()).0);
        prop_assert_eq!(keys.key, key_of(&canonical));
        prop_assert_eq!(Key(keys.digest.0), key_of(&exact));
        prop_assert_eq!(keys.extended_key(), key_of(&format!("{canonical}\n{exact}")));
    }

    #[test]
    fn order_whitespace_and_case_do_not_change_the_key(
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
        let plain = ConfigKeys::of(&BuildRequest::from_json(&list(false)).unwrap());
        let shuffled = ConfigKeys::of(&BuildRequest::from_json(&list(true)).unwrap());
        prop_assert_eq!(plain.key, shuffled.key);
    }

    #[test]
    fn exact_text_parses_back_to_the_request(
        plugins in prop::collection::vec(("[^\\p{Cc}]{1,20}", "[^\\p{Cc}]{1,20}"), 1..5),
    ) {
        let list: Vec<_> = plugins.iter().map(|(module, tag)| json!({"module_name": format!("m{module}m"), "tag": format!("t{tag}t")})).collect();
        let request = BuildRequest::from_json(&json!({"rr_version": "master", "plugins": list})).unwrap();
        let read: serde_json::Value = serde_json::from_str(&exact(&(&request).into())).unwrap();
        let mut expected = request.plugins.clone();
        expected.sort();
        let got: Vec<_> = read["plugins"].as_array().unwrap().iter().map(|plugin| (plugin["module"].as_str().unwrap().to_owned(), plugin["tag"].as_str().unwrap().to_owned())).collect();
        let expected: Vec<_> = expected.into_iter().map(|plugin| (plugin.module_name, plugin.tag)).collect();
        prop_assert_eq!(got, expected);
    }
}
