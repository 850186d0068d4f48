//! Decoding of requests, and errors beside those of a running Velox server ("v3").

use super::*;
use crate::build::validate::{Policy, check};

const ID: &str = "0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a11";

fn error(body: &str) -> RpcError {
    match request_from_json(body.as_bytes()) {
        Err(error) => error,
        Ok(request) => RpcError::invalid(check(&request, Policy::default())),
    }
}

#[test]
fn violations_have_the_real_servers_message_and_decode_again() {
    let body = r#"{"request_id": "x", "rr_version": "v2025.1.9", "plugins": [{"tag": "x"}]}"#;
    let error = error(body);
    let json: serde_json::Value = serde_json::from_str(&error.to_json()).unwrap();
    assert_eq!(json["code"], "invalid_argument");
    assert_eq!(
        json["message"],
        "validation errors:\n - request_id: must be a valid UUID\n - plugins[0].module_name: value is required"
    );
    assert_eq!(json["details"][0]["type"], "buf.validate.Violations");

    let status = Status::of(&error);
    let [detail] = status.details.as_slice() else {
        panic!("{status:?}");
    };
    assert_eq!(
        detail.type_url,
        "type.googleapis.com/buf.validate.Violations"
    );
    let decoded = Violations::decode(detail.value.as_slice()).unwrap();
    let texts: Vec<String> = decoded.violations.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "request_id: must be a valid UUID",
            "plugins[0].module_name: value is required"
        ]
    );
}

#[test]
fn one_violation_has_the_real_servers_message() {
    let body = r#"{"rr_version": "v2025.1.9", "plugins": [{"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.3.0"}]}"#;
    assert_eq!(
        error(body).message,
        "validation error: request_id: value is empty, which is not a valid UUID"
    );
}

#[test]
fn undecodable_json_is_an_invalid_argument() {
    for body in [
        "",
        "{",
        r#"{"request_id":"abc"#,
        "nope",
        "{\n\"a\": oops}",
        "{} {}",
        "[]",
        "null",
        "5",
        r#"{"rr_version":5}"#,
        r#"{"plugins":"x"}"#,
        r#"{"race":"yes"}"#,
        r#"{"rr_version":"a","rrVersion":"b"}"#,
    ] {
        let error = error(body);
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{body}");
        assert!(
            error.message.starts_with("unmarshal message: "),
            "{body}: {error:?}"
        );
    }
}

#[test]
fn both_spellings_nulls_and_unknown_fields_are_decoded() {
    let body = format!(
        r#"{{"requestId":"{ID}","rrVersion":"master","forceRebuild":true,"targetPlatform":{{"os":"linux","arch":null}},
        "plugins":[{{"moduleName":"a.b/c","tag":"latest","x":1}}],"replaces":null,"foo":{{"bar":[1]}},"race":null}}"#
    );
    let request = request_from_json(body.as_bytes()).unwrap();
    assert_eq!(
        (request.request_id.as_str(), request.rr_version.as_str()),
        (ID, "master")
    );
    assert!(request.force_rebuild && !request.race && request.replaces.is_empty());
    assert_eq!(request.plugins[0].module_name, "a.b/c");
    let platform = request.target_platform;
    assert_eq!(
        (platform.os.as_str(), platform.arch.as_str()),
        ("linux", "")
    );
    let null = request_from_json(br#"{"target_platform":null}"#).unwrap();
    assert_eq!(null, BuildRequest::default());
}

#[test]
fn a_response_leaves_out_empty_logs() {
    let json = |logs: &str| {
        let response = BuildResponse {
            path: "/t/h/rr".into(),
            logs: logs.into(),
        };
        serde_json::to_string(&response).unwrap()
    };
    assert_eq!(json(""), r#"{"path":"/t/h/rr"}"#);
    assert_eq!(
        json(CACHED_LOGS),
        r#"{"path":"/t/h/rr","logs":"cached output, logs are available only on the first build"}"#
    );
}
