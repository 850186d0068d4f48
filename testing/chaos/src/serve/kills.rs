//! The kills, and the invariants after each: another server listens, a living process leads, and no counter is lower.

use std::{
    io,
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{
    client::Target,
    page::Counters,
    servers::{GENEROUS, Said, Server},
};
use crate::{environment::Environment, report::Report, rng::Rng, system};

/// The servers of one host.
pub struct Host<'a> {
    pub environment: &'a Environment,
    pub program: &'a Path,
    pub target: Target,
    pub seed: Rng,
    /// Process ids of the workers.
    pub workers: Vec<u32>,
    pub counters: Counters,
    pub takeovers: Vec<Duration>,
    pub elections: Vec<Duration>,
}

impl Host<'_> {
    /// Starts a server that says this first.
    ///
    /// # Errors
    /// It can't be started.
    pub async fn start(&self, expected: Said, report: &mut Report) -> io::Result<Server> {
        let mut server = Server::start(self.program, self.environment, &self.target)?;
        let said = server.hear().await;
        if said != expected {
            report.fail("one server listens, the other waits", &format!("{said:?}"));
        }
        Ok(server)
    }

    /// Kills that many servers. Returns the one that serves at the end, without a stand-by.
    ///
    /// # Errors
    /// A server can't be started.
    pub async fn kill(&mut self, kills: usize, report: &mut Report) -> io::Result<Server> {
        let mut server = self.start(Said::Listening, report).await?;
        self.leads(&server, report).await;
        let mut stand_by = self.start(Said::StandBy, report).await?;
        for _ in 0..kills {
            if report.has_too_many_failures() {
                break;
            }
            self.scrape(report).await;
            self.pause().await;
            match self.seed.below(10) {
                0 => {
                    stand_by.kill(report).await;
                }
                1 | 2 => {
                    stand_by.kill(report).await;
                    server.kill(report).await;
                    self.a_worker_leads(report).await;
                    server = self.start(Said::Listening, report).await?;
                    self.leads(&server, report).await;
                }
                _ => {
                    server.kill(report).await;
                    let died = Instant::now();
                    server = stand_by;
                    if server.hear().await == Said::Listening {
                        self.takeovers.push(died.elapsed());
                    } else {
                        report.fail("the stand-by takes over", "it does not listen");
                    }
                    self.leads(&server, report).await;
                    self.elections.push(died.elapsed());
                }
            }
            stand_by = self.start(Said::StandBy, report).await?;
        }
        stand_by.stop(report).await;
        Ok(server)
    }

    /// Waits for a moment at which the server streams, builds, or does anything.
    async fn pause(&mut self) {
        let end = Instant::now() + Duration::from_secs(2);
        let kind = self.seed.below(3);
        while Instant::now() < end {
            let is_time = match kind {
                0 => self.target.streaming.load(Ordering::Relaxed) > 0,
                1 => self.environment.velox.counters().in_flight > 0,
                _ => true,
            };
            if is_time {
                break;
            }
            sleep(Duration::from_millis(1)).await;
        }
        let most = if kind == 2 { 60 } else { 15 };
        sleep(self.seed.millis(0, most)).await;
    }

    /// Waits until a server leads.
    async fn leads(&self, server: &Server, report: &mut Report) {
        if !self.is_led(|leader| leader == server.pid).await {
            let seen = format!("the leader is {:?}", system::leader(self.environment));
            report.fail("the standing server leads", &seen);
        }
    }

    async fn a_worker_leads(&mut self, report: &mut Report) {
        let died = Instant::now();
        if self.is_led(|leader| self.workers.contains(&leader)).await {
            self.elections.push(died.elapsed());
        } else {
            let seen = format!("the leader is {:?}", system::leader(self.environment));
            report.fail("a worker leads where no server does", &seen);
        }
    }

    async fn is_led(&self, by: impl Fn(u32) -> bool) -> bool {
        let end = Instant::now() + GENEROUS;
        while Instant::now() < end {
            if system::leader(self.environment).is_some_and(&by) {
                return true;
            }
            sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Reads the metrics page.
    pub async fn scrape(&mut self, report: &mut Report) {
        match self.target.page("/metrics").await {
            Ok(page) => {
                for lost in self.counters.read(&page) {
                    report.fail("no counter goes backwards", &lost);
                }
            }
            Err(error) => report.fail("a listening server answers", &error.to_string()),
        }
    }
}
