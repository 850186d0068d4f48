//! Hundreds of requests at once: PHP processes, and threads of one FrankenPHP where there is one. There are as many
//! builds as configurations, and one more for each killed builder; each living process is served.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    arguments::Arguments, checks, environment::Environment, events::PoolEvent,
    frankenphp::FrankenPhp, http, report::Report, rng::Rng, system, worker::WorkerSpec,
    worker_pool::WorkerPool,
};
use pillion_fakes::Options;

/// Builders that are killed.
const KILLS: usize = 8;
/// A quarter of the callers are threads.
const THREADS: usize = 4;
/// The first number of a thread.
const FIRST_THREAD: usize = 1_000_000;

/// All callers and their answers.
pub(super) struct ThunderingHerd<'a> {
    pub(super) environment: &'a Environment,
    pub(super) pool: WorkerPool<'a>,
    franken: Option<FrankenPhp>,
    threads: usize,
    configurations: usize,
    requests: JoinSet<(usize, io::Result<String>)>,
    /// Answers by the caller's number.
    pub(super) answers: BTreeMap<usize, String>,
}

/// # Errors
/// Processes or directories can't be made.
pub async fn thundering_herd(arguments: &Arguments, report: &mut Report) -> io::Result<()> {
    let server = Options::default().delay(Duration::from_millis(1500));
    let environment = Environment::new(arguments, server)?;
    let mut crowd =
        ThunderingHerd::gather(&environment, arguments, arguments.configurations, report).await?;
    let started = Instant::now();
    crowd.ask().await;
    let killed = crowd.kill_builders(arguments.seed, report).await;
    crowd.hear_all(arguments.hang, report).await;
    report.figure(
        "served within",
        format_args!("{:.1} s", started.elapsed().as_secs_f64()),
    );
    let served = crowd.served(report);
    drop(crowd);
    system::builds_have_ended(&environment, report).await;
    let counters = environment.velox.counters();
    report.figure(
        "asked",
        format_args!(
            "{} for {} configurations, {killed} builders killed, {served} served, {} builds begun, {} at once",
            arguments.callers, arguments.configurations, counters.builds_started, counters.max_in_flight
        ),
    );
    let expected = arguments.configurations as u64 + counters.builds_cancelled;
    if counters.builds_started != expected || counters.builds_cancelled > killed as u64 {
        report.fail(
            "one build a configuration, and one more for each killed builder",
            &format!(
                "{} begun and {} cancelled, for {} configurations and {killed} killed builders",
                counters.builds_started, counters.builds_cancelled, arguments.configurations
            ),
        );
    }
    if served != arguments.callers - killed {
        report.fail(
            "everybody is served",
            &format!("{served} of {}, {killed} killed", arguments.callers),
        );
    }
    checks::at_the_end(&environment, report).await;
    Ok(())
}

impl<'a> ThunderingHerd<'a> {
    /// Starts all callers, and waits until they are ready.
    pub(super) async fn gather(
        environment: &'a Environment,
        arguments: &Arguments,
        configurations: usize,
        report: &mut Report,
    ) -> io::Result<Self> {
        let threads = match &arguments.frankenphp {
            Some(_) => arguments.callers / THREADS,
            None => 0,
        };
        let franken = match &arguments.frankenphp {
            Some(which) => Some(FrankenPhp::start(environment, which, threads).await?),
            None => None,
        };
        let mut pool = WorkerPool::new(environment, arguments.hang);
        let processes = arguments.callers - threads;
        for number in 0..processes {
            pool.start(WorkerSpec {
                number,
                life: 0,
                role: "asker",
                seed: number as u64,
                configurations,
                armed: None,
                ahead: 0,
            })?;
        }
        let until = Instant::now() + Duration::from_secs(120);
        while pool.workers().any(|worker| !worker.is_ready()) && Instant::now() < until {
            pool.next(until, report).await;
        }
        report.figure(
            "ready",
            format_args!("{processes} processes and {threads} threads of FrankenPHP"),
        );
        Ok(Self {
            environment,
            pool,
            franken,
            threads,
            configurations,
            requests: JoinSet::new(),
            answers: BTreeMap::new(),
        })
    }

    /// Releases all at once.
    pub(super) async fn ask(&mut self) {
        if let Some(franken) = &self.franken {
            for number in FIRST_THREAD..FIRST_THREAD + self.threads {
                let address = franken.address;
                let target = format!("/?n={}&number={number}", number % self.configurations);
                self.requests.spawn(async move {
                    let limit = Duration::from_secs(300);
                    (number, http::get(address, &target, limit).await)
                });
            }
        }
        for worker in self.pool.workers() {
            worker.tell("go").await;
        }
    }

    /// Kills processes with a build at the server. Returns their number.
    async fn kill_builders(&mut self, seed: u64, report: &mut Report) -> usize {
        let mut seed = Rng::new(seed);
        let mut killed = BTreeSet::new();
        let end = Instant::now() + Duration::from_secs(60);
        let mut kill_one = Instant::now() + Duration::from_millis(400);
        while killed.len() < KILLS && Instant::now() < end && self.pool.len() > 0 {
            self.hear(kill_one, report).await;
            if Instant::now() < kill_one {
                continue;
            }
            kill_one = Instant::now() + seed.millis(150, 500);
            let mut open = system::build_requests(self.environment);
            open.retain(|build_requests| {
                build_requests.open
                    && build_requests.by < FIRST_THREAD
                    && !killed.contains(&build_requests.by)
            });
            let victim = seed.choose(&open).map(|build_requests| build_requests.by);
            if let Some(worker) = victim.and_then(|number| self.pool.worker(number)) {
                worker.kill();
                killed.insert(worker.part.number);
            }
        }
        // One that got its binary in the same moment was no builder any more, and its death caused no build.
        self.answers.retain(|number, _| !killed.contains(number));
        killed.len()
    }

    pub(super) async fn hear(&mut self, until: Instant, report: &mut Report) {
        if let Some(PoolEvent::Deed(number, outcome)) = self.pool.next(until, report).await {
            self.answers.insert(number, outcome);
        }
    }

    /// Waits until each caller has an answer, or has died.
    pub(super) async fn hear_all(&mut self, hang: u64, report: &mut Report) {
        let end = Instant::now() + Duration::from_secs(hang + 120);
        while self.pool.len() > 0 && Instant::now() < end {
            let soon = Instant::now() + Duration::from_millis(500);
            self.hear(soon, report).await;
            self.pool.report_hangs(report);
        }
        while let Some(done) = self.requests.join_next().await {
            let Ok((number, answer)) = done else { continue };
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => format!("not answered: {error}"),
            };
            let known = answer
                .strip_prefix("- ")
                .or_else(|| answer.strip_prefix("x "));
            if known.is_none() {
                report.fail(
                    "everybody is served",
                    &format!("a thread was told: {answer:.300}"),
                );
            }
            self.answers
                .insert(number, known.unwrap_or_default().to_owned());
        }
    }

    /// Counts callers that have the binary of their configuration; all of one configuration have the same.
    fn served(&self, report: &mut Report) -> usize {
        let mut binaries: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        let mut served = 0;
        for (number, answer) in &self.answers {
            let Some(binary) = answer.strip_prefix("is ") else {
                report.fail(
                    "everybody is served",
                    &format!("{number} was told: {answer:.300}"),
                );
                continue;
            };
            served += 1;
            binaries
                .entry(number % self.configurations)
                .or_default()
                .insert(binary);
        }
        let all: BTreeSet<_> = binaries.values().flatten().collect();
        if binaries.values().any(|same| same.len() != 1) || all.len() != binaries.len() {
            report.fail(
                "no wrong binary",
                &format!("binaries by configuration: {binaries:.900?}"),
            );
        }
        served
    }
}
