//! A directory from which a web server sends files must have none of Pillion's: a client could fetch binaries,
//! envelopes and the secret. Roots are named, or in the command line of PHP's own server and `frankenphp php-server`;
//! the configurations of nginx, Caddy and Apache have variables and includes, so their roots are to be named.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{processes::Process, report::Report, subject::Subject};

const CHECK: &str = "document root";

pub(super) fn examine(
    subject: &Subject,
    named: &[PathBuf],
    running: &[Process],
    report: &mut Report,
) {
    let mut roots = named.to_vec();
    roots.extend(running.iter().filter_map(root_of));
    roots.sort();
    roots.dedup();
    let mut own = vec![
        ("state_dir", subject.dirs.state.clone()),
        ("run_dir", subject.dirs.run.clone()),
    ];
    if subject.settings().velox.cache.enabled {
        own.push(("artifact cache", subject.artifacts()));
    }
    if roots.is_empty() {
        report.ok(CHECK, "none is known; name it with --document-root");
    }
    for root in roots {
        let Ok(real) = fs::canonicalize(&root) else {
            let advice = "name an existing directory";
            report.warn(CHECK, format!("{} can't be read", root.display()), advice);
            continue;
        };
        let inside: Vec<_> = own
            .iter()
            .filter(|(_, path)| resolved(path).starts_with(&real))
            .collect();
        for (name, path) in &inside {
            report.fail(
                CHECK,
                format!("{name} {} lies below {}", path.display(), root.display()),
                "move it outside: clients may fetch its files",
            );
        }
        if inside.is_empty() {
            report.ok(CHECK, format!("{} has no files of Pillion", root.display()));
        }
    }
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let mut ancestors = path.ancestors();
    let found = ancestors.find_map(|existing| {
        let rest = path.strip_prefix(existing).ok()?;
        Some(fs::canonicalize(existing).ok()?.join(rest))
    });
    found.unwrap_or_else(|| path.to_owned())
}

/// The document root in the command line of a server.
fn root_of(process: &Process) -> Option<PathBuf> {
    let arguments = &process.arguments;
    let program = Path::new(arguments.first()?).file_name()?.to_str()?;
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let after = |names: &[&str]| {
        let index = arguments
            .iter()
            .position(|argument| names.contains(&argument.as_str()))?;
        arguments.get(index + 1)
    };
    let root = match program {
        _ if program.starts_with("php") && has("-S") => after(&["-t", "--docroot"]),
        "frankenphp" if has("php-server") => after(&["-r", "--root"]),
        _ => return None,
    };
    let base = process.directory.clone()?;
    Some(root.map_or_else(|| base.clone(), |root| base.join(root)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_read_from_the_command_line_of_a_server() {
        let root = |arguments: &[&str]| {
            let process = Process {
                arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
                directory: Some("/srv".into()),
                ..Process::default()
            };
            root_of(&process)
        };
        let found = root(&["/usr/bin/php8.2", "-S", "127.0.0.1:1", "-t", "public"]);
        assert_eq!(found, Some("/srv/public".into()));
        let found = root(&["php", "-S", "127.0.0.1:1", "index.php"]);
        assert_eq!(found, Some("/srv".into()));
        let found = root(&["frankenphp", "php-server", "--root", "/var/www"]);
        assert_eq!(found, Some("/var/www".into()));
        assert_eq!(root(&["php", "artisan", "-t", "x"]), None);
    }
}
