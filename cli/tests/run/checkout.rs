//! A workspace in a temporary directory, with a store of its own or that of another one.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    rc::Rc,
};

use tempfile::TempDir;

/// The workspace is the directory `work`, so that commands can write beside it.
pub struct Checkout {
    pub dir: TempDir,
    store: Rc<TempDir>,
}

impl Checkout {
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::with_store(Rc::new(tempfile::tempdir().unwrap()), files)
    }

    pub fn with_store_of(other: &Self, files: &[(&str, &str)]) -> Self {
        Self::with_store(Rc::clone(&other.store), files)
    }

    fn with_store(store: Rc<TempDir>, files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        let checkout = Self { dir, store };
        for (path, text) in files {
            checkout.write(path, text);
        }
        checkout
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("work").join(path)
    }

    pub fn store(&self) -> &Path {
        self.store.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// How often commands have appended a line to `runs`, beside the workspace.
    pub fn runs(&self) -> usize {
        let runs = fs::read_to_string(self.dir.path().join("runs"));
        runs.unwrap_or_default().lines().count()
    }

    /// Content, modes and targets of all that is in a directory.
    pub fn tree(&self, path: &str) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut todo = vec![self.path(path)];
        while let Some(path) = todo.pop() {
            let metadata = path.symlink_metadata().unwrap();
            let mode = metadata.permissions().mode();
            let text = if metadata.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else if metadata.is_dir() {
                todo.extend(
                    fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
                format!("{mode:o}")
            } else {
                format!("{mode:o} {}", fs::read_to_string(&path).unwrap())
            };
            found.insert(path.strip_prefix(self.path("")).unwrap().to_owned(), text);
        }
        found
    }

    /// A command of the program in the workspace, with nothing of this user's environment that counts.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env_remove("VC_AUTH_TOKEN")
            .env_remove("PILLION_CONFIG")
            .env("PILLION_STATE_DIR", self.store().join("state"))
            .env("PILLION_RUN_DIR", self.store().join("run"));
        command
    }

    /// `pillion run` with these arguments, before it starts.
    pub fn start(&self, arguments: &[&str]) -> Command {
        let arguments = [&["run"], arguments].concat();
        self.command(Path::new(env!("CARGO_BIN_EXE_pillion")), &arguments)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.start(arguments).output().unwrap()
    }
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
