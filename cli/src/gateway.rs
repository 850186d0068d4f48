//! `pillion gateway`: the gateway of remote artifacts, which is `pillion_server::gateway`.

use std::time::Duration;

use clap::Args;
use pillion_engine::{Result, config::Capability, logging};
use pillion_server::gateway::Server;

use crate::server_process::{ServerArguments, new_runtime, report_listening, stop_on_signals};

const AFTER_HELP: &str = "\
Serves VelocityCache's protocol (POST /v1/negotiate), Turborepo's remote cache (/v8/artifacts) and Nx' self-hosted \
cache (/v1/cache/…) over one store, in a directory or in object storage. GET /health and /metrics need no token.

Settings come from --config (section gateway:), -d and the environment: VC_PORT, VC_AUTH_TOKEN, VC_STORAGE_DRIVER, \
VC_LOCAL_ROOT, VC_S3_BUCKET, VC_S3_ENDPOINT, VC_S3_REGION, VC_BASE_URL, VC_RETENTION_DAYS, AWS_ACCESS_KEY_ID, \
AWS_SECRET_ACCESS_KEY, AWS_REGION. Prints `listening on …` when it is ready. SIGTERM and SIGINT stop it: transfers \
end within gateway.shutdown_timeout; a second signal ends them at once.

Example:
  VC_AUTH_TOKEN=… VC_LOCAL_ROOT=/srv/artifacts pillion gateway";

/// Serve remote artifacts that several hosts share, to VelocityCache, Turborepo and Nx clients
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A setting is invalid, or an address or the storage is not usable.
pub fn run(arguments: Arguments) -> Result<()> {
    let resolved = arguments
        .server
        .prepare(Capability::Gateway, "pillion.gateway_listen")?;
    let runtime = new_runtime(64)?;
    logging::start_writer();
    let settings = resolved.settings.gateway;
    let outcome = runtime.block_on(async {
        // Binding needs the runtime.
        let server = Server::open(settings)?;
        let (stop, signals) = stop_on_signals()?;
        report_listening(&server.addresses());
        server.run(stop).await;
        signals.abort();
        Ok(())
    });
    // Connections that are not done yet end here.
    runtime.shutdown_timeout(Duration::from_secs(1));
    logging::stop_writer(Duration::from_secs(1));
    outcome
}
