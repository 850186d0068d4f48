//! `velox.path_map` as text, and a path of the server that is mapped by it.
#![no_main]

use std::path::{Path, PathBuf};

use pillion_engine::config::{Sources, resolve};

libfuzzer_sys::fuzz_target!(|input: (&str, &str)| {
    let (map, path) = input;
    let resolved = resolve(&Sources {
        ini: &|name| (name == "pillion.velox_path_map").then(|| map.to_owned()),
        env: &|_| None,
        read_file: &|_| Ok(String::new()),
        cwd: Path::new("/cwd"),
    });
    let mut roots = resolved.settings.velox.path_map;
    assert!(
        roots
            .iter()
            .all(|(server, local)| server.is_absolute() && local.is_absolute())
    );
    roots.push((PathBuf::from("/srv"), PathBuf::from("/local")));
    roots.push((PathBuf::from("/srv/tmp"), PathBuf::from("/tmp")));
    pillion_engine::velox::fuzzing::locate(path, &roots);
});
