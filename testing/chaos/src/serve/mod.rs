//! Kills of `pillion serve` while it streams, builds and leads. Its stand-by or a worker takes over, downloads are
//! resumed at the next server and have the right bytes, no counter goes backwards, and workers see nothing of it.

mod client;
mod kills;
mod page;
mod servers;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use pillion_fakes::Options;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use crate::{
    arguments::Arguments, checks, environment::Environment, report::Report, rng::Rng, system,
};
use client::Target;
use kills::Host;
use page::Counters;

const WORKER: &str = include_str!("worker.php");
const WORKERS: usize = 2;
const CLIENTS: usize = 6;
const CONFIGURATIONS: usize = 300;
/// A download of this size takes a client some tens of milliseconds.
const SIZE: u64 = 4 << 20;
/// Longest time of one download, however often it is cut.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// # Errors
/// Processes or directories can't be made, or the program is not named.
pub async fn serve(arguments: &Arguments, report: &mut Report) -> io::Result<()> {
    let Some(program) = &arguments.pillion else {
        return Err(io::Error::other("--pillion is missing: the program"));
    };
    let mut seed = Rng::new(arguments.seed);
    let mut server = Options::default().delay(Duration::from_millis(60));
    server.script.size = Some(SIZE);
    let mut environment = Environment::new(arguments, server)?;
    environment.set("pillion.cache_memory", "1M");
    environment.set("pillion.delivery", "ticket");
    environment.set("pillion.delivery_url", "http://serve.test");
    // An address of this machine that no other program uses.
    let mut part = || (seed.bits() >> 40) as u8;
    let port = SocketAddr::from((Ipv4Addr::new(127, part(), part(), part() | 1), 9180));
    let target = Target {
        port,
        socket: environment.files().join("serve.sock"),
        streaming: Arc::default(),
        cuts: Arc::default(),
    };
    let links = Arc::new(links(&environment).await?);
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        workers.push(Worker::start(&environment, "worker", number)?);
    }
    let mut host = Host {
        environment: &environment,
        program,
        target: target.clone(),
        seed: seed.clone(),
        workers: workers.iter().filter_map(|one| one.child.id()).collect(),
        counters: Counters::default(),
        takeovers: Vec::new(),
        elections: Vec::new(),
    };
    let is_over = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(tokio::spawn(
            Client {
                target: target.clone(),
                links: Arc::clone(&links),
                next: Arc::clone(&next),
                is_over: Arc::clone(&is_over),
                seed: Rng::new(seed.bits() ^ number as u64),
            }
            .download_all(),
        ));
    }
    let server = host.kill(arguments.kills, report).await?;
    is_over.store(true, Ordering::Relaxed);
    let mut downloads = 0;
    for client in clients {
        match client.await {
            Ok(Ok(count)) => downloads += count,
            other => report.fail("downloads are resumed to their end", &format!("{other:?}")),
        }
    }
    let mut counted = 0.0;
    for worker in workers {
        counted += worker.end(report).await;
    }
    host.scrape(report).await;
    let seen = host.counters.sum("chaos_events_total");
    if seen != counted {
        let seen = format!("{seen} on the page, {counted} counted");
        report.fail("counters are exact", &seen);
    }
    server.stop(report).await;
    let cuts = target.cuts.load(Ordering::Relaxed);
    if cuts == 0 && arguments.kills >= 15 {
        report.fail("kills cut downloads", "none was cut");
    }
    report.figure(
        "downloads",
        format_args!("{downloads}, {cuts} times cut and resumed"),
    );
    report.figure("builds", environment.velox.counters().builds_started);
    report.times("from a server's death to the next one", &mut host.takeovers);
    report.times("from a leader's death to the next one", &mut host.elections);
    system::builds_have_ended(&environment, report).await;
    checks::at_the_end(&environment, report).await;
    Ok(())
}

/// The paths of tickets, one for each configuration.
async fn links(environment: &Environment) -> io::Result<Vec<String>> {
    let mut worker = Worker::start(environment, "links", 0)?;
    let mut links = Vec::new();
    while let Some(line) = worker.lines.next_line().await? {
        links.push(line);
    }
    match links.iter().find(|link| !link.starts_with("/delivery/")) {
        None if links.len() == CONFIGURATIONS => Ok(links),
        other => Err(io::Error::other(format!("no tickets: {other:?}"))),
    }
}

/// A PHP process that is never killed.
struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(environment: &Environment, role: &str, number: usize) -> io::Result<Self> {
        let script = environment.script("serve_worker.php", WORKER)?;
        let mut command = environment.php(&script, &format!("{number}-{role}.log"))?;
        command.arg(role).arg(number.to_string());
        command.arg(CONFIGURATIONS.to_string());
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            stdin: child.stdin.take(),
            lines: BufReader::new(stdout).lines(),
            child,
        })
    }

    /// Ends it. Returns the number of its increments.
    async fn end(mut self, report: &mut Report) -> f64 {
        drop(self.stdin.take());
        let mut counted = 0.0;
        while let Ok(Ok(Some(line))) = timeout(DOWNLOAD_TIMEOUT, self.lines.next_line()).await {
            match line.strip_prefix("counted ") {
                Some(count) => counted = count.parse().unwrap_or(-1.0),
                None => report.fail("workers go on", &line),
            }
        }
        match timeout(DOWNLOAD_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => {}
            other => report.fail("workers go on", &format!("{other:?}")),
        }
        counted
    }
}

/// A client that downloads one binary after the other.
struct Client {
    target: Target,
    links: Arc<Vec<String>>,
    /// The next configuration without a build.
    next: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    seed: Rng,
}

impl Client {
    async fn download_all(mut self) -> Result<usize, String> {
        let mut count = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            // Builds and hits in turn.
            let number = match self.seed.percent(40) {
                true => self.next.fetch_add(1, Ordering::Relaxed) % self.links.len(),
                false => self
                    .seed
                    .below(self.next.load(Ordering::Relaxed).min(self.links.len())),
            };
            let link = self.links.get(number).cloned().unwrap_or_default();
            let until = Instant::now() + DOWNLOAD_TIMEOUT;
            match self.target.download(&link, &mut self.seed, until).await? {
                Some(size) if size as u64 == SIZE => count += 1,
                other => return Err(format!("{other:?} bytes of configuration {number}")),
            }
        }
        Ok(count)
    }
}
