//! `pillion status`.

use serde_json::Value;

use crate::test_host::TestHost;

#[test]
fn summary_has_a_line_for_each_part_and_the_oldest_requests() {
    let host = TestHost::new(7);
    let (code, text) = host.run("status", &[]);
    assert_eq!(code, 0, "{text}");
    for part in [
        "pillion",
        "settings     no file: --config names one",
        "leader",
        "workers",
        "builds",
        "artifacts",
        "cache",
        "sentry",
        "delivery",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(part)),
            "{part}: {text}"
        );
    }
    assert!(text.contains("7, 7 busy; "), "{text}");
    let artifacts = text.lines().find(|line| line.starts_with("artifacts"));
    assert!(artifacts.unwrap().contains("; in /"), "{text}");
    let requests: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("  request"))
        .collect();
    assert_eq!(requests.len(), 5);
    assert!(requests[0].ends_with(" GET /page/7"), "{text}");
    assert!(!text.contains("hunter2"));
}

#[test]
fn json_has_the_trees_of_the_dashboard() {
    let host = TestHost::new(2);
    let (code, text) = host.run("status", &["--json"]);
    let state: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 0);
    assert_eq!(state["overview"]["workers"]["busy"], 2);
    assert_eq!(state["workers"][0]["request"]["method"], "GET");
    assert_eq!(state["workers"][0]["request"]["uri"], "/page/1");
    assert_eq!(state["processes"][0]["pid"], std::process::id());
    for part in ["builds", "cache", "sentry"] {
        assert!(state[part].is_object(), "{part}: {text}");
    }
}

#[test]
fn exit_code_tells_problems_and_errors() {
    let host = TestHost::new(0);
    let (code, text) = host.run("status", &["-d", "sentry_dsn=nonsense"]);
    assert_eq!(code, 1);
    let problem = text.lines().find(|line| line.starts_with("problem"));
    assert!(
        problem.is_some_and(|line| line.contains("sentry_dsn")),
        "{text}"
    );
    let (code, text) = host.run("status", &["-d", "run_dir=relative"]);
    assert_eq!((code, text.as_str()), (2, ""));
}

#[test]
fn secrets_of_the_settings_are_not_shown() {
    let host = TestHost::new(1);
    let more = [
        "-d",
        "sentry_dsn=https://hunter2@sentry.test/5",
        "-d",
        "cache_url=redis://user:hunter2@127.0.0.1:1/0",
        "-d",
        "velox_server_url=http://127.0.0.1:1",
    ];
    for format in [&[][..], &["--json"]] {
        let (_, text) = host.run("status", &[&more[..], format].concat());
        assert!(text.contains("sentry"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
