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

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use super::{
    progress::{Progress, Tail},
    stop::{Stop, Why},
};

/// What of a failed program's error output is told, as the real server does.
const STDERR_TOLD: usize = 8 * 1024;
/// The longest standard output that is read: `go tool dist list -json` has 20 KB.
const STDOUT_MOST: usize = 4 * 1024 * 1024;
/// How long `go` may take to end after SIGINT.
const GRACE: Duration = Duration::from_secs(2);

/// Variables that reach `go`, besides those that start with `GO` or `CGO_`: where it finds programs,
/// caches, proxies, certificates and credentials for private modules.
const INHERITED: [&str; 24] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NETRC",
    "SSH_AUTH_SOCK",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "GIT_CONFIG_GLOBAL",
    "CC",
    "CXX",
];

/// The toolchain of this machine.
#[derive(Debug, Clone)]
pub(super) struct Go {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

/// Why a `go` command gave no result.
#[derive(Debug)]
pub(super) enum GoError {
    /// It could not be started.
    Start(io::Error),
    /// It ended with an error: how, and the end of what it said.
    Failed(String, Vec<u8>),
    /// It was stopped.
    Stopped(Why),
}

impl Go {
    /// Finds `go` in the `PATH` of `variables`, which are also what it may inherit. `home` is where
    /// its caches go when there is no home directory.
    pub(super) fn find(
        variables: impl Iterator<Item = (OsString, OsString)>,
        home: &Path,
    ) -> Option<Self> {
        let inherit = |name: &OsStr| {
            name.to_str().is_some_and(|name| {
                INHERITED.contains(&name) || name.starts_with("GO") || name.starts_with("CGO_")
            })
        };
        let mut environment: Vec<_> = variables.filter(|(name, _)| inherit(name)).collect();
        let path = value(&environment, "PATH")?;
        let program = std::env::split_paths(path)
            .map(|dir| dir.join("go"))
            .find(|file| executable(file))?;
        let flags = value(&environment, "GOFLAGS")
            .and_then(OsStr::to_str)
            .unwrap_or_default();
        let flags: Vec<&str> = flags
            .split_whitespace()
            .filter(|flag| !flag.contains("-mod="))
            .collect();
        let flags = [flags.as_slice(), &["-mod=mod"]].concat().join(" ");
        let mut set = |name: &str, value: &OsStr| {
            environment.retain(|(other, _)| other != name);
            environment.push((name.into(), value.to_owned()));
        };
        set("GOFLAGS", flags.as_ref());
        set("GO111MODULE", "on".as_ref());
        // A workspace file above the build's directory would mix its modules in.
        set("GOWORK", "off".as_ref());
        set("LC_ALL", "C".as_ref());
        for (name, below) in [("GOPATH", "go"), ("GOCACHE", "go-build")] {
            if value(&environment, "HOME").is_none_or(OsStr::is_empty)
                && value(&environment, name).is_none()
            {
                environment.push((name.into(), home.join(below).into()));
            }
        }
        Some(Self {
            program,
            environment,
        })
    }

    /// The same toolchain with one variable set for its commands.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment
            .push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Runs one command in `dir` and gives its standard output. Each line of its error output goes to
    /// `progress` at once.
    ///
    /// # Errors
    /// See [`GoError`].
    pub(super) async fn run<A: AsRef<OsStr>>(
        &self,
        dir: &Path,
        args: &[A],
        progress: &Progress,
        stop: &mut Stop,
    ) -> Result<Vec<u8>, GoError> {
        if let Some(why) = stop.asked() {
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
                why = stop.asked_for() => Err(why),
            };
            if ended.is_err() {
                signal(&child, libc::SIGINT);
                // The pipes' end tells that the whole group is gone; the leader stays uncollected, so
                // that its number can't be anybody else's meanwhile.
                let _ = timeout(GRACE, talk).await;
                signal(&child, libc::SIGKILL);
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
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
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
            command.pre_exec(
                || match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                    0 => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                },
            );
        }
        command
    }
}

fn value<'a>(environment: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    environment
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.as_os_str())
}

fn executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
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

/// Tells all processes of a command's group; a command that was collected has none any more.
fn signal(child: &Child, number: libc::c_int) {
    let group = child
        .id()
        .and_then(|id| libc::pid_t::try_from(id).ok())
        .filter(|id| *id > 1);
    if let Some(group) = group {
        // SAFETY: kill reads no memory. The number is that of a child which was not collected yet,
        // and a negative one below -1 addresses its group and nobody else.
        unsafe { libc::kill(-group, number) };
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
        (None, Some(libc::SIGKILL)) => "signal: killed".to_owned(),
        (None, Some(libc::SIGINT)) => "signal: interrupt".to_owned(),
        (None, Some(number)) => format!("signal: {number}"),
        (None, None) => "no exit status".to_owned(),
    }
}
