//! The environment of the outbox: directories, a fake Sentry, processes that send envelopes, and the accepted envelopes
//! of each. `outbox` and `senders` are its scenarios; `failpoints` uses it for the outbox' failpoints.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use crate::{
    arguments::Arguments, checks::files, environment::Environment, report::Report, rng::Rng,
};
use pillion_fakes::{FakeSentry, Options};

const SCRIPT: &str = include_str!("sender.php");
/// Far more than any step takes.
const FAILPOINT_TIMEOUT: Duration = Duration::from_secs(90);
/// Concurrent requests of one process, which may arrive twice if it dies.
const WORKERS: u64 = 4;
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

/// The host's counts as the last adopting process reads them.
#[derive(Debug, Deserialize)]
struct Counted {
    events_accepted: u64,
    events_sent: u64,
    events_failed: u64,
    events_dropped: u64,
    events_too_large: u64,
    events_torn: u64,
    events_adopted: u64,
    events_replayed: u64,
    letters: usize,
    queue: Queue,
}

#[derive(Debug, Deserialize)]
struct Queue {
    queue_length: u64,
    durable: bool,
}

/// One sender process.
pub struct Sender {
    pub number: u64,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
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
        if role == "heir" && armed.is_none() {
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
        match timeout(FAILPOINT_TIMEOUT, life.child.wait()).await {
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
        let mut heir = self.start("heir", 0, None)?;
        heir.hear("ready").await;
        // Goes on as long as envelopes arrive.
        let told = timeout(FAILPOINT_TIMEOUT * 10, heir.lines.next_line()).await;
        let told = told.ok().and_then(Result::ok).flatten().unwrap_or_default();
        drop(heir.stdin.take());
        let number = heir.number;
        match timeout(FAILPOINT_TIMEOUT, heir.child.wait()).await {
            Ok(Ok(status)) => self.check_exit(number, status, report),
            other => report.fail("nobody hangs", &format!("the heir does not end: {other:?}")),
        }
        let Ok(counted) = serde_json::from_str::<Counted>(&told) else {
            let log = fs::read_to_string(self.environment.log(&format!("{number}-heir.log")))
                .unwrap_or_default();
            report.fail(
                "a process that comes later is served",
                &format!("said {told:?}, log {log:.900}"),
            );
            return Ok(());
        };
        let promised = self.promised(report);
        self.all_has_arrived(&promised, &counted, report);
        self.nothing_is_left(report);
        Ok(())
    }

    fn all_has_arrived(
        &self,
        promised: &BTreeMap<u64, u64>,
        counted: &Counted,
        report: &mut Report,
    ) {
        let ids = self.sentry.ids();
        let arrived: BTreeSet<(u64, u64)> = ids
            .iter()
            .filter_map(|id| {
                let half = |from, to| u64::from_str_radix(id.get(from..to)?, 16).ok();
                Some((half(0, 16)?, half(16, 32)?))
            })
            .collect();
        let (mut total, mut missing, mut first) = (0, 0, None);
        for (life, count) in promised {
            total += count;
            for n in 0..*count {
                if !arrived.contains(&(*life, n)) {
                    missing += 1;
                    first.get_or_insert((*life, n));
                }
            }
        }
        if missing > 0 {
            report.fail(
                "what send() has taken arrives",
                &format!("{missing} of {total} are missing, the first one is {first:?}"),
            );
        }
        // One that died between accepting and reporting had accepted one more.
        let strays: Vec<_> = arrived
            .iter()
            .filter(|(life, n)| promised.get(life).is_none_or(|count| n > count))
            .collect();
        if !strays.is_empty() {
            report.fail(
                "nothing arrives that was not sent",
                &format!("{strays:.600?}"),
            );
        }
        let counts = self.sentry.counts();
        if counts.invalid + counts.damaged > 0 {
            report.fail(
                "no torn envelope is sent",
                &format!(
                    "{} break the grammar, {} have other bytes",
                    counts.invalid, counts.damaged
                ),
            );
        }
        let (deaths, distinct) = (self.deaths.get(), arrived.len() as u64);
        let twice = ids.len() as u64 - distinct;
        let unanswered = ids.len() as u64 - counted.events_sent.min(ids.len() as u64);
        // A replayed dead letter is accepted again; the replaying process may die before it is counted.
        let replayed = counted.events_replayed;
        let repeat_command = replayed + if replayed > 0 { deaths } else { 0 };
        let wrong = [
            (
                counted.events_dropped + counted.events_failed + counted.events_too_large > 0,
                "some are counted as lost",
            ),
            (
                counted.queue.queue_length > 0 || counted.letters > 0,
                "some are counted as waiting",
            ),
            (!counted.queue.durable, "they were kept in memory"),
            (
                counted.events_accepted < total
                    || counted.events_accepted > distinct + repeat_command,
                "accepted",
            ),
            (
                counted.events_sent > ids.len() as u64 || unanswered > WORKERS * deaths,
                "sent",
            ),
            (
                counted.events_torn > deaths,
                "more are torn than processes died",
            ),
            (
                twice > WORKERS * deaths,
                "more went twice than were under way at a death",
            ),
        ];
        for (_, what) in wrong.iter().filter(|(is_wrong, _)| *is_wrong) {
            report.fail(
                "counts are exact",
                &format!("{what}: {total} promised, {} arrived, {distinct} of them different, {deaths} deaths, {counted:?}", ids.len()),
            );
        }
        report.figure(
            "envelopes",
            format_args!(
                "{total} promised by {} processes, {missing} lost, {} adopted, {} torn, {twice} went twice",
                promised.len(),
                counted.events_adopted,
                counted.events_torn
            ),
        );
    }

    /// Checks that outboxes and half-made files of dead processes are gone.
    fn nothing_is_left(&self, report: &mut Report) {
        let all = files(self.environment.run_dir())
            .into_iter()
            .chain(files(&self.environment.state()));
        for (path, size) in all {
            let name = path.to_string_lossy();
            if name.contains("/run/sentry/") || name.ends_with(".tmp") {
                report.fail(
                    "no file grows for ever: what killed processes leave is swept",
                    &format!("{} ({size} bytes) is left", path.display()),
                );
            }
        }
    }

    /// Bytes of all outboxes.
    pub fn outbox_bytes(&self) -> u64 {
        let dir = self.environment.run_dir().join("sentry");
        files(&dir).into_iter().map(|(_, size)| size).sum()
    }
}

impl Sender {
    /// Waits until it prints that line. Returns `false` if it has ended, or takes too long.
    pub async fn hear(&mut self, wanted: &str) -> bool {
        let heard = async {
            while let Ok(Some(line)) = self.lines.next_line().await {
                if line == wanted {
                    return true;
                }
            }
            false
        };
        timeout(FAILPOINT_TIMEOUT, heard).await.unwrap_or(false)
    }

    /// Sends it a line.
    pub async fn tell(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.start_kill();
    }

    /// Its exit status, if it ends within that time.
    pub async fn end(&mut self, within: Duration) -> Option<ExitStatus> {
        timeout(within, self.child.wait()).await.ok()?.ok()
    }
}
