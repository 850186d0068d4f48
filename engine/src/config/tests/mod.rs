//! Tests of the whole configuration, with sources that each test owns.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::*;

mod page;
mod samples;
mod sentry;
mod values;
mod yaml_file;

/// The sources of a test.
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

    /// Adds a file and names it in INI.
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

fn messages(resolved: &Resolved) -> String {
    let lines: Vec<String> = resolved.errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn has_only_warnings(resolved: &Resolved) -> bool {
    resolved
        .errors
        .iter()
        .all(|error| error.severity == Severity::Warning)
}

fn value<'a>(resolved: &'a Resolved, name: &str) -> &'a ResolvedValue {
    resolved
        .values
        .iter()
        .find(|value| value.name == name)
        .unwrap()
}

fn find(name: &str) -> &'static Setting {
    TABLE.iter().find(|setting| setting.name == name).unwrap()
}

/// Formats a value below its dotted path as YAML.
fn yaml(path: &str, value: &str) -> String {
    let mut out = String::new();
    for (depth, key) in path.split('.').enumerate() {
        out.push_str(&format!("\n{}{key}:", "  ".repeat(depth)));
    }
    out + " " + &serde_json::to_string(value).unwrap()
}

/// The page has the defaults as text; here are those that are converted.
#[test]
fn defaults_have_the_documented_meaning() {
    let resolved = World::default().resolve();
    assert_eq!(messages(&resolved), "");
    let Settings {
        host,
        log,
        velox,
        sentry,
        cache,
        apcu,
        metrics,
        worker,
        delivery,
        serve,
        gateway,
        ..
    } = resolved.settings;
    assert!(delivery.method == DeliveryMethod::Auto && delivery.url.is_none());
    assert!(!delivery.trusts_headers && !delivery.is_intercepting);
    assert_eq!(delivery.ticket_lifetime, Duration::from_secs(3600));
    assert!(!apcu.is_provided);
    assert!(metrics.memory_bytes == 4 << 20 && metrics.collect.is_empty());
    assert!(cache.enabled && cache.namespace.is_none());
    assert_eq!(
        (cache.memory_bytes, cache.ttl_default),
        (32 << 20, Duration::from_secs(300))
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
    assert_eq!(velox.path_map, [("/tmp".into(), "/tmp".into())]);
    assert_eq!(
        velox.cache.dir,
        CacheDir::InStateDir(".rr-cache/velox-binaries".into())
    );
    assert_eq!(velox.cache.ttl, Duration::from_secs(7 * 86_400));
    assert_eq!(velox.cache.max_size_bytes, 5000 << 20);
    assert!((velox.retry.backoff_multiplier - 2.0).abs() < f64::EPSILON);
    assert!(!sentry.on_disk && sentry.enabled && sentry.ssl_verify);
    assert_eq!((sentry.compression, sentry.compression_level), (true, 1));
    assert_eq!(sentry.max_backoff, Duration::from_secs(300));
    assert_eq!(sentry.log_level, log::LevelFilter::Info);
    assert_eq!((worker.reset, worker.max_memory), (ResetSet::NONE, 0));
    assert_eq!(
        (worker.leak_check, worker.gc),
        (Sampling::NEVER, Sampling::NEVER)
    );
    assert_eq!(serve.listen, [ListenAddress::Tcp("127.0.0.1:9180".into())]);
    assert_eq!((serve.socket_mode, serve.allow_anonymous), (0o660, false));
    assert_eq!(
        (gateway.driver, gateway.anonymous),
        (StorageDriver::Local, AnonymousRole::Off)
    );
    assert_eq!(gateway.retention, Duration::from_secs(7 * 86_400));
    assert_eq!((gateway.max_size, gateway.max_artifact_size), (0, 5 << 30));
    assert_eq!(
        (gateway.port, gateway.s3.path_style),
        (8080, PathStyle::Auto)
    );
}

#[test]
fn names_derive_from_the_dotted_name_and_are_unique() {
    let setting = find("velox.cache.ttl_days");
    assert_eq!(setting.ini_name(), "pillion.velox_cache_ttl_days");
    assert_eq!(setting.env_name(), "PILLION_VELOX_CACHE_TTL_DAYS");
    let names: BTreeSet<String> = TABLE.iter().map(Setting::ini_name).collect();
    assert_eq!(names.len(), TABLE.len());
    let paths: BTreeSet<_> = TABLE.iter().map(|setting| setting.yaml_path).collect();
    assert_eq!(paths.len(), TABLE.len());
}

#[test]
fn each_default_is_a_valid_value() {
    for setting in TABLE {
        if let Some(text) = setting.default {
            let value = setting.value_type.parse(text, types::PathBase::Table);
            assert!(value.is_ok(), "{}: {value:?}", setting.name);
        }
    }
}
