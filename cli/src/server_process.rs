//! What `pillion serve` and `pillion gateway` share: arguments, log, runtime, signals, and systemd's notifications.

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
};

use clap::Args;
use log::LevelFilter;
use pillion_engine::{
    Result,
    config::{Capability, ListenAddress, LogTarget, Resolved},
    error::IoContext,
    logging,
};
use pillion_server::{http::termination, serve::Stop};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{
    runtime::{self, Runtime},
    task::JoinHandle,
};

use crate::{log_level::log_level, output::print, setting_arguments::SettingArguments};

/// The arguments of a program that listens.
#[derive(Debug, Args)]
pub struct ServerArguments {
    #[command(flatten)]
    settings: SettingArguments,

    /// Addresses, as the setting `listen`: `127.0.0.1:9180`, `unix:/run/pillion/serve.sock`; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,

    /// Level of the log, as pillion.log_level
    #[arg(long, value_name = "LEVEL", value_parser = log_level(), ignore_case = true)]
    log_level: Option<LevelFilter>,
}

impl ServerArguments {
    /// All settings, where `--listen` stands for the setting of that name. Prepares the process: its log, and the
    /// number of its descriptors.
    ///
    /// # Errors
    /// The first invalid setting that `capability` needs.
    pub fn prepare(&self, capability: Capability, listen_setting: &str) -> Result<Resolved> {
        let listen = self.listen.join(",");
        let more: &[_] = match listen.as_str() {
            "" => &[],
            listen => &[(listen_setting, listen)],
        };
        let resolved = self.settings.resolved(capability, more)?;
        let mut log = resolved.settings.log.clone();
        if log.target == LogTarget::Php {
            log.target = LogTarget::Stderr;
        }
        log.level = self.log_level.unwrap_or(log.level);
        logging::install(&log);
        resolved.log_errors();
        raise_descriptor_limit();
        Ok(resolved)
    }
}

/// The runtime of a server, with at most that many threads that may block.
///
/// # Errors
/// The system has no more threads or descriptors.
pub fn new_runtime(blocking_threads: usize) -> Result<Runtime> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(blocking_threads)
        .enable_all()
        .build();
    runtime.context(|| "the runtime can't be started")
}

/// Stops a server at SIGTERM or SIGINT: the first one ends it when its responses are sent, the second one at once.
///
/// # Errors
/// The handlers can't be installed.
pub fn stop_on_signals() -> Result<(Stop, JoinHandle<()>)> {
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
    Ok((stop, tokio::spawn(signals)))
}

/// Reports the addresses of a server that is ready. Scripts wait for these lines.
pub fn report_listening(addresses: &[ListenAddress]) {
    let urls: Vec<String> = addresses.iter().map(url).collect();
    for url in &urls {
        // Ignore write errors: the server needs no reader.
        let _ = print(&format!("listening on {url}\n"));
    }
    notify(&format!("READY=1\nSTATUS=listening on {}", urls.join(", ")));
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
pub fn notify(state: &str) {
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
