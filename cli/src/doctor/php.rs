//! The extension in each PHP of the host: PHP is started without a script of its own, which creates nothing.

use std::{
    collections::BTreeSet,
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use pillion_engine::host::dirs::living;

use super::{processes::Process, report::Report, subject::Subject};

const CHECK: &str = "php";
const OWN: &str = env!("CARGO_PKG_VERSION");
/// Programs that are looked up in `PATH`.
const NAMES: [&str; 11] = [
    "php",
    "php8.2",
    "php8.3",
    "php8.4",
    "php8.5",
    "php-fpm",
    "php-fpm8.2",
    "php-fpm8.3",
    "php-fpm8.4",
    "php-fpm8.5",
    "frankenphp",
];
/// Time for one start of PHP.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_OUTPUT: u64 = 4 << 20;
const POLL: Duration = Duration::from_millis(5);
const SCRIPT: &str = r#"echo "\npillion:", PHP_VERSION, ":", PHP_ZTS ? "ZTS" : "NTS", ":", phpversion("pillion") ?: "-", "\n";"#;

pub(super) fn examine(
    named: &[PathBuf],
    subject: &Subject,
    running: &[Process],
    report: &mut Report,
) {
    let directories: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    let known = directories
        .iter()
        .flat_map(|dir| NAMES.iter().map(|name| dir.join(name)));
    let programs: BTreeSet<PathBuf> = named
        .iter()
        .cloned()
        .chain(known)
        .filter_map(|path| fs::canonicalize(path).ok())
        .collect();
    for missing in named.iter().filter(|path| !path.exists()) {
        report.fail(
            CHECK,
            format!("{} does not exist", missing.display()),
            "name a PHP program",
        );
    }
    if programs.is_empty() {
        report.warn(CHECK, "no PHP in PATH", "name it with --php");
    }
    let mut have_it = 0;
    let is_named = |program: &Path| {
        let mut named = named.iter().filter_map(|path| fs::canonicalize(path).ok());
        named.any(|path| path == program)
    };
    for program in &programs {
        have_it += usize::from(one(program, is_named(program), report));
    }
    // The PHP of running processes may be none of the programs.
    let is_loaded = running.iter().any(|process| process.library.is_some())
        || !living(&subject.dirs.run).0.is_empty();
    if !programs.is_empty() && have_it == 0 && !is_loaded {
        report.warn(
            CHECK,
            "no PHP has the extension pillion",
            "add `extension=pillion` to php.ini, or name the PHP that has it with --php",
        );
    }
}

/// The version of a PHP, `ZTS` or `NTS`, and the version of its extension, `-` if it has none.
struct Found {
    php: String,
    threads: String,
    extension: String,
}

/// Asks a PHP by a script; php-fpm runs none, and prints its modules.
fn ask(program: &Path) -> Result<Found, &'static str> {
    const CANT_RUN: &str = "can't be run";
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("php-fpm") {
        let version = output(Command::new(program).arg("-v")).ok_or(CANT_RUN)?;
        let info = output(Command::new(program).arg("-i")).ok_or(CANT_RUN)?;
        return of_fpm(&version, &info).ok_or("printed no version");
    }
    let prefix: &[&str] = if name == "frankenphp" {
        &["php-cli"]
    } else {
        &[]
    };
    let output = output(Command::new(program).args(prefix).args(["-r", SCRIPT]));
    of_script(&output.ok_or(CANT_RUN)?).ok_or("printed no version")
}

fn of_script(output: &str) -> Option<Found> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("pillion:"))?;
    let mut fields = line.split(':').map(str::to_owned);
    Some(Found {
        php: fields.next()?,
        threads: fields.next()?,
        extension: fields.next()?,
    })
}

/// Reads the output of `php-fpm -v` and `php-fpm -i`.
fn of_fpm(version: &str, info: &str) -> Option<Found> {
    let mut lines = version.lines();
    let php = lines.find_map(|line| line.strip_prefix("PHP ")?.split(' ').next())?;
    let value = |name: &str| {
        let mut lines = info.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(" => "))
    };
    let threads = match value("Thread Safety") {
        Some("enabled") => "ZTS",
        _ => "NTS",
    };
    // The module's own table: its first row, and the version below it.
    let own = info.split_once("\nPillion => enabled").map(|(_, own)| own);
    let extension = own.and_then(|own| {
        let mut lines = own.lines();
        lines.find_map(|line| line.strip_prefix("Version => "))
    });
    Some(Found {
        php: php.to_owned(),
        threads: threads.to_owned(),
        extension: extension.unwrap_or("-").to_owned(),
    })
}

/// Examines one PHP. Returns whether it has the extension.
fn one(program: &Path, is_named: bool, report: &mut Report) -> bool {
    let shown = program.display();
    let Found {
        php,
        threads,
        extension: version,
    } = match ask(program) {
        Ok(found) => found,
        Err(reason) => {
            let advice = "run it by hand, and look at its errors";
            report.warn(CHECK, format!("{shown} {reason}"), advice);
            return false;
        }
    };
    let found = format!("{shown} (PHP {php}, {threads})");
    match version.as_str() {
        "-" if is_named => report.warn(
            CHECK,
            format!("{found} has no extension pillion"),
            "add `extension=pillion` to its php.ini",
        ),
        "-" => report.ok(CHECK, format!("{found} does not use pillion")),
        OWN => report.ok(CHECK, format!("{found} has pillion {version}")),
        _ => report.warn(
            CHECK,
            format!("{found} has pillion {version}, and this program is {OWN}"),
            "install the same version of both",
        ),
    }
    version != "-"
}

/// The output of a program that ends in time, or `None`.
fn output(command: &mut Command) -> Option<String> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.ok()?;
    let stdout = child.stdout.take()?;
    // The tables of php-fpm fill more than a pipe.
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut stdout = stdout.take(MAX_OUTPUT);
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let end = Instant::now() + TIMEOUT;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(POLL);
    }
    let bytes = reader.join().ok()?.ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_php_fpm_name_its_version_and_extension() {
        let version = "PHP 8.4.1 (fpm-fcgi) (built: Nov 18 2026 20:02:04)\nCopyright (c)\n";
        let info = "phpinfo()\nPHP Version => 8.4.1\n\nThread Safety => enabled\n\nother\n\nVersion => 9.9\n\npillion\n\nPillion => enabled\nVersion => 0.3.0\n";
        let found = of_fpm(version, info).unwrap();
        let fields = [found.php, found.threads, found.extension];
        assert_eq!(fields, ["8.4.1", "ZTS", "0.3.0"]);
        let without = of_fpm(version, "Thread Safety => disabled\nVersion => 9.9\n").unwrap();
        assert_eq!([without.threads, without.extension], ["NTS", "-"]);
        assert!(of_fpm("nginx version: 1.22", info).is_none());
    }
}
