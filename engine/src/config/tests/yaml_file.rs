//! The configuration file: sections, unknown keys, variables, hostile content.

use std::time::Instant;

use super::*;

#[test]
fn overridden_invalid_value_of_the_file_is_ignored() {
    let world = World::default().file("velox: {build_timeout: x}");
    let resolved = world.ini("pillion.velox_build_timeout", "7m").resolve();
    assert_eq!(messages(&resolved), "");
}

#[test]
fn roadrunner_file_is_read_and_other_sections_ignored() {
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
    assert_eq!(messages(&resolved), "");
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
fn unquoted_token_of_digits_keeps_its_zeros() {
    let world = World::default().file("velox:\n  auth_token: 000123\n");
    let token = world.resolve().settings.velox.auth_token.unwrap();
    assert_eq!(token.expose(), "000123");
}

#[test]
fn unknown_key_is_a_warning_with_a_suggestion() {
    let file = "velox:\n  cache:\n    ttl_dayss: 3\n    directory: x\n  eviction: lru\npillion:\n  thread: 2\n";
    let former = "velox: {cache: {max_size_gb: 1, max_age_days: 2}, directory: x}";
    let resolved = World::default().file(file).resolve();
    let text = messages(&resolved);
    for line in [
        "velox.cache.ttl_dayss in /etc/rr.yaml line 3: found an unknown setting, which has no effect; did you mean velox.cache.ttl_days?",
        "line 4: found an unknown setting, which has no effect; did you mean velox.cache.dir?",
        "velox.eviction in /etc/rr.yaml line 5",
        "did you mean pillion.threads?",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(has_only_warnings(&resolved));
    let text = messages(&World::default().file(former).resolve());
    assert!(
        text.contains("did you mean velox.cache.max_size_mb?"),
        "{text}"
    );
    assert!(
        text.contains("did you mean velox.cache.ttl_days?"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "velox.directory in /etc/rr.yaml line 1: found an unknown setting, which has no effect"
        ),
        "{text}"
    );
}

#[test]
fn unset_variable_is_an_error_with_its_name() {
    let resolved = World::default()
        .file("velox:\n  auth_token: ${VELOX_TOKEN}\n")
        .resolve();
    let error = resolved.capability_off(Capability::Velox).unwrap();
    let text = error.to_string();
    assert!(text.contains("line 2") && text.contains("VELOX_TOKEN"));
    let empty = World::default()
        .file("velox: {auth_token: \"${VELOX_TOKEN:-}\", server_url: ~}")
        .resolve();
    assert_eq!(messages(&empty), "");
    assert_eq!(empty.settings, Settings::default());
}

#[test]
fn value_of_the_wrong_shape_is_reported() {
    let file = "velox:\n  build_timeout: [1, 2]\n  cache: 5\n  retry:\n    max_attempts: {a: 1}\n  request_timeout: 20s\n";
    let resolved = World::default().file(file).resolve();
    let text = messages(&resolved);
    for piece in [
        "line 2: found a list",
        "velox.cache in /etc/rr.yaml line 3: found a value; expected a section",
        "line 5: found a section",
    ] {
        assert!(text.contains(piece), "{piece}\n{text}");
    }
    assert_eq!(
        resolved.settings.velox.request_timeout,
        Duration::from_secs(20)
    );
}

#[test]
fn relative_config_path_is_below_the_working_directory() {
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
fn hostile_files_are_refused_quickly() {
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
        let errors = World::default().file(&text).resolve().errors;
        let head: String = text.chars().take(60).collect();
        assert!((1..30).contains(&errors.len()), "{head}");
        // Generous: without limits parsing takes hours.
        assert!(start.elapsed() < Duration::from_secs(60), "{head}");
        let is_short = |error: &ConfigError| error.to_string().len() < 1000;
        assert!(errors.iter().all(is_short), "{head}");
    }
    let twice = messages(&World::default().file("velox: {a: 1, a: 2}").resolve());
    assert!(
        twice.contains(
            "/etc/rr.yaml line 1: found invalid YAML (duplicate mapping key: a); expected"
        ),
        "{twice}"
    );
    let long = format!("velox:\n  server_url: \"{}\"", "y".repeat(1 << 19));
    let text = messages(&World::default().file(&long).resolve());
    assert!(
        text.contains("longer than 4096") && text.len() < 600,
        "{text}"
    );
}

#[test]
fn only_regular_utf8_files_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let refused = |name: &str, why: &str| {
        let error = file::read(&at(name)).unwrap_err().to_string();
        assert!(error.contains(why), "{name}: {error}");
    };
    std::fs::write(at("good"), "velox:\n").unwrap();
    assert_eq!(file::read(&at("good")).unwrap(), "velox:\n");
    std::fs::write(at("latin1"), b"velox: \xe9").unwrap();
    refused("latin1", "UTF-8");
    std::fs::write(at("huge"), vec![b' '; yaml::MAX_FILE_SIZE + 1]).unwrap();
    refused("huge", "larger");
    refused(".", "regular");
    let pipe = std::ffi::CString::new(at("pipe").to_str().unwrap()).unwrap();
    // SAFETY: a plain system call with a valid path.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    refused("pipe", "regular");
}

#[test]
fn error_is_short_and_hides_the_content_of_the_file() {
    let long = "x".repeat(3000);
    let world = World::default().ini("pillion.velox_path_map", &long);
    let text = world.resolve().errors[0].to_string();
    assert!(text.len() < 600, "{text}");
    let world = World::default().file("root:x:0:0:root:/root:/bin/bash\nhunter2\n");
    let text = world.resolve().errors[0].to_string();
    assert!(text.contains("not a map of sections"), "{text}");
    assert!(
        !text.contains("root:") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn policies_are_a_map_or_a_list_in_the_order_of_the_file() {
    let map = "cache:\n  patterns:\n    user:{id}:orgs: 5m\n    \"user:*\": {ttl: 0, hash: on, stale: 30, tier: first}\n";
    let list = "cache:\n  patterns:\n    - user:{id}:orgs ttl=5m\n    - {pattern: \"user:*\", ttl: 0, hash: true, stale: 30s, tier: first}\n";
    let [map, list] = [map, list].map(|file| World::default().file(file).resolve());
    assert_eq!((messages(&map), messages(&list)), Default::default());
    assert_eq!(map.settings, list.settings);
    let [orgs, all] = &map.settings.cache.patterns[..] else {
        panic!("two policies");
    };
    assert_eq!(orgs.ttl, Some(Duration::from_secs(300)));
    assert!(all.is_hashed && all.is_first_tier_only && all.ttl == Some(Duration::ZERO));
    assert_eq!(all.stale, Some(Duration::from_secs(30)));
}

#[test]
fn invalid_policy_is_reported_with_its_line() {
    let map = "cache:\n  patterns:\n    \"a:*\": 5\n    \"b:*\":\n      ttl: soon\n";
    let list = "cache:\n  patterns:\n    - a:* ttl=5\n    - b:* ttl=soon\n";
    for file in [map, list] {
        let text = messages(&World::default().file(file).resolve());
        assert!(
            text.starts_with("cache.patterns in /etc/rr.yaml line 4: found ttl \"soon\""),
            "{text}"
        );
    }
}

#[test]
fn metrics_are_the_map_of_roadrunner() {
    let file = "metrics:\n  address: 127.0.0.1:2112\n  collect:\n    orders:\n      namespace: shop\n      \
                type: histogram\n      help: \"Orders.\"\n      labels: [country, kind]\n      buckets: [0.1, 2]\n";
    let resolved = World::default().file(file).resolve();
    assert_eq!(messages(&resolved), "");
    let [orders] = &resolved.settings.metrics.collect[..] else {
        panic!("one metric");
    };
    assert_eq!((&*orders.name, &*orders.help), ("shop_orders", "Orders."));
    assert_eq!(orders.labels, ["country", "kind"]);
    assert_eq!(&*orders.bounds, [0.1, 2.0]);
}

#[test]
fn wrong_metric_is_reported_and_left_out() {
    for (metric, reason) in [
        ("5", "no type in the metric \"wrong\""),
        ("{typ: counter}", "did you mean type?"),
        ("{type: timer}", "type \"timer\", not one of"),
        (
            "{type: gauge, buckets: [1]}",
            "have buckets only if it is a histogram in the metric \"wrong\"",
        ),
        (
            "{type: histogram, buckets: [x]}",
            "bucket \"x\", not a number",
        ),
        (
            "{type: gauge, namespace: a, subsystem: b}",
            "the metric \"a_b_wrong\" twice",
        ),
        ("{type: gauge, help: \"${missing}\"}", "missing"),
    ] {
        let file = format!(
            "metrics:\n  collect:\n    a_b_wrong: {{type: gauge}}\n    wrong: {metric}\n    last: {{type: counter}}\n"
        );
        let resolved = World::default().file(&file).resolve();
        let text = messages(&resolved);
        assert!(
            text.starts_with("metrics.collect in /etc/rr.yaml line 4: found "),
            "{text}"
        );
        assert!(text.contains(reason), "{text}");
        assert!(
            text.contains("; expected a list like orders_total"),
            "{text}"
        );
        assert!(has_only_warnings(&resolved), "{text}");
        assert!(resolved.capability_off(Capability::Metrics).is_none());
        let collect = &resolved.settings.metrics.collect;
        let names: Vec<&str> = collect.iter().map(|metric| &*metric.name).collect();
        assert_eq!(names, ["a_b_wrong", "last"]);
    }
}

#[test]
fn warnings_of_wrong_metrics_are_limited() {
    let entries: Vec<String> = (0..1100).map(|i| format!("m{i} type=timer")).collect();
    let list = format!("{}, good type=counter", entries.join(", "));
    let resolved = World::default()
        .ini("pillion.metrics_collect", &list)
        .resolve();
    assert_eq!(resolved.errors.len(), 21);
    let text = messages(&resolved);
    assert!(
        text.contains("pillion.metrics_collect (INI): found \"m0 type=timer\" (type"),
        "{text}"
    );
    assert!(text.contains("found 1080 more wrong entries"), "{text}");
    assert_eq!(resolved.settings.metrics.collect.len(), 1);
    let entries: Vec<String> = (0..1100).map(|i| format!("m{i} type=gauge")).collect();
    let resolved = World::default()
        .ini("pillion.metrics_collect", &entries.join(","))
        .resolve();
    assert_eq!(resolved.settings.metrics.collect.len(), 1000);
    assert!(messages(&resolved).contains("more than 1000 metrics"));
}

#[test]
fn invalid_policy_is_reported_with_its_pattern() {
    for (file, expected) in [
        (
            "{\"a:*\": {format: xml}}",
            "found format \"xml\", not one of json, php in the policy of \"a:*\"",
        ),
        ("[{ttl: 5}]", "an empty pattern"),
        ("{\"a:{id\": 5}", "a brace without its other one"),
        ("[a 5, a ttl=1]", "\"5\" without a value"),
        ("[a ttl=2, a ttl=1]", "the pattern \"a\" twice"),
        ("{a: [1]}", "a list in a policy"),
        (
            "{\"a:*\": {warm: on}}",
            "found warm on for many keys, not for one in the policy of \"a:*\"",
        ),
    ] {
        let file = format!("cache:\n  patterns: {file}\n");
        let resolved = World::default().file(&file).resolve();
        let text = messages(&resolved);
        assert!(
            text.starts_with("cache.patterns in /etc/rr.yaml line 2: found "),
            "{text}"
        );
        assert!(text.contains(expected), "{text}");
        assert!(resolved.capability_off(Capability::Cache).is_some());
    }
}
