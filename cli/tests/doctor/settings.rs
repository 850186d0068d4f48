//! Settings, and the form of the report.

use std::fs;

use crate::test_host::{Host, mode};

#[test]
fn invalid_setting_is_named_with_its_source() {
    let host = Host::new();
    let file = host.path("rr.yaml");
    fs::write(&file, "velox:\n  build_timeout: soon\n").unwrap();
    let found = host.examine(&["--offline", "--config", file.to_str().unwrap()]);
    found.has("fail settings", "rr.yaml line 2: found \"soon\"");
    found.has("fail settings", "the part `velox` is off");
    let found = host.examine(&["--offline", "-d", "group=no-such-group"]);
    found.has("fail settings", "no-such-group");
}

#[test]
fn misspelled_variable_is_a_warning() {
    let host = Host::new();
    let output = host
        .command("doctor")
        .arg("--offline")
        .env("PILLION_VELOX_SEVER_URL", "http://127.0.0.1:9000")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("did you mean PILLION_VELOX_SERVER_URL?"),
        "{text}"
    );
}

#[test]
fn token_files_are_examined() {
    let host = Host::new();
    let file = host.path("token");
    let define = format!("serve_token_file={}", file.display());
    let examine = || host.examine(&["--offline", "-d", &define]);
    examine().has("fail serve.token_file", "openssl rand");
    let write = |text: &str, bits: u32| {
        fs::write(&file, text).unwrap();
        mode(&file, bits);
    };
    write("\n", 0o600);
    examine().has("fail serve.token_file", "has no token");
    write("0123456789abcdef0123456789abcdef\n", 0o644);
    examine().has("warn serve.token_file", "has mode 0644");
    write("short\n", 0o600);
    let found = examine();
    found.has("warn serve.token_file", "a token of 5 characters");
    assert!(
        !found.lines.concat().contains("short"),
        "{:#?}",
        found.lines
    );
    write("0123456789abcdef0123456789abcdef\n", 0o600);
    examine().has("ok serve.token_file", "has mode 0600");
    let define = format!("gateway_token_file={}", file.display());
    let examine = || host.examine(&["--offline", "-d", &define]);
    write(
        "# CI\ntrusted 0123456789abcdef0123\nread sha256:00\n",
        0o600,
    );
    examine().has("ok gateway.token_file", "has mode 0600");
    write("trusted short\n", 0o600);
    examine().has("warn gateway.token_file", "a token of 5 characters");
}

#[test]
fn delivery_settings_that_contradict_are_named() {
    let host = Host::new();
    let found = host.examine(&["--offline", "-d", "delivery=ticket"]);
    found.has("warn delivery", "pillion.delivery_url is not set");
    let found = host.examine(&["--offline", "-d", "delivery=accel"]);
    found.has("warn delivery", "pillion.delivery_accel_map is not set");
    let found = host.examine(&["--offline", "-d", "delivery_accel_map=/no/such=/_artifacts"]);
    found.has("warn delivery", "/no/such=/_artifacts: no such directory");
    found.has("warn delivery", "no location for");
    let found = host.examine(&["--offline", "-d", "delivery_url=/_pillion"]);
    found.has("warn delivery", "velox.server_url is not set");
}

#[test]
fn text_has_a_line_for_each_check() {
    let host = Host::new();
    let output = host.command("doctor").arg("--offline").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    assert!(last.ends_with("to repair"), "{text}");
    for line in lines {
        assert!(
            ["ok    ", "warn  ", "fail  "]
                .iter()
                .any(|level| line.starts_with(level)),
            "{line}"
        );
    }
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("warn  php: no PHP in PATH: name it"))
    );
}
