//! Runs the Go toolchain: no shell, a fresh environment, its own process group, bounded output, and an
//! end that is always reached. A stop sends SIGINT to the group (go tidies up), and SIGKILL two seconds
//! later to all that is left of it.
//!
//! Should this server be killed itself, nothing goes on for ever: on Linux the kernel then kills the
//! `go` command (`PR_SET_PDEATHSIG`), and the compilers it started end with their one package, their
//! output going into a broken pipe. The next start sweeps the directories. Runs in build tasks.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    pin::Pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use crate::build::{
    cancellation::{StopReason, StopSignal},
    progress::{Progress, Tail},
    toolchain::environment::Environment,
};

/// What of a failed program's error output is told, as the real server does.
const STDERR_TOLD: usize = 8 * 1024;
/// The longest standard output that is read: `go tool dist list -json` has 20 KB.
const STDOUT_MOST: usize = 4 * 1024 * 1024;
/// How long `go` may take to end after SIGINT.
const GRACE: Duration = Duration::from_secs(2);

/// The toolchain of this machine.
#[derive(Debug, Clone)]
pub(in crate::build) struct Go {
    program: PathBuf,
    environment: Environment,
}

/// Why a `go` command gave no result.
#[derive(Debug)]
pub(in crate::build) enum GoError {
    /// It could not be started.
    Start(io::Error),
    /// It ended with an error: how, and the end of what it said.
    Failed(String, Vec<u8>),
    /// It was stopped.
    Stopped(StopReason),
}

impl Go {
    /// Finds `go` in the `PATH` of `variables`, of which it inherits some. `home` is where its caches
    /// go when there is no home directory.
    pub(in crate::build) fn find(variables: &[(OsString, OsString)], home: &Path) -> Option<Self> {
        let environment = Environment::new(variables, home);
        let program = environment.program("go")?;
        Some(Self {
            program,
            environment,
        })
    }

    /// The same toolchain with one variable set for its commands.
    #[must_use]
    pub(in crate::build) fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.set(name, value);
        self
    }

    /// Runs one command in `dir` and gives its standard output. Each line of its error output goes to
    /// `progress` at once.
    ///
    /// # Errors
    /// See [`GoError`].
    pub(in crate::build) async fn run<A: AsRef<OsStr>>(
        &self,
        dir: &Path,
        args: &[A],
        progress: &Progress,
        stop: &mut StopSignal,
    ) -> Result<Vec<u8>, GoError> {
        if let Some(why) = stop.reason() {
            return Err(GoError::Stopped(why));
        }
        let mut child = self.command(dir, args).spawn().map_err(GoError::Start)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut said = Tail::new(STDERR_TOLD);
        let mut output = Vec::new();
        let ended = {
            let talk = async {
                tokio::join!(
                    read_all(stdout, &mut output),
                    read_lines(stderr, progress, &mut said)
                );
            };
            tokio::pin!(talk);
            let ended = tokio::select! {
                ended = wait(&mut child, talk.as_mut()) => Ok(ended),
                why = stop.stopped() => Err(why),
            };
            if ended.is_err() {
                signal(&child, Signal::INT);
                // The pipes' end tells that the whole group is gone; the leader stays uncollected, so
                // that its number can't be anybody else's meanwhile.
                let _ = timeout(GRACE, talk).await;
                signal(&child, Signal::KILL);
                // Only a process in an uninterruptible state is late now; the runtime collects it.
                let _ = timeout(GRACE, child.wait()).await;
            }
            ended
        };
        match ended {
            Ok(Ok(status)) if status.success() => Ok(output),
            Ok(Ok(status)) => Err(GoError::Failed(in_words(status), said.bytes().to_vec())),
            Ok(Err(error)) => Err(GoError::Start(error)),
            Err(why) => Err(GoError::Stopped(why)),
        }
    }

    fn command<A: AsRef<OsStr>>(&self, dir: &Path, args: &[A]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
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
        // SAFETY: between fork and exec only prctl is called, which is async-signal-safe and touches
        // no memory of ours. It ties the child to the thread that forks it: a runtime's worker, which
        // lives as long as the server does.
        unsafe {
            let kill = Some(Signal::KILL);
            command.pre_exec(move || Ok(rustix::process::set_parent_process_death_signal(kill)?));
        }
        command
    }
}

/// Waits for the command's end, and for all that it said. A helper that outlives it and keeps the
/// pipes open (git's credential cache does) is not waited for.
async fn wait(
    child: &mut Child,
    mut talk: Pin<&mut impl Future<Output = ()>>,
) -> io::Result<ExitStatus> {
    tokio::select! {
        () = &mut talk => child.wait().await,
        status = child.wait() => {
            let _ = timeout(GRACE, talk).await;
            status
        }
    }
}

/// Tells all processes of a command's group. A command that was collected has no number any more, so
/// that nobody else's group is ever told; a group that is gone is no error.
fn signal(child: &Child, signal: Signal) {
    let leader = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = leader.and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

async fn read_all(from: Option<impl AsyncRead + Unpin>, to: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut piece = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let room = STDOUT_MOST.saturating_sub(to.len());
        to.extend_from_slice(piece.get(..length.min(room)).unwrap_or_default());
    }
}

async fn read_lines(from: Option<impl AsyncRead + Unpin>, progress: &Progress, tail: &mut Tail) {
    let Some(mut from) = from else { return };
    let mut piece = [0; 8192];
    let mut open = Vec::new();
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let piece = piece.get(..length).unwrap_or_default();
        tail.push(piece);
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            open.extend_from_slice(part);
            // A line without an end must not grow for ever.
            if part.ends_with(b"\n") || open.len() > 64 * 1024 {
                progress.line(&String::from_utf8_lossy(&open));
                open.clear();
            }
        }
    }
    progress.line(&String::from_utf8_lossy(&open));
}

/// As Go's `exec.ExitError` says it: the real server's messages have these words.
fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(9)) => "signal: killed".to_owned(),
        (None, Some(number)) => format!("signal: {number}"),
        (None, None) => "no exit status".to_owned(),
    }
}
