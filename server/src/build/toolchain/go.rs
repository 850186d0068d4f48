//! Runs `go` commands: without a shell, with a clean environment, in a process group of their own, with bounded output.
//! A stop sends SIGINT to the group, so that `go` removes its temporary files, and SIGKILL two seconds later.
//!
//! If the server itself is killed, the kernel kills `go` on Linux (`PR_SET_PDEATHSIG`), and its compilers end with
//! their current package, since their output goes into a broken pipe. The next start removes their directories. Runs in
//! build tasks.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use super::environment::Environment;
use crate::build::{
    cancellation::{StopReason, StopSignal},
    progress::{Progress, TailBuffer},
};

/// The end of a failed command's error output that is reported, as long as the Velox server's.
const MAX_STDERR_BYTES: usize = 8 * 1024;
/// More output is discarded; `go tool dist list -json` has 20 KB.
const MAX_STDOUT_BYTES: usize = 4 * 1024 * 1024;
/// A longer line of error output is reported in pieces.
const MAX_LINE_BYTES: usize = 64 * 1024;
/// Time that `go` has to end after SIGINT.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// The Go toolchain of this machine.
#[derive(Debug, Clone)]
pub(in crate::build) struct Go {
    program: PathBuf,
    environment: Environment,
}

/// The error of a `go` command.
#[derive(Debug)]
pub(in crate::build) enum GoError {
    /// It could not be started.
    Start(io::Error),
    /// It ended with this exit status; with the end of its error output.
    Failed(String, Vec<u8>),
    /// It was stopped.
    Stopped(StopReason),
}

impl Go {
    /// Finds `go` in the `PATH` of `variables`, some of which it inherits. `home` is the directory of its caches if
    /// there is no home directory.
    pub(in crate::build) fn find(variables: &[(OsString, OsString)], home: &Path) -> Option<Self> {
        let environment = Environment::new(variables, home);
        let program = environment.program("go")?;
        Some(Self {
            program,
            environment,
        })
    }

    /// The same toolchain with one more variable.
    #[must_use]
    pub(in crate::build) fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.set(name, value);
        self
    }

    /// Runs one command in `dir`, and returns its standard output. Appends each line of its error output to `progress`.
    ///
    /// # Errors
    /// The command can't be started, fails, or is stopped.
    pub(super) async fn run(
        &self,
        dir: &Path,
        arguments: &[&str],
        progress: &Progress,
        stop: &mut StopSignal,
    ) -> Result<Vec<u8>, GoError> {
        if let Some(reason) = stop.reason() {
            return Err(GoError::Stopped(reason));
        }
        let command = self.command(dir, arguments).spawn();
        let mut child = command.map_err(GoError::Start)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut error_output = TailBuffer::new(MAX_STDERR_BYTES);
        let mut output = Vec::new();
        let outcome = {
            let reading = async {
                tokio::join!(
                    read_all(stdout, &mut output),
                    read_lines(stderr, progress, &mut error_output)
                );
            };
            tokio::pin!(reading);
            let mut is_read = false;
            let ended = async {
                tokio::select! {
                    () = reading.as_mut() => {
                        is_read = true;
                        child.wait().await
                    }
                    status = child.wait() => {
                        // A grandchild that outlives it with the pipes open, as git's credential cache does, is not
                        // waited for.
                        is_read = timeout(KILL_TIMEOUT, reading.as_mut()).await.is_ok();
                        status
                    }
                }
            };
            let outcome = tokio::select! {
                status = ended => Ok(status),
                reason = stop.stopped() => Err(reason),
            };
            if outcome.is_err() {
                signal_group(&child, Signal::INT);
                // The pipes close when the whole group has ended. Until the group is killed its leader is not waited
                // for, so that the kernel can't give its id to another process.
                if !is_read {
                    is_read = timeout(KILL_TIMEOUT, reading.as_mut()).await.is_ok();
                }
                signal_group(&child, Signal::KILL);
                // A process in an uninterruptible state ends later; the runtime waits for it.
                let killed = async {
                    if !is_read {
                        reading.await;
                    }
                    child.wait().await
                };
                let _ = timeout(KILL_TIMEOUT, killed).await;
            }
            outcome
        };
        match outcome {
            Ok(Ok(status)) if status.success() => Ok(output),
            Ok(Ok(status)) => Err(GoError::Failed(
                status.to_string(),
                error_output.bytes().to_vec(),
            )),
            Ok(Err(error)) => Err(GoError::Start(error)),
            Err(reason) => Err(GoError::Stopped(reason)),
        }
    }

    fn command(&self, dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(dir)
            .env_clear()
            .envs(self.environment.all())
            .env("PWD", dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        #[cfg(target_os = "linux")]
        // SAFETY: between fork and exec only prctl is called, which is async-signal-safe and touches no memory of this
        // process. It ties the child to the thread that forks it: a worker of the runtime, which lives as long as the
        // server.
        unsafe {
            let kill = Some(Signal::KILL);
            command.pre_exec(move || Ok(rustix::process::set_parent_process_death_signal(kill)?));
        }
        command
    }
}

/// Sends a signal to all processes of a command's group. A command that was waited for has no id any more, so that the
/// signal never reaches another process's group; a group that has ended is no error.
fn signal_group(child: &Child, signal: Signal) {
    let leader = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = leader.and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

async fn read_all(from: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let capacity = MAX_STDOUT_BYTES.saturating_sub(to.len());
        to.extend_from_slice(buffer.get(..length.min(capacity)).unwrap_or_default());
    }
}

async fn read_lines(
    from: Option<impl AsyncRead + Unpin>,
    progress: &Progress,
    tail: &mut TailBuffer,
) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 8192];
    let mut line = Vec::new();
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let bytes = buffer.get(..length).unwrap_or_default();
        tail.push(bytes);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if part.ends_with(b"\n") || line.len() > MAX_LINE_BYTES {
                progress.push_line(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }
    }
    progress.push_line(&String::from_utf8_lossy(&line));
}
