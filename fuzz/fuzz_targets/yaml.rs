//! The configuration file.
#![no_main]

use std::path::Path;

use pillion_engine::config::{Sources, resolve, yaml};

const SECRET: &str = "s3cr3t-t0ken";

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = yaml::sections(text);
    let resolved = resolve(&Sources {
        ini: &|name| (name == "pillion.config").then(|| "/etc/pillion.yaml".to_owned()),
        env: &|name| (name == "TOKEN").then(|| SECRET.to_owned()),
        read_file: &|_| Ok(text.to_owned()),
        cwd: Path::new("/cwd"),
    });
    // Error messages are bounded, and never contain a secret.
    assert!(resolved.errors.len() <= 200);
    for error in &resolved.errors {
        assert!(error.to_string().len() <= 16 << 10);
    }
    let token = resolved
        .settings
        .velox
        .auth_token
        .as_ref()
        .map(|token| token.expose());
    if token.is_some_and(|token| token.contains(SECRET)) {
        let shown = resolved
            .values
            .iter()
            .find(|value| value.name == "velox.auth_token");
        assert!(shown.is_none_or(|shown| !shown.value.contains(SECRET)));
    }
});
