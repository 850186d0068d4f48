//! The plugin's test vector, and the changes of a request that leave its key unchanged.

use proptest::prelude::*;
use serde_json::json;

use super::*;
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
        folded(&request).ends_with(r#""}],"replaces":[{"old":"a","new":"B@v1.0.0"}],"race":true}"#)
    );
}

proptest! {
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
        let read: serde_json::Value = serde_json::from_str(&exact(&request)).unwrap();
        let mut expected = request.plugins.clone();
        expected.sort();
        let got: Vec<_> = read["plugins"].as_array().unwrap().iter().map(|plugin| (plugin["module"].as_str().unwrap().to_owned(), plugin["tag"].as_str().unwrap().to_owned())).collect();
        let expected: Vec<_> = expected.into_iter().map(|plugin| (plugin.module_name, plugin.tag)).collect();
        prop_assert_eq!(got, expected);
    }
}
