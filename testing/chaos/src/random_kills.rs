//! Processes in all roles, killed and stopped at random instants and at failpoints, until the given number has died.
//! Meanwhile and afterwards all invariants must hold.

use std::{
    io,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    arguments::Arguments, cache, checks, environment::Environment, events::PoolEvent, outbox,
    report::Report, rng::Rng, system, worker::WorkerSpec, worker_pool::WorkerPool,
};
use pillion_fakes::Options;

const ROLES: [&str; 12] = [
    "builder", "waiter", "writer", "reader", "builder", "cleaner", "writer", "counter", "waiter",
    "reader", "builder", "life",
];
/// Failpoints that a process which builds and puts rarely reaches: `failpoints` covers those.
const RARE: [&str; 9] = [
    "secret", "segment", "rebuild", "import", "export", "evict", "clean", "leader", "presence",
];
/// Interval of the full checks.
const LOOK: Duration = Duration::from_secs(3);

struct RandomKills<'a> {
    environment: &'a Environment,
    pool: WorkerPool<'a>,
    seed: Rng,
    configurations: usize,
    places: &'a [String],
}

/// # Errors
/// Processes or directories can't be made.
pub async fn random_kills(
    arguments: &Arguments,
    places: &[String],
    report: &mut Report,
) -> io::Result<()> {
    let server = Options::default().delay(Duration::from_millis(150));
    let environment = Environment::new(arguments, server)?;
    let mut storm = RandomKills {
        environment: &environment,
        pool: WorkerPool::new(&environment, arguments.hang),
        seed: Rng::new(arguments.seed),
        configurations: arguments.configurations,
        places,
    };
    for number in 0..arguments.processes {
        storm.start(number)?;
    }
    storm.run(arguments, report).await?;
    let RandomKills { mut pool, .. } = storm;
    pool.stop(report).await;
    system::builds_have_ended(&environment, report).await;
    checks::at_the_end(&environment, report).await;
    tell(&pool, &environment, report);
    Ok(())
}

impl RandomKills<'_> {
    fn start(&mut self, number: usize) -> io::Result<()> {
        let role = ROLES.get(number % ROLES.len()).copied().unwrap_or("life");
        let duties = matches!(role, "cleaner" | "life");
        let is_rare = |place: &str| RARE.iter().any(|rare| place.starts_with(rare));
        let places: Vec<&String> = self
            .places
            .iter()
            .filter(|place| {
                !outbox::is_place(place) && !cache::is_place(place) && (duties || !is_rare(place))
            })
            .collect();
        let seed = &mut self.seed;
        let armed = seed.percent(60).then(|| {
            let place = seed.choose(&places).copied().cloned().unwrap_or_default();
            let death = match seed.below(20) {
                0 | 1 => ":stop".to_owned(),
                2 | 3 => format!(":sleep-{}", 50 + seed.below(900)),
                _ => String::new(),
            };
            format!("{place}@{}{death}", 1 + seed.below(2))
        });
        let part = WorkerSpec {
            number,
            life: 0,
            role,
            seed: seed.bits() >> 33,
            configurations: self.configurations,
            armed,
            ahead: 0,
        };
        self.pool.start(part)
    }

    async fn run(&mut self, arguments: &Arguments, report: &mut Report) -> io::Result<()> {
        let end = Instant::now() + Duration::from_secs(arguments.seconds);
        let mut kill_one = Instant::now() + Duration::from_secs(1);
        let mut look = Instant::now() + LOOK;
        let mut told = 0;
        while self.pool.killed < arguments.kills
            && Instant::now() < end
            && !report.has_too_many_failures()
        {
            if let Some(PoolEvent::End(number)) = self.pool.next(kill_one.min(look), report).await {
                self.start(number)?;
            }
            if Instant::now() >= kill_one {
                self.kill_one();
                kill_one = Instant::now() + self.seed.millis(20, 110);
            }
            self.wake();
            if Instant::now() >= look {
                self.pool.report_hangs(report);
                checks::binaries_match_their_names(self.environment, report);
                // The server forgets its builds, and builds anew.
                self.environment.velox.expire();
                look = Instant::now() + LOOK;
                if self.pool.killed >= told + 1000 {
                    told = self.pool.killed;
                    report.figure("killed so far", told);
                }
            }
        }
        Ok(())
    }

    /// Kills or stops a random process.
    fn kill_one(&mut self) {
        let victim = match self.seed.below(20) {
            0..=3 => {
                // A process with a build at the server.
                let open: Vec<_> = system::build_requests(self.environment)
                    .into_iter()
                    .filter(|build_requests| build_requests.open)
                    .collect();
                self.seed
                    .choose(&open)
                    .map(|build_requests| build_requests.by)
            }
            4 | 5 => {
                let leader = system::leader(self.environment);
                let mut workers = self.pool.workers();
                workers
                    .find(|worker| Some(worker.pid) == leader)
                    .map(|worker| worker.part.number)
            }
            _ => None,
        };
        let anybody = self.seed.below(self.pool.len());
        let number = victim.or_else(|| {
            let mut workers = self.pool.workers();
            workers.nth(anybody).map(|worker| worker.part.number)
        });
        let stop = self.seed.percent(12);
        let Some(worker) = number.and_then(|number| self.pool.worker(number)) else {
            return;
        };
        if stop && worker.stopped.is_none() {
            worker.stopped = Some(Instant::now());
            worker.signal(Signal::STOP);
        } else {
            worker.kill();
        }
    }

    /// Continues or kills stopped processes after a while.
    fn wake(&mut self) {
        let seed = &mut self.seed;
        for worker in self.pool.workers() {
            let by_itself = worker
                .part
                .armed
                .as_ref()
                .is_some_and(|armed| armed.ends_with(":stop"));
            if by_itself && worker.stopped.is_none() && system::is_stopped(worker.pid) {
                worker.stopped = Some(Instant::now());
            }
            if worker
                .stopped
                .is_some_and(|since| since.elapsed() > Duration::from_millis(1200))
            {
                if seed.percent(50) {
                    worker.kill();
                }
                worker.signal(Signal::CONT);
                worker.stopped = None;
                // Its operation starts anew for the clock.
                worker.since = Instant::now();
                if let Some((_, since)) = &mut worker.doing {
                    *since = Instant::now();
                }
            }
        }
    }
}

fn tell(pool: &WorkerPool<'_>, environment: &Environment, report: &Report) {
    let counters = environment.velox.counters();
    report.figure("killed", pool.killed);
    let at_places: usize = pool.places.values().sum();
    report.figure(
        "of them at named places",
        format_args!("{at_places}, at {} places", pool.places.len()),
    );
    report.figure(
        "operations that ended",
        format_args!("{:?}", pool.operations),
    );
    let longest: Vec<_> = pool
        .longest
        .iter()
        .map(|(name, time)| format!("{name} {} ms", time.as_millis()))
        .collect();
    report.figure("the longest of each", longest.join(", "));
    report.figure(
        "at the server",
        format_args!(
            "{} builds begun, {} finished, {} cancelled, {} from its cache, {} conflicts, {} at once",
            counters.builds_started,
            counters.builds_finished,
            counters.builds_cancelled,
            counters.cache_hits,
            counters.conflicts,
            counters.max_in_flight
        ),
    );
}
