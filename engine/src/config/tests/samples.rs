//! Every setting has an invalid value that is reported well, and a valid one that is read from each source.

use proptest::prelude::*;

use super::*;

/// A setting, an invalid value, a part of the message about it, and a valid value that is not the default.
const SAMPLES: &str = "
config | /missing.yaml | can't be read | /rr.yaml
threads | 0 | out of range | 2
shutdown_timeout | 9s | 0s to 8s | 3s
state_dir | var/pillion | absolute | /srv/state
run_dir | ./run | absolute | /srv/run
group | www data | white space | www-data
log | stdout | standard output | /var/log/pillion.log
log_level | loud | off, error, warn, info, debug, trace | debug
log_format | xml | text, json, logfmt | json
velox.server_url | velox:9000 | http://127.0.0.1:9000 | http://127.0.0.1:9000
velox.build_timeout | 5 minutes | not a duration | 10m
velox.request_timeout | 1ms | out of range | 20s
velox.max_concurrent_builds | many | whole number | 7
velox.path_map | /tmp=relative | \"relative\" | /a=/b, /c
velox.auth_token | two words | white space | t0ken
velox.ca_file | ca.pem | absolute | /etc/ca.pem
velox.mutable_ttl | -1h | not a duration | 0
velox.cache.enabled | maybe | on or off | no
velox.cache.dir | a\0b | NUL | /srv/cache
velox.cache.ttl_days | 0 | from 1 | 30
velox.cache.max_size_mb | 99 | from 100 | 6G
velox.cache.max_entries | 63 | from 64 | 1000000
velox.cache.cleanup_interval | 59s | from 1m | 2h
velox.retry.max_attempts | 0 | from 1 | 5
velox.retry.initial_delay | 0 | from 1ms | 2s
velox.retry.max_delay | soon | not a duration | 1m
velox.retry.backoff_multiplier | 0.5 | from 1.0 | 1.5
remote.url | gateway:8080 | http://127.0.0.1:9000 | https://gateway.example/base
remote.token | two words | white space | t0ken
remote.mode | write | off, read, read-write | read
remote.timeout | 1ms | out of range | 5s
remote.ca_file | ca.pem | absolute | /etc/ca.pem
delivery | magic | auto, accel, sendfile, ticket, stream | accel
delivery_accel_map | /srv=relative | \"relative\" | /a=/b, /c
delivery_url | //host | empty part | /_pillion
delivery_trust_headers | maybe | on or off | on
delivery_ticket_lifetime | 200h | out of range | 10m
velox_intercept | maybe | on or off | on
sentry.enabled | maybe | on or off | no
sentry.dsn | https://host/1 | no public key | https://k@host/1
sentry.transport.timeout | 1ms | out of range | 5s
sentry.transport.connect_timeout | 1ms | out of range | 2s
sentry.transport.compression | gzip | on or off | off
sentry.transport.compression_level | 10 | from 1 to 9 | 6
sentry.transport.ssl_verify | maybe | on or off | off
sentry.transport.ca_file | ca.pem | absolute | /etc/ca.pem
sentry.transport.proxy | proxy:3128 | scheme | http://proxy:3128/
sentry.transport.proxy_auth | a b | white space | ann:s3cret
sentry.retry.max_attempts | 0 | from 1 | 5
sentry.retry.initial_backoff | 0 | from 1ms | 2s
sentry.retry.backoff_multiplier | 0.5 | from 1.0 | 1.5
sentry.retry.max_backoff | soon | not a duration | 1m
sentry.retry.max_age | 0 | from 1s | 1h
sentry.retry.server_errors | maybe | on or off | on
sentry.retry.drain_interval | -1s | not a duration | 0
sentry.retry.dead_letter_queue | maybe | on or off | off
sentry.retry.dead_letter_max_count | 0 | from 1 | 10
sentry.retry.dead_letter_max_size | 0 | from 1 | 10
sentry.queue.buffer_size | 0 | from 1 | 10000
sentry.queue.workers | 0 | from 1 | 8
sentry.queue.batch_size | 1001 | from 1 to 1000 | 100
sentry.queue.batch_timeout | 2h | out of range | 1s
sentry.outbox_size | 0 | from 1 | 128
sentry.max_payload_size | 0 | from 1 | 20
sentry.durability | tape | memory, disk | disk
sentry.sync_interval | 1ms | out of range | 1s
sentry.send_client_reports | maybe | on or off | off
sentry.logging.level | loud | off, error, warn, info, debug, trace | debug
cache.enabled | maybe | on or off | off
cache.memory | 8193 | out of range | 64
cache.local_size | 1025 | out of range | 8
cache.namespace | two words | white space | shop-v7
cache.ttl_default | soon | not a duration | 1h
cache.producer_timeout | 1ms | from 10ms | 30s
cache.patterns | user:* tll=5m | did you mean ttl? | user:{id}:orgs ttl=5m hash=on, build:* ttl=2h write=first-tier beta=0.5
cache.hash_secret | two words | white space | 0rigan
cache.url | ann:s3cret@cache:x | no port | redis://cache:6379/0
cache.ca_file | ca.pem | absolute | /etc/ca.pem
cache.timeout_ms | 0 | from 1 | 50
cache.max_retries | 0 | from 1 | 5
cache.connection_pool_size | 0 | from 1 | 2
cache.write | back | through, behind, first-tier | behind
cache.clear_database | perhaps | on or off | on
apcu | maybe | on or off | on
metrics.memory | 0 | from 1 | 8
metrics.collect | a type=count | counter, gauge, histogram, summary | orders_total type=counter labels=country/kind
worker.reset | ini,timezones | did you mean timezone? | timezone, ini
worker.leak_check | sample:0 | sample:N | sample:100
worker.gc | on | off or every:N | every:50
worker.max_memory | plenty | not a size | 128M
serve.listen | 127.0.0.1 | no port | :9180, unix:/run/pillion/serve.sock
serve.socket_mode | rw | not an octal mode | 0666
serve.socket_group | web server | white space | www-data
serve.token_file | token | absolute | /etc/pillion/token
serve.allow_anonymous | maybe | on or off | on
serve.shutdown_timeout | 2h | out of range | 5m
serve.write_timeout | 0 | out of range | 10s
serve.max_connections | 0 | from 1 | 100
gateway.listen | 127.0.0.1 | no port | :8081, unix:/run/pillion/gateway.sock
gateway.port | 0 | from 1 | 8081
gateway.auth_token | two words | white space | t0ken
gateway.token_file | tokens | absolute | /etc/pillion/tokens
gateway.anonymous | write | off, read, trusted | read
gateway.driver | gcs | local, s3 | s3
gateway.local_root | a\0b | NUL | /srv/artifacts
gateway.base_url | cache:8080 | scheme | http://cache.example:8080/
gateway.retention_days | -1 | from 0 | 30
gateway.max_size | much | not a size | 50G
gateway.max_artifact_size | 6G | out of range | 2G
gateway.hmac_secret | two words | white space | s3cret
gateway.transfer_timeout | 0 | out of range | 10m
gateway.idle_timeout | 0 | out of range | 10s
gateway.shutdown_timeout | 2h | out of range | 5m
gateway.max_connections | 0 | from 1 | 100
gateway.s3.bucket | two words | white space | artifacts
gateway.s3.endpoint | minio:9000 | scheme | http://minio:9000/
gateway.s3.public_endpoint | minio:9000 | scheme | http://minio.example/
gateway.s3.region | eu west | white space | eu-west-1
gateway.s3.prefix | a b | white space | pillion/
gateway.s3.path_style | maybe | auto, on, off | on
gateway.s3.access_key | a b | white space | AKID
gateway.s3.secret_key | a b | white space | s3cret
gateway.s3.session_token | a b | white space | t0ken
gateway.s3.ca_file | ca.pem | absolute | /etc/ca.pem
gateway.s3.url_lifetime | 25h | out of range | 5m
gateway.s3.timeout | 2m | out of range | 5s
";

type Sample = (&'static str, &'static str, &'static str, &'static str);

fn samples() -> Vec<Sample> {
    let sample = |line: &'static str| {
        let mut parts = line.split(" | ");
        let mut next = || parts.next().unwrap();
        (next(), next(), next(), next())
    };
    SAMPLES.trim().lines().map(sample).collect()
}

#[test]
fn every_setting_has_a_sample() {
    let sampled: Vec<&str> = samples().iter().map(|sample| sample.0).collect();
    let known: Vec<&str> = TABLE.iter().map(|setting| setting.name).collect();
    assert_eq!(sampled, known);
}

#[test]
fn invalid_value_is_reported_with_its_location() {
    for (name, bad, said, _) in samples() {
        let setting = find(name);
        let ini = World::default().ini(&setting.ini_name(), bad);
        let env = World::default().env(&setting.env_name(), bad);
        let mut worlds = vec![
            (ini, format!("{} (INI)", setting.ini_name())),
            (env, format!("{} (environment)", setting.env_name())),
        ];
        let refused_in_file =
            !matches!(setting.value_type, ValueType::Path(_) | ValueType::PathMap)
                || bad.contains('\0');
        if let Some(path) = setting.yaml_path.filter(|_| refused_in_file) {
            let text = yaml(path, bad);
            let line = text.lines().count();
            let place = format!("{path} in /etc/rr.yaml line {line}");
            worlds.push((World::default().file(&text), place));
        }
        for (world, place) in worlds {
            let resolved = world.resolve();
            let text = messages(&resolved);
            assert!(text.starts_with(&place), "{name}: {text}");
            assert!(text.contains(said), "{name}: {text}");
            assert_eq!(resolved.errors.len(), 1, "{name}: {text}");
            assert_eq!(resolved.settings, Settings::default(), "{name}");
            let off = resolved.capability_off(setting.capability);
            // Of a list of metrics the wrong ones are left out.
            let is_off = setting.value_type != ValueType::Metrics;
            assert_eq!(off.is_some(), is_off, "{name}");
            if setting.is_secret() {
                assert!(!text.contains(bad), "{text}");
            } else {
                let shown = format!("{bad:?}");
                assert!(text.contains(&shown), "{name}: {text}");
            }
        }
    }
}

#[test]
fn valid_value_is_read_from_each_source() {
    for (name, _, _, good) in samples() {
        let setting = find(name);
        let mut worlds = vec![
            (World::default().ini(&setting.ini_name(), good), Source::Ini),
            (
                World::default().env(&setting.env_name(), good),
                Source::Env(setting.env_name()),
            ),
        ];
        if let Some(path) = setting.yaml_path {
            let text = yaml(path, good);
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
            assert_eq!(messages(&resolved), "", "{name}");
            assert_ne!(
                resolved.settings,
                Settings::default(),
                "{name} from {source}"
            );
            assert_eq!(value(&resolved, name).source, source);
        }
    }
}

proptest! {
    #[test]
    fn ini_precedes_environment_file_and_default(
        ini in proptest::option::of(1_u32..60),
        env in proptest::option::of(1_u32..60),
        file in proptest::option::of(1_u32..60),
        name in proptest::sample::select(vec!["threads", "velox.max_concurrent_builds", "velox.retry.max_attempts", "velox.cache.ttl_days"]),
    ) {
        let setting = find(name);
        let text = file.map(|n| yaml(setting.yaml_path.unwrap(), &n.to_string())).unwrap_or_default();
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
        prop_assert!(resolved.errors.is_empty());
    }

    #[test]
    fn resolver_never_panics(text in "[ \\n\\-:{}\\[\\]&*!|>a-c$\"']{0,60}") {
        let _ = World::default().file(&format!("velox:{text}")).resolve();
    }

    #[test]
    fn shown_value_parses_back(name in proptest::sample::select(samples())) {
        let setting = find(name.0);
        prop_assume!(!setting.is_secret() && setting.yaml_path.is_some());
        let first = World::default().ini(&setting.ini_name(), name.3).resolve();
        let again = World::default().ini(&setting.ini_name(), &value(&first, name.0).value).resolve();
        prop_assert_eq!(first.settings, again.settings);
    }
}
