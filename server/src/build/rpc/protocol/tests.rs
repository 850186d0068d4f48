//! Answers byte for byte, against bodies that a running Velox server ("v3") gave.

use super::*;
use crate::build::validate::{Policy, check};

const ID: &str = "0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a11";

fn answer(body: &str) -> String {
    match BuildRequest::from_json(body.as_bytes()) {
        Err(refusal) => refusal.body(),
        Ok(request) => Refusal::invalid(check(&request, Policy::default())).body(),
    }
}

#[test]
fn a_missing_request_id_is_answered_as_the_real_server_answers() {
    let body = r#"{"rr_version": "v2025.1.9", "plugins": [{"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.3.0"}]}"#;
    assert_eq!(
        answer(body),
        r#"{"code":"invalid_argument","message":"validation error: request_id: value is empty, which is not a valid UUID","details":[{"type":"buf.validate.Violations","value":"Cm4SEXN0cmluZy51dWlkX2VtcHR5Gil2YWx1ZSBpcyBlbXB0eSwgd2hpY2ggaXMgbm90IGEgdmFsaWQgVVVJRCoSChAIARIKcmVxdWVzdF9pZBgJMhoKDAgOEgZzdHJpbmcYCwoKCBYSBHV1aWQYCA","debug":{"violations":[{"field":{"elements":[{"fieldNumber":1,"fieldName":"request_id","fieldType":"TYPE_STRING"}]},"rule":{"elements":[{"fieldNumber":14,"fieldName":"string","fieldType":"TYPE_MESSAGE"},{"fieldNumber":22,"fieldName":"uuid","fieldType":"TYPE_BOOL"}]},"ruleId":"string.uuid_empty","message":"value is empty, which is not a valid UUID"}]}}]}"#
    );
}

#[test]
fn several_wrong_fields_are_answered_as_the_real_server_answers() {
    let body = r#"{"request_id": "x", "rr_version": "y", "plugins": [{"module_name": "github.com/roadrunner-server/http/v5", "tag": "v5.3.0"}]}"#;
    assert_eq!(
        answer(body),
        r#"{"code":"invalid_argument","message":"validation errors:\n - request_id: must be a valid UUID\n - rr_version: rr_version must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)","details":[{"type":"buf.validate.Violations","value":"ClMSC3N0cmluZy51dWlkGhRtdXN0IGJlIGEgdmFsaWQgVVVJRCoSChAIARIKcmVxdWVzdF9pZBgJMhoKDAgOEgZzdHJpbmcYCwoKCBYSBHV1aWQYCAq2ARIRcnJfdmVyc2lvbi5mb3JtYXQafnJyX3ZlcnNpb24gbXVzdCBiZSBhIHNlbWFudGljIHZlcnNpb24gc3RhcnRpbmcgd2l0aCAndicgKGUuZy4sIHYyMDI1LjEuMCksICdtYXN0ZXInLCBvciBhIGdpdCBjb21taXQgU0hBICg3LTQwIGhleCBjaGFyYWN0ZXJzKSoSChAIAhIKcnJfdmVyc2lvbhgJMg0KCwgXEgNjZWwYCzAA","debug":{"violations":[{"field":{"elements":[{"fieldNumber":1,"fieldName":"request_id","fieldType":"TYPE_STRING"}]},"rule":{"elements":[{"fieldNumber":14,"fieldName":"string","fieldType":"TYPE_MESSAGE"},{"fieldNumber":22,"fieldName":"uuid","fieldType":"TYPE_BOOL"}]},"ruleId":"string.uuid","message":"must be a valid UUID"},{"field":{"elements":[{"fieldNumber":2,"fieldName":"rr_version","fieldType":"TYPE_STRING"}]},"rule":{"elements":[{"fieldNumber":23,"fieldName":"cel","fieldType":"TYPE_MESSAGE","index":"0"}]},"ruleId":"rr_version.format","message":"rr_version must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)"}]}}]}"#
    );
}

#[test]
fn a_field_inside_a_list_is_answered_as_the_real_server_answers() {
    let body = format!(
        r#"{{"request_id": "{ID}", "rr_version": "v2025.1.9", "plugins": [{{"tag": "x"}}]}}"#
    );
    assert_eq!(
        answer(&body),
        r#"{"code":"invalid_argument","message":"validation error: plugins[0].module_name: value is required","details":[{"type":"buf.validate.Violations","value":"ClUSCHJlcXVpcmVkGhF2YWx1ZSBpcyByZXF1aXJlZCokCg8IBRIHcGx1Z2lucxgLMAAKEQgBEgttb2R1bGVfbmFtZRgJMhAKDggZEghyZXF1aXJlZBgI","debug":{"violations":[{"field":{"elements":[{"fieldNumber":5,"fieldName":"plugins","fieldType":"TYPE_MESSAGE","index":"0"},{"fieldNumber":1,"fieldName":"module_name","fieldType":"TYPE_STRING"}]},"rule":{"elements":[{"fieldNumber":25,"fieldName":"required","fieldType":"TYPE_BOOL"}]},"ruleId":"required","message":"value is required"}]}}]}"#
    );
}

#[test]
fn a_broken_body_is_an_invalid_argument_and_an_end_too_early_is_worded_as_the_real_one() {
    let eof = r#"{"code":"invalid_argument","message":"unmarshal message: unmarshal into *requestV1.BuildRequest: proto: unexpected EOF"}"#;
    for body in [
        "{",
        r#"{"request_id":"abc"#,
        r#"{"plugins":["#,
        r#"{"unk":{"x":[1,2"#,
    ] {
        assert_eq!(answer(body), eof, "{body}");
    }
    assert_eq!(
        answer(""),
        r#"{"code":"invalid_argument","message":"unmarshal message: zero-length payload is not a valid JSON object"}"#
    );
    for (body, place) in [
        ("nope", "(line 1:"),
        ("{\n\"a\": oops}", "(line 2:"),
        ("{} {}", "(line 1:"),
    ] {
        let answer = answer(body);
        assert!(
            answer.contains(place) && answer.contains("syntax error"),
            "{answer}"
        );
    }
    for body in [
        "[]",
        "null",
        "5",
        r#"{"rr_version":5}"#,
        r#"{"plugins":"x"}"#,
        r#"{"race":"yes"}"#,
    ] {
        let answer = answer(body);
        assert!(
            answer.contains("*requestV1.BuildRequest: proto: "),
            "{body}: {answer}"
        );
    }
    assert!(answer(r#"{"rr_version":"a","rrVersion":"b"}"#).contains("duplicate field"));
}

#[test]
fn both_spellings_nulls_and_unknown_fields_are_taken() {
    let body = format!(
        r#"{{"requestId":"{ID}","rrVersion":"master","forceRebuild":true,"targetPlatform":{{"os":"linux","arch":null}},
        "plugins":[{{"moduleName":"a.b/c","tag":"latest","x":1}}],"replaces":null,"foo":{{"bar":[1]}},"race":null}}"#
    );
    let request = BuildRequest::from_json(body.as_bytes()).unwrap();
    assert_eq!(
        (request.request_id.as_str(), request.rr_version.as_str()),
        (ID, "master")
    );
    assert!(request.force_rebuild && !request.race && request.replaces.is_empty());
    assert_eq!(request.plugins[0].module_name, "a.b/c");
    assert_eq!(
        request.target_platform,
        Platform {
            os: "linux".into(),
            arch: String::new()
        }
    );
}

#[test]
fn an_answer_leaves_out_empty_logs_and_an_error_escapes_as_go_does() {
    let answer = |logs: &str| {
        serde_json::to_string(&BuildAnswer {
            path: "/t/h/rr".into(),
            logs: logs.into(),
        })
        .unwrap()
    };
    assert_eq!(answer(""), r#"{"path":"/t/h/rr"}"#);
    assert_eq!(
        answer(CACHED),
        r#"{"path":"/t/h/rr","logs":"cached output, logs are available only on the first build"}"#
    );
    let refusal = Refusal::internal("needs go >= 1.27 & <more>\u{2028}");
    assert_eq!(
        refusal.body(),
        r#"{"code":"internal","message":"needs go \u003e= 1.27 \u0026 \u003cmore\u003e\u2028"}"#
    );
}
