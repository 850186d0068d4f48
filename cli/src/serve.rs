//! `pillion serve`: arguments, runtime, signals and systemd's notifications of the standing server, which is
//! `pillion_server::serve`.

use std::{
    env,
    ffi::OsStr,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    sync::Arc,
    time::Duration,
};

use clap::Args;
use log::LevelFilter;
use pillion_engine::{
    Result,
    config::{Capability, ListenAddress, LogTarget},
    engine::Engine,
    error::IoContext,
    logging,
};
use pillion_server::{
    http::termination,
    serve::{Server, State, Stop},
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime;

use crate::{output::print, setting_arguments::SettingArguments};

const AFTER_HELP: &str = "\
Run it as the user of PHP, beside the workers: it does the host's periodic work, has the metrics page (GET /metrics) \
and delivers binaries, so that no worker is held. Workers need it for none of their own calls.

Settings come from --config (section serve:), -d and the environment, as in PHP; php.ini is not read. Prints \
`listening on …` when it is ready. SIGTERM and SIGINT stop it: downloads end within serve.shutdown_timeout; a second \
signal ends them at once. A second `pillion serve` waits, and takes over when the first one ends.

Example:
  pillion serve -d serve_listen=127.0.0.1:9180,unix:/run/pillion/serve.sock";

/// Deliver binaries, show the metrics page, and do the periodic work of the host
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    settings: SettingArguments,

    /// Addresses, as serve.listen: `127.0.0.1:9180`, `unix:/run/pillion/serve.sock`; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,

    /// Level of the log, as pillion.log_level
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<LevelFilter>,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A setting is invalid, or an address or directory can't be acquired.
pub fn run(arguments: Arguments) -> Result<()> {
    let listen = arguments.listen.join(",");
    let more: &[_] = match listen.as_str() {
        "" => &[],
        listen => &[("pillion.serve_listen", listen)],
    };
    let resolved = arguments.settings.resolved(Capability::Serve, more)?;
    let mut log = resolved.settings.log.clone();
    if log.target == LogTarget::Php {
        log.target = LogTarget::Stderr;
    }
    log.level = arguments.log_level.unwrap_or(log.level);
    logging::install(&log);
    resolved.log_errors();
    raise_descriptor_limit();
    let environment = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let engine = Arc::new(Engine::of_server(resolved, environment));
    let server = Server::new(Arc::clone(&engine))?;
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .enable_all()
        .build();
    let runtime = runtime.context(|| "the runtime can't be started")?;
    logging::start_writer();
    let outcome = runtime.block_on(serve(server));
    // Connections that are not done yet end here.
    runtime.shutdown_timeout(Duration::from_secs(1));
    engine.stop();
    outcome
}

async fn serve(server: Server) -> Result<()> {
    let stop = Stop::default();
    let signal = termination()?;
    let signals = {
        let stop = stop.clone();
        async move {
            let name = signal.await;
            log::info!(signal = name; "stopping");
            notify("STOPPING=1");
            stop.graceful.cancel();
            if let Ok(second) = termination() {
                second.await;
                stop.now.cancel();
            }
        }
    };
    let signals = tokio::spawn(signals);
    let outcome = server.run(stop, report).await;
    signals.abort();
    outcome
}

fn report(state: &State) {
    // Scripts wait for these lines. Ignore write errors: the server needs no reader.
    match state {
        State::StandBy => {
            let _ = print("stand-by: another process serves\n");
            notify("READY=1\nSTATUS=stand-by: another process serves");
        }
        State::Listening(addresses) => {
            let urls: Vec<String> = addresses.iter().map(url).collect();
            for url in &urls {
                let _ = print(&format!("listening on {url}\n"));
            }
            notify(&format!("READY=1\nSTATUS=listening on {}", urls.join(", ")));
        }
    }
}

fn url(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(address) => format!("http://{address}"),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Each client takes a descriptor, and many systems allow 1,024 until a process asks for more.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        log::debug!(error:%; "limit of descriptors not raised");
    }
}

/// Tells systemd the state of a `Type=notify` service. Without effect elsewhere.
fn notify(state: &str) {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        path => SocketAddr::from_pathname(OsStr::from_bytes(path)),
    };
    let sent = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        log::warn!(error:%; "systemd not notified");
    }
}
