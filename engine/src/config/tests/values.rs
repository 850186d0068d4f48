//! Precedence, cross checks and values of single settings.

use super::*;
use crate::{secret::MASK, tls::SystemCertificates};

#[test]
fn sampling_words_and_ini_numbers_are_parsed() {
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
        assert_eq!(messages(&resolved), "");
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
        assert_eq!(world.resolve().errors.len(), 1, "{bad:?}");
    }
}

#[test]
fn empty_text_in_ini_means_off() {
    let world = World::default()
        .ini("pillion.velox_cache_enabled", "")
        .ini("pillion.threads", " ");
    let resolved = world.env("PILLION_THREADS", "4").resolve();
    assert!(!resolved.settings.velox.cache.enabled);
    assert_eq!(resolved.settings.runtime.threads, 4);
}

#[test]
fn invalid_value_does_not_fall_through_to_a_lower_source() {
    let world = World::default().ini("pillion.velox_build_timeout", "x");
    let resolved = world.env("PILLION_VELOX_BUILD_TIMEOUT", "7m").resolve();
    assert_eq!(
        resolved.settings.velox.build_timeout,
        Duration::from_secs(300)
    );
    assert!(value(&resolved, "velox.build_timeout").is_invalid);
    assert!(resolved.capability_off(Capability::Velox).is_some());
    assert!(resolved.capability_off(Capability::Runtime).is_none());
}

#[test]
fn contradicting_delays_are_both_named() {
    let world = World::default().file("velox:\n  retry:\n    max_delay: 500ms");
    let text = messages(
        &world
            .ini("pillion.velox_retry_initial_delay", "20s")
            .resolve(),
    );
    assert!(
        text.contains("velox.retry.max_delay in /etc/rr.yaml line 3: found \"500ms\""),
        "{text}"
    );
    assert!(
        text.contains("20s of pillion.velox_retry_initial_delay (INI)"),
        "{text}"
    );
    let alone = World::default()
        .ini("pillion.velox_retry_initial_delay", "20s")
        .resolve();
    assert!(
        alone
            .capability_off(Capability::Velox)
            .unwrap()
            .to_string()
            .contains("velox.retry.max_delay (default)")
    );
}

#[test]
fn token_over_plain_http_is_a_warning() {
    let world = World::default().ini("pillion.velox_auth_token", "t0ken");
    let resolved = world
        .ini("pillion.velox_server_url", "http://velox.example")
        .resolve();
    assert!(
        messages(&resolved).contains("clear text"),
        "{}",
        messages(&resolved)
    );
    assert!(resolved.capability_off(Capability::Velox).is_none());
    assert!(has_only_warnings(&resolved));
}

#[test]
fn secrets_are_never_shown() {
    let world = World::default()
        .ini("pillion.velox_auth_token", "hunter2")
        .ini(
            "pillion.velox_server_url",
            "http://ann:hunter2@velox.example",
        );
    let resolved = world.resolve();
    let all = format!("{resolved:?} {}", messages(&resolved));
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
        let all = format!("{resolved:?} {}", messages(&resolved));
        assert!(!all.contains("hunter2"), "{all}");
    }
}

#[test]
fn default_path_map_is_the_temporary_directory() {
    let resolved = World::default().env("TMPDIR", "/scratch").resolve();
    assert_eq!(
        resolved.settings.velox.path_map,
        [("/scratch".into(), "/scratch".into())]
    );
    assert_eq!(value(&resolved, "velox.path_map").source, Source::Default);
}

#[test]
fn word_list_is_read_as_text_and_as_yaml_list() {
    for (text, words) in [
        ("session , INI,,ini", &["ini", "session"][..]),
        ("none", &[]),
    ] {
        let resolved = World::default().ini("pillion.worker_reset", text).resolve();
        assert_eq!(messages(&resolved), "");
        assert_eq!(resolved.settings.worker.reset, ResetSet::of(words));
    }
    for (file, words) in [
        ("worker: {reset: [timezone, ini]}", &["ini", "timezone"][..]),
        ("worker: {reset: []}", &[]),
        ("worker:\n  reset:\n    - wrappers\n", &["wrappers"]),
    ] {
        let resolved = World::default().file(file).resolve();
        assert_eq!(messages(&resolved), "", "{file}");
        assert_eq!(resolved.settings.worker.reset, ResetSet::of(words));
    }
    // A list in the environment replaces that of the file.
    let world = World::default().file("worker: {reset: [ini]}");
    let resolved = world.env("PILLION_WORKER_RESET", "none").resolve();
    assert_eq!(resolved.settings.worker.reset, ResetSet::NONE);
    for (file, said) in [
        ("worker: {reset: [ini, umask]}", "\"umask\""),
        ("worker: {reset: [[ini]]}", "not a word"),
        ("worker: {reset: {ini: 1}}", "a section"),
        ("worker: {rest: ini}", "did you mean worker.reset?"),
    ] {
        let text = messages(&World::default().file(file).resolve());
        assert!(text.contains(said), "{file}: {text}");
    }
}

#[test]
fn log_level_off_without_quotes_is_off() {
    // PHP passes an empty text.
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
        ("sentry_transport_ca_file", Capability::Sentry),
        ("velox_ca_file", Capability::Velox),
        ("cache_ca_file", Capability::Cache),
    ] {
        for (text, wrong) in [
            (None, "can't be read"),
            (Some("nothing"), "no certificate"),
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
            let text = messages(&resolved);
            assert!(
                text.starts_with(&format!(
                    "pillion.{setting} (INI): found \"/etc/own.crt\" ("
                )) && text.contains(wrong),
                "{text}"
            );
            assert!(resolved.capability_off(capability).is_some());
        }
    }
    let resolved = World::default()
        .env("PILLION_SENTRY_TRANSPORT_PROXY_AUTH", "s3cret")
        .resolve();
    assert_eq!(
        messages(&resolved),
        "PILLION_SENTRY_TRANSPORT_PROXY_AUTH (environment): found \"********\" (no colon); expected user:password"
    );
}

#[test]
fn system_certificates_come_from_the_environment() {
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
