//! Chaos tests: start real PHP processes with the extension, kill them at random instants and at failpoints, and
//! check the survivors and the files. All randomness comes from one seed; every failure names the invariant that
//! did not hold and the command that repeats it. The program is `main.rs`.
//!
//! # Layout
//! - `arguments`, `rng`, `report`: the command line, random numbers, failures and figures.
//! - `environment`: directories and a build server; `worker`: one process, running `worker.php`; `worker_pool`: all of
//!   them, with their `events`.
//! - `checks`: invariants of the files (`checker.php` asks a later process), `leftovers` of dead processes, `counters`
//!   of the application; `system`: locks and requests as the kernel and the server see them.
//! - Scenarios: `random_kills` (all roles), `failpoints` (each one once, each in a `failpoint_scenario` of its own),
//!   `failover` (how soon a builder or leader is replaced), `thundering_herd` (hundreds of requests for the same
//!   builds; `frankenphp` and `http` for threads), `build_failure` (the same, of a build that fails), `outbox` (deaths
//!   of processes that send envelopes) and `senders` (hundreds of them), both in an `outbox_environment` with
//!   `outbox_checks`; `sender`: one such process, running `sender.php`. `cache`: deaths of
//!   processes that use the shared cache. `serve`: deaths of standing servers.

mod arguments;
mod cache;
mod checks;
mod counters;
mod environment;
mod events;
mod failover;
mod failpoint_scenario;
mod failpoints;
mod failure;
mod frankenphp;
mod http;
mod leftovers;
mod outbox;
mod outbox_checks;
mod outbox_environment;
mod random_kills;
mod report;
mod rng;
mod sender;
mod serve;
mod system;
mod thundering_herd;
mod worker;
mod worker_pool;

use std::io;

pub use arguments::{Arguments, USAGE};
use report::Report;
pub use report::tell;

/// Runs the requested scenarios. Returns whether all invariants held.
///
/// # Errors
/// Processes or directories can't be made, or there is no such scenario.
pub async fn run(arguments: &Arguments) -> io::Result<bool> {
    let places = failpoints::places(arguments).await?;
    let (mut known, mut all_held) = (false, true);
    for scenario in [
        "failpoints",
        "random_kills",
        "failover",
        "thundering_herd",
        "build_failure",
        "outbox",
        "senders",
        "cache",
        "serve",
    ] {
        if arguments.scenario != scenario && arguments.scenario != "all" {
            continue;
        }
        known = true;
        let mut report = Report::new(scenario, arguments.repeat_command(scenario));
        match scenario {
            "failpoints" => failpoints::failpoints(arguments, &places, &mut report).await?,
            "random_kills" => random_kills::random_kills(arguments, &places, &mut report).await?,
            "failover" => failover::failover(arguments, &mut report).await?,
            "outbox" => outbox::outbox(arguments, &places, &mut report).await?,
            "cache" => cache::cache(arguments, &places, &mut report).await?,
            "serve" => serve::serve(arguments, &mut report).await?,
            "senders" => outbox::senders(arguments, &mut report).await?,
            "thundering_herd" => thundering_herd::thundering_herd(arguments, &mut report).await?,
            _ => failure::build_failure(arguments, &mut report).await?,
        }
        all_held &= report.end();
    }
    if !known {
        let text = format!("no scenario {}: --help lists them", arguments.scenario);
        return Err(io::Error::other(text));
    }
    Ok(all_held)
}
