//! The processes of a scenario together: starting, killing, receiving events, and the invariants of each.

use std::{
    collections::BTreeMap,
    io,
    os::unix::process::ExitStatusExt,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    environment::Environment,
    events::{Event, PoolEvent, WorkerEvent},
    report::Report,
    system,
    worker::{Worker, WorkerSpec},
};

/// All living processes, by number.
pub struct WorkerPool<'a> {
    environment: &'a Environment,
    workers: BTreeMap<usize, Worker>,
    sender: UnboundedSender<Event>,
    events: UnboundedReceiver<Event>,
    /// An operation that takes longer counts as hung.
    hang: Duration,
    /// The configuration of each hash: no two may share one.
    hashes: BTreeMap<String, String>,
    lives: u64,
    /// An exception that any process may get.
    pub may_throw: Option<&'static str>,
    /// Finished operations, by their first words.
    pub operations: BTreeMap<String, u64>,
    /// The longest duration of each operation.
    pub longest: BTreeMap<String, Duration>,
    /// Processes that have died of SIGKILL.
    pub killed: usize,
    /// Failpoints at which armed processes have died, with counts.
    pub places: BTreeMap<String, usize>,
}

/// They end with the scenario, before their directories are removed.
impl Drop for WorkerPool<'_> {
    fn drop(&mut self) {
        self.workers.values_mut().for_each(Worker::kill);
    }
}

impl<'a> WorkerPool<'a> {
    /// An empty pool.
    pub fn new(environment: &'a Environment, hang: u64) -> Self {
        let (sender, events) = unbounded_channel();
        Self {
            environment,
            workers: BTreeMap::new(),
            sender,
            events,
            hang: Duration::from_secs(hang),
            hashes: BTreeMap::new(),
            lives: 0,
            may_throw: None,
            operations: BTreeMap::new(),
            longest: BTreeMap::new(),
            killed: 0,
            places: BTreeMap::new(),
        }
    }

    /// Starts one, and counts the processes of its number.
    ///
    /// # Errors
    /// PHP can't be started.
    pub fn start(&mut self, mut part: WorkerSpec) -> io::Result<()> {
        self.lives += 1;
        part.life = self.lives;
        let worker = Worker::start(self.environment, part, self.sender.clone())?;
        self.workers.insert(worker.part.number, worker);
        Ok(())
    }

    /// All living processes.
    pub fn workers(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.workers.values_mut()
    }

    /// One of them.
    pub fn worker(&mut self, number: usize) -> Option<&mut Worker> {
        self.workers.get_mut(&number)
    }

    /// Number of living processes.
    pub fn len(&self) -> usize {
        self.workers.len()
    }

    /// Waits for the next event, at most until then.
    pub async fn next(&mut self, until: Instant, report: &mut Report) -> Option<PoolEvent> {
        let event = tokio::time::timeout_at(until.into(), self.events.recv()).await;
        let event = event.ok().flatten()?;
        Some(self.take(event, report))
    }

    fn take(&mut self, event: Event, report: &mut Report) -> PoolEvent {
        let (number, life) = event.of;
        let found = self.workers.get_mut(&number);
        let Some(worker) = found.filter(|worker| worker.part.life == life) else {
            return PoolEvent::Nothing;
        };
        match event.what {
            WorkerEvent::Said(line) => {
                let operation = worker.doing.clone();
                worker.heard(&line);
                self.check_exit(number, operation, &line, report)
            }
            WorkerEvent::Ended(status) => {
                let Some(worker) = self.workers.remove(&number) else {
                    return PoolEvent::Nothing;
                };
                let by_kill = status.signal() == Some(9);
                self.killed += usize::from(by_kill);
                if let (true, false, Some(armed)) =
                    (by_kill, worker.is_to_be_killed, &worker.part.armed)
                {
                    let place = armed.split(['@', ':']).next().unwrap_or_default();
                    *self.places.entry(place.to_owned()).or_default() += 1;
                }
                let crash = worker.crash(self.environment, status);
                let has_asked = worker.part.role == "asker" && status.success();
                let expected =
                    worker.is_to_be_killed || has_asked || (by_kill && worker.part.armed.is_some());
                if let Some(crash) = crash {
                    report.fail(
                        "no process crashes",
                        &format!("{crash}: {}", worker.history(self.environment)),
                    );
                } else if !expected {
                    report.fail(
                        "no process ends by itself",
                        &format!("{status}: {}", worker.history(self.environment)),
                    );
                }
                PoolEvent::End(number)
            }
        }
    }

    fn check_exit(
        &mut self,
        number: usize,
        operation: Option<(String, Instant)>,
        line: &str,
        report: &mut Report,
    ) -> PoolEvent {
        let Some(worker) = self.workers.get(&number) else {
            return PoolEvent::Nothing;
        };
        if let Some(seen) = line.strip_prefix("! ") {
            report.fail(
                "no wrong binary",
                &format!("{seen}; {}", worker.history(self.environment)),
            );
            return PoolEvent::Nothing;
        }
        let Some((operation, since)) = operation else {
            return PoolEvent::Nothing;
        };
        let word = operation.split(' ').next().unwrap_or_default().to_owned();
        if let Some(outcome) = line.strip_prefix("- ") {
            *self.operations.entry(word.clone()).or_default() += 1;
            // A process that was stopped is late without fault.
            if worker.stopped.is_none() {
                let longest = self.longest.entry(word.clone()).or_default();
                *longest = since.elapsed().max(*longest);
            }
            if let (Some(built), true) =
                (outcome.strip_prefix("is "), word != "put" && word != "get")
            {
                let (key, sha256) = built.split_once(' ').unwrap_or_default();
                let known = self
                    .hashes
                    .entry(sha256.to_owned())
                    .or_insert_with(|| key.to_owned());
                if known != key {
                    report.fail(
                        "no wrong binary",
                        &format!("{sha256} was given for {known} and for {key}"),
                    );
                }
            }
            return PoolEvent::Deed(number, outcome.to_owned());
        }
        if let Some(thrown) = line.strip_prefix("x ") {
            let cancelled = word == "cancel" && thrown.starts_with("Pillion\\CancelledException");
            let allowed = cancelled
                || self
                    .may_throw
                    .is_some_and(|class| thrown.starts_with(class));
            if !allowed {
                report.fail(
                    "everybody is served",
                    &format!(
                        "{operation}: {thrown}; {}",
                        worker.history(self.environment)
                    ),
                );
            }
            return PoolEvent::Deed(number, thrown.to_owned());
        }
        PoolEvent::Nothing
    }

    /// Reports processes that hang. Stopped ones may.
    pub fn report_hangs(&mut self, report: &mut Report) {
        let hang = self.hang;
        for worker in self.workers.values_mut() {
            if worker.stopped.is_none() && !worker.is_to_be_killed && worker.busy() > hang {
                let history = worker.history(self.environment);
                report.fail(
                    "nobody hangs",
                    &format!("busy for {:.1} s: {history}", worker.busy().as_secs_f64()),
                );
                worker.kill();
            }
        }
    }

    /// Asks all to end, and waits until they have.
    pub async fn stop(&mut self, report: &mut Report) {
        for worker in self.workers.values_mut() {
            if worker.stopped.take().is_some() {
                worker.signal(rustix::process::Signal::CONT);
            }
            worker.stop().await;
        }
        let until = Instant::now() + self.hang;
        while !self.workers.is_empty() {
            let soon = Instant::now() + Duration::from_millis(500);
            if self.next(soon.min(until), report).await.is_none() {
                // One may have come to the failpoint at which it stops itself.
                for worker in self.workers.values_mut() {
                    if system::is_stopped(worker.pid) {
                        worker.signal(rustix::process::Signal::CONT);
                    }
                }
                if Instant::now() < until {
                    continue;
                }
                for worker in self.workers.values_mut() {
                    report.fail(
                        "nobody hangs",
                        &format!("does not end: {}", worker.history(self.environment)),
                    );
                    worker.kill();
                }
                let _ = tokio::time::timeout(Duration::from_secs(10), self.events.recv()).await;
                return;
            }
        }
    }
}
