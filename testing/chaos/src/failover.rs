//! Failover times: a builder is killed while others wait for its build, a leader while other processes live. Few
//! processes and no other work, so that the failover is measured and not the queue.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{
    arguments::Arguments, checks, environment::Environment, events::PoolEvent, report::Report,
    rng::Rng, system, worker::WorkerSpec, worker_pool::WorkerPool,
};
use pillion_fakes::Options;

/// The promise is about a second; a loaded machine gets this multiple of it before the failover counts as broken.
const GENEROUS: u32 = 15;
const HEIRS: usize = 5;
/// One flight is given up after ten deaths, because its build is then taken for the cause; in a round two may die.
const DEATHS: usize = 5;

struct Line<'a> {
    environment: &'a Environment,
    pool: WorkerPool<'a>,
    seed: Rng,
    /// Dead processes that are not restarted before their failover.
    dead: Vec<usize>,
}

/// # Errors
/// Processes or directories can't be made.
pub async fn failover(arguments: &Arguments, report: &mut Report) -> io::Result<()> {
    let server = Options::default().delay(Duration::from_secs(600));
    let environment = Environment::new(arguments, server)?;
    let mut line = Line {
        environment: &environment,
        pool: WorkerPool::new(&environment, 600),
        seed: Rng::new(arguments.seed),
        dead: Vec::new(),
    };
    for number in 0..HEIRS {
        line.start(number)?;
    }
    let (mut builders, mut leaders) = (Vec::new(), Vec::new());
    for round in 0..arguments.rounds {
        if report.has_too_many_failures() {
            break;
        }
        if round % DEATHS == DEATHS - 1 {
            // A flight of its own for the next ones.
            line.kill_all(report).await?;
        }
        builders.extend(line.builder_dies(report).await?);
        leaders.extend(line.leader_dies(report).await?);
    }
    report.times(
        "from a builder's death to the new builder's request",
        &mut builders,
    );
    report.times("from a leader's death to the new leader", &mut leaders);
    report.figure("killed", line.pool.killed);
    line.pool.report_hangs(report);
    for worker in line.pool.workers() {
        worker.kill();
    }
    line.pool.stop(report).await;
    system::builds_have_ended(&environment, report).await;
    checks::at_the_end(&environment, report).await;
    Ok(())
}

impl Line<'_> {
    fn start(&mut self, number: usize) -> io::Result<()> {
        let seed = self.seed.bits() >> 33;
        self.pool.start(WorkerSpec {
            number,
            life: 0,
            role: "successor",
            seed,
            configurations: 1,
            armed: None,
            ahead: 0,
        })
    }

    /// Waits until `check` returns a value, or the time is over. Dead processes are not restarted meanwhile: a new one
    /// would find the lock free, and be faster than the waiting ones.
    async fn until<T>(
        &mut self,
        report: &mut Report,
        holds: impl Fn(&mut Self) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let end = Instant::now() + Duration::from_secs(1) * GENEROUS;
        while Instant::now() < end {
            if let Some(found) = holds(self) {
                return Ok(Some(found));
            }
            let soon = Instant::now() + Duration::from_millis(5);
            if let Some(PoolEvent::End(number)) = self.pool.next(soon, report).await {
                self.dead.push(number);
            }
        }
        Ok(None)
    }

    /// Waits until one process builds and all others hold the follower lock of its flight.
    async fn all_wait(&mut self, report: &mut Report) -> io::Result<Option<system::BuildRequest>> {
        for number in std::mem::take(&mut self.dead) {
            self.start(number)?;
        }
        let environment = self.environment;
        let waiting = |line: &mut Self| {
            let all = line.pool.workers().all(|worker| {
                worker
                    .doing
                    .as_ref()
                    .is_some_and(|(_, since)| since.elapsed() > Duration::from_millis(700))
            });
            let open = system::build_requests(environment)
                .into_iter()
                .find(|build_requests| build_requests.open);
            open.filter(|_| all)
        };
        let open = self.until(report, waiting).await?;
        if open.is_none() {
            report.fail(
                "everybody is served",
                "nobody builds while five processes ask for it",
            );
        }
        Ok(open)
    }

    async fn builder_dies(&mut self, report: &mut Report) -> io::Result<Option<Duration>> {
        let Some(open) = self.all_wait(report).await? else {
            return Ok(None);
        };
        let Some(builder) = self.pool.worker(open.by) else {
            return Ok(None);
        };
        builder.kill();
        let died = Instant::now();
        let environment = self.environment;
        let has_successor = move |_: &mut Self| {
            let newer =
                |build_requests: &system::BuildRequest| build_requests.request > open.request;
            system::build_requests(environment).into_iter().find(newer)
        };
        let Some(_) = self.until(report, has_successor).await? else {
            report.fail(
                "an orphaned flight is taken over in about a second",
                &format!("no new request within {GENEROUS} s of the builder's death"),
            );
            return Ok(None);
        };
        Ok(Some(died.elapsed()))
    }

    async fn leader_dies(&mut self, report: &mut Report) -> io::Result<Option<Duration>> {
        let environment = self.environment;
        let seated = |line: &mut Self| {
            let pid = system::leader(environment)?;
            let mut workers = line.pool.workers();
            workers
                .find(|worker| worker.pid == pid)
                .map(|worker| (worker.part.number, pid))
        };
        let Some((number, pid)) = self.until(report, seated).await? else {
            report.fail("somebody is the leader", "nobody holds leader.lock");
            return Ok(None);
        };
        if let Some(worker) = self.pool.worker(number) {
            worker.kill();
        }
        let died = Instant::now();
        let next = move |_: &mut Self| system::leader(environment).filter(|next| *next != pid);
        let Some(_) = self.until(report, next).await? else {
            report.fail(
                "periodic tasks go on within about a second of the leader's death",
                &format!("no new leader within {GENEROUS} s"),
            );
            return Ok(None);
        };
        Ok(Some(died.elapsed()))
    }

    /// Kills all, so that the next flight is a new one.
    async fn kill_all(&mut self, report: &mut Report) -> io::Result<()> {
        for worker in self.pool.workers() {
            worker.kill();
        }
        let mut left = self.pool.len();
        while left > 0 {
            let soon = Instant::now() + Duration::from_secs(10);
            match self.pool.next(soon, report).await {
                Some(PoolEvent::End(_)) => left -= 1,
                Some(_) => {}
                None => break,
            }
        }
        self.dead.clear();
        (0..HEIRS).try_for_each(|number| self.start(number))
    }
}
