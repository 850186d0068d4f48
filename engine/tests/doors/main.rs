//! The doors between the modules of the engine and of the extension: each module may use the modules before it in its
//! list, and no others. [`cycles`] checks the files inside them. Reads the sources, since Rust itself allows cycles
//! inside a crate.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests; a source that cannot be read fails the test"
)]

mod cycles;
mod source_tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The engine's modules; those on one line may use each other.
const ENGINE: &[&[&str]] = &[
    &[
        "sync",
        "signals",
        "time",
        "backoff",
        "failpoint",
        "secret",
        "hmac",
        "writeback",
    ],
    &["error", "uuid"],
    &["descriptors", "file_size", "threads"],
    &["shm"],
    &["metrics"],
    &["dns", "http_client", "tls"],
    &["config"],
    &["logging"],
    &["host"],
    &["runtime"],
    &["artifacts"],
    &["velox", "sentry", "cache", "worker", "remote"],
    &["pipeline"],
    &["engine"],
];

/// Pairs on one line of [`ENGINE`] that stay apart.
const APART: &[&str] = &["velox", "sentry", "cache", "worker", "remote"];

#[test]
fn engine_modules_use_only_modules_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(
        violations(&uses(&source), ENGINE, APART),
        Vec::<String>::new()
    );
}

#[test]
fn broken_door_is_found() {
    let uses = |text: &str| BTreeMap::from([("host".to_owned(), targets(text))]);
    let broken = [
        "use crate::velox::Velox;",
        "use crate::{error::Error, velox};",
        "use crate::{\n    error::{Error, Result},\n    velox::{build::Build, protocol},\n};",
        "fn f() { crate::velox::f() }",
    ];
    for text in broken {
        assert_eq!(
            violations(&uses(text), ENGINE, APART),
            ["host uses velox"],
            "{text}"
        );
    }
    let sound = "use crate::{error::Error, config}; // crate::velox\n";
    assert_eq!(
        violations(&uses(sound), ENGINE, APART),
        Vec::<String>::new()
    );
    assert_eq!(
        violations(
            &BTreeMap::from([("new".to_owned(), BTreeSet::new())]),
            ENGINE,
            APART
        ),
        ["new has no line in the list"]
    );
}

/// For each top module, the top modules that it names.
fn uses(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut uses = BTreeMap::<String, BTreeSet<String>>::new();
    for file in rust_files(source) {
        let relative = file.strip_prefix(source).unwrap();
        let first = relative.components().next().unwrap();
        let module = first.as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let is_test = relative
            .components()
            .any(|part| part.as_os_str().to_str().unwrap().trim_end_matches(".rs") == "tests");
        if module != "lib" && !is_test {
            let text = fs::read_to_string(&file).unwrap();
            let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            uses.entry(module.to_owned())
                .or_default()
                .extend(targets(product));
        }
    }
    uses
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The top modules that a source names behind `crate::`, also inside braces; comments don't count.
fn targets(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(first_names(list)),
            None => found.extend(name(rest)),
        }
    }
    found.retain(|name| name.starts_with(|first: char| first.is_ascii_lowercase()));
    found
}

/// The first name of each item of a list in braces, up to its closing one.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut starts) = (0usize, true);
    let mut names = Vec::new();
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts = true,
            _ if letter.is_whitespace() => {}
            _ if starts => {
                names.extend(name(&list[at..]));
                starts = false;
            }
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> Option<String> {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let name = &text[..end.unwrap_or(text.len())];
    (!name.is_empty()).then(|| name.to_owned())
}

fn violations(
    uses: &BTreeMap<String, BTreeSet<String>>,
    order: &[&[&str]],
    apart: &[&str],
) -> Vec<String> {
    let place = |module: &str| order.iter().position(|line| line.contains(&module));
    let mut wrong = Vec::new();
    for (module, targets) in uses {
        let Some(own) = place(module) else {
            wrong.push(format!("{module} has no line in the list"));
            continue;
        };
        for target in targets.iter().filter(|target| *target != module) {
            let is_sound = match place(target) {
                // A function or a macro of the crate's root.
                None => true,
                Some(other) if other == own => !apart.contains(&target.as_str()),
                Some(other) => other < own,
            };
            if !is_sound {
                wrong.push(format!("{module} uses {target}"));
            }
        }
    }
    wrong
}
