//! Recorded answers of the Velox server, and answers of other programs at its address.

use proptest::prelude::*;

use super::*;

const ADDRESS: &str = "http://127.0.0.1:9000";

fn of(status: u16, body: &str) -> AttemptError {
    classify(ADDRESS, status, None, body.as_bytes())
}

fn internal_error(message: &str) -> AttemptError {
    of(
        500,
        &serde_json::json!({"code": "internal", "message": message}).to_string(),
    )
}

#[test]
fn path_is_parsed_beside_unknown_fields() {
    let answer = parse_path(br#"{"path":"/tmp/a/rr",  "logs":"cached output", "new": 1}"#).unwrap();
    assert_eq!(
        (answer.path.as_str(), answer.logs.as_str()),
        ("/tmp/a/rr", "cached output")
    );
    assert!(matches!(
        parse_path(b"{}"),
        Err(AttemptError::Permanent(Error::Remote(_)))
    ));
    assert!(matches!(
        parse_path(br#"{"path":"/tm"#),
        Err(AttemptError::Transient(RetryReason::Download, _))
    ));
}

#[test]
fn long_texts_of_a_server_are_shortened() {
    let long = "é\n".repeat(1 << 14);
    let elements = vec![serde_json::json!({"fieldName": long, "index": 1})];
    let violation = serde_json::json!({"field": {"elements": elements}, "message": long});
    let debug = serde_json::json!({"debug": {"violations": vec![violation; 12]}});
    let mut errors = Vec::new();
    for (code, message, details) in [
        ("internal", long.as_str(), vec![]),
        (long.as_str(), "x", vec![]),
        ("unavailable", long.as_str(), vec![]),
        ("invalid_argument", long.as_str(), vec![]),
        ("invalid_argument", "x", vec![debug]),
    ] {
        let body = serde_json::json!({"code": code, "message": message, "details": details});
        for status in [200, 302, 400, 401, 404, 500, 501, 503, 999] {
            errors.push(classify(
                ADDRESS,
                status,
                Some(&long),
                body.to_string().as_bytes(),
            ));
        }
    }
    // The parser repeats a text in the place of an object.
    errors.extend(
        parse_path(
            serde_json::json!({"path": {"no": long}})
                .to_string()
                .as_bytes(),
        )
        .err(),
    );
    errors.extend(parse_path(serde_json::json!(long).to_string().as_bytes()).err());
    errors.extend(
        parse_path(
            serde_json::json!({"path": format!("/{long}")})
                .to_string()
                .as_bytes(),
        )
        .err(),
    );
    errors.extend(
        parse_path(
            serde_json::json!({"path": "/tmp/a\0b"})
                .to_string()
                .as_bytes(),
        )
        .err(),
    );
    assert_eq!(errors.len(), 5 * 9 + 4);
    for attempt in errors {
        let (AttemptError::Permanent(error) | AttemptError::Transient(_, error)) = attempt else {
            panic!("{attempt:?}")
        };
        let length = error.to_string().len();
        assert!(length < 32 << 10, "{length}: {:.200}", error.to_string());
        if let Error::InvalidRequest(all) = &error {
            let bytes: usize = all
                .iter()
                .map(|one| one.field.len() + one.message.len())
                .sum();
            assert!(bytes < 1 << 20 && !all.is_empty(), "{bytes}");
        }
    }
}

#[test]
fn conflict_is_a_build_in_progress() {
    let body =
        r#"{"code":"already_exists","message":"build 41a9aa019b2890cc is already in progress"}"#;
    assert!(matches!(of(409, body), AttemptError::InProgress));
}

#[test]
fn validation_errors_are_parsed_by_field() {
    let body = r#"{"code":"invalid_argument","message":"validation errors:\n - plugins[0].tag: value is required\n - rr_version: value is required","details":[{"type":"buf.validate.Violations","value":"x","debug":{"violations":[{"field":{"elements":[{"fieldNumber":5,"fieldName":"plugins","index":"0"},{"fieldNumber":2,"fieldName":"tag"}]},"message":"value is required"},{"field":{"elements":[{"fieldName":"rr_version"}]},"message":"value is required"}]}}]}"#;
    let expected = [
        "plugins[0].tag: value is required",
        "rr_version: value is required",
    ];
    let plain = r#"{"code":"invalid_argument","message":"validation errors:\n - plugins[0].tag: value is required\n - rr_version: value is required"}"#;
    for body in [body, plain] {
        let AttemptError::Permanent(Error::InvalidRequest(all)) = of(400, body) else {
            panic!()
        };
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(all, expected);
    }
    let broken = r#"{"code":"invalid_argument","message":"unmarshal message: unmarshal into *requestV1.BuildRequest: proto: unexpected EOF"}"#;
    let AttemptError::Permanent(Error::InvalidRequest(all)) = of(400, broken) else {
        panic!()
    };
    assert_eq!(all[0].field, "request");
    assert!(all[0].message.ends_with("unexpected EOF"));
}

#[test]
fn recorded_refusals_of_a_real_server_are_understood() {
    for refusal in pillion_fakes::velox::refusals() {
        let error = of(refusal.status, &refusal.body);
        match (refusal.status, error) {
            (400, AttemptError::Permanent(Error::InvalidRequest(all))) => {
                let body: serde_json::Value = serde_json::from_str(&refusal.body).unwrap();
                let message = body["message"].as_str().unwrap();
                let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
                let expected = match message.strip_prefix("validation errors:\n - ") {
                    Some(many) => many.split("\n - ").map(str::to_owned).collect(),
                    None => match message.strip_prefix("validation error: ") {
                        Some(one) => vec![one.to_owned()],
                        None => vec![format!("request: {message}")],
                    },
                };
                assert_eq!(texts, expected, "{}", refusal.name);
            }
            (501, AttemptError::Permanent(Error::Remote(_)))
            | (504, AttemptError::Transient(RetryReason::Server, _)) => {}
            (status, other) => panic!("{}: {status}: {other:?}", refusal.name),
        }
    }
}

#[test]
fn compile_and_version_errors_are_build_failures() {
    let tag = "building plugins: verifyResolvedVersions: go list -m github.com/roadrunner-server/logger/v5: go failed: exit status 1\n--- stderr (last 74 bytes) ---\ngo: module github.com/roadrunner-server/logger/v5: not a known dependency\n";
    let version = "downloading template: expected 3xx redirect from https://github.com/roadrunner-server/roadrunner/archive/refs/tags/v2025.9.9.zip, got 404";
    let windows = "building plugins: velox v3 does not support Windows targets";
    for (message, end) in [
        (
            tag,
            "\ngo: module github.com/roadrunner-server/logger/v5: not a known dependency",
        ),
        (version, "v2025.9.9.zip, got 404"),
        (
            windows,
            "velox server returned: building plugins: velox v3 does not support Windows targets",
        ),
    ] {
        let (AttemptError::Permanent(Error::BuildFailed(build))
        | AttemptError::RetryOnce(Error::BuildFailed(build))) = internal_error(message)
        else {
            panic!()
        };
        assert!(
            build.message.starts_with("velox server returned: "),
            "{}",
            build.message
        );
        assert!(build.message.ends_with(end), "{}", build.message);
        assert_eq!(build.http_status, 500);
    }
    // A server without access to its module proxy answers the same, byte for byte.
    let AttemptError::RetryOnce(Error::BuildFailed(build)) = internal_error(tag) else {
        panic!()
    };
    assert_eq!(
        build.logs,
        "go: module github.com/roadrunner-server/logger/v5: not a known dependency"
    );
}

#[test]
fn message_has_the_end_of_a_long_log() {
    let mut message =
        "building plugins: go build: exit status 1\n--- stderr (last 8192 bytes) ---\n".to_owned();
    for line in 0..100 {
        message.push_str(&format!("line {line}\n"));
    }
    let AttemptError::Permanent(Error::BuildFailed(build)) = internal_error(&message) else {
        panic!()
    };
    assert!(build.message.ends_with("line 98\nline 99"));
    assert!(!build.message.contains("line 79\n"));
    assert!(
        build
            .message
            .starts_with("velox server returned: building plugins: go build: exit status 1\n")
    );
    assert!(build.logs.starts_with("line 0\n"));
}

#[test]
fn server_faults_are_transient() {
    for message in [
        "downloading template: expected 3xx redirect from https://x, got 502",
        "generating cache hash: x",
        "something new",
    ] {
        assert!(
            matches!(
                internal_error(message),
                AttemptError::Transient(RetryReason::Server, Error::BuildFailed(_))
            ),
            "{message}"
        );
    }
    // Faults of the server's network, disk and memory are not about the configuration.
    for message in [
        "downloading template: dial tcp: i/o timeout",
        "building plugins: go build: context deadline exceeded",
        "building plugins: go: signal: killed",
        "building plugins: go mod tidy: go failed: exit status 1\n--- stderr (last 60 bytes) ---\ndial tcp: lookup proxy on 127.0.0.53:53: i/o timeout\n",
        "building plugins: go build: exit status 1\n--- stderr (last 60 bytes) ---\nlink: write $WORK: no space left on device\n",
        "building plugins: verifyResolvedVersions: x: fork/exec: cannot allocate memory",
    ] {
        assert!(
            matches!(
                internal_error(message),
                AttemptError::Transient(RetryReason::Server, Error::Remote(_))
            ),
            "{message}"
        );
    }
    for status in [408, 429, 499, 500, 502, 503, 504] {
        assert!(
            matches!(
                of(status, "<html>"),
                AttemptError::Transient(RetryReason::Server, Error::Remote(_))
            ),
            "{status}"
        );
    }
    assert!(matches!(
        of(503, r#"{"code":"unavailable","message":"x"}"#),
        AttemptError::Transient(..)
    ));
}

#[test]
fn proxy_error_is_never_a_build_failure() {
    for status in [502, 503, 504] {
        for body in [
            r#"{"code":"internal","message":"building plugins: go build: exit status 1"}"#,
            r#"{"code":"invalid_argument","message":"validation error: rr_version: no"}"#,
            r#"{"code":"already_exists","message":"build 41a9aa019b2890cc is already in progress"}"#,
        ] {
            assert!(matches!(
                of(status, body),
                AttemptError::Transient(RetryReason::Server, Error::Remote(_))
            ));
        }
    }
}

#[test]
fn messages_have_no_control_characters() {
    let wild = "a\u{1b}[31mb\u{7}\u{9b}c\rd\u{7f}";
    let violation =
        serde_json::json!({"field": {"elements": [{"fieldName": wild}]}, "message": wild});
    let details = serde_json::json!([{"debug": {"violations": [violation]}}]);
    let mut errors = Vec::new();
    for status in [302, 400, 401, 429, 500, 501, 503, 999] {
        for (code, message) in [
            (
                "internal",
                format!("building plugins: {wild}\n--- stderr (x) ---\n{wild}"),
            ),
            ("internal", format!("i/o timeout {wild}")),
            ("invalid_argument", wild.to_owned()),
            (wild, wild.to_owned()),
        ] {
            for details in [&details, &serde_json::json!([])] {
                let body =
                    serde_json::json!({"code": code, "message": message, "details": details});
                errors.push(classify(
                    ADDRESS,
                    status,
                    Some(wild),
                    body.to_string().as_bytes(),
                ));
            }
        }
        errors.push(classify(ADDRESS, status, Some(wild), wild.as_bytes()));
    }
    for attempt in errors {
        let (AttemptError::Permanent(error) | AttemptError::Transient(_, error)) = attempt else {
            panic!("{attempt:?}")
        };
        let mut text = error.to_string();
        if let Error::BuildFailed(failure) = &error {
            text.push_str(&failure.logs);
        }
        let wild = |letter: char| letter.is_control() && letter != '\n';
        assert!(!text.contains(wild), "{text:?}");
    }
}

#[test]
fn wrong_address_and_missing_token_name_the_setting() {
    let message_of = |error: AttemptError| match error {
        AttemptError::Permanent(Error::Remote(message)) => message,
        other => panic!("{other:?}"),
    };
    for status in [401, 403] {
        assert!(message_of(of(status, "")).contains("velox.auth_token"));
    }
    for status in [400, 404, 405, 413, 415] {
        assert!(message_of(of(status, "<html>not here</html>")).contains("velox.server_url"));
    }
    let moved = message_of(classify(ADDRESS, 302, Some("https://elsewhere/"), b""));
    assert!(moved.contains("https://elsewhere/") && moved.contains("velox.server_url"));
    assert!(message_of(of(501, "")).contains("501"));
    assert!(message_of(of(204, "")).contains("204"));
}

proptest! {
    #[test]
    fn any_answer_is_classified(status in 100..600u16, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = classify(ADDRESS, status, None, &body);
        let _ = parse_path(&body);
    }

    #[test]
    fn any_message_is_a_build_failure(message in ".{0,300}(\n--- stderr \\(.{0,9})?(\n.{0,40}){0,30}") {
        let failure = build_failure(500, &message);
        prop_assert!(failure.message.starts_with("velox server returned: "));
    }
}
