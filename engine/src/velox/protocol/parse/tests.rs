//! Each rule of a request, with the message that its breach gives.

use serde_json::{Value, json};

use super::*;

fn good() -> Value {
    json!({
        "rr_version": "v2025.1.2",
        "plugins": [{"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.2.7"}],
    })
}

fn with(changes: Value) -> Value {
    let mut value = good();
    for (name, change) in changes.as_object().unwrap() {
        value
            .as_object_mut()
            .unwrap()
            .insert(name.clone(), change.clone());
    }
    value
}

fn violations_of(value: &Value) -> Vec<String> {
    match BuildRequest::from_json(value) {
        Err(Error::InvalidRequest(violations)) => {
            violations.iter().map(ToString::to_string).collect()
        }
        other => panic!("accepted: {other:?}"),
    }
}

#[test]
fn request_defaults_to_a_new_id_and_this_host() {
    let request = BuildRequest::from_json(&good()).unwrap();
    assert!(is_uuid(&request.request_id));
    assert_eq!(&request.request_id[14..15], "4");
    assert!("89ab".contains(&request.request_id[19..20]));
    assert_eq!(request.target_platform, Platform::host());
    assert_ne!(
        request.request_id,
        BuildRequest::from_json(&good()).unwrap().request_id
    );
}

#[test]
fn every_violation_names_its_field() {
    let long = "x".repeat(4097);
    let many = vec![json!({"module_name": "m", "tag": "v1.0.0"}); 1001];
    let table = [
        (
            json!({"rr_version": null}),
            "rr_version: missing required field: rr_version",
        ),
        (
            json!({"rr_version": " "}),
            "rr_version: missing required field: rr_version",
        ),
        (
            json!({"rr_version": 5}),
            "rr_version: must be a string, not a number",
        ),
        (
            json!({"rr_version": "2025"}),
            "rr_version: must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)",
        ),
        (
            json!({"rr_version": "v1.2.\u{7}"}),
            "rr_version: must not contain control characters",
        ),
        (
            json!({"rr_version": long}),
            "rr_version: must be at most 4096 bytes long, and is 4097",
        ),
        (
            json!({"rrVersion": "v1.2.3"}),
            "rr_version: given twice, as rr_version and as rrVersion; leave one out",
        ),
        (
            json!({"request_id": "nope"}),
            "request_id: must be a valid UUID, such as 123e4567-e89b-42d3-a456-426614174000; without one, one is made",
        ),
        (
            json!({"request_id": 5}),
            "request_id: must be a string, not a number",
        ),
        (
            json!({"plugins": []}),
            "plugins: missing required field: plugins",
        ),
        (
            json!({"plugins": null}),
            "plugins: missing required field: plugins",
        ),
        (
            json!({"plugins": "x"}),
            "plugins: must be a list, not a string",
        ),
        (
            json!({"plugins": {"0": {}, "2": {}}}),
            "plugins: must be a list with the keys 0, 1, 2 and so on; array_values() makes one",
        ),
        (
            json!({"plugins": many}),
            "plugins: must have at most 1000 entries, and has 1001",
        ),
        (
            json!({"plugins": [null]}),
            "plugins[0]: must be an object, not null",
        ),
        (
            json!({"plugins": [{"module_name": "m", "tag": 5}]}),
            "plugins[0].tag: must be a string, not a number",
        ),
        (
            json!({"plugins": [{"moduleName": "m"}]}),
            "plugins[0].tag: missing required field: plugins[0].tag",
        ),
        (
            json!({"plugins": [{"tag": "v1.0.0"}]}),
            "plugins[0].module_name: missing required field: plugins[0].module_name",
        ),
        (
            json!({"target_platform": "linux"}),
            "target_platform: must be an object, not a string",
        ),
        (
            json!({"target_platform": {"os": ""}}),
            "target_platform.os: must not be empty; leave it out to build for this host",
        ),
        (
            json!({"target_platform": {"arch": "amd 64"}}),
            "target_platform.arch: must not contain whitespace; Go's names are such as linux and amd64",
        ),
        (
            json!({"target_platform": {"arch": 64}}),
            "target_platform.arch: must be a string, not a number",
        ),
        (
            json!({"force_rebuild": 1}),
            "force_rebuild: must be true or false, not a number",
        ),
        (
            json!({"race": "yes"}),
            "race: must be true or false, not a string",
        ),
        (
            json!({"debug": []}),
            "debug: must be true or false, not a list",
        ),
        (
            json!({"replaces": [{"new": "a"}]}),
            "replaces[0].old: missing required field: replaces[0].old",
        ),
        (
            json!({"replaces": 1}),
            "replaces: must be a list, not a number",
        ),
        (
            json!({"excludes": [{"module": "m"}]}),
            "excludes[0].version: missing required field: excludes[0].version",
        ),
    ];
    for (change, message) in table {
        assert_eq!(violations_of(&with(change.clone())), [message], "{change}");
    }
    assert_eq!(
        violations_of(&json!([])),
        ["request: must be an object with rr_version and plugins, not a list"]
    );
}

#[test]
fn all_violations_are_reported_at_once() {
    let value = json!({
        "request_id": "x", "rr_version": "y", "plugins": [{}, {"module_name": "m", "tag": " "}],
        "replaces": [{}],
    });
    let fields: Vec<String> = match BuildRequest::from_json(&value) {
        Err(Error::InvalidRequest(all)) => all.into_iter().map(|one| one.field).collect(),
        other => panic!("accepted: {other:?}"),
    };
    assert_eq!(
        fields,
        [
            "request_id",
            "rr_version",
            "plugins[0].module_name",
            "plugins[0].tag",
            "plugins[1].tag",
            "replaces[0].new",
            "replaces[0].old",
        ]
    );
}

#[test]
fn input_that_the_velox_server_accepts_is_accepted() {
    for version in [
        "v2025.1.2",
        "v1.2.3-rc.1+x",
        "v1.2.3 anything",
        "master",
        "abcdef0",
        &"a".repeat(40),
    ] {
        assert!(
            BuildRequest::from_json(&with(json!({"rr_version": version}))).is_ok(),
            "{version}"
        );
    }
    for version in [
        "v1.2",
        "v1.2.x",
        "vv1.2.3",
        "ABCDEF0",
        "abcdef",
        &"a".repeat(41),
        "main",
    ] {
        assert!(
            BuildRequest::from_json(&with(json!({"rr_version": version}))).is_err(),
            "{version}"
        );
    }
    let value = json!({
        "requestId": "0B0E6F3C-6D0A-4A6E-9F7A-0D9B8B1F2A11", "rrVersion": "master", "forceRebuild": true,
        "targetPlatform": {"os": "plan9", "arch": "mips"}, "unknown": {"a": [1]},
        "plugins": [{"moduleName": "m", "tag": "latest"}], "excludes": [], "race": null,
    });
    let request = BuildRequest::from_json(&value).unwrap();
    assert_eq!(request.request_id, "0B0E6F3C-6D0A-4A6E-9F7A-0D9B8B1F2A11");
    assert!(request.force_rebuild);
    assert_eq!(request.target_platform.os, "plan9");
    assert!(BuildRequest::from_json(&with(json!({"target_platform": []}))).is_ok());
}

#[test]
fn only_set_fields_are_sent() {
    let request = BuildRequest::from_json(&with(
        json!({"race": true, "replaces": [{"old": "a", "new": "b@v1"}]}),
    ))
    .unwrap();
    let wire = request.to_wire(true);
    assert_eq!(wire["force_rebuild"], true);
    assert_eq!(wire["replaces"], json!([{"new": "b@v1", "old": "a"}]));
    assert_eq!(wire["race"], true);
    assert!(wire.get("debug").is_none() && wire.get("excludes").is_none());
    assert_eq!(
        BuildRequest::from_json(&wire).unwrap().plugins,
        request.plugins
    );
}

#[test]
fn request_with_too_long_texts_is_rejected() {
    let of = |plugins: usize, length: usize| {
        let plugin = json!({"module_name": "\"".repeat(length), "tag": "v1.0.0"});
        with(json!({"plugins": vec![plugin; plugins]}))
    };
    assert_eq!(
        violations_of(&of(1000, 1000)),
        ["request: its texts must be at most 262144 bytes long in all, and are 1006000"]
    );
    let longest = BuildRequest::from_json(&of(1000, 256)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let options = crate::artifacts::StoreOptions::new(dir.path().join("cache"), dir.path());
    let store = crate::artifacts::Store::open(options).unwrap();
    let identity = crate::velox::ConfigKeys::of(&longest);
    let mut staging = store.stage().unwrap();
    std::io::Write::write_all(&mut staging, b"binary").unwrap();
    let meta = crate::artifacts::CommitMeta {
        key: identity.key,
        digest: identity.digest,
        config: longest.config(),
        build_ms: 0,
        ttl: std::time::Duration::MAX,
        replace: false,
    };
    store.commit(staging, meta).unwrap();
    assert!(store.read_disk(identity.key).unwrap().is_some());
}
