//! A host with workers of this process.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    sync::Arc,
};

use pillion_engine::{
    host::{Presence, presence},
    worker::{
        Mode, WorkerRegistry,
        registry::{ProcessId, WorkerField, WorkerSlot},
    },
};
use tempfile::TempDir;

pub struct TestHost {
    dir: TempDir,
    _presence: Presence,
    _slots: Vec<WorkerSlot>,
}

impl TestHost {
    /// A host with so many busy workers; the last one has the oldest request.
    pub fn new(workers: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        std::fs::create_dir(&run).unwrap();
        std::fs::set_permissions(&run, Permissions::from_mode(0o700)).unwrap();
        let joined = Presence::join(&run, presence::describe("fpm-fcgi", 1)).unwrap();
        let registry = Arc::new(WorkerRegistry::open(&run).unwrap());
        let owner = ProcessId::from_presence(&joined.name()).unwrap();
        let now = pillion_engine::host::clock::unix_ms();
        let slots = (1..=workers).map(|number| {
            let slot = registry.acquire(owner, &|_| true).unwrap();
            slot.set(WorkerField::Thread, number);
            slot.set(WorkerField::Mode, Mode::Fpm.code());
            slot.set(WorkerField::RequestStartedMs, now - number * 1000);
            slot.set(WorkerField::Requests, number);
            slot.set(WorkerField::Memory, 1 << 20);
            slot.set_request(b"GET", format!("/page/{number}?token=hunter2").as_bytes());
            slot.publish();
            slot
        });
        Self {
            _slots: slots.collect(),
            _presence: joined,
            dir,
        }
    }

    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pillion"));
        let dir = |name: &str| format!("{name}={}", self.dir.path().join(name).display());
        command
            .arg(name)
            .args([
                "-d",
                &dir("run_dir").replace("/run_dir", "/run"),
                "-d",
                &dir("state_dir"),
            ])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// The exit code and standard output.
    pub fn run(&self, name: &str, arguments: &[&str]) -> (i32, String) {
        let output = self.command(name, arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text)
    }
}
