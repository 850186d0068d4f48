//! `pillion velox`: arguments, runtime and signals of the build server, which is `pillion_server::build`.

use std::{
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
    config::{LogFormat, LogSettings, LogTarget},
    error::IoContext,
    logging,
};
use pillion_server::{
    build::{CacheLimits, Options, Server},
    http::{Tokens, termination},
};
use tokio::runtime;

use crate::{
    log_level::log_level,
    output::print,
    setting_arguments::{parse_duration, parse_size},
};

const AFTER_HELP: &str = "\
Serves the protocol of the Velox build server (POST /api.service.v1.BuildService/Build). Besides, \
GET /builds/{request_id} returns the progress of a build, and GET /health 200.

Needs `go` in PATH, and the Go module proxy of GOPROXY. Prints `listening on http://…` when it is \
ready; log lines go to standard error. SIGTERM and SIGINT stop it and all running builds.

Example:
  pillion velox --listen 127.0.0.1:9000";

/// Build RoadRunner binaries with the local Go toolchain, for clients of a Velox server
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Address and port to listen on; port 0: the system chooses
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    listen: String,

    /// Directory of builds and binaries [default: $TMPDIR/pillion-velox-UID]
    ///
    /// Clients read the binaries from here: their setting `velox.path_map` must name it or a parent, which is the
    /// temporary directory by default.
    #[arg(long)]
    dir: Option<PathBuf>,

    /// Builds at once [default: half of the processors]
    #[arg(long, value_name = "N")]
    max_builds: Option<NonZeroUsize>,

    /// Builds that wait for a slot; the next one fails with 503
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_queued: usize,

    /// Time limit of a build, without its time in the queue
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    build_timeout: Duration,

    /// Lifetime of a cached binary
    #[arg(long, value_name = "DURATION", default_value = "168h", value_parser = parse_duration)]
    keep: Duration,

    /// Bytes of all cached binaries; above it, those unused longest are removed
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = parse_size)]
    keep_size: u64,

    /// Require this file's token (`Authorization: Bearer …`); may be repeated
    #[arg(long, value_name = "FILE")]
    auth_token_file: Vec<PathBuf>,

    /// Listen beyond this machine without a token: every client that reaches the port may build
    #[arg(long)]
    allow_anonymous: bool,

    /// Allow `replaces` entries that name a directory of this machine
    #[arg(long)]
    allow_local_replaces: bool,

    /// Level of the log on standard error
    #[arg(long, value_name = "LEVEL", value_parser = log_level(), ignore_case = true, default_value = "info")]
    log_level: LevelFilter,

    /// Format of a log line
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json", "logfmt"])]
    log_format: String,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// An argument is invalid, or its port or directory can't be acquired.
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
        tokens.add_file("--auth-token-file", file)?;
    }
    if tokens.is_empty()
        && !arguments.allow_anonymous
        && !listen.iter().all(|address| address.ip().is_loopback())
    {
        return Err(Error::Config(format!(
            "--listen {}: found an address beyond this machine without a token; expected --auth-token-file or --allow-anonymous",
            arguments.listen
        )));
    }
    let server = Server::open(Options {
        dir: arguments.dir.unwrap_or_else(default_dir),
        max_builds: arguments
            .max_builds
            .map_or_else(half_of_processors, NonZeroUsize::get),
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
    // A task that is blocked in the kernel does not delay the exit.
    runtime.shutdown_timeout(Duration::from_secs(1));
    logging::stop_writer(Duration::from_secs(1));
    outcome
}

async fn serve(server: Server, listener: TcpListener) -> Result<()> {
    let signal = termination()?;
    let address = listener.local_addr().context(|| "--listen")?;
    listener.set_nonblocking(true).context(|| "--listen")?;
    let listener = tokio::net::TcpListener::from_std(listener).context(|| "--listen")?;
    // Scripts wait for this line. Ignore write errors: the server needs no reader.
    let _ = print(&format!("listening on http://{address}\n"));
    let stop = async {
        let signal = signal.await;
        log::info!(signal; "stopping");
    };
    server.run(listener, stop).await;
    Ok(())
}

fn addresses(listen: &str) -> Result<Vec<SocketAddr>> {
    // Go programs write ":9000" for all addresses of this machine.
    let text = if listen.starts_with(':') {
        format!("[::]{listen}")
    } else {
        listen.to_owned()
    };
    match text.to_socket_addrs().map(Iterator::collect::<Vec<_>>) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(Error::Config(format!(
            "--listen: found {listen}; expected an address and a port, such as 127.0.0.1:9000"
        ))),
    }
}

fn default_dir() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("pillion-velox-{user}"))
}

fn half_of_processors() -> usize {
    thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1))
}
