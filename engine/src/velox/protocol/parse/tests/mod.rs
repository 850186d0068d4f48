//! Requests that are accepted, and the limits of one.

mod violations;

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
