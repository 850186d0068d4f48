//! The scenario of one failpoint: it prepares the state in which the failpoint is reached, runs bystanders, and detects
//! the death.

use std::{
    fs, io,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    checks::FAILPOINT_TIMEOUT, environment::Environment, events::PoolEvent, report::Report,
    rng::Rng, system, worker::WorkerSpec, worker_pool::WorkerPool,
};

/// Longer than the lifetime of every artifact.
const NEXT_WEEK: u64 = 8 * 86_400;
/// Builders that are killed in one flight.
const DEATHS: u32 = 6;
/// Numbers of the processes beside an armed process that has stopped.
const BESIDE: [usize; 2] = [1, 2];
/// Numbers of the processes after its death.
pub const AFTER: [usize; 2] = [3, 4];
/// Number of the armed process.
pub const ARMED: usize = 0;

/// One environment with its processes.
pub struct FailpointScenario<'a> {
    /// Directories and servers.
    pub environment: &'a Environment,
    /// All processes.
    pub pool: WorkerPool<'a>,
    /// Random numbers.
    pub seed: Rng,
    /// Builders killed since the number of finished builds was the second value.
    pub orphans: (u32, u64),
    /// The last of them, until its end is noticed.
    pub victim: Option<usize>,
}

impl FailpointScenario<'_> {
    /// Starts one; all request the same configuration, so that they meet.
    ///
    /// # Errors
    /// PHP can't be started.
    pub fn start(
        &mut self,
        number: usize,
        role: &'static str,
        armed: Option<String>,
        ahead: u64,
    ) -> io::Result<()> {
        let seed = self.seed.bits() >> 33;
        self.pool.start(WorkerSpec {
            number,
            life: 0,
            role,
            seed,
            configurations: 1,
            armed,
            ahead,
        })
    }

    /// Starts two processes with these numbers, which no living process has: one that is replaced would go on alone.
    ///
    /// # Errors
    /// PHP can't be started.
    pub fn start_bystanders(&mut self, numbers: [usize; 2]) -> io::Result<()> {
        numbers
            .into_iter()
            .try_for_each(|number| self.start(number, "life", None, 0))
    }

    /// Prepares the state in which `place` is reached. Returns the clock offset of the armed process, in seconds.
    ///
    /// # Errors
    /// Processes or files can't be made.
    pub async fn prepare(&mut self, place: &str, report: &mut Report) -> io::Result<u64> {
        match place {
            "presence.dead" | "clean.temporary" => self.kill_at("commit.written", report).await?,
            "index.repairing" | "index.repaired" => self.kill_at("index.slot", report).await?,
            "clean.orphan" | "evict.out" | "evict.erased" => {
                self.wait_for_survivors(report).await?;
                self.kill_at("commit.binary", report).await?;
                return Ok(NEXT_WEEK);
            }
            "rebuild.folder" => {
                self.wait_for_survivors(report).await?;
                for segment in self.segments() {
                    fs::remove_file(segment)?;
                }
            }
            "segment.removed" => {
                self.wait_for_survivors(report).await?;
                for segment in self.segments() {
                    let size = segment.metadata()?.len();
                    fs::write(segment, vec![0; size as usize])?;
                }
            }
            "import.hashed" | "import.named" => self.environment.plant_old_cache()?,
            _ => {}
        }
        Ok(0)
    }

    async fn kill_at(&mut self, at: &str, report: &mut Report) -> io::Result<()> {
        self.start(9, "life", Some(at.to_owned()), 0)?;
        self.wait_for_end(9, report).await;
        Ok(())
    }

    async fn wait_for_survivors(&mut self, report: &mut Report) -> io::Result<()> {
        self.start(9, "writer", None, 0)?;
        let until = Instant::now() + FAILPOINT_TIMEOUT;
        while self.pool.operations.get("put").copied().unwrap_or(0) < 6 && Instant::now() < until {
            self.pool.next(until, report).await;
        }
        self.pool.stop(report).await;
        Ok(())
    }

    async fn wait_for_end(&mut self, number: usize, report: &mut Report) {
        let until = Instant::now() + FAILPOINT_TIMEOUT;
        while Instant::now() < until {
            match self.pool.next(until, report).await {
                Some(PoolEvent::End(ended)) if ended == number => return,
                _ => {}
            }
        }
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.environment.run_dir())
            .into_iter()
            .flatten();
        let paths = entries.flatten().map(|entry| entry.path());
        paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "seg"))
            .collect()
    }

    /// Returns whether the armed process reaches its failpoint. One that has stopped there is killed after a while.
    ///
    /// # Errors
    /// Processes or files can't be made.
    pub async fn await_death(
        &mut self,
        place: &str,
        stops: bool,
        report: &mut Report,
    ) -> io::Result<bool> {
        let until = Instant::now() + FAILPOINT_TIMEOUT;
        let (mut stopped, mut next_victim) = (None, Instant::now() + Duration::from_millis(600));
        while Instant::now() < until {
            let soon = Instant::now() + Duration::from_millis(20);
            match self.pool.next(soon, report).await {
                Some(PoolEvent::End(ARMED)) => {
                    return Ok(self.pool.places.contains_key(place) || stopped.is_some());
                }
                Some(PoolEvent::End(number)) => {
                    self.victim = self.victim.filter(|victim| *victim != number);
                    self.start(number, "waiter", None, 0)?;
                }
                _ => {}
            }
            if matches!(place, "flight.death" | "flight.taken") && Instant::now() > next_victim {
                self.orphan();
                next_victim = Instant::now() + Duration::from_millis(300);
            }
            let Some(armed) = self.pool.worker(ARMED) else {
                continue;
            };
            if stops && stopped.is_none() && system::is_stopped(armed.pid) {
                armed.stopped = Some(Instant::now());
                stopped = armed.stopped;
                self.start_bystanders(BESIDE)?;
            }
            if stopped.is_some_and(|since| since.elapsed() > Duration::from_millis(1200))
                && let Some(armed) = self.pool.worker(ARMED)
            {
                armed.kill();
            }
        }
        if let Some(armed) = self.pool.worker(ARMED) {
            armed.kill();
        }
        Ok(false)
    }

    /// Kills a bystander that builds, so that another one may take over.
    fn orphan(&mut self) {
        self.environment.velox.expire();
        let finished = self.environment.velox.counters().builds_finished;
        if finished != self.orphans.1 {
            self.orphans = (0, finished);
        }
        // One flight is given up after ten deaths.
        if self.orphans.0 >= DEATHS {
            return;
        }
        let open = system::build_requests(self.environment)
            .into_iter()
            .find(|build_requests| build_requests.open && build_requests.by != ARMED);
        let Some(by) = open.map(|build_requests| build_requests.by) else {
            return;
        };
        if let Some(worker) = self.pool.worker(by) {
            worker.kill();
            self.victim = Some(by);
            self.orphans.0 += 1;
        }
    }

    /// Checks that the survivors go on as before.
    pub async fn check_others_unaffected(&mut self, report: &mut Report) {
        let until = Instant::now() + FAILPOINT_TIMEOUT;
        let mut operations = 0;
        while operations < 24 && Instant::now() < until {
            match self.pool.next(until, report).await {
                Some(PoolEvent::Deed(..)) => operations += 1,
                Some(PoolEvent::End(number)) if Some(number) == self.victim => self.victim = None,
                Some(PoolEvent::End(number)) if number != ARMED => {
                    report.fail(
                        "no process can hurt another",
                        &format!("{number} has ended too"),
                    );
                    return;
                }
                _ => {}
            }
        }
        if operations < 24 {
            report.fail(
                "nobody hangs",
                &format!(
                    "{operations} operations within {} s",
                    FAILPOINT_TIMEOUT.as_secs()
                ),
            );
        }
    }
}
