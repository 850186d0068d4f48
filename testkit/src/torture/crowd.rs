//! Hundreds who ask at once: processes of PHP, and threads of one FrankenPHP where there is one. As many builds as there
//! are configurations, and one more for each builder that is killed; all who live are served.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    arguments::Arguments,
    checks,
    crew::{Crew, News},
    findings::Findings,
    franken::Franken,
    house::House,
    http,
    member::Part,
    seed::Seed,
    storm, system,
};
use crate::Options;

/// Builders that are killed.
const KILLS: usize = 8;
/// A quarter of the crowd are threads.
const THREADS: usize = 4;
/// Numbers of threads begin here.
const FIRST_THREAD: usize = 1_000_000;

/// All who ask, and what each was told.
pub(super) struct Crowd<'a> {
    pub(super) house: &'a House,
    pub(super) crew: Crew<'a>,
    franken: Option<Franken>,
    threads: usize,
    configurations: usize,
    requests: JoinSet<(usize, io::Result<String>)>,
    /// What each was told: number, answer.
    pub(super) answers: BTreeMap<usize, String>,
}

/// # Errors
/// Processes or directories can't be made.
pub async fn crowd(arguments: &Arguments, findings: &mut Findings) -> io::Result<()> {
    let server = Options::default().delay(Duration::from_millis(1500));
    let house = House::new(arguments, server)?;
    let mut crowd = Crowd::gather(&house, arguments, arguments.configurations, findings).await?;
    let started = Instant::now();
    crowd.ask().await;
    let killed = crowd.kill_builders(arguments.seed, findings).await;
    crowd.hear_all(arguments.hang, findings).await;
    findings.figure(
        "served within",
        format_args!("{:.1} s", started.elapsed().as_secs_f64()),
    );
    let served = crowd.served(findings);
    drop(crowd);
    storm::settle(&house, findings).await;
    let counters = house.velox.counters();
    findings.figure(
        "asked",
        format_args!(
            "{} for {} configurations, {killed} builders killed, {served} served, {} builds begun, {} at once",
            arguments.crowd, arguments.configurations, counters.builds_started, counters.max_in_flight
        ),
    );
    let expected = arguments.configurations as u64 + counters.builds_cancelled;
    if counters.builds_started != expected || counters.builds_cancelled > killed as u64 {
        findings.fail(
            "one build a configuration, and one more for each killed builder",
            &format!(
                "{} begun and {} cancelled, for {} configurations and {killed} killed builders",
                counters.builds_started, counters.builds_cancelled, arguments.configurations
            ),
        );
    }
    if served != arguments.crowd - killed {
        findings.fail(
            "everybody is served",
            &format!("{served} of {}, {killed} killed", arguments.crowd),
        );
    }
    checks::at_the_end(&house, findings).await;
    Ok(())
}

impl<'a> Crowd<'a> {
    /// Starts them all, and waits until they are ready.
    pub(super) async fn gather(
        house: &'a House,
        arguments: &Arguments,
        configurations: usize,
        findings: &mut Findings,
    ) -> io::Result<Self> {
        let threads = match &arguments.frankenphp {
            Some(_) => arguments.crowd / THREADS,
            None => 0,
        };
        let franken = match &arguments.frankenphp {
            Some(which) => Some(Franken::start(house, which, threads).await?),
            None => None,
        };
        let mut crew = Crew::new(house, arguments.hang);
        let processes = arguments.crowd - threads;
        for number in 0..processes {
            crew.start(Part {
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
        while crew.members().any(|member| !member.is_ready()) && Instant::now() < until {
            crew.next(until, findings).await;
        }
        findings.figure(
            "ready",
            format_args!("{processes} processes and {threads} threads of FrankenPHP"),
        );
        Ok(Self {
            house,
            crew,
            franken,
            threads,
            configurations,
            requests: JoinSet::new(),
            answers: BTreeMap::new(),
        })
    }

    /// All at once.
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
        for member in self.crew.members() {
            member.tell("go").await;
        }
    }

    /// Kills processes that have a build at the server. How many.
    async fn kill_builders(&mut self, seed: u64, findings: &mut Findings) -> usize {
        let mut seed = Seed::new(seed);
        let mut killed = BTreeSet::new();
        let end = Instant::now() + Duration::from_secs(60);
        let mut strike = Instant::now() + Duration::from_millis(400);
        while killed.len() < KILLS && Instant::now() < end && self.crew.len() > 0 {
            self.hear(strike, findings).await;
            if Instant::now() < strike {
                continue;
            }
            strike = Instant::now() + seed.millis(150, 500);
            let mut open = system::asked(self.house);
            open.retain(|asked| {
                asked.open && asked.by < FIRST_THREAD && !killed.contains(&asked.by)
            });
            let victim = seed.choose(&open).map(|asked| asked.by);
            if let Some(member) = victim.and_then(|number| self.crew.member(number)) {
                member.kill();
                killed.insert(member.part.number);
            }
        }
        // One that had its binary in the same moment was no builder any more, and not killed in vain.
        self.answers.retain(|number, _| !killed.contains(number));
        killed.len()
    }

    pub(super) async fn hear(&mut self, until: Instant, findings: &mut Findings) {
        if let Some(News::Deed(number, outcome)) = self.crew.next(until, findings).await {
            self.answers.insert(number, outcome);
        }
    }

    /// Until everybody has been told something, or has died.
    pub(super) async fn hear_all(&mut self, hang: u64, findings: &mut Findings) {
        let end = Instant::now() + Duration::from_secs(hang + 120);
        while self.crew.len() > 0 && Instant::now() < end {
            let soon = Instant::now() + Duration::from_millis(500);
            self.hear(soon, findings).await;
            self.crew.look_for_hangs(findings);
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
                findings.fail(
                    "everybody is served",
                    &format!("a thread was told: {answer:.300}"),
                );
            }
            self.answers
                .insert(number, known.unwrap_or_default().to_owned());
        }
    }

    /// How many have the binary of their configuration; all who asked for one have the same.
    fn served(&self, findings: &mut Findings) -> usize {
        let mut binaries: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        let mut served = 0;
        for (number, answer) in &self.answers {
            let Some(binary) = answer.strip_prefix("is ") else {
                findings.fail(
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
            findings.fail(
                "no wrong binary",
                &format!("binaries by configuration: {binaries:.900?}"),
            );
        }
        served
    }
}
