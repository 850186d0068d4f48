//! One PHP process of a chaos test: its current operation, since when, and how to end it. Its lines and its exit
//! arrive as events of one channel.

use std::{
    collections::VecDeque,
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::ExitStatus,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::ChildStdin,
    sync::mpsc::UnboundedSender,
};

use crate::{
    environment::Environment,
    events::{Event, WorkerEvent},
};

/// The program that it runs.
const SCRIPT: &str = include_str!("worker.php");
/// Lines that are kept of each process.
const REMEMBERED: usize = 12;

/// The start parameters of a process.
#[derive(Debug, Clone)]
pub struct WorkerSpec {
    /// Its number among all processes.
    pub number: usize,
    /// Counts the processes with that number.
    pub life: u64,
    /// See worker.php.
    pub role: &'static str,
    /// The seed of its random numbers.
    pub seed: u64,
    /// Number of configurations that it uses.
    pub configurations: usize,
    /// `PILLION_FAILPOINT`.
    pub armed: Option<String>,
    /// `PILLION_CLOCK_AHEAD`, in seconds.
    pub ahead: u64,
}

/// A living process, or one with an exit event pending.
#[derive(Debug)]
pub struct Worker {
    /// Its start parameters.
    pub part: WorkerSpec,
    /// Its process id.
    pub pid: u32,
    pidfd: OwnedFd,
    stdin: Option<ChildStdin>,
    /// The start of the process, or the end of its last operation.
    pub since: Instant,
    /// The current operation, and its start.
    pub doing: Option<(String, Instant)>,
    /// Since when it is stopped.
    pub stopped: Option<Instant>,
    /// The test has killed it, or asked it to end.
    pub is_to_be_killed: bool,
    history: VecDeque<String>,
}

impl Worker {
    /// Starts it.
    ///
    /// # Errors
    /// PHP can't be started.
    pub fn start(
        environment: &Environment,
        part: WorkerSpec,
        events: UnboundedSender<Event>,
    ) -> io::Result<Self> {
        let script = environment.script("worker.php", SCRIPT)?;
        let mut command = environment.php(&script, &log_of(&part))?;
        command.arg(part.role).arg(part.seed.to_string());
        command.arg(part.number.to_string());
        command.arg(part.life.to_string());
        command.arg(part.configurations.to_string());
        command.arg(environment.files());
        if let Some(armed) = &part.armed {
            command.env("PILLION_FAILPOINT", armed);
        }
        if part.ahead > 0 {
            command.env("PILLION_CLOCK_AHEAD", part.ahead.to_string());
        }
        let mut child = command.spawn()?;
        let pid = child.id().ok_or(io::ErrorKind::NotFound)?;
        // It is our child and not waited for: no other process can have the number.
        let id = Pid::from_raw(pid.cast_signed()).ok_or(io::ErrorKind::NotFound)?;
        let pidfd = pidfd_open(id, PidfdFlags::empty())?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let of = (part.number, part.life);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let what = WorkerEvent::Said(line);
                let _ = events.send(Event { of, what });
            }
            if let Ok(status) = child.wait().await {
                let what = WorkerEvent::Ended(status);
                let _ = events.send(Event { of, what });
            }
        });
        Ok(Self {
            part,
            pid,
            pidfd,
            stdin,
            since: Instant::now(),
            doing: None,
            stopped: None,
            is_to_be_killed: false,
            history: VecDeque::new(),
        })
    }

    /// Records a line.
    pub fn heard(&mut self, line: &str) {
        match line.split_at_checked(2) {
            Some(("+ ", operation)) => self.doing = Some((operation.to_owned(), Instant::now())),
            Some(("- " | "x ", _)) => {
                self.doing = None;
                self.since = Instant::now();
            }
            _ => {}
        }
        if self.history.len() == REMEMBERED {
            self.history.pop_front();
        }
        self.history.push_back(line.to_owned());
    }

    /// Sends a signal; one that has ended gets none.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.is_to_be_killed = true;
        self.signal(Signal::KILL);
    }

    /// Sends it a line.
    pub async fn tell(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
            let _ = stdin.flush().await;
        }
    }

    /// Asks it to end after its operation.
    pub async fn stop(&mut self) {
        self.is_to_be_killed = true;
        if let Some(mut stdin) = self.stdin.take() {
            let _ = stdin.write_all(b"enough\n").await;
        }
    }

    /// Returns whether it has reported readiness.
    pub fn is_ready(&self) -> bool {
        !self.history.is_empty()
    }

    /// Duration of the current operation, or of the pause before the next one.
    pub fn busy(&self) -> Duration {
        self.doing
            .as_ref()
            .map_or(self.since, |(_, since)| *since)
            .elapsed()
    }

    /// A description for failure reports: number, role, last operations.
    pub fn history(&self, environment: &Environment) -> String {
        let errors =
            std::fs::read_to_string(environment.log(&log_of(&self.part))).unwrap_or_default();
        let last: Vec<&str> = errors.lines().rev().take(8).collect();
        let waits = std::fs::read_to_string(format!("/proc/{}/wchan", self.pid));
        format!(
            "{} {} (life {}, pid {}{}{}), said: {:?}, log: {:?}, waits in {:?}",
            self.part.role,
            self.part.number,
            self.part.life,
            self.pid,
            if self.part.armed.is_some() {
                ", armed "
            } else {
                ""
            },
            self.part.armed.as_deref().unwrap_or_default(),
            self.history,
            last.into_iter().rev().collect::<Vec<_>>(),
            waits.unwrap_or_default(),
        )
    }

    /// Signs of a crash in its standard error.
    pub fn crash(&self, environment: &Environment, status: ExitStatus) -> Option<String> {
        const FAULTS: [i32; 5] = [4, 6, 7, 8, 11];
        if status
            .signal()
            .is_some_and(|signal| FAULTS.contains(&signal))
        {
            return Some(format!("{status}"));
        }
        let errors =
            std::fs::read_to_string(environment.log(&log_of(&self.part))).unwrap_or_default();
        let words = [
            "panicked at",
            "Fatal error",
            "double free",
            "corrupted",
            "free(): ",
        ];
        let line = errors
            .lines()
            .find(|line| words.iter().any(|word| line.contains(word)));
        line.map(str::to_owned)
    }
}

fn log_of(part: &WorkerSpec) -> String {
    format!("{}-{}.log", part.number, part.role)
}
