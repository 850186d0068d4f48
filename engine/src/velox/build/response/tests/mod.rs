//! Recorded answers of the Velox server, and answers of other programs at its address.

mod texts;

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
fn conflict_is_a_build_in_progress() {
    let body =
        r#"{"code":"already_exists","message":"build 41a9aa019b2890cc is already in progress"}"#;
    assert!(matches!(of(409, body), AttemptError::InProgress));
}

#[test]
fn violations_are_parsed_from_the_message() {
    // Without the details of a Velox server's answer, as the build server of this repository sends it.
    let body = r#"{"code":"invalid_argument","message":"validation errors:\n - plugins[0].tag: value is required\n - rr_version: value is required"}"#;
    let AttemptError::Permanent(Error::InvalidRequest(all)) = of(400, body) else {
        panic!()
    };
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    let expected = [
        "plugins[0].tag: value is required",
        "rr_version: value is required",
    ];
    assert_eq!(all, expected);
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
