//! Kills and stops of processes that use the shared cache, at random instants and at its failpoints. No value is torn
//! or another key's, no process hangs, and in the end all memory is accounted for.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use crate::{arguments::Arguments, environment::Environment, report::Report, rng::Rng, system};
use pillion_fakes::Options;

const SCRIPT: &str = include_str!("cache_worker.php");
/// Processes that live at the same time.
const PROCESSES: usize = 6;
/// Time limit for the armed process to reach its failpoint, and for a hundred operations.
const TIMEOUT: Duration = Duration::from_secs(45);
/// Lines of a bystander after the death, each of a hundred operations.
const LINES_AFTER: usize = 20;

/// Returns whether this scenario reaches a failpoint.
pub fn is_place(place: &str) -> bool {
    place.starts_with("cache.")
}

struct Process {
    child: Child,
    _stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Directories and processes of one cache.
struct CacheEnvironment {
    environment: Environment,
    seed: Rng,
    started: usize,
    /// Microseconds of the longest operation.
    longest: u64,
}

impl CacheEnvironment {
    fn new(arguments: &Arguments, seed: u64) -> io::Result<Self> {
        let mut environment = Environment::new(arguments, Options::default())?;
        // So small that entries are evicted and slabs reassigned all the time.
        environment.set("pillion.cache_memory", "1M");
        // A stopped producer is waited for.
        environment.set("pillion.cache_producer_timeout", "100ms");
        Ok(Self {
            environment,
            seed: Rng::new(seed),
            started: 0,
            longest: 0,
        })
    }

    fn start(&mut self, role: &str, armed: Option<&str>) -> io::Result<Process> {
        self.started += 1;
        let script = self.environment.script("cache_worker.php", SCRIPT)?;
        let log = format!("{}-{role}.log", self.started);
        let mut command = self.environment.php(&script, &log)?;
        command.arg(role).arg((self.seed.bits() >> 33).to_string());
        if let Some(armed) = armed {
            command.env("PILLION_FAILPOINT", armed);
        }
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Process {
            _stdin: child.stdin.take(),
            lines: BufReader::new(stdout).lines(),
            child,
        })
    }

    /// Reads lines of a process: a hundred operations each.
    async fn expect_lines(&mut self, process: &mut Process, count: usize, report: &mut Report) {
        for _ in 0..count {
            match timeout(TIMEOUT, process.lines.next_line()).await {
                Ok(Ok(Some(line))) => self.examine(&line, report),
                Ok(_) => return report.fail("no process can hurt another", "one has ended"),
                Err(_) => return report.fail("no process hangs", "no hundred operations"),
            }
        }
    }

    fn examine(&mut self, line: &str, report: &mut Report) {
        match line.strip_prefix("operations ") {
            Some(longest) => self.longest = self.longest.max(longest.parse().unwrap_or(0)),
            None => report.fail("each value is whole and its key's own", line),
        }
    }

    /// Reads the other lines of a process that was killed.
    async fn reap(&mut self, mut process: Process, report: &mut Report) -> Option<ExitStatus> {
        while let Ok(Ok(Some(line))) = timeout(TIMEOUT, process.lines.next_line()).await {
            // The last line may be cut off.
            if line.starts_with("wrong") {
                self.examine(&line, report);
            }
        }
        timeout(TIMEOUT, process.child.wait()).await.ok()?.ok()
    }

    /// A later process uses all keys, and finds all memory free once they are removed.
    async fn check(&mut self, report: &mut Report) -> io::Result<()> {
        let mut checker = self.start("checker", None)?;
        match timeout(TIMEOUT, checker.lines.next_line()).await {
            Ok(Ok(Some(line))) if line.starts_with('{') => {
                report.figure("counts at the end", line);
            }
            other => report.fail("all memory is accounted for", &format!("{other:?}")),
        }
        self.reap(checker, report).await;
        Ok(())
    }
}

/// Random kills and stops.
///
/// # Errors
/// Processes or directories can't be made.
pub async fn cache(
    arguments: &Arguments,
    places: &[String],
    report: &mut Report,
) -> io::Result<()> {
    let mut environment = CacheEnvironment::new(arguments, arguments.seed)?;
    let places: Vec<_> = places.iter().filter(|place| is_place(place)).collect();
    let mut processes = Vec::new();
    for kill in 0..arguments.kills + PROCESSES {
        if kill >= PROCESSES {
            let victim = environment.seed.below(processes.len());
            let moment = environment.seed.millis(0, 30);
            tokio::time::sleep(moment).await;
            let process: Process = processes.swap_remove(victim);
            end(process, &mut environment, report).await?;
        }
        let place = environment
            .seed
            .choose(&places)
            .map(|place| (*place).clone());
        let armed = place
            .filter(|_| environment.seed.percent(50))
            .map(|place| format!("{place}@{}", 1 + environment.seed.below(400)));
        processes.push(environment.start("life", armed.as_deref())?);
        if report.has_too_many_failures() {
            break;
        }
    }
    let mut survivor = environment.start("life", None)?;
    environment
        .expect_lines(&mut survivor, LINES_AFTER, report)
        .await;
    processes.push(survivor);
    for process in processes {
        end(process, &mut environment, report).await?;
    }
    report.figure("longest operation in microseconds", environment.longest);
    environment.check(report).await
}

/// Kills a process, now and then one that is stopped, while the others go on.
async fn end(
    mut process: Process,
    environment: &mut CacheEnvironment,
    report: &mut Report,
) -> io::Result<()> {
    if let Some(pid) = process.child.id().filter(|_| environment.seed.percent(20)) {
        send(pid, Signal::STOP);
        tokio::time::sleep(Duration::from_millis(5)).await;
        if environment.seed.percent(50) {
            send(pid, Signal::CONT);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let _ = process.child.start_kill();
    let status = environment.reap(process, report).await;
    if status.and_then(|status| status.signal()) != Some(9) {
        report.fail("no process crashes", &format!("{status:?}"));
    }
    Ok(())
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have killed itself.
        let _ = kill_process(pid, signal);
    }
}

/// One death, or one stop, at a failpoint of the cache.
///
/// # Errors
/// Processes or directories can't be made.
pub async fn die_at(arguments: &Arguments, death: &str, report: &mut Report) -> io::Result<()> {
    let mut environment = CacheEnvironment::new(arguments, arguments.seed)?;
    let mut beside = environment.start("life", None)?;
    environment.expect_lines(&mut beside, 1, report).await;
    let armed = environment.start("life", Some(death))?;
    let (pid, begun) = (armed.child.id().unwrap_or(0), Instant::now());
    let mut armed = armed;
    if death.ends_with(":stop") {
        while !system::is_stopped(pid) && begun.elapsed() < TIMEOUT {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        environment
            .expect_lines(&mut beside, LINES_AFTER, report)
            .await;
        // It goes on where it was stopped, and has lost its turn.
        send(pid, Signal::CONT);
        environment
            .expect_lines(&mut armed, LINES_AFTER, report)
            .await;
        let _ = armed.child.start_kill();
    }
    let ended = timeout(TIMEOUT, environment.reap(armed, report)).await;
    if !matches!(ended, Ok(Some(status)) if status.signal() == Some(9)) {
        report.fail("each failpoint is reached", death);
    }
    environment
        .expect_lines(&mut beside, LINES_AFTER, report)
        .await;
    let _ = beside.child.start_kill();
    environment.reap(beside, report).await;
    environment.check(report).await
}
