//! The torture kit: starts real PHP processes with the extension, kills them at random instants and at named places, and
//! looks whether anything is wrong. Everything that is random comes from one seed; every failure names the invariant
//! that did not hold, and the command that does it once more. The program is `src/bin/torture.rs`.
//!
//! # Layout
//! - `arguments`, `seed`, `findings`: what is asked for, chance, what was seen.
//! - `house`: directories and a build server; `member`: one process, running `worker.php`; `crew`: all of them.
//! - `checks`: what has to hold of the files (`checker.php` asks a process that comes later), and of what
//!   is `left`; `system`: what the kernel and the server know of who does what.
//! - Scenarios: `storm` (all roles, random deaths), `points` (each named place once, each in a `scene` of its own),
//!   `heirs` (how soon the dead are succeeded), `crowd` (hundreds who want the same at once; `franken` and `http` for
//!   those who are threads), `failure` (the same, of what can't be built), `outbox` (deaths of those who send envelopes)
//!   and `senders` (hundreds who do), both in a `postbox`.

mod arguments;
mod checks;
mod crew;
mod crowd;
mod failure;
mod findings;
mod franken;
mod heirs;
mod house;
mod http;
mod left;
mod member;
mod outbox;
mod points;
mod postbox;
mod scene;
mod seed;
mod storm;
mod system;

use std::io;

pub use arguments::{Arguments, USAGE};
use findings::Findings;
pub use findings::tell;

/// Runs the scenarios that are asked for. `true`: everything held.
///
/// # Errors
/// Processes or directories can't be made, or there is no such scenario.
pub async fn run(arguments: &Arguments) -> io::Result<bool> {
    let places = points::places(arguments).await?;
    let (mut known, mut all_held) = (false, true);
    for scenario in [
        "points", "storm", "heirs", "crowd", "failure", "outbox", "senders",
    ] {
        if arguments.scenario != scenario && arguments.scenario != "all" {
            continue;
        }
        known = true;
        let mut findings = Findings::new(scenario, arguments.again(scenario));
        match scenario {
            "points" => points::points(arguments, &places, &mut findings).await?,
            "storm" => storm::storm(arguments, &places, &mut findings).await?,
            "heirs" => heirs::heirs(arguments, &mut findings).await?,
            "outbox" => outbox::outbox(arguments, &places, &mut findings).await?,
            "senders" => outbox::senders(arguments, &mut findings).await?,
            "crowd" => crowd::crowd(arguments, &mut findings).await?,
            _ => failure::failure(arguments, &mut findings).await?,
        }
        all_held &= findings.end();
    }
    if !known {
        let text = format!("no scenario {}: --help lists them", arguments.scenario);
        return Err(io::Error::other(text));
    }
    Ok(all_held)
}
