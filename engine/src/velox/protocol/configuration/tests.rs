//! What is read in one walk is what the request says; everything else is left to it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::velox::{BuildRequest, ConfigKeys};

/// Whether a request is read in one walk. If so, it is valid and has the same configuration otherwise.
fn is_read(value: &Value) -> bool {
    let Some(read) = Configuration::read_json(value) else {
        return false;
    };
    let request =
        BuildRequest::without_id(value).unwrap_or_else(|error| panic!("{error}: {value}"));
    assert_eq!(read, Configuration::from(&request), "{value}");
    assert_eq!(ConfigKeys::of(read), ConfigKeys::of(&request));
    true
}

fn with(changes: Value) -> Value {
    let mut value = json!({
        "rr_version": "v2025.1.2",
        "plugins": [{"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.2.7"}],
    });
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

#[test]
fn usual_requests_are_read_in_one_walk() {
    for changes in [
        json!({}),
        json!({"rr_version": " master\u{a0}", "request_id": null, "force_rebuild": null, "race": true}),
        json!({"requestId": "0B0E6F3C-6D0A-4A6E-9F7A-0D9B8B1F2A11", "forceRebuild": true, "debug": false}),
        json!({"request_id": " ", "replaces": null, "excludes": []}),
        json!({"target_platform": null}),
        json!({"target_platform": []}),
        json!({"target_platform": {"os": null, "arch": " ARM64 "}}),
        json!({"targetPlatform": {"arch": "wasm", "os": "js"}}),
        json!({"plugins": [{"tag": "é", "moduleName": "İ < & "}, {"module_name": "m", "tag": "t"}]}),
        json!({"replaces": [{"new": "./B", "old": " a"}], "excludes": [{"version": "v1", "module": "m"}]}),
        json!({"plugins": vec![json!({"module_name": "m".repeat(250), "tag": "t"}); 1000]}),
    ] {
        assert!(is_read(&with(changes.clone())), "{changes}");
    }
}

#[test]
fn invalid_and_unknown_fields_are_left_to_the_request() {
    let tag = |tag: Value| json!({"plugins": [{"module_name": "m", "tag": tag}]});
    for changes in [
        json!({"rr_version": null}),
        json!({"rr_version": "latest"}),
        json!({"rrVersion": "v2025.1.2"}),
        json!({"rrVersion": null}),
        json!({"request_id": "x"}),
        json!({"note": 1}),
        json!({"race": 1}),
        json!({"target_platform": {"os": ""}}),
        json!({"target_platform": {"os": "a b"}}),
        json!({"target_platform": {"cpu": "x"}}),
        json!({"target_platform": ["linux"]}),
        json!({"target_platform": "linux"}),
        json!({"plugins": []}),
        json!({"plugins": null}),
        json!({"plugins": {"0": {"module_name": "m", "tag": "t"}}}),
        json!({"plugins": ["m"]}),
        json!({"plugins": [{"module_name": "m"}]}),
        json!({"plugins": [{"module_name": "m", "tag": "t", "moduleName": "m"}]}),
        json!({"plugins": [{"moduleName": "", "tag": "t", "module_name": "m"}]}),
        json!({"plugins": [{"module_name": "m", "tag": "t", "note": null}]}),
        tag(json!(" ")),
        tag(json!(null)),
        tag(json!(5)),
        tag(json!("a\u{7}b")),
        tag(json!("a\u{85}b")),
        tag(json!(" ".repeat(4096) + "long")),
        json!({"plugins": vec![json!({"module_name": "m", "tag": "t"}); 1001]}),
        json!({"plugins": vec![json!({"module_name": "m".repeat(300), "tag": "t"}); 1000]}),
        json!({"replaces": [{"old": "a", "new": null}]}),
    ] {
        assert!(!is_read(&with(changes.clone())), "{changes}");
    }
}

/// A text of a request, mostly one that is right.
fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => "[a-zA-Z./<é-]{1,12}".prop_map(Value::from),
        2 => prop_oneof!["[ \u{a0}\t]?[a-cA-C]{0,2} ?", "\\PC{0,4}", "[\u{0}-\u{20}\u{7f}-\u{a0}a]{0,3}"].prop_map(Value::from),
        1 => prop_oneof![Just(json!(null)), Just(json!(5)), Just(json!(true)), Just(json!([])), Just(json!({"a": 1}))],
    ]
}

fn object(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let usual = prop::collection::vec(text(), 2)
        .prop_map(|texts| json!({names[0]: texts[0], names[1]: texts[1]}));
    let any = prop::collection::hash_map(prop::sample::select(names), text(), 0..4);
    prop_oneof![5 => usual, 2 => any.prop_map(|fields| json!(fields)), 1 => text()]
}

fn list(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let items = prop::collection::vec(object(names), 0..4).prop_map(Value::from);
    prop_oneof![9 => items, 1 => object(names)]
}

fn field() -> impl Strategy<Value = (&'static str, Value)> {
    let name = |names: &'static [&'static str]| prop::sample::select(names);
    let version = prop_oneof![3 => "v[0-9].[0-9].[0-9]|master|[0-9a-f]{7}".prop_map(Value::from), 1 => text()];
    let id = prop_oneof![3 => Just(json!("123e4567-e89b-42d3-a456-426614174000")), 1 => text()];
    let flag = prop_oneof![3 => any::<bool>().prop_map(Value::from), 1 => text()];
    let target = object(&["os", "arch", "cpu"]);
    prop_oneof![
        (name(&["rr_version", "rrVersion"]), version),
        (name(&["request_id", "requestId"]), id),
        (name(&["target_platform", "targetPlatform"]), target),
        (
            name(&["plugins"]),
            list(&["module_name", "tag", "moduleName", "note"])
        ),
        (name(&["replaces"]), list(&["old", "new", "note"])),
        (name(&["excludes"]), list(&["module", "version", "note"])),
        (
            name(&["force_rebuild", "forceRebuild", "race", "debug"]),
            flag
        ),
        (name(&["0", "note", "", "Plugins"]), text()),
    ]
}

proptest! {
    #[test]
    fn what_is_read_is_what_the_request_says(fields in prop::collection::vec(field(), 0..8)) {
        let mut value = with(json!({}));
        for (name, field) in fields {
            value[name] = field;
        }
        is_read(&value);
    }
}
