//! The environment of the outbox: directories, a fake Sentry, processes that send envelopes, and the accepted envelopes
//! of each. `outbox` and `senders` are its scenarios; `failpoints` uses it for the outbox' failpoints.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs, io,
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

use crate::{
    arguments::Arguments,
    checks::files,
    environment::Environment,
    outbox_checks::{self, Counted},
    report::Report,
    rng::Rng,
    sender::{STEP_TIMEOUT, Sender},
};
use pillion_fakes::{FakeSentry, Options};

const SCRIPT: &str = include_str!("sender.php");
/// Concurrent requests of one process, which may arrive twice if it dies.
pub const WORKERS: u64 = 4;
/// Clock offset of the last adopting process, so that half-made files of dead processes count as old.
const LATER: u64 = 3600;

/// Directories, fake Sentry and sender processes of one scenario.
pub struct OutboxEnvironment {
    pub environment: Environment,
    pub sentry: FakeSentry,
    pub seed: RefCell<Rng>,
    lives: Cell<u64>,
    /// Processes that were killed, or ran out of shutdown time with requests under way.
    pub deaths: Cell<u64>,
}

impl OutboxEnvironment {
    /// # Errors
    /// Directories can't be made, or the servers not be started.
    pub fn new(
        arguments: &Arguments,
        seed: u64,
        settings: &[(&'static str, &str)],
    ) -> io::Result<Self> {
        let mut environment = Environment::new(arguments, Options::default())?;
        let sentry = FakeSentry::anywhere().map_err(io::Error::other)?;
        let dsn = sentry.dsn(1);
        let mut set = |name, value: &str| environment.set(name, value);
        for (name, value) in [
            ("pillion.sentry_dsn", dsn.as_str()),
            ("pillion.sentry_queue_workers", &WORKERS.to_string()),
            ("pillion.sentry_queue_buffer_size", "1000000"),
            ("pillion.sentry_outbox_size", "1024"),
            ("pillion.sentry_retry_initial_backoff", "5ms"),
            ("pillion.sentry_retry_max_backoff", "20ms"),
            ("pillion.sentry_retry_drain_interval", "0"),
        ]
        .iter()
        .chain(settings)
        {
            set(name, value);
        }
        Ok(Self {
            environment,
            sentry,
            seed: RefCell::new(Rng::new(seed)),
            lives: Cell::new(0),
            deaths: Cell::new(0),
        })
    }

    /// Starts a process of that role; see sender.php.
    ///
    /// # Errors
    /// PHP can't be started.
    pub fn start(&self, role: &str, count: usize, armed: Option<&str>) -> io::Result<Sender> {
        let number = self.lives.get() + 1;
        self.lives.set(number);
        let script = self.environment.script("sender.php", SCRIPT)?;
        let mut command = self
            .environment
            .php(&script, &format!("{number}-{role}.log"))?;
        command
            .args([role, &number.to_string()])
            .arg((self.seed.borrow_mut().bits() >> 33).to_string())
            .arg(self.environment.files().join(format!("ledger-{number}")))
            .arg(count.to_string());
        if let Some(armed) = armed {
            command.env("PILLION_FAILPOINT", armed);
        }
        if role == "last" && armed.is_none() {
            command.env("PILLION_CLOCK_AHEAD", LATER.to_string());
        }
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Sender {
            number,
            stdin: child.stdin.take(),
            lines: BufReader::new(stdout).lines(),
            child,
        })
    }

    /// Waits for the end of a process that was killed, or that kills itself.
    pub async fn reap(&self, mut life: Sender, report: &mut Report) {
        match timeout(STEP_TIMEOUT, life.child.wait()).await {
            Ok(Ok(status)) => {
                self.deaths.set(self.deaths.get() + 1);
                self.check_exit(life.number, status, report);
            }
            other => report.fail(
                "nobody hangs",
                &format!("{} does not end: {other:?}", life.number),
            ),
        }
    }

    /// Checks that it has ended as its role allows.
    fn check_exit(&self, number: u64, status: ExitStatus, report: &mut Report) {
        if status.signal().is_some_and(|signal| signal != 9)
            || status.code().is_some_and(|code| code != 0)
        {
            let logs = fs::read_dir(self.environment.log(""))
                .into_iter()
                .flatten()
                .flatten();
            let own = logs.filter(|log| {
                log.file_name()
                    .to_string_lossy()
                    .starts_with(&format!("{number}-"))
            });
            let said: String = own
                .filter_map(|log| fs::read_to_string(log.path()).ok())
                .collect();
            report.fail(
                "no process crashes",
                &format!("{number}: {status}, {said:.600}"),
            );
        }
    }

    /// The accepted envelopes of each process: its number, and their count.
    fn promised(&self, report: &mut Report) -> BTreeMap<u64, u64> {
        let mut promised = BTreeMap::new();
        for number in 1..=self.lives.get() {
            let Ok(bytes) = fs::read(self.environment.files().join(format!("ledger-{number}")))
            else {
                continue;
            };
            let numbers: Vec<u64> = bytes
                .chunks_exact(4)
                .filter_map(|four| Some(u32::from_le_bytes(four.try_into().ok()?).into()))
                .collect();
            if !numbers.iter().copied().eq(0..numbers.len() as u64) {
                report.fail(
                    "within the budget everything is taken",
                    &format!(
                        "life {number} was refused some of {} envelopes",
                        numbers.len()
                    ),
                );
            }
            promised.insert(number, numbers.len() as u64);
        }
        promised
    }

    /// After all deaths: a process adopts and sends the rest; then each accepted envelope has arrived, and all counts
    /// are right.
    ///
    /// # Errors
    /// PHP can't be started.
    pub async fn settle(&self, report: &mut Report) -> io::Result<()> {
        let mut last = self.start("last", 0, None)?;
        last.hear("ready").await;
        // Goes on as long as envelopes arrive.
        let told = timeout(STEP_TIMEOUT * 10, last.lines.next_line()).await;
        let told = told.ok().and_then(Result::ok).flatten().unwrap_or_default();
        drop(last.stdin.take());
        let number = last.number;
        match timeout(STEP_TIMEOUT, last.child.wait()).await {
            Ok(Ok(status)) => self.check_exit(number, status, report),
            other => report.fail(
                "nobody hangs",
                &format!("the last process does not end: {other:?}"),
            ),
        }
        let Ok(counted) = serde_json::from_str::<Counted>(&told) else {
            let log = fs::read_to_string(self.environment.log(&format!("{number}-last.log")))
                .unwrap_or_default();
            report.fail(
                "a process that comes later is served",
                &format!("said {told:?}, log {log:.900}"),
            );
            return Ok(());
        };
        let promised = self.promised(report);
        outbox_checks::all_has_arrived(self, &promised, &counted, report);
        outbox_checks::nothing_is_left(self, report);
        Ok(())
    }

    /// Bytes of all outboxes.
    pub fn outbox_bytes(&self) -> u64 {
        let dir = self.environment.run_dir().join("sentry");
        files(&dir).into_iter().map(|(_, size)| size).sum()
    }
}
