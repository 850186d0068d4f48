//! The resources of one scenario: directories, a build server, and the commands that start PHP in them.

use std::{
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;
use tokio::process::Command;

use super::{arguments::Arguments, system};
use pillion_fakes::{FakeVelox, Options};

/// How many builds the host may have at once.
pub const MAX_CONCURRENT_BUILDS: usize = 5;

/// Gone with all that is in it when dropped, unless it is to be kept.
pub struct Environment {
    base: Option<TempDir>,
    run: Option<TempDir>,
    directory: PathBuf,
    run_dir: PathBuf,
    /// The build server.
    pub velox: FakeVelox,
    php: PathBuf,
    extension: PathBuf,
    more: Vec<(&'static str, String)>,
}

/// Processes that were killed a moment ago may still be writing.
impl Drop for Environment {
    fn drop(&mut self) {
        for kept in [&self.base, &self.run].into_iter().flatten() {
            let gone = |path: &Path| std::fs::remove_dir_all(path).is_ok() || !path.exists();
            for _ in 0..40 {
                if gone(kept.path()) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(25));
            }
        }
    }
}

impl Environment {
    /// # Errors
    /// A directory can't be made, or the server not be started.
    pub fn new(arguments: &Arguments, server: Options) -> io::Result<Self> {
        let base = tempfile::Builder::new()
            .prefix("pillion-chaos-")
            .tempdir()?;
        // Where the machine has memory for it, the index lies there, as with users.
        let shared = Path::new("/dev/shm");
        let run = tempfile::Builder::new()
            .prefix("pillion-chaos-")
            .tempdir_in(if shared.is_dir() { shared } else { base.path() })?;
        let directory = base.path().to_owned();
        let run_dir = run.path().join("run");
        for private in [directory.join("state"), run_dir.clone()] {
            std::fs::DirBuilder::new().mode(0o700).create(private)?;
        }
        for open in ["velox", "files", "logs"] {
            std::fs::create_dir(directory.join(open))?;
        }
        let server = Options {
            root: Some(directory.join("velox")),
            ..server
        };
        let velox = FakeVelox::start_apart(server).map_err(io::Error::other)?;
        let mut environment = Self {
            base: Some(base),
            run: Some(run),
            directory,
            run_dir,
            velox,
            php: arguments.php.clone(),
            extension: arguments.extension.clone(),
            more: Vec::new(),
        };
        if arguments.keep {
            environment.keep();
        }
        Ok(environment)
    }

    fn keep(&mut self) {
        for kept in [self.base.take(), self.run.take()].into_iter().flatten() {
            let path = kept.keep();
            crate::report::tell(&format!("kept: {}", path.display()));
        }
    }

    /// `pillion.state_dir`.
    pub fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// `pillion.run_dir`.
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// The artifacts.
    pub fn cache(&self) -> PathBuf {
        self.state().join(".rr-cache/velox-binaries")
    }

    /// Where the flights are.
    pub fn flights(&self) -> PathBuf {
        self.cache().join(".pillion/flights")
    }

    /// The directory of files for `put`.
    pub fn files(&self) -> PathBuf {
        self.directory.join("files")
    }

    /// The file of their standard error.
    pub fn log(&self, name: &str) -> PathBuf {
        self.directory.join("logs").join(name)
    }

    /// Settings of Pillion for all that is started here.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("pillion.state_dir", self.state().display().to_string()),
            ("pillion.run_dir", self.run_dir.display().to_string()),
            ("pillion.velox_server_url", self.velox.url()),
            (
                "pillion.velox_max_concurrent_builds",
                MAX_CONCURRENT_BUILDS.to_string(),
            ),
            ("pillion.velox_retry_initial_delay", "50ms".to_owned()),
            ("pillion.velox_retry_max_delay", "200ms".to_owned()),
            ("pillion.log_level", "warn".to_owned()),
        ];
        settings.extend(self.more.iter().cloned());
        settings
    }

    /// Writes a cache of the Velox plugin: a binary, and an index.json that names it.
    ///
    /// # Errors
    /// Files can't be written.
    pub fn plant_old_cache(&self) -> io::Result<()> {
        let folder = self.cache().join("a3/f5");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(
            folder.join("a3f5d8c2e9b1f4a7.bin"),
            "a binary of the old plugin",
        )?;
        let index = serde_json::json!({"version": 1, "entries": {"a3f5d8c2e9b1f4a7": {
            "key": "a3f5d8c2e9b1f4a7", "file_path": "a3/f5/a3f5d8c2e9b1f4a7.bin", "file_size": 26,
            "created_at": "2026-01-01T00:00:00Z", "expires_at": "2126-01-01T00:00:00Z",
            "accessed_at": "2026-01-01T00:00:00Z",
            "build_config": {"rr_version": "v2025.1.2", "os": "linux", "arch": "amd64", "plugins": []},
        }}});
        std::fs::write(self.cache().join("index.json"), index.to_string())
    }

    /// One setting more for all that is started from now on.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.more.push((name, value.to_owned()));
    }

    /// A script, written where PHP finds it.
    ///
    /// # Errors
    /// It can't be written.
    pub fn script(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.directory.join(name);
        if !path.exists() {
            std::fs::write(&path, text)?;
        }
        Ok(path)
    }

    /// PHP with the extension, about to run that script; it dies with us.
    ///
    /// # Errors
    /// Its log can't be made.
    pub fn php(&self, script: &Path, log: &str) -> io::Result<Command> {
        let mut command = Command::new(&self.php);
        command.arg("-n");
        command
            .arg("-d")
            .arg(format!("extension={}", self.extension.display()));
        for (name, value) in self.settings() {
            command.arg("-d").arg(format!("{name}=\"{value}\""));
        }
        let errors = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log(log))?;
        command
            .args(["-d", "display_errors=stderr", "-d", "log_errors=0"])
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true);
        system::dies_with_us(&mut command);
        Ok(command)
    }
}
