//! The section of RoadRunner's Sentry plugin, and the DSN.

use super::*;

#[test]
fn dsn_is_read_from_its_documented_variable_and_masked() {
    let world = World::default().env("SENTRY_DSN", "https://hunter2@host/1");
    let resolved = world.resolve();
    assert_eq!(messages(&resolved), "");
    let sentry = &resolved.settings.sentry;
    assert_eq!(sentry.dsn.as_ref().unwrap().project(), "1");
    let shown = value(&resolved, "sentry.dsn");
    assert_eq!(shown.source, Source::Env("SENTRY_DSN".into()));
    assert_eq!(shown.value, "https://********@host/1");
    let world = World::default().env("SENTRY_DSN", "https://hunter2@/1");
    let bad = world.resolve();
    let text = messages(&bad);
    assert!(text.contains("SENTRY_DSN (environment)") && !text.contains("hunter2"));
    assert!(bad.capability_off(Capability::Sentry).is_some());
    assert!(bad.capability_off(Capability::Velox).is_none());
}

/// The section of the plugin's document with every key, with other values than its defaults.
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
fn section_of_the_sentry_plugin_is_read() {
    let world = World::default().env("SENTRY_DSN", "https://hunter2@host/1");
    let resolved = world.file(SENTRY_PLUGIN).resolve();
    assert_eq!(messages(&resolved), "");
    let sentry = &resolved.settings.sentry;
    let seconds = Duration::from_secs;
    assert!(sentry.enabled && !sentry.compression && !sentry.ssl_verify);
    assert!(!sentry.dead_letter_queue);
    assert_eq!(sentry.dsn.as_ref().unwrap().host(), "host");
    assert_eq!(
        (sentry.timeout, sentry.connect_timeout),
        (seconds(31), seconds(11))
    );
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
fn invalid_sentry_line_is_reported_with_path_and_line() {
    for (right, wrong, place) in [
        ("31s", "soon", "transport.timeout in /etc/rr.yaml line 8"),
        ("workers", "wokers", "queue.wokers in /etc/rr.yaml line 22"),
        (": 5\n", ": [5]\n", "queue.workers in /etc/rr.yaml line 22"),
        ("debug", "loud", "logging.level in /etc/rr.yaml line 26"),
        (
            "\"user:password\"",
            "{user: password}",
            "transport.proxy_auth in /etc/rr.yaml line 13",
        ),
    ] {
        let text = SENTRY_PLUGIN.replace(right, wrong);
        let world = World::default().env("SENTRY_DSN", "https://hunter2@host/1");
        let said = messages(&world.file(&text).resolve());
        assert!(
            said.contains(&format!("sentry_transport.{place}")),
            "{wrong}: {said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn word_for_off_in_the_dsn_switches_sentry_off() {
    for word in ["null", "(null)", "false", "(empty)", "OFF"] {
        let resolved = World::default().env("SENTRY_DSN", word).resolve();
        assert_eq!(messages(&resolved), "", "{word}");
        assert_eq!(resolved.settings.sentry.dsn, None);
        let given = World::default().env("SENTRY_DSN", "https://k@host/1");
        let resolved = given.ini("pillion.sentry_dsn", word).resolve();
        assert_eq!(resolved.settings.sentry.dsn, None, "{word}");
        assert_eq!(value(&resolved, "sentry.dsn").value, "off");
    }
    let file = World::default().file("sentry_transport:\n  dsn: ${SENTRY_DSN}\n");
    let resolved = file.env("SENTRY_DSN", "null").resolve();
    assert_eq!(
        (messages(&resolved).as_str(), resolved.settings.sentry.dsn),
        ("", None)
    );
}
