//! `pillion velox`: arguments of the build server, its runtime and its signals. The server itself is
//! `pillion_server::build`.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    num::NonZeroUsize,
    path::PathBuf,
    thread,
    time::Duration,
};

use clap::Args;
use log::LevelFilter;
use pillion_engine::{
    Error, Result,
    config::{LogFormat, LogSettings, LogTarget, duration, size},
    error::IoContext,
    logging,
};
use pillion_server::{
    build::{CacheLimits, Options, Server},
    http::{Tokens, termination},
};
use tokio::runtime;

const AFTER: &str = "\
Speaks the protocol of the Velox build server (POST /api.service.v1.BuildService/Build). Beside it, \
GET /builds/{request_id} tells the progress of a build, and GET /health that the server lives.

Needs `go` in PATH, and a Go module proxy that GOPROXY names. Prints `listening on http://…` when it is \
ready; log lines go to standard error. SIGTERM and SIGINT stop it, and the builds that run.

Example:
  pillion velox --listen 127.0.0.1:9000";

/// Build RoadRunner binaries with the local Go toolchain, for clients of a Velox server
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct Arguments {
    /// Address and port to listen on; with port 0 the system chooses one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    listen: String,

    /// Where binaries are built and kept [default: $TMPDIR/pillion-velox-UID]
    ///
    /// Clients read the binaries from here: it must lie in a directory that their setting
    /// `velox.path_map` names, which is the temporary directory by default.
    #[arg(long)]
    dir: Option<PathBuf>,

    /// Builds at once [default: half of the processors]
    #[arg(long, value_name = "N")]
    max_builds: Option<NonZeroUsize>,

    /// Builds that may wait for their turn; more are refused with 503
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_queued: usize,

    /// The longest that a build may take, from its turn on
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    build_timeout: Duration,

    /// A binary is kept for so long after it was built
    #[arg(long, value_name = "DURATION", default_value = "168h", value_parser = parse_duration)]
    keep: Duration,

    /// All binaries together are kept below so many bytes (`5GB`)
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = parse_size)]
    keep_size: u64,

    /// Let only those build who bring this file's token (`Authorization: Bearer …`); may be repeated
    #[arg(long, value_name = "FILE")]
    auth_token_file: Vec<PathBuf>,

    /// Listen beyond this machine without a token: whoever reaches the port may build
    #[arg(long)]
    allow_anonymous: bool,

    /// Let a `replaces` entry name a directory of this machine
    #[arg(long)]
    allow_local_replaces: bool,

    /// What is logged to standard error: off, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,

    /// How a log line looks
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json", "logfmt"])]
    log_format: String,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let right = "a duration such as 90s, 10m or 1h30m, above zero";
    duration::parse(text)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| format!("must be {right}"))
}

fn parse_size(text: &str) -> Result<u64, String> {
    size::parse(text).ok_or_else(|| "must be a size in bytes such as 500MB or 5GB".to_owned())
}

/// Serves until a signal ends it.
///
/// # Errors
/// An argument that can't be used, a port or directory that can't be had.
pub fn run(arguments: Arguments) -> Result<()> {
    logging::install(&LogSettings {
        target: LogTarget::Stderr,
        level: arguments.log_level,
        format: match arguments.log_format.as_str() {
            "json" => LogFormat::Json,
            "logfmt" => LogFormat::Logfmt,
            _ => LogFormat::Text,
        },
    });
    let listen = addresses(&arguments.listen)?;
    let mut tokens = Tokens::default();
    for file in &arguments.auth_token_file {
        tokens.add_file(file)?;
    }
    if tokens.is_empty()
        && !arguments.allow_anonymous
        && !listen.iter().all(|address| address.ip().is_loopback())
    {
        return Err(Error::Config(format!(
            "--listen {}: others than this machine could build here; give them a token with --auth-token-file, or say --allow-anonymous",
            arguments.listen
        )));
    }
    let server = Server::open(Options {
        dir: arguments.dir.unwrap_or_else(default_dir),
        max_builds: arguments
            .max_builds
            .map_or_else(half_of_the_processors, NonZeroUsize::get),
        max_queued: arguments.max_queued,
        build_timeout: arguments.build_timeout,
        tokens,
        allow_local_replaces: arguments.allow_local_replaces,
        cache_limits: CacheLimits {
            ttl: arguments.keep,
            max_bytes: arguments.keep_size,
        },
        environment: std::env::vars_os().collect(),
    })?;
    let listener = TcpListener::bind(listen.as_slice())
        .context(|| format!("--listen {}", arguments.listen))?;
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.context(|| "the runtime can't be started")?;
    logging::start_writer();
    let outcome = runtime.block_on(serve(server, listener));
    // What is left hangs in the kernel; the process ends all the same.
    runtime.shutdown_timeout(Duration::from_secs(1));
    logging::stop_writer(Duration::from_secs(1));
    outcome
}

async fn serve(server: Server, listener: TcpListener) -> Result<()> {
    let signal = termination()?;
    let address = listener.local_addr().context(|| "--listen")?;
    listener.set_nonblocking(true).context(|| "--listen")?;
    let listener = tokio::net::TcpListener::from_std(listener).context(|| "--listen")?;
    // Scripts wait for this line. Whoever closed standard output does not.
    let _ = writeln!(io::stdout().lock(), "listening on http://{address}")
        .and_then(|()| io::stdout().flush());
    let stop = async {
        let signal = signal.await;
        log::info!(signal; "stopping");
    };
    server.run(listener, stop).await;
    Ok(())
}

fn addresses(listen: &str) -> Result<Vec<SocketAddr>> {
    // ":9000" is how Go programs write all addresses of this machine.
    let text = if listen.starts_with(':') {
        format!("[::]{listen}")
    } else {
        listen.to_owned()
    };
    match text.to_socket_addrs().map(Iterator::collect::<Vec<_>>) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::Config(format!(
            "--listen {listen}: must be an address and a port, such as 127.0.0.1:9000"
        ))),
    }
}

fn default_dir() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("pillion-velox-{user}"))
}

fn half_of_the_processors() -> usize {
    thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1))
}
