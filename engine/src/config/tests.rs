//! The table held against its promises: every setting has a bad value that is told well, and a good
//! one that arrives; sources win in their order; no file can do worse than be refused.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::*;

/// A setting, a bad value, a piece of what must be said about it, and a good value that is not the default.
const SAMPLES: &[(&str, &str, &str, &str)] = &[
    ("config", "/missing.yaml", "can't be read", "/rr.yaml"),
    ("threads", "0", "out of range", "2"),
    ("shutdown_timeout", "9s", "0s to 8s", "3s"),
    ("state_dir", "var/pillion", "absolute", "/srv/state"),
    ("run_dir", "./run", "absolute", "/srv/run"),
    ("group", "www data", "white space", "www-data"),
    ("log", "stdout", "standard output", "/var/log/pillion.log"),
    (
        "log_level",
        "loud",
        "off, error, warn, info, debug, trace",
        "debug",
    ),
    ("log_format", "xml", "text, json, logfmt", "json"),
    (
        "velox.server_url",
        "velox:9000",
        "http://127.0.0.1:9000",
        "http://127.0.0.1:9000",
    ),
    (
        "velox.build_timeout",
        "5 minutes",
        "is not a duration",
        "10m",
    ),
    ("velox.request_timeout", "1ms", "out of range", "20s"),
    ("velox.max_concurrent_builds", "many", "whole number", "7"),
    (
        "velox.path_map",
        "/tmp=relative",
        "\"relative\"",
        "/a=/b, /c",
    ),
    ("velox.auth_token", "two words", "white space", "t0ken"),
    ("velox.ca_file", "ca.pem", "absolute", "/etc/ca.pem"),
    ("velox.mutable_ttl", "-1h", "is not a duration", "0"),
    ("velox.cache.enabled", "maybe", "on or off", "no"),
    ("velox.cache.dir", "a\0b", "NUL", "/srv/cache"),
    ("velox.cache.ttl_days", "0", "from 1", "30"),
    ("velox.cache.max_size_mb", "99", "from 100", "6G"),
    ("velox.cache.max_entries", "63", "from 64", "1000000"),
    ("velox.cache.cleanup_interval", "59s", "from 1m", "2h"),
    ("velox.retry.max_attempts", "0", "from 1", "5"),
    ("velox.retry.initial_delay", "0", "from 1ms", "2s"),
    ("velox.retry.max_delay", "soon", "is not a duration", "1m"),
    ("velox.retry.backoff_multiplier", "0.5", "from 1.0", "1.5"),
    ("sentry.enabled", "maybe", "on or off", "no"),
    (
        "sentry.dsn",
        "https://host/1",
        "no public key",
        "https://k@host/1",
    ),
    ("sentry.transport.timeout", "1ms", "out of range", "5s"),
    (
        "sentry.transport.connect_timeout",
        "1ms",
        "out of range",
        "2s",
    ),
    ("sentry.transport.compression", "gzip", "on or off", "off"),
    (
        "sentry.transport.compression_level",
        "10",
        "from 1 to 9",
        "6",
    ),
    ("sentry.transport.ssl_verify", "maybe", "on or off", "off"),
    (
        "sentry.transport.ca_file",
        "ca.pem",
        "absolute",
        "/etc/ca.pem",
    ),
    (
        "sentry.transport.proxy",
        "proxy:3128",
        "scheme",
        "http://proxy:3128/",
    ),
    (
        "sentry.transport.proxy_auth",
        "a b",
        "white space",
        "ann:s3cret",
    ),
    ("sentry.retry.max_attempts", "0", "from 1", "5"),
    ("sentry.retry.initial_backoff", "0", "from 1ms", "2s"),
    ("sentry.retry.backoff_multiplier", "0.5", "from 1.0", "1.5"),
    (
        "sentry.retry.max_backoff",
        "soon",
        "is not a duration",
        "1m",
    ),
    ("sentry.retry.max_age", "0", "from 1s", "1h"),
    ("sentry.retry.server_errors", "maybe", "on or off", "on"),
    (
        "sentry.retry.drain_interval",
        "-1s",
        "is not a duration",
        "0",
    ),
    (
        "sentry.retry.dead_letter_queue",
        "maybe",
        "on or off",
        "off",
    ),
    ("sentry.retry.dead_letter_max_count", "0", "from 1", "10"),
    ("sentry.retry.dead_letter_max_size", "0", "from 1", "10"),
    ("sentry.queue.buffer_size", "0", "from 1", "10000"),
    ("sentry.queue.workers", "0", "from 1", "8"),
    ("sentry.queue.batch_size", "1001", "from 1 to 1000", "100"),
    ("sentry.queue.batch_timeout", "2h", "out of range", "1s"),
    ("sentry.outbox_size", "0", "from 1", "128"),
    ("sentry.max_payload_size", "0", "from 1", "20"),
    ("sentry.durability", "tape", "memory, disk", "disk"),
    ("sentry.sync_interval", "1ms", "out of range", "1s"),
    ("sentry.send_client_reports", "maybe", "on or off", "off"),
    (
        "sentry.logging.level",
        "loud",
        "off, error, warn, info, debug, trace",
        "debug",
    ),
    (
        "worker.reset",
        "ini,timezones",
        "did you mean timezone?",
        "timezone, ini",
    ),
    ("worker.leak_check", "sample:0", "sample:N", "sample:100"),
    ("worker.gc", "on", "off or every:N", "every:50"),
    ("worker.max_memory", "plenty", "is not a size", "128M"),
];

/// What a process sees, owned by the test.
#[derive(Default)]
struct World {
    ini: HashMap<String, String>,
    env: HashMap<String, String>,
    files: HashMap<PathBuf, String>,
}

impl World {
    fn ini(mut self, name: &str, value: &str) -> Self {
        self.ini.insert(name.into(), value.into());
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Puts a file where the settings find it.
    fn file(mut self, text: &str) -> Self {
        self.files.insert("/etc/rr.yaml".into(), text.into());
        self.ini("pillion.config", "/etc/rr.yaml")
    }

    fn resolve(&self) -> Resolved {
        resolve(&Sources {
            ini: &|name| self.ini.get(name).cloned(),
            env: &|name| self.env.get(name).cloned(),
            read_file: &|path| {
                let missing = || io::Error::from(io::ErrorKind::NotFound);
                let found = self.files.get(path).cloned();
                let is_ca = path.ends_with("ca.pem");
                found.or_else(|| is_ca.then(authority)).ok_or_else(missing)
            },
            cwd: Path::new("/srv/app"),
        })
    }
}

/// A certificate.
fn authority() -> String {
    let names = ["localhost".to_owned()];
    rcgen::generate_simple_self_signed(names)
        .unwrap()
        .cert
        .pem()
}

fn told(resolved: &Resolved) -> String {
    let lines: Vec<String> = resolved.problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn value<'a>(resolved: &'a Resolved, name: &str) -> &'a ResolvedValue {
    resolved
        .values
        .iter()
        .find(|value| value.name == name)
        .unwrap()
}

/// A value below its dotted path, as YAML.
fn yaml(path: &str, value: &str) -> String {
    let mut out = String::new();
    for (depth, key) in path.split('.').enumerate() {
        out.push_str(&format!("\n{}{key}:", "  ".repeat(depth)));
    }
    out + " " + &serde_json::to_string(value).unwrap()
}

#[test]
fn every_setting_has_a_sample() {
    let sampled: Vec<&str> = SAMPLES.iter().map(|sample| sample.0).collect();
    let known: Vec<&str> = TABLE.iter().map(|setting| setting.name).collect();
    assert_eq!(sampled, known);
}

#[test]
fn nobody_says_anything_and_the_documented_defaults_hold() {
    let resolved = World::default().resolve();
    assert_eq!(told(&resolved), "");
    let Settings {
        runtime,
        host,
        log,
        velox,
        sentry,
        worker,
    } = resolved.settings;
    assert_eq!(
        (runtime.threads, runtime.shutdown_timeout),
        (1, Duration::from_secs(2))
    );
    assert_eq!(
        (host.state_dir, host.run_dir, host.group),
        (None, None, None)
    );
    assert_eq!(log.target, LogTarget::Stderr);
    assert_eq!(
        (log.level, log.format),
        (log::LevelFilter::Info, LogFormat::Text)
    );
    assert_eq!(velox.server_url, None);
    assert_eq!(velox.build_timeout, Duration::from_secs(300));
    assert_eq!(velox.request_timeout, Duration::from_secs(10));
    assert_eq!(velox.max_concurrent_builds, 5);
    assert_eq!(velox.path_map, [("/tmp".into(), "/tmp".into())]);
    assert_eq!(velox.mutable_ttl, Duration::from_secs(3600));
    assert!(velox.cache.enabled);
    assert_eq!(
        velox.cache.dir,
        CacheDir::InStateDir(".rr-cache/velox-binaries".into())
    );
    assert_eq!(velox.cache.ttl, Duration::from_secs(7 * 86_400));
    assert_eq!(velox.cache.max_size_bytes, 5000 << 20);
    assert_eq!(velox.cache.max_entries, 16_384);
    assert_eq!(velox.cache.cleanup_interval, Duration::from_secs(3600));
    assert_eq!(velox.retry.max_attempts, 3);
    assert_eq!(velox.retry.initial_delay, Duration::from_secs(1));
    assert_eq!(velox.retry.max_delay, Duration::from_secs(10));
    assert!((velox.retry.backoff_multiplier - 2.0).abs() < f64::EPSILON);
    assert!(sentry.enabled && sentry.ssl_verify && sentry.dead_letter_queue);
    assert_eq!(sentry.dsn, None);
    assert_eq!(sentry.compression, Some(1));
    assert_eq!(sentry.timeout, Duration::from_secs(30));
    assert_eq!(sentry.connect_timeout, Duration::from_secs(10));
    assert_eq!(sentry.max_attempts, 3);
    assert_eq!(sentry.initial_backoff, Duration::from_secs(1));
    assert_eq!(sentry.max_backoff, Duration::from_secs(300));
    assert_eq!(
        (sentry.buffer_size, sentry.workers, sentry.batch_size),
        (1000, 4, 10)
    );
    assert_eq!(sentry.batch_timeout, Duration::from_secs(5));
    assert_eq!(sentry.outbox_size, 64 << 20);
    assert_eq!(sentry.max_payload_size, 200 << 20);
    assert_eq!(worker.reset, ResetSet::NONE);
    assert_eq!(worker.max_memory, 0);
    assert_eq!((worker.leak_check, worker.gc), (Every::NEVER, Every::NEVER));
}

#[test]
fn how_often_is_said_in_words_and_ini_has_them_as_numbers() {
    for (text, shown) in [
        ("", "off"),
        ("0", "off"),
        ("Off", "off"),
        ("1", "on"),
        ("on", "on"),
        (" Sample : 20 ", "sample:20"),
    ] {
        let world = World::default()
            .env("PILLION_WORKER_LEAK_CHECK", "sample:7")
            .ini("pillion.worker_leak_check", text);
        let resolved = world.resolve();
        assert_eq!(told(&resolved), "");
        assert_eq!(
            value(&resolved, "worker.leak_check").value,
            shown,
            "{text:?}"
        );
    }
    for bad in [
        "often",
        "sample",
        "sample:",
        "sample:-1",
        "sample:1000001",
        "every:3",
    ] {
        let world = World::default().ini("pillion.worker_leak_check", bad);
        assert_eq!(world.resolve().problems.len(), 1, "{bad:?}");
    }
}

#[test]
fn each_bad_value_is_told_with_its_place_in_ini_environment_and_file() {
    for &(name, bad, said, _) in SAMPLES {
        let setting = table::find(name).unwrap();
        let ini = World::default().ini(&setting.ini_name(), bad);
        let env = World::default().env(&setting.env_name(), bad);
        let mut worlds = vec![
            (ini, format!("{} (INI)", setting.ini_name())),
            (env, format!("{} (environment)", setting.env_name())),
        ];
        let refused_in_file = !matches!(
            setting.kind,
            value_type::Kind::Path(_) | value_type::Kind::PathMap
        ) || bad.contains('\0');
        if setting.is_in_file() && refused_in_file {
            let text = yaml(&setting.yaml_path(), bad);
            let line = text.lines().count();
            let place = format!("{} in /etc/rr.yaml line {line}", setting.yaml_path());
            worlds.push((World::default().file(&text), place));
        }
        for (world, place) in worlds {
            let resolved = world.resolve();
            let told = told(&resolved);
            assert!(told.starts_with(&place), "{name}: {told}");
            assert!(told.contains(said), "{name}: {told}");
            assert_eq!(resolved.problems.len(), 1, "{name}: {told}");
            assert_eq!(resolved.settings, Settings::default(), "{name}");
            let off = setting.capability.name();
            assert!(resolved.capability_off(off).is_some(), "{name}");
            if setting.is_secret() {
                assert!(!told.contains(bad), "{told}");
            } else {
                let shown = format!("{bad:?}");
                assert!(told.contains(&shown), "{name}: {told}");
            }
        }
    }
}

#[test]
fn each_good_value_arrives_from_each_source() {
    for &(name, _, _, good) in SAMPLES {
        let setting = table::find(name).unwrap();
        let mut worlds = vec![
            (World::default().ini(&setting.ini_name(), good), Source::Ini),
            (
                World::default().env(&setting.env_name(), good),
                Source::Env(setting.env_name()),
            ),
        ];
        if setting.is_in_file() {
            let text = yaml(&setting.yaml_path(), good);
            worlds.push((
                World::default().file(&text),
                Source::Yaml("/etc/rr.yaml".into()),
            ));
        }
        for (mut world, source) in worlds {
            world
                .files
                .insert("/rr.yaml".into(), "pillion: {threads: 3}".into());
            let resolved = world.resolve();
            assert_eq!(told(&resolved), "", "{name}");
            assert_ne!(
                resolved.settings,
                Settings::default(),
                "{name} from {source}"
            );
            assert_eq!(value(&resolved, name).source, source);
        }
    }
}

#[test]
fn off_in_ini_is_an_empty_text_and_still_means_no() {
    let world = World::default()
        .ini("pillion.velox_cache_enabled", "")
        .ini("pillion.threads", " ");
    let resolved = world.env("PILLION_THREADS", "4").resolve();
    assert!(!resolved.settings.velox.cache.enabled);
    assert_eq!(resolved.settings.runtime.threads, 4);
}

#[test]
fn a_bad_value_does_not_fall_through_to_a_lower_source() {
    let world = World::default().ini("pillion.velox_build_timeout", "x");
    let resolved = world.env("PILLION_VELOX_BUILD_TIMEOUT", "7m").resolve();
    assert_eq!(
        resolved.settings.velox.build_timeout,
        Duration::from_secs(300)
    );
    assert!(value(&resolved, "velox.build_timeout").is_bad);
    assert!(resolved.capability_off("velox").is_some());
    assert!(resolved.capability_off("runtime").is_none());
}

#[test]
fn a_bad_value_in_the_file_harms_nobody_where_it_is_overridden() {
    let world = World::default().file("velox: {build_timeout: x}");
    let resolved = world.ini("pillion.velox_build_timeout", "7m").resolve();
    assert_eq!(told(&resolved), "");
}

#[test]
fn pauses_that_contradict_each_other_are_both_named() {
    let world = World::default().file("velox:\n  retry:\n    max_delay: 500ms");
    let told = told(
        &world
            .ini("pillion.velox_retry_initial_delay", "20s")
            .resolve(),
    );
    assert!(
        told.contains("velox.retry.max_delay in /etc/rr.yaml line 3: \"500ms\""),
        "{told}"
    );
    assert!(
        told.contains("20s of pillion.velox_retry_initial_delay (INI)"),
        "{told}"
    );
    let alone = World::default()
        .ini("pillion.velox_retry_initial_delay", "20s")
        .resolve();
    assert!(
        alone
            .capability_off("velox")
            .unwrap()
            .to_string()
            .contains("velox.retry.max_delay (default)")
    );
}

#[test]
fn a_token_over_plain_http_is_a_warning_and_works() {
    let world = World::default().ini("pillion.velox_auth_token", "t0ken");
    let resolved = world
        .ini("pillion.velox_server_url", "http://velox.example")
        .resolve();
    assert!(
        told(&resolved).contains("clear text"),
        "{}",
        told(&resolved)
    );
    assert!(resolved.capability_off("velox").is_none());
    assert_eq!(resolved.errors().count(), 0);
}

#[test]
fn secrets_are_seen_nowhere() {
    let world = World::default()
        .ini("pillion.velox_auth_token", "hunter2")
        .ini(
            "pillion.velox_server_url",
            "http://ann:hunter2@velox.example",
        );
    let resolved = world.resolve();
    let all = format!("{resolved:?} {}", told(&resolved));
    assert!(!all.contains("hunter2"), "{all}");
    assert_eq!(value(&resolved, "velox.auth_token").value, MASK);
    assert_eq!(
        resolved.settings.velox.auth_token.unwrap().expose(),
        "hunter2"
    );
    for broken in [
        "http:/ann:hunter2@velox",
        "ann:hunter2@velox",
        "http://ann:hunter2@ve lox",
    ] {
        let resolved = World::default()
            .ini("pillion.velox_server_url", broken)
            .resolve();
        let all = format!("{resolved:?} {}", told(&resolved));
        assert!(!all.contains("hunter2"), "{all}");
    }
}

#[test]
fn roadrunners_own_file_is_read_and_its_other_sections_left_alone() {
    let world = World::default()
        .env("VELOX_HOST", "velox")
        .env("TOKEN", "007")
        .file(
            "version: \"3\"
rpc:
  listen: tcp://127.0.0.1:6001
server: {command: \"php worker.php\", env: [{A: .nan}, !odd b]}
http:
  middleware: [\"gzip\", \"velox\", \"sendfile\"]
velox:
  server_url: \"https://${VELOX_HOST}:9000\"
  build_timeout: 1h30m
  request_timeout: 30
  auth_token: ${TOKEN}
  max_concurrent_builds: 010
  ca_file: tls/ca.pem
  cache: &c
    enabled: yes
    dir: ./cache/../bin
    ttl_days: 14
  retry: {max_attempts: \"4\", backoff_multiplier: 3}
  path_map:
    /tmp: /mnt/velox
    /srv/builds:
logs: {level: debug}
",
        );
    let resolved = world.resolve();
    assert_eq!(told(&resolved), "");
    let velox = resolved.settings.velox;
    assert_eq!(
        velox.server_url.unwrap().as_url().as_str(),
        "https://velox:9000/"
    );
    assert_eq!(velox.build_timeout, Duration::from_secs(5400));
    assert_eq!(velox.request_timeout, Duration::from_secs(30));
    assert_eq!(velox.auth_token.unwrap().expose(), "007");
    assert_eq!(velox.max_concurrent_builds, 10);
    assert_eq!(velox.ca_file, Some("/etc/tls/ca.pem".into()));
    assert_eq!(
        velox.cache.dir,
        CacheDir::Absolute("/etc/cache/../bin".into())
    );
    assert_eq!(velox.retry.max_attempts, 4);
    let pairs = [("/tmp", "/mnt/velox"), ("/srv/builds", "/srv/builds")];
    assert_eq!(velox.path_map, pairs.map(|(a, b)| (a.into(), b.into())));
}

#[test]
fn an_unquoted_token_of_digits_keeps_its_zeros() {
    let resolved = World::default()
        .file("velox:\n  auth_token: 000123\n")
        .resolve();
    assert_eq!(
        resolved.settings.velox.auth_token.unwrap().expose(),
        "000123"
    );
}

#[test]
fn an_unknown_key_is_a_warning_with_the_key_that_is_meant() {
    let file = "velox:\n  cache:\n    ttl_dayss: 3\n    directory: x\n  eviction: lru\npillion:\n  thread: 2\n";
    let resolved = World::default().file(file).resolve();
    let told = told(&resolved);
    for line in [
        "velox.cache.ttl_dayss in /etc/rr.yaml line 3: is no known setting, and has no effect; right would be velox.cache.ttl_days",
        "line 4: is no known setting, and has no effect; right would be velox.cache.dir",
        "velox.eviction in /etc/rr.yaml line 5",
        "right would be pillion.threads",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert_eq!(resolved.errors().count(), 0);
}

#[test]
fn a_variable_that_is_not_set_is_an_error_that_names_it() {
    let resolved = World::default()
        .file("velox:\n  auth_token: ${VELOX_TOKEN}\n")
        .resolve();
    let problem = resolved.capability_off("velox").unwrap().to_string();
    assert!(
        problem.contains("line 2") && problem.contains("VELOX_TOKEN"),
        "{problem}"
    );
    let empty = World::default()
        .file("velox: {auth_token: \"${VELOX_TOKEN:-}\", server_url: ~}")
        .resolve();
    assert_eq!(told(&empty), "");
    assert_eq!(empty.settings, Settings::default());
}

#[test]
fn a_value_of_the_wrong_shape_is_told_and_the_rest_works() {
    let file = "velox:\n  build_timeout: [1, 2]\n  cache: 5\n  retry:\n    max_attempts: {a: 1}\n  request_timeout: 20s\n";
    let resolved = World::default().file(file).resolve();
    let told = told(&resolved);
    for piece in [
        "line 2: is a list",
        "velox.cache in /etc/rr.yaml line 3: is no section",
        "line 5: is a section",
    ] {
        assert!(told.contains(piece), "{piece}\n{told}");
    }
    assert_eq!(
        resolved.settings.velox.request_timeout,
        Duration::from_secs(20)
    );
}

#[test]
fn a_relative_config_path_stands_on_the_working_directory() {
    let mut world = World::default().ini("pillion.config", "./sub/rr.yaml");
    world.files.insert(
        "/srv/app/sub/rr.yaml".into(),
        "velox: {cache: {dir: bin}}".into(),
    );
    let dir = world.resolve().settings.velox.cache.dir;
    assert_eq!(dir, CacheDir::Absolute("/srv/app/sub/bin".into()));
    assert_eq!(
        CacheDir::InStateDir("x".into()).resolve(Path::new("/var")),
        Path::new("/var/x")
    );
}

#[test]
fn the_systems_temporary_directory_is_the_default_path_map() {
    let resolved = World::default().env("TMPDIR", "/scratch").resolve();
    assert_eq!(
        resolved.settings.velox.path_map,
        [("/scratch".into(), "/scratch".into())]
    );
    assert_eq!(value(&resolved, "velox.path_map").source, Source::Default);
}

#[test]
fn no_file_does_worse_than_be_refused_in_little_time() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &('b'..='k')
            .map(|c| {
                let before = char::from_u32(c as u32 - 1).unwrap();
                format!("{c}: &{c} [{}]\n", vec![format!("*{before}"); 9].join(","))
            })
            .collect::<String>()
        + "velox: *k\n";
    let hostile = [
        bomb,
        "velox:\n\tserver_url: x".into(),
        "velox: [[[".into(),
        format!("velox: {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!(
            "velox:\n{}",
            (0..1000)
                .map(|i| " ".repeat(i) + "a:\n")
                .collect::<String>()
        ),
        "- just\n- a list".into(),
        "velox: {a: 1, a: 2}".into(),
        "velox: 1\n---\nvelox: 2".into(),
        "x".repeat(2 << 20),
        "velox: &a {b: *a}".into(),
        "? {x: 1}\n: 3".into(),
        "velox: \"\\ud800\"".into(),
        "\u{0}".into(),
        "%YAML 9.9\n---\nvelox: {threads: !!int x}".into(),
        format!(
            "velox: {{{}}}",
            (0..10_000).map(|i| format!("k{i}: 1,")).collect::<String>()
        ),
    ];
    for text in hostile {
        let start = Instant::now();
        let resolved = World::default().file(&text).resolve();
        let head: String = text.chars().take(60).collect();
        assert!(!resolved.problems.is_empty(), "{head}");
        assert!(resolved.problems.len() < 30, "{head}");
        // Far from what it takes: without bounds it would be hours.
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{head}: {:?}",
            start.elapsed()
        );
        assert!(
            resolved.problems.iter().all(|p| p.to_string().len() < 1000),
            "{head}"
        );
    }
    let twice = told(&World::default().file("velox: {a: 1, a: 2}").resolve());
    assert!(
        twice.contains("/etc/rr.yaml line 1: can't be understood: duplicate mapping key: a; right"),
        "{twice}"
    );
    let long = format!("velox:\n  server_url: \"{}\"", "y".repeat(1 << 19));
    let told = told(&World::default().file(&long).resolve());
    assert!(
        told.contains("longer than 4096") && told.len() < 600,
        "{told}"
    );
}

#[test]
fn a_real_file_is_read_and_what_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("good"), "velox:\n").unwrap();
    assert_eq!(file::read(&at("good")).unwrap(), "velox:\n");
    std::fs::write(at("latin1"), b"velox: \xe9").unwrap();
    assert!(
        file::read(&at("latin1"))
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
    std::fs::write(at("huge"), vec![b' '; yaml::LARGEST_FILE + 1]).unwrap();
    assert!(
        file::read(&at("huge"))
            .unwrap_err()
            .to_string()
            .contains("larger")
    );
    assert!(file::read(dir.path()).is_err());
    let pipe = std::ffi::CString::new(at("pipe").to_str().unwrap()).unwrap();
    // SAFETY: a plain system call with a valid path.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    assert!(
        file::read(&at("pipe"))
            .unwrap_err()
            .to_string()
            .contains("regular")
    );
}

#[test]
fn the_configuration_page_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/configuration.md");
    if std::env::var_os("PILLION_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, docs::render()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == docs::render(),
        "run: PILLION_WRITE_DOCS=1 cargo test -p pillion-engine configuration_page"
    );
}

#[test]
fn the_sentry_transports_own_file_and_environment_are_read() {
    let world = World::default().env("SENTRY_DSN", "https://hunter2@host/1").file(
        "sentry_transport:\n  transport: {compression: false, ssl_verify: false, proxy_auth: \"u:p\"}\n  retry: {max_attempts: 5}\n  queue: {buffer_size: 20, workers: 2}",
    );
    let resolved = world.resolve();
    assert_eq!(told(&resolved), "");
    let sentry = &resolved.settings.sentry;
    assert_eq!((sentry.compression, sentry.ssl_verify), (None, false));
    assert_eq!(
        (sentry.max_attempts, sentry.buffer_size, sentry.workers),
        (5, 20, 2)
    );
    assert_eq!(sentry.dsn.as_ref().unwrap().project(), "1");
    assert_eq!(
        value(&resolved, "sentry.dsn").source,
        Source::Env("SENTRY_DSN".into())
    );
    assert_eq!(
        value(&resolved, "sentry.dsn").value,
        "https://********@host/1"
    );
    let bad = World::default()
        .env("SENTRY_DSN", "https://hunter2@/1")
        .resolve();
    assert!(told(&bad).contains("SENTRY_DSN (environment)") && !told(&bad).contains("hunter2"));
    assert!(bad.capability_off("sentry").is_some() && bad.capability_off("velox").is_none());
}

/// The section as the plugin's document writes it, every key, with other values than its defaults.
const SENTRY_PLUGIN: &str = "version: \"3\"
rpc:
  listen: tcp://127.0.0.1:6001
sentry_transport:
  enabled: true
  dsn: \"${SENTRY_DSN}\"
  transport:
    timeout: 31s
    connect_timeout: 11s
    compression: false
    ssl_verify: false
    proxy: \"http://proxy.example:3128\"
    proxy_auth: \"user:password\"
  retry:
    max_attempts: 4
    initial_backoff: 2s
    backoff_multiplier: 2.5
    max_backoff: 301s
    dead_letter_queue: false
  queue:
    buffer_size: 1001
    workers: 5
    batch_size: 11
    batch_timeout: 6s
  logging:
    level: debug
";

#[test]
fn the_sentry_plugins_section_is_read_as_it_stands() {
    let world = World::default().env("SENTRY_DSN", "https://hunter2@host/1");
    let resolved = world.file(SENTRY_PLUGIN).resolve();
    assert_eq!(told(&resolved), "");
    let sentry = &resolved.settings.sentry;
    let seconds = Duration::from_secs;
    assert!(sentry.enabled && !sentry.ssl_verify && !sentry.dead_letter_queue);
    assert_eq!(sentry.dsn.as_ref().unwrap().host(), "host");
    assert_eq!(
        (sentry.timeout, sentry.connect_timeout),
        (seconds(31), seconds(11))
    );
    assert_eq!(sentry.compression, None);
    assert_eq!(
        sentry.proxy.as_ref().unwrap().to_string(),
        "http://proxy.example:3128/"
    );
    assert_eq!(
        sentry.proxy_auth.as_ref().unwrap().expose(),
        "user:password"
    );
    assert_eq!(
        (sentry.max_attempts, sentry.initial_backoff),
        (4, seconds(2))
    );
    assert!((sentry.backoff_multiplier - 2.5).abs() < f64::EPSILON);
    assert_eq!(sentry.max_backoff, seconds(301));
    assert_eq!(
        (sentry.buffer_size, sentry.workers, sentry.batch_size),
        (1001, 5, 11)
    );
    assert_eq!(sentry.batch_timeout, seconds(6));
    assert_eq!(sentry.log_level, log::LevelFilter::Debug);
}

#[test]
fn a_wrong_line_of_the_sentry_plugins_section_is_told_by_path_and_line() {
    for (right, wrong, told_as) in [
        (
            "timeout: 31s",
            "timeout: soon",
            "sentry_transport.transport.timeout in /etc/rr.yaml line 8",
        ),
        (
            "max_attempts: 4",
            "max_attempts: 0",
            "sentry_transport.retry.max_attempts in /etc/rr.yaml line 15",
        ),
        (
            "workers: 5",
            "wokers: 5",
            "sentry_transport.queue.wokers in /etc/rr.yaml line 22",
        ),
        (
            "workers: 5",
            "workers: [5]",
            "sentry_transport.queue.workers in /etc/rr.yaml line 22",
        ),
        (
            "level: debug",
            "level: loud",
            "sentry_transport.logging.level in /etc/rr.yaml line 26",
        ),
        (
            "proxy_auth: \"user:password\"",
            "proxy_auth: {user: password}",
            "sentry_transport.transport.proxy_auth in /etc/rr.yaml line 13",
        ),
    ] {
        let text = SENTRY_PLUGIN.replace(right, wrong);
        let world = World::default().env("SENTRY_DSN", "https://hunter2@host/1");
        let said = told(&world.file(&text).resolve());
        assert!(said.contains(told_as), "{wrong}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn names_follow_from_the_dotted_name_and_never_collide() {
    let setting = table::find("velox.cache.ttl_days").unwrap();
    assert_eq!(setting.ini_name(), "pillion.velox_cache_ttl_days");
    assert_eq!(setting.env_name(), "PILLION_VELOX_CACHE_TTL_DAYS");
    let names: BTreeSet<String> = TABLE.iter().map(Setting::ini_name).collect();
    assert_eq!(names.len(), TABLE.len());
}

proptest! {
    #[test]
    fn ini_wins_over_environment_over_file_over_default(
        ini in proptest::option::of(1_u32..60),
        env in proptest::option::of(1_u32..60),
        file in proptest::option::of(1_u32..60),
        name in proptest::sample::select(vec!["threads", "velox.max_concurrent_builds", "velox.retry.max_attempts", "velox.cache.ttl_days"]),
    ) {
        let setting = table::find(name).unwrap();
        let text = file.map(|n| yaml(&setting.yaml_path(), &n.to_string())).unwrap_or_default();
        let mut world = World::default().file(&text);
        if let Some(n) = ini { world = world.ini(&setting.ini_name(), &n.to_string()); }
        if let Some(n) = env { world = world.env(&setting.env_name(), &n.to_string()); }
        let expected = match (ini, env, file) {
            (Some(n), ..) => (n.to_string(), Source::Ini),
            (None, Some(n), _) => (n.to_string(), Source::Env(setting.env_name())),
            (None, None, Some(n)) => (n.to_string(), Source::Yaml("/etc/rr.yaml".into())),
            (None, None, None) => (setting.default.unwrap().into(), Source::Default),
        };
        let resolved = world.resolve();
        let got = value(&resolved, name);
        prop_assert_eq!((got.value.clone(), got.source.clone()), expected);
        prop_assert!(resolved.problems.is_empty());
    }

    #[test]
    fn no_text_makes_the_resolver_panic(text in "[ \\n\\-:{}\\[\\]&*!|>a-c$\"']{0,60}") {
        let _ = World::default().file(&format!("velox:{text}")).resolve();
    }

    #[test]
    fn what_is_shown_reads_back_the_same(name in proptest::sample::select(SAMPLES.to_vec())) {
        let setting = table::find(name.0).unwrap();
        prop_assume!(!setting.is_secret() && setting.is_in_file());
        let first = World::default().ini(&setting.ini_name(), name.3).resolve();
        let again = World::default().ini(&setting.ini_name(), &value(&first, name.0).value).resolve();
        prop_assert_eq!(first.settings, again.settings);
    }
}

#[test]
fn what_is_told_of_a_bad_value_is_short_and_shows_nothing_of_a_file_that_was_named_by_mistake() {
    let long = "x".repeat(3000);
    let world = World::default().ini("pillion.velox_path_map", &long);
    let told = world.resolve().problems[0].to_string();
    assert!(told.len() < 600, "{told}");
    let world = World::default().file("root:x:0:0:root:/root:/bin/bash\nhunter2\n");
    let told = world.resolve().problems[0].to_string();
    assert!(told.contains("no map of sections"), "{told}");
    assert!(
        !told.contains("root:") && !told.contains("hunter2"),
        "{told}"
    );
}

#[test]
fn a_list_of_words_is_read_in_any_order_and_as_yaml_has_lists() {
    for (text, words) in [
        ("session , INI,,ini", &["ini", "session"][..]),
        ("none", &[]),
    ] {
        let resolved = World::default().ini("pillion.worker_reset", text).resolve();
        assert_eq!(told(&resolved), "");
        assert_eq!(resolved.settings.worker.reset, ResetSet::of(words));
    }
    for (file, words) in [
        ("worker: {reset: [timezone, ini]}", &["ini", "timezone"][..]),
        ("worker: {reset: []}", &[]),
        ("worker:\n  reset:\n    - wrappers\n", &["wrappers"]),
    ] {
        let resolved = World::default().file(file).resolve();
        assert_eq!(told(&resolved), "", "{file}");
        assert_eq!(resolved.settings.worker.reset, ResetSet::of(words));
    }
    // What a list of the environment's takes back that the file's has.
    let world = World::default().file("worker: {reset: [ini]}");
    let resolved = world.env("PILLION_WORKER_RESET", "none").resolve();
    assert_eq!(resolved.settings.worker.reset, ResetSet::NONE);
    for (file, said) in [
        ("worker: {reset: [ini, umask]}", "\"umask\""),
        ("worker: {reset: [[ini]]}", "no word"),
        ("worker: {reset: {ini: 1}}", "is a section"),
        ("worker: {rest: ini}", "worker.reset: did you mean that?"),
    ] {
        let told = told(&World::default().file(file).resolve());
        assert!(told.contains(said), "{file}: {told}");
    }
}

#[test]
fn word_for_off_in_the_dsn_switches_sentry_off() {
    for word in ["null", "(null)", "false", "(empty)", "OFF"] {
        let resolved = World::default().env("SENTRY_DSN", word).resolve();
        assert_eq!(told(&resolved), "", "{word}");
        assert_eq!(resolved.settings.sentry.dsn, None);
        let given = World::default().env("SENTRY_DSN", "https://k@host/1");
        let resolved = given.ini("pillion.sentry_dsn", word).resolve();
        assert_eq!(resolved.settings.sentry.dsn, None, "{word}");
        assert_eq!(value(&resolved, "sentry.dsn").value, "off");
    }
    let file = World::default().file("sentry_transport:\n  dsn: ${SENTRY_DSN}\n");
    let resolved = file.env("SENTRY_DSN", "null").resolve();
    assert_eq!(
        (told(&resolved).as_str(), resolved.settings.sentry.dsn),
        ("", None)
    );
}

#[test]
fn log_level_off_without_quotes_is_off() {
    // PHP hands over an empty text.
    let resolved = World::default().ini("pillion.log_level", "").resolve();
    assert_eq!(resolved.settings.log.level, log::LevelFilter::Off);
    for word in ["off", "none", "false", "No"] {
        let resolved = World::default().env("PILLION_LOG_LEVEL", word).resolve();
        assert_eq!(resolved.settings.log.level, log::LevelFilter::Off, "{word}");
    }
    let resolved = World::default().env("PILLION_LOG_LEVEL", "").resolve();
    assert_eq!(resolved.settings.log.level, log::LevelFilter::Info);
}

#[test]
fn ca_file_and_proxy_auth_are_checked_at_start() {
    for (setting, capability) in [
        ("sentry_transport_ca_file", "sentry"),
        ("velox_ca_file", "velox"),
    ] {
        for (text, wrong) in [
            (None, "can't be read"),
            (Some("nothing"), "holds no certificate"),
            (
                Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                "broken certificate",
            ),
        ] {
            let mut given = World::default().ini(&format!("pillion.{setting}"), "/etc/own.crt");
            if let Some(text) = text {
                given.files.insert("/etc/own.crt".into(), text.into());
            }
            let resolved = given.resolve();
            let told = told(&resolved);
            assert!(
                told.starts_with(&format!("pillion.{setting} (INI): \"/etc/own.crt\" "))
                    && told.contains(wrong),
                "{told}"
            );
            assert!(resolved.capability_off(capability).is_some());
        }
    }
    let resolved = World::default()
        .env("PILLION_SENTRY_TRANSPORT_PROXY_AUTH", "s3cret")
        .resolve();
    assert_eq!(
        told(&resolved),
        "PILLION_SENTRY_TRANSPORT_PROXY_AUTH (environment): \"********\" has no colon; right would be user:password"
    );
}

#[test]
fn system_certificates_are_those_of_the_environment() {
    let unset = World::default().resolve().settings;
    assert!(unset.sentry.system_certificates.is_unset());
    let set = World::default()
        .env("SSL_CERT_FILE", "/etc/own.pem")
        .env("SSL_CERT_DIR", "/etc/one::/etc/two")
        .resolve()
        .settings;
    let expected = SystemCertificates {
        file: Some("/etc/own.pem".into()),
        dirs: vec!["/etc/one".into(), "/etc/two".into()],
    };
    assert_eq!(set.sentry.system_certificates, expected);
    assert_eq!(set.velox.system_certificates, expected);
}
