//! The message of each violation.

use super::*;

#[test]
fn every_violation_names_its_field() {
    let long = "x".repeat(4097);
    let many = vec![json!({"module_name": "m", "tag": "v1.0.0"}); 1001];
    let table = [
        (
            json!({"rr_version": null}),
            "missing required field: rr_version",
        ),
        (
            json!({"rr_version": " "}),
            "missing required field: rr_version",
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
        (json!({"plugins": []}), "missing required field: plugins"),
        (json!({"plugins": null}), "missing required field: plugins"),
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
            "missing required field: plugins[0].tag",
        ),
        (
            json!({"plugins": [{"tag": "v1.0.0"}]}),
            "missing required field: plugins[0].module_name",
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
            "missing required field: replaces[0].old",
        ),
        (
            json!({"replaces": 1}),
            "replaces: must be a list, not a number",
        ),
        (
            json!({"excludes": [{"module": "m"}]}),
            "missing required field: excludes[0].version",
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
