//! `pillion serve`: the standing server, which is `pillion_server::serve`.

use std::{env, sync::Arc, time::Duration};

use clap::Args;
use pillion_engine::{Result, config::Capability, engine::Engine, logging};
use pillion_server::serve::{Server, State};

use crate::{
    output::print,
    server_process::{ServerArguments, new_runtime, notify, report_listening, stop_on_signals},
};

const AFTER_HELP: &str = "\
Run it as the user of PHP, beside the workers: it does the host's periodic work, has the metrics page (GET /metrics) \
and delivers binaries, so that no worker is held. Workers need it for none of their own calls.

Settings come from --config (section serve:), -d and the environment, as in PHP; php.ini is not read. Prints \
`listening on …` when it is ready. SIGTERM and SIGINT stop it: builds end within velox.build_timeout, downloads within \
serve.shutdown_timeout; a second signal ends them at once. A second `pillion serve` waits, and takes over when the first one ends.

Example:
  pillion serve -d serve_listen=127.0.0.1:9180,unix:/run/pillion/serve.sock";

/// Deliver binaries, show the metrics page, and do the periodic work of the host
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A setting is invalid, or an address or directory can't be acquired.
pub fn run(arguments: Arguments) -> Result<()> {
    let resolved = arguments
        .server
        .prepare(Capability::Serve, "pillion.serve_listen")?;
    let environment = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let engine = Arc::new(Engine::of_server(resolved, environment));
    let server = Server::new(Arc::clone(&engine))?;
    let runtime = new_runtime(32)?;
    logging::start_writer();
    let outcome = runtime.block_on(serve(server));
    // Connections that are not done yet end here.
    runtime.shutdown_timeout(Duration::from_secs(1));
    engine.stop();
    outcome
}

async fn serve(server: Server) -> Result<()> {
    let (stop, signals) = stop_on_signals()?;
    let outcome = server.run(stop, report).await;
    signals.abort();
    outcome
}

fn report(state: &State) {
    match state {
        State::StandBy => {
            // Ignore write errors: the server needs no reader.
            let _ = print("stand-by: another process serves\n");
            notify("READY=1\nSTATUS=stand-by: another process serves");
        }
        State::Listening(addresses) => report_listening(addresses),
    }
}
