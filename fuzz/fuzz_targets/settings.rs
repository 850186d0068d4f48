//! One setting from INI and one from the environment; durations and sizes.
#![no_main]

use std::path::Path;

use pillion_engine::config::{Sources, TABLE, duration, expand, resolve, size};

libfuzzer_sys::fuzz_target!(|input: (u8, &str, u8, &str)| {
    let (first, ini, second, env) = input;
    let ini_name = TABLE[usize::from(first) % TABLE.len()].ini_name();
    let env_name = TABLE[usize::from(second) % TABLE.len()].env_name();
    let resolved = resolve(&Sources {
        ini: &|name| (name == ini_name).then(|| ini.to_owned()),
        env: &|name| (name == env_name).then(|| env.to_owned()),
        read_file: &|_| Ok(env.to_owned()),
        cwd: Path::new("/cwd"),
    });
    assert_eq!(resolved.values.len(), TABLE.len());
    assert!(
        resolved
            .errors
            .iter()
            .all(|error| error.to_string().len() <= 16 << 10)
    );
    for text in [ini, env] {
        if let Some(read) = duration::parse(text) {
            assert_eq!(duration::parse(&duration::format(read)), Some(read));
        }
        if let Some(read) = size::parse(text) {
            assert_eq!(size::parse(&size::format(read)), Some(read));
        }
        let _ = expand::expand(text, &|name| (name.len() < 3).then(|| ini.to_owned()));
    }
});
