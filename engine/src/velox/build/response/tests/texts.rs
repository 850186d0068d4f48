//! Texts of a server in messages: bounded and printable.

use super::*;

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
