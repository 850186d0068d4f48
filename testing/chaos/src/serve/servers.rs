//! The standing servers of a host: one that serves, and its stand-by.

use std::{
    io,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::{timeout, timeout_at},
};

use super::client::Target;
use crate::{environment::Environment, report::Report, system};

/// The promise is about a second; a loaded machine gets this multiple of it before the failover counts as broken.
pub const GENEROUS: Duration = Duration::from_secs(15);

/// One `pillion serve`.
pub struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub pid: u32,
}

/// The state that a server prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Listening,
    StandBy,
    Nothing,
}

impl Server {
    /// # Errors
    /// It can't be started.
    pub fn start(program: &Path, environment: &Environment, target: &Target) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg("serve");
        for (name, value) in environment.settings() {
            command.arg("-d").arg(format!("{name}={value}"));
        }
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(environment.log("serve.log"))?;
        command
            .arg(format!("--listen={}", target.port))
            .arg(format!("--listen=unix:{}", target.socket.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        system::dies_with_us(&mut command);
        let mut child = command.spawn()?;
        let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let lines = BufReader::new(stdout).lines();
        Ok(Self { child, lines, pid })
    }

    /// Waits for its next state.
    pub async fn hear(&mut self) -> Said {
        let end = Instant::now() + GENEROUS;
        let mut listening = 0;
        while let Ok(Ok(Some(line))) = timeout_at(end.into(), self.lines.next_line()).await {
            listening += usize::from(line.starts_with("listening on "));
            if listening == 2 {
                return Said::Listening;
            }
            if line.starts_with("stand-by") {
                return Said::StandBy;
            }
        }
        Said::Nothing
    }

    /// `kill -9`, and its end.
    pub async fn kill(mut self, report: &mut Report) {
        if let Ok(Some(status)) = self.child.try_wait() {
            report.fail("no server ends by itself", &status.to_string());
        }
        let _ = self.child.kill().await;
    }

    /// SIGTERM, and its end.
    pub async fn stop(mut self, report: &mut Report) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        match timeout(GENEROUS * 3, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => {}
            other => report.fail("a server ends when it is asked to", &format!("{other:?}")),
        }
    }
}
