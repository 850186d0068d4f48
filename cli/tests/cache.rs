//! `pillion cache` as a process: arguments, standard output, exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are test code too"
)]

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use pillion_engine::cache::{Cache, NewValue, Space, Ttl, encoding};
use tempfile::TempDir;

/// A host with directories of its own.
struct Host(TempDir);

impl Host {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pillion"));
        let dir = |name: &str| format!("{name}={}", self.0.path().join(name).display());
        command
            .args(["cache", "-d", &dir("run_dir"), "-d", &dir("state_dir")])
            .args(["-d", "cache_memory=4MB"])
            .args(arguments)
            .env_remove("CACHE_ENABLED")
            .env_remove("ENABLE_CACHE")
            .stdin(Stdio::null());
        command
    }

    /// The exit code and standard output.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout))
    }

    /// The exit code and standard error.
    fn fail(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(text(&output.stdout), "");
        (output.status.code().unwrap(), text(&output.stderr))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn ok(text: &str) -> (i32, String) {
    (0, text.to_owned())
}

fn write_to(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn settings_stand_before_or_after_the_subcommand() {
    let host = Host::new();
    assert_eq!(host.run(&["set", "a", "1"]), ok(""));
    let dir = |name: &str| format!("{name}={}", host.0.path().join(name).display());
    let config = host.0.path().join("rr.yaml");
    std::fs::write(&config, "cache:\n  enabled: on\n").unwrap();
    let (run, state) = (dir("run_dir"), dir("state_dir"));
    for (subcommand, shown) in [(["cache", "keys"], "a\n"), (["sentry", "status"], "queue")] {
        let output = Command::new(env!("CARGO_BIN_EXE_pillion"))
            .args(subcommand)
            .args(["-d", &run, "-d", &state, "--config"])
            .arg(&config)
            .output()
            .unwrap();
        let found = text(&output.stdout);
        assert!(found.contains(shown), "{found}{}", text(&output.stderr));
    }
}

#[test]
fn values_are_stored_printed_and_removed() {
    let host = Host::new();
    assert_eq!(host.run(&["set", "a", r#"{"b": [1, 1.0]}"#]), ok(""));
    assert_eq!(host.run(&["get", "a"]), ok("{\"b\":[1,1.0]}\n"));
    assert_eq!(host.run(&["set", "text", "--string", "1"]), ok(""));
    assert_eq!(host.run(&["get", "text"]), ok("\"1\"\n"));
    assert_eq!(host.run(&["get", "text", "--raw"]), ok("1"));
    assert_eq!(host.run(&["get", "none"]), (1, String::new()));
    assert_eq!(host.run(&["delete", "a", "none"]), ok("1 removed\n"));
    assert_eq!(host.run(&["delete", "a"]), (1, "0 removed\n".to_owned()));
    assert_eq!(host.run(&["set", "n", "-5"]), ok(""));
    assert_eq!(host.run(&["clear"]), ok(""));
    assert_eq!(host.run(&["get", "text"]).0, 1);
}

#[test]
fn any_bytes_are_read_from_standard_input() {
    let host = Host::new();
    let mut command = host.command(&["set", "--string", "bytes", "-"]);
    assert!(write_to(&mut command, b"\xff\0\n").status.success());
    let output = host.command(&["get", "--raw", "bytes"]).output().unwrap();
    assert_eq!(output.stdout, b"\xff\0\n");
    let (code, error) = host.fail(&["get", "bytes"]);
    assert_eq!(code, 2);
    assert!(error.contains("--raw prints its bytes"), "{error}");
    let mut command = host.command(&["set", "json", "-"]);
    assert!(write_to(&mut command, b" [true]\n").status.success());
    assert_eq!(host.run(&["get", "json"]), ok("[true]\n"));
}

#[test]
fn keys_are_listed_and_removed_by_pattern() {
    let host = Host::new();
    for key in ["page:1", "page:2", "user:1"] {
        host.run(&["set", key, "0"]);
    }
    let (_, all) = host.run(&["keys"]);
    let mut all: Vec<_> = all.lines().collect();
    let second = all[1];
    assert_eq!(
        host.run(&["keys", "--after", all[0], "--limit", "1"])
            .1
            .trim(),
        second
    );
    all.sort_unstable();
    assert_eq!(all, ["page:1", "page:2", "user:1"]);
    assert_eq!(host.run(&["keys", "--pattern", "u*", "-0"]), ok("user:1\0"));
    assert_eq!(
        host.run(&["delete", "--pattern", "page:*"]),
        ok("2 removed\n")
    );
    assert_eq!(host.run(&["keys", "--limit", "0"]), ok("user:1\n"));
}

#[test]
fn lifetimes_and_tags_end_values() {
    let host = Host::new();
    host.run(&[
        "set", "a", "1", "--tag", "news", "--tag", "x", "--ttl", "1h",
    ]);
    host.run(&["set", "b", "1"]);
    assert_eq!(host.run(&["invalidate", "news"]), ok(""));
    assert_eq!(
        (host.run(&["get", "a"]).0, host.run(&["get", "b"]).0),
        (1, 0)
    );
    assert_eq!(host.run(&["touch", "a"]).0, 1);
    assert_eq!(host.run(&["touch", "b", "--ttl", "1ms"]).0, 0);
    // Longer than a tick of the clock.
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(host.run(&["get", "b"]).0, 1);
}

#[test]
fn value_with_a_hashed_key_has_both_keys() {
    let host = Host::new();
    let config = host.0.path().join("cache.yaml");
    std::fs::write(&config, "cache: {patterns: {'token:{id}': {hash: true}}}").unwrap();
    let config = config.to_str().unwrap();
    let run = |arguments: &[&str]| host.run(&[&["--config", config], arguments].concat());
    assert_eq!(run(&["set", "token:17", "1"]), ok(""));
    let (_, listed) = run(&["keys"]);
    assert!(
        !listed.contains("17\n") && listed.starts_with("token:"),
        "{listed}"
    );
    assert_eq!(run(&["get", "token:17"]), ok("1\n"));
    assert_eq!(run(&["get", listed.trim()]), ok("1\n"));
    assert_eq!(run(&["delete", "token:17"]), ok("1 removed\n"));
}

#[test]
fn namespaces_are_apart() {
    let host = Host::new();
    host.run(&["--namespace", "shop", "set", "a", "1"]);
    assert_eq!(host.run(&["get", "a", "--namespace", "shop"]), ok("1\n"));
    assert_eq!(
        host.run(&["-d", "cache_namespace=shop", "get", "a"]),
        ok("1\n")
    );
    let (code, error) = host.fail(&["get", "a"]);
    assert_eq!(code, 1);
    assert!(error.contains("has stored anything"), "{error}");
    // Nothing but a store creates memory.
    assert_eq!(host.run(&["clear"]).0, 0);
    assert_eq!(host.run(&["stats"]).0, 1);
    let segments = |dir: &Path| {
        let names = std::fs::read_dir(dir).unwrap();
        names
            .filter(|name| {
                name.as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .ends_with(".seg")
            })
            .filter(|name| {
                name.as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with("cache-")
            })
            .count()
    };
    assert_eq!(segments(&host.0.path().join("run_dir")), 1);
}

#[test]
fn change_without_the_server_behind_is_an_error() {
    let host = Host::new();
    host.run(&["set", "a", "1"]);
    let url = format!("cache_url=unix:{}/none", host.0.path().display());
    assert_eq!(host.run(&["-d", &url, "get", "a"]), ok("1\n"));
    let (code, error) = host.fail(&["-d", &url, "invalidate", "news"]);
    assert_eq!(code, 2);
    assert!(error.contains("done on this host only"), "{error}");
    let (code, error) = host.fail(&["-d", &url, "clear"]);
    assert_eq!(code, 2);
    assert!(
        error.contains("done on this host only: pillion.cache_namespace: found none"),
        "{error}"
    );
    assert_eq!(host.run(&["get", "a"]).0, 1);
}

#[test]
fn values_of_apcu_are_apart() {
    let host = Host::new();
    assert_eq!(host.run(&["set", "a", "1"]), ok(""));
    let stats: serde_json::Value = serde_json::from_str(&host.run(&["stats", "--json"]).1).unwrap();
    let segment = Path::new(stats["path"].as_str().unwrap());
    let cache = Cache::open(segment, 4 << 20).unwrap();
    for key in ["a", "b:1", "b:2"] {
        let value = NewValue {
            bytes: b"of apcu",
            encoding: encoding::STRING,
            ttl: Ttl::Forever,
            tags: &[],
        };
        cache.set_in(Space::Apcu, key.as_bytes(), &value);
    }
    assert_eq!(host.run(&["get", "a"]), ok("1\n"));
    assert_eq!(host.run(&["--apcu", "get", "a"]), ok("\"of apcu\"\n"));
    let (code, keys) = host.run(&["--apcu", "keys", "--pattern", "b:*"]);
    assert_eq!((code, keys.lines().count()), (0, 2), "{keys}");
    assert_eq!(
        host.run(&["--apcu", "delete", "--pattern", "b:*"]),
        ok("2 removed\n")
    );
    assert_eq!(host.run(&["--apcu", "keys"]), ok("a\n"));
    let (code, error) = host.fail(&["--apcu", "touch", "a"]);
    assert_eq!(code, 2);
    assert!(
        error.contains("expected get, delete, keys or clear"),
        "{error}"
    );
    assert_eq!(host.run(&["--apcu", "clear"]), ok(""));
    assert_eq!(host.run(&["--apcu", "get", "a"]).0, 1);
    assert_eq!(host.run(&["get", "a"]), ok("1\n"));
}

#[test]
fn statistics_are_text_or_json() {
    let host = Host::new();
    host.run(&["set", "a", "1"]);
    host.run(&["get", "a"]);
    let (_, text) = host.run(&["stats"]);
    assert!(
        text.contains("hits           1, 100.0 % of lookups\n"),
        "{text}"
    );
    assert!(
        text.contains("\n     128 B         1    64.0 KiB"),
        "{text}"
    );
    let (_, json) = host.run(&["stats", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(stats["entries"], 1);
    assert_eq!(stats["classes"][0]["entries"], 1);
}

#[test]
fn errors_say_what_would_be_right() {
    let host = Host::new();
    for (arguments, expected) in [
        (
            &["set", "a", "{"] as &[&str],
            "--string stores a text as it is",
        ),
        (&["set", "a", "1", "--ttl", "0"], "above zero"),
        (
            &["-d", "cache_enabled=off", "get", "a"],
            "pillion.cache_enabled: found off; expected on",
        ),
    ] {
        let (code, error) = host.fail(arguments);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let large = vec![b'a'; 3 << 20];
    let output = write_to(
        host.command(&["set", "--string", "a", "-"])
            .stderr(Stdio::piped()),
        &large,
    );
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("this cache stores at most"), "{error}");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(host.0.path().join("run_dir"), Some(1), None).unwrap();
        let (code, error) = host.fail(&["get", "a"]);
        assert_eq!(code, 2);
        assert!(error.contains("runs as its owner"), "{error}");
    }
}
